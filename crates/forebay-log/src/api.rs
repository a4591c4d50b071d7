//! The door to partition logs: the same for the embedded log and for any other engine.
//!
//! Nothing here waits or blocks: an append resolves through its [`Completion`], a read that is not in memory through a
//! plain future, a wait through a [`Listener`]. No runtime is assumed.
//!
//! What every engine promises (`forebay-log-contract` has the sentences as tests): sequence numbers are dense and in
//! the order of acceptance; a completion comes after the committed mark has moved past its batch; nothing shows an
//! event above the mark; a failure is one of [`LogError`], and never a guess.

use core::fmt::Debug;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use forebay_event::{BatchBuf, Origin};
use futures_channel::oneshot;

use crate::error::LogError;
use crate::types::{LogId, LogPolicy, PartitionId, Sequence, WallMillis};

/// All partition logs of a storage engine.
pub trait PartitionLogs: Send + Sync + Debug {
    /// Makes a log. Making it again, as it is, does nothing. Durable when it returns.
    ///
    /// # Errors
    /// `Rejected` if the log exists with more partitions, was deleted, or the numbers are out of bounds.
    fn create(&self, log: LogId, partitions: u32, policy: LogPolicy) -> Result<(), LogError>;

    /// Gives a log `partitions` partitions in all; fewer than it has, or as many, does nothing. Durable when it returns.
    ///
    /// # Errors
    /// `NotFound`; `Rejected` beyond [`crate::limits::PARTITIONS_MAX`].
    fn grow(&self, log: LogId, partitions: u32) -> Result<(), LogError>;

    /// Deletes a log and its events; its id is never used again. Batches on their way fail with `NotFound`.
    /// Deleting what is not there does nothing.
    ///
    /// # Errors
    /// `Rejected` for the control log.
    fn delete(&self, log: LogId) -> Result<(), LogError>;

    /// All logs there are, the control log among them, in the order of their ids: what was made and not deleted. Whoever
    /// decides which logs there should be compares the two after a crash.
    ///
    /// # Errors
    /// `Unavailable`, where an engine has to ask for them.
    fn logs(&self) -> Result<Vec<LogId>, LogError>;

    /// Replaces a log's policy. Durable when it returns.
    ///
    /// # Errors
    /// `NotFound`.
    fn set_policy(&self, log: LogId, policy: LogPolicy) -> Result<(), LogError>;

    /// The door to one partition; keep it, it is cheap to use.
    ///
    /// # Errors
    /// `NotFound`.
    fn partition(&self, partition: PartitionId) -> Result<Arc<dyn PartitionLog>, LogError>;

    /// What this engine can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it can do it now.
    fn health(&self) -> Health;
}

/// One partition.
pub trait PartitionLog: Send + Sync + Debug {
    /// Hands a batch in. Never waits; `Ok` means that `done` will be called, exactly once and in order of acceptance.
    ///
    /// # Errors
    /// At once, and `done` is never called: `Rejected`, `NotFound`, `Throttled`, `Unavailable`.
    fn append(&self, submission: Submission) -> Result<(), LogError>;

    /// Says that `source` has something: when the next round begins, [`BatchSource::take`] is called until it has
    /// nothing more. Calling again before that does nothing.
    ///
    /// # Errors
    /// As [`PartitionLog::append`]; the source keeps what it has.
    fn gather(&self, source: &Arc<dyn BatchSource>) -> Result<(), LogError>;

    /// Whole stored batches, the first of which contains `from`, up to the committed mark: at least one if there is
    /// one, however large, and more as long as they fit in `max_bytes` and are at hand. At the mark: none.
    fn read(&self, from: Sequence, max_bytes: usize) -> Read;

    /// Where the partition begins and ends.
    fn bounds(&self) -> Bounds;

    /// The first event appended at or after `at`; the next number if there is none.
    fn seek_time(&self, at: WallMillis) -> Seek;

    /// Makes `below` the first event; what lies before may go. Beyond the committed mark it stops at the mark.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    fn trim(&self, below: Sequence) -> Result<(), LogError>;

    /// Asks for one call of [`Listener::notify`] once the committed mark is above `above`, that is, once the event
    /// numbered `above` can be read. `false`: it can be already, and nothing was registered.
    ///
    /// # Errors
    /// `NotFound`: the partition is gone.
    fn wait(&self, above: Sequence, who: &Arc<dyn Listener>, token: u64) -> Result<bool, LogError>;

    /// Takes back a wait. A call that is under way may still come.
    fn cancel(&self, who: &Arc<dyn Listener>, token: u64);
}

/// A batch on its way in.
#[derive(Debug)]
pub struct Submission {
    /// The records; the engine seals the header.
    pub batch: BatchBuf,
    /// Which door it came in by.
    pub origin: Origin,
    /// What must hold for it to be taken.
    pub conditions: Conditions,
    /// Where the answer goes.
    pub done: Arc<dyn Completion>,
}

/// What must hold for a batch to be taken; by default nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The batch's first event gets this number, or the batch is `Rejected` (capability `cas_append`).
    pub expected: Option<Sequence>,
}

