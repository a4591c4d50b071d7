//! The door to the control log: one order of entries that every node folds.
//!
//! *Durable* entries are stored and have a position of their own. *Session* entries are of use only while their node
//! lives: on one node they touch no disk, are void after a restart, and have their place between two durable ones.

use core::fmt::Debug;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::sync::Arc;

use crate::api::Answer;
use crate::error::LogError;
use crate::types::{Sequence, WallMillis};

/// A place in the control log. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ControlPosition {
    /// The number of durable entries at or before this place: the sequence number of the next one.
    pub durable: Sequence,
    /// 0 for a durable entry (the one numbered `durable - 1`); counts the session entries after it from 1.
    pub session: u64,
}

/// How long an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryClass {
    /// For ever: stored, and in snapshots.
    Durable,
    /// While this process lives: in one order with the others, never stored by a single node.
    Session,
}

/// An entry on its way in. The log does not look into `body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlEntry {
    /// How long it counts.
    pub class: EntryClass,
    /// The entry itself.
    pub body: Vec<u8>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRecord {
    /// Its place.
    pub position: ControlPosition,
    /// When it was appended, by the log's clock: max(previous, wall).
    pub time: WallMillis,
    /// How long it counts.
    pub class: EntryClass,
    /// The entry itself.
    pub body: Arc<[u8]>,
}

/// A folded state at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSnapshot {
    /// All durable entries below this number are folded into it: follow from here.
    pub position: Sequence,
    /// The state, opaque here.
    pub bytes: Vec<u8>,
}

/// The control log.
pub trait ControlLog: Send + Sync + Debug {
    /// Appends entries in order, and resolves with their places once they are committed. The durable ones of one call
    /// share a flush.
    fn append(&self, entries: Vec<ControlEntry>) -> Answer<Vec<ControlPosition>>;

    /// All durable entries from number `from` on, and the session entries appended after this call, in one order.
    ///
    /// # Errors
    /// `OutOfRange` if `from` is below what was truncated or beyond the end.
    fn follow(&self, from: Sequence) -> Result<ControlFollower, LogError>;

    /// The place after the last entry committed: whoever has folded everything below it is up to date.
    fn end(&self) -> ControlPosition;

    /// Keeps a snapshot; the two newest are kept. Durable when it returns.
    ///
    /// # Errors
    /// `Rejected` if its position is beyond the end; `Unavailable`.
    fn snapshot_put(&self, snapshot: &ControlSnapshot) -> Result<(), LogError>;

    /// The newest sound snapshot.
    ///
    /// # Errors
    /// `Unavailable`; `Damaged` if there are snapshots and none is sound.
    fn snapshot_get(&self) -> Result<Option<ControlSnapshot>, LogError>;

    /// Durable entries below `below` may go. Snapshot first, and keep what the second-newest snapshot needs.
    ///
    /// # Errors
    /// `Unavailable`.
    fn truncate(&self, below: Sequence) -> Result<(), LogError>;
}

/// What a [`ControlFollower`] is made of; an engine implements it.
pub trait ControlStream: Send + Debug {
    /// The next entry. Pending at the end of the log; the waker is called when there is more.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<ControlRecord, LogError>>;
}

/// Reads the control log, entry by entry, for as long as one likes.
#[derive(Debug)]
pub struct ControlFollower(Box<dyn ControlStream>);

impl ControlFollower {
    /// A follower over an engine's stream.
    #[must_use]
    pub fn new(stream: impl ControlStream + 'static) -> Self {
        Self(Box::new(stream))
    }

    /// The next entry, when there is one. Cancelling loses nothing.
    ///
    /// # Errors
    /// `Damaged`, `Unavailable`.
    pub async fn next(&mut self) -> Result<ControlRecord, LogError> {
        poll_fn(|context| self.0.poll_next(context)).await
    }

    /// As [`ControlFollower::next`], for who polls by hand.
    ///
    /// # Errors
    /// As [`ControlFollower::next`], inside `Ready`.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<ControlRecord, LogError>> {
        self.0.poll_next(context)
    }
}
