//! How an embedded log is opened, and what opening it found.

use std::path::PathBuf;
use std::sync::Arc;

use crate::budget::ByteBudget;
use crate::clock::{Clock, SystemClock};
use crate::disk::Disk;
use crate::disk::os::OsDisk;
use crate::limits;
use crate::types::{Durability, PartitionId, Sequence};

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In a data folder, made if absent.
    Dir(PathBuf),
    /// In memory.
    Memory,
}

/// How an embedded log is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Where events are kept.
    pub storage: Storage,
    /// When appends are acknowledged. Goes with [`Storage::Dir`]; memory has one level only.
    pub durability: Durability,
    /// The memory level's bound, in bytes.
    pub memory_bytes: u64,
    /// A segment is closed at this size.
    pub segment_bytes_max: u64,
    /// All journal files together; never more than half of the byte budget.
    pub journal_bytes_max: u64,
    /// Each of the first two journal files, at most and by default [`limits::JOURNAL_FILE_BYTES_FIRST`]. Smaller ones
    /// make rounds and the largest batch smaller too (a quarter of the file): for tests that look at whole folders.
    pub journal_file_bytes: u64,
    /// The process's byte budget.
    pub budget: Arc<ByteBudget>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where files are.
    pub disk: Arc<dyn Disk>,
    /// Whether expiry pauses when the clock has jumped (docs/durability.md); a developer's server does not pause at
    /// its start.
    pub distrust_clock: bool,
}

impl OpenOptions {
    /// In bounded memory.
    #[must_use]
    pub fn memory() -> Self {
        Self { storage: Storage::Memory, durability: Durability::Memory, ..Self::dir("") }
    }

    /// In a folder, acknowledged after the flush.
    #[must_use]
    pub fn dir(path: impl Into<PathBuf>) -> Self {
        Self {
            storage: Storage::Dir(path.into()),
            durability: Durability::Disk,
            memory_bytes: limits::MEMORY_BYTES_DEFAULT,
            segment_bytes_max: limits::SEGMENT_BYTES_MAX,
            journal_bytes_max: limits::JOURNAL_BYTES_MAX,
            journal_file_bytes: limits::JOURNAL_FILE_BYTES_FIRST,
            budget: ByteBudget::new(1 << 30),
            clock: Arc::new(SystemClock),
            disk: Arc::new(OsDisk),
            distrust_clock: true,
        }
    }
}

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The folder is new.
    pub created: bool,
    /// The folder was stopped cleanly; nothing was scanned.
    pub clean: bool,
    /// Batches brought back from the journal.
    pub recovered_batches: u64,
    /// Their bytes.
    pub recovered_bytes: u64,
    /// Rounds that were never acknowledged for sure and whose bytes were not whole; they are gone.
    pub cut_rounds: u64,
    /// What was found damaged, quarantined, and never cut.
    pub damage: Vec<Damage>,
    /// Files that nobody claims, now under `orphans/`.
    pub orphans: Vec<PathBuf>,
    /// Partitions.
    pub partitions: u64,
}

/// Damage found when opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The partition, if that can be told.
    pub partition: Option<PartitionId>,
    /// The first event lost, if that can be told.
    pub first: Option<Sequence>,
    /// What was found.
    pub what: String,
}

/// Why a log did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the data folder {} is in use by another process; stop that one, or give another folder",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Not for this version, or damaged.
    #[error("the data folder {} cannot be opened: {reason}", folder.display())]
    Format {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// What says which events there are cannot be trusted.
    #[error(
        "{} is damaged: {what}; nothing was changed; keep a copy of the folder, and start with another (--data DIR)",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
