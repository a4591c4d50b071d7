//! A hub as the data path sees it: its partitions, and which of them an event goes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use forebay_event::Origin;
use forebay_event::amqp::Incoming;
use forebay_event::partition_key::partition_for;
use forebay_log::{BatchSource, ByteBudget, LogError, LogId, PartitionId, PartitionLog, PartitionLogs};

use crate::collector::{CheckedOut, Collector, PublishListener};
use crate::growing::Growing;

/// One partition: its log and the line of batches before it.
#[derive(Debug)]
pub struct Partition {
    index: u32,
    log: Arc<dyn PartitionLog>,
    collector: Arc<Collector>,
    /// The collector once more, as the log wants it.
    source: Arc<dyn BatchSource>,
    /// The hub was deleted.
    gone: Arc<AtomicBool>,
}

impl Partition {
    fn open(
        logs: &dyn PartitionLogs,
        budget: &Arc<ByteBudget>,
        log: LogId,
        index: u32,
        gone: &Arc<AtomicBool>,
    ) -> Result<Self, LogError> {
        let collector = Collector::new(Origin::Amqp, Arc::clone(budget));
        let source: Arc<dyn BatchSource> = Arc::clone(&collector) as Arc<dyn BatchSource>;
        let log = logs.partition(PartitionId { log, index })?;
        Ok(Self { index, log, collector, source, gone: Arc::clone(gone) })
    }

    /// Its number within the hub, from 0: the partition id that clients use, as a decimal string.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its log, for cursors and bounds.
    pub fn log(&self) -> &Arc<dyn PartitionLog> {
        &self.log
    }
}

/// A hub that is in the catalogue, or was when it was looked up.
///
/// It may get more partitions while it is in use. Whoever holds it sees them from then on: the count is read anew for
/// each key and each turn, without a lock.
#[derive(Debug)]
pub struct Hub {
    /// Never given to another hub, also after a delete.
    pub id: LogId,
    /// As first written.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    partitions: Growing<Arc<Partition>>,
    /// Where the next burst of events without a key goes.
    round_robin: AtomicU32,
    gone: Arc<AtomicBool>,
}

impl Hub {
    /// A hub with the partitions that its log has; at least 1.
    pub(crate) fn open(
        logs: &dyn PartitionLogs,
        budget: &Arc<ByteBudget>,
        id: LogId,
        name: String,
        created_at_ms: i64,
        partitions: u32,
    ) -> Result<Self, LogError> {
        let hub = Self {
            id,
            name,
            created_at_ms,
            partitions: Growing::new(),
            round_robin: AtomicU32::new(0),
            gone: Arc::default(),
        };
        hub.grow(logs, budget, partitions.max(1))?;
        Ok(hub)
    }

    /// Shows more partitions of its log, up to `partitions` in all.
    pub(crate) fn grow(
        &self,
        logs: &dyn PartitionLogs,
        budget: &Arc<ByteBudget>,
        partitions: u32,
    ) -> Result<(), LogError> {
        self.partitions
            .grow(partitions, |index| Partition::open(logs, budget, self.id, index, &self.gone).map(Arc::new))
    }

    /// The hub was deleted: from now on everything published to it is refused, whatever its log still takes.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Whether the hub was deleted; then nothing is published to it any more.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// How many partitions the hub has, at least 1. The number can grow.
    pub fn partition_count(&self) -> u32 {
        self.partitions.len()
    }

    /// The partition with this number.
    pub fn partition(&self, index: u32) -> Option<&Arc<Partition>> {
        self.partitions.get(index)
    }

    /// The partition of a key, by the hash that the clients use too.
    pub fn partition_for_key(&self, key: &str) -> &Arc<Partition> {
        self.partition_or_first(partition_for(key, self.partition_count()))
    }

    /// The partition for the next burst of events that have no key.
    pub fn next_partition(&self) -> &Arc<Partition> {
        let turn = self.round_robin.fetch_add(1, Ordering::Relaxed);
        self.partition_or_first(turn % self.partition_count())
    }

    fn partition_or_first(&self, index: u32) -> &Arc<Partition> {
        let found = self.partition(index).or_else(|| self.partition(0));
        found.expect("a hub is opened with one partition at least, and keeps what it has")
    }
}

/// The events of one burst (what one socket read brought) on their way into collectors.
///
/// It holds one open batch for each partition it has met, up to [`BURST_BATCHES_MAX`], so that keyed events cost no
/// lock each. Dropping it hands over what is left.
#[expect(missing_debug_implementations, reason = "it holds batches that are being written")]
pub struct Burst {
    listener: Arc<dyn PublishListener>,
    open: Vec<(Arc<Partition>, CheckedOut)>,
}

/// Partitions that a burst writes to at a time.
const BURST_BATCHES_MAX: usize = 32;

impl Burst {
    /// Starts a burst whose outcomes go to `listener`.
    pub fn new(listener: Arc<dyn PublishListener>) -> Self {
        Self { listener, open: Vec::new() }
    }

    /// Writes a message's events into the partition's batch: all of them into one batch. `capacity` is how many
    /// bytes the burst may still bring for that partition (a hint that saves the batch from growing). Returns the
    /// group in which [`PublishListener::published`] will answer; a new group takes `next_group`, which then moves on.
    pub fn write(
        &mut self,
        partition: &Arc<Partition>,
        message: &Incoming<'_>,
        capacity: usize,
        next_group: &mut u64,
    ) -> u64 {
        let (events, bytes) = (message.event_count(), message.stored_size_bound());
        let found = self.open.iter().position(|(at, _)| Arc::ptr_eq(at, partition));
        let index = match found {
            Some(index) if self.open[index].1.has_room(events, bytes) => index,
            Some(index) => {
                hand_over(vec![self.open.swap_remove(index)]);
                self.check_out(partition, events, bytes, capacity)
            }
            None => {
                if self.open.len() >= BURST_BATCHES_MAX {
                    self.finish();
                }
                self.check_out(partition, events, bytes, capacity)
            }
        };
        self.open[index].1.write(&self.listener, next_group, |batch| message.write(batch))
    }

    fn check_out(&mut self, partition: &Arc<Partition>, events: u32, bytes: usize, capacity: usize) -> usize {
        let batch = partition.collector.check_out(events, bytes, capacity);
        self.open.push((Arc::clone(partition), batch));
        self.open.len() - 1
    }

    /// Hands the batches over and tells the log.
    pub fn finish(&mut self) {
        hand_over(self.open.drain(..));
    }
}

/// A log that refuses answers through the listener as well, so there is one way in which a publisher learns of a
/// failure.
fn hand_over(batches: impl IntoIterator<Item = (Arc<Partition>, CheckedOut)>) {
    for (partition, batch) in batches {
        drop(batch);
        let gone = partition.gone.load(Ordering::Acquire);
        let taken = if gone { Err(LogError::NotFound) } else { partition.log.gather(&partition.source) };
        if let Err(error) = taken {
            while let Some(submission) = partition.source.take() {
                submission.done.complete(Err(error.clone()));
            }
        }
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.finish();
    }
}