/// Where the answer to a submission goes.
pub trait Completion: Send + Sync + Debug {
    /// Called once, in order per partition, on the engine's thread and outside of its locks, after the mark has moved
    /// and before those who wait for it are woken. Must not block.
    fn complete(&self, outcome: Result<Appended, LogError>);
}

/// Something that collects events for one partition until a round begins.
pub trait BatchSource: Send + Sync + Debug {
    /// The next batch, if there is one. Called on the engine's thread, outside of its locks.
    fn take(&self) -> Option<Submission>;
}

/// Someone who waits for marks.
pub trait Listener: Send + Sync + Debug {
    /// The mark that was waited for under `token` has been passed. Called once a wait, outside of the engine's locks.
    /// Must not block.
    fn notify(&self, token: u64);
}

/// Where an accepted batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The number of its first event.
    pub base: Sequence,
    /// The number of its last event.
    pub last: Sequence,
    /// When it was appended; the enqueued time of its events.
    pub append_time: WallMillis,
    /// The partition's first event.
    pub log_start: Sequence,
}

/// A batch as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Which door it came in by.
    pub origin: Origin,
    /// The number of its first event.
    pub base: Sequence,
    /// The number of its last event.
    pub last: Sequence,
    /// The enqueued time of its events.
    pub append_time: WallMillis,
    /// The sealed record batch, from its 61-byte header on.
    pub bytes: Vec<u8>,
}

impl StoredBatch {
    /// The number after its last event.
    #[must_use]
    pub const fn end(&self) -> Sequence {
        self.last.plus(1)
    }
}

/// What a read found.
#[derive(Debug, Clone)]
pub struct ReadBatches {
    /// Whole batches in order; the first contains the number asked for.
    pub batches: Vec<Arc<StoredBatch>>,
    /// The committed mark when the read was made: the number of the next event.
    pub next: Sequence,
    /// The partition's first event.
    pub log_start: Sequence,
}

/// A read's answer, now or later.
#[derive(Debug)]
#[must_use]
pub enum Read {
    /// From memory.
    Ready(Result<ReadBatches, LogError>),
    /// From disk.
    Pending(Answer<ReadBatches>),
}

/// A time seek's answer, now or later.
#[derive(Debug)]
#[must_use]
pub enum Seek {
    /// From memory.
    Ready(Result<Sequence, LogError>),
    /// From disk.
    Pending(Answer<Sequence>),
}

/// The future of a [`Read::Pending`].
pub type ReadFuture = Answer<ReadBatches>;

/// The future of a [`Seek::Pending`].
pub type SeekFuture = Answer<Sequence>;

impl Future for Read {
    type Output = Result<ReadBatches, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(result) => Poll::Ready(core::mem::replace(result, Err(taken()))),
            Self::Pending(answer) => Pin::new(answer).poll(context),
        }
    }
}

impl Future for Seek {
    type Output = Result<Sequence, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(result) => Poll::Ready(core::mem::replace(result, Err(taken()))),
            Self::Pending(answer) => Pin::new(answer).poll(context),
        }
    }
}

fn taken() -> LogError {
    LogError::rejected("this answer was taken before")
}

/// A plain future of an engine's answer. Dropping it drops the interest in the answer, not the work.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Answer<T>(oneshot::Receiver<Result<T, LogError>>);

/// The engine's end of an [`Answer`].
pub type AnswerSender<T> = oneshot::Sender<Result<T, LogError>>;

impl<T> Answer<T> {
    /// An answer and the end to give it with. If that end is dropped the answer is `Unavailable`.
    pub fn channel() -> (AnswerSender<T>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// An answer that is there already.
    pub fn ready(result: Result<T, LogError>) -> Self {
        let (sender, answer) = Self::channel();
        drop(sender.send(result));
        answer
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or_else(|_| Err(LogError::unavailable("the log is closed"))))
    }
}

/// Where a partition begins and ends. All by the committed mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The oldest event kept; equal to `next` if there is none.
    pub first: Sequence,
    /// The number of the next event.
    pub next: Sequence,
    /// When the last event was appended, even if it has expired; `None` if there never was one.
    pub last_append_time: Option<WallMillis>,
    /// Bytes of the batches kept.
    pub size_bytes: u64,
}

impl Bounds {
    /// The number of the last event given, even if it has expired; `None` if there never was one.
    #[must_use]
    pub fn last(&self) -> Option<Sequence> {
        self.next.0.checked_sub(1).map(Sequence)
    }

    /// Whether no event is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first == self.next
    }
}

/// What an engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Numbers have no gaps but those that retention and compaction explain.
    pub dense: bool,
    /// [`Conditions::expected`] is honoured.
    pub cas_append: bool,
    /// Logs may be compacted by key.
    pub compaction: bool,
    /// Transactions of Kafka clients.
    pub transactions: bool,
    /// Partitions a log may have.
    pub partitions_max: u32,
    /// The largest stored batch, in bytes.
    pub batch_bytes_max: u32,
}

/// Whether an engine can do its work now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Ok,
    /// Reads and writes go on, something needs an eye.
    Degraded(String),
    /// Writes are refused; reads go on.
    ReadOnly(String),
}
