//! A seeded crash simulator: the log that ships, on a disk that fails as disks do, held against plain vectors.
//!
//! A [`Plan`] follows from a seed; [`run`] drives an embedded log through it, a step at a time, without threads, with a
//! clock that the plan moves. After each accident everything that was promised is checked. The same plan gives the same
//! trace, always: no clock, no thread and no chance but the plan's.

mod chance;
pub mod disk;
mod model;
pub mod plan;
pub mod shrink;
mod world;

pub use model::Failure;
pub use plan::Plan;
pub use world::{Outcome, run, run_traced};
