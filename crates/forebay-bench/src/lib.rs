//! What the two measuring programs share: a look at another process's clock ticks and memory, and the floor itself.
//!
//! `load` measures a Forebay server; `floor` measures the least that any server doing the same promise would spend
//! on the same machine (ARCHITECTURE.md, "The budget of the hot path"). Both count CPU seconds of the *server*
//! process, user and kernel, from the kernel's own books.
//!
//! **Invariant**: a figure is printed only for work that was acknowledged or read; a run that falls short is an error.
//! This crate is never part of what is shipped.

pub mod floor;
pub mod load;
pub mod process;
pub mod scratch;
pub mod server_process;
