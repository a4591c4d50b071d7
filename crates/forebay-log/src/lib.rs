//! The doors to storage and the embedded commit log.
//!
//! [`PartitionLogs`] and [`ControlLog`] are the only doors to storage; nothing above them may assume a local file.

pub mod api;
pub mod budget;
pub mod clock;
pub mod control;
mod core;
pub mod disk;
mod engine;
pub mod error;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod inspect;
pub mod limits;
pub mod planted;
pub mod rfc3339;
pub mod types;

pub use api::{
    Answer, Appended, BatchSource, Bounds, Capabilities, Completion, Conditions, Health, Listener,
    PartitionLog, PartitionLogs, Read, ReadBatches, ReadFuture, Seek, SeekFuture, StoredBatch, Submission,
};
pub use budget::{ByteBudget, Part, Reservation};
pub use clock::{Clock, SystemClock};
pub use control::{
    ControlEntry, ControlFollower, ControlLog, ControlPosition, ControlRecord, ControlSnapshot,
    ControlStream, EntryClass,
};
pub use engine::EmbeddedLog;
pub use engine::options::{Damage, OpenError, OpenOptions, OpenReport, Storage};
pub use engine::steps::{BackgroundSteps, CommitSteps, Stepped};
pub use error::{Effect, LogError};
pub use types::{
    Cleanup, Durability, LogId, LogPolicy, Millis, MonoMillis, PartitionId, Sequence, TimestampType,
    WallMillis,
};
