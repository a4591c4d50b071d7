//! A hub as the data path sees it: its partitions, and which of them an event goes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use forebay_event::Origin;
use forebay_event::amqp::Incoming;
use forebay_event::partition_key::partition_for;
use forebay_log::{BatchSource, ByteBudget, LogError, LogId, PartitionId, PartitionLog, PartitionLogs};

use crate::collector::{CheckedOut, Collector, PublishListener};

/// One partition: its log and the line of batches before it.
#[derive(Debug)]
pub struct Partition {
    index: u32,
    log: Arc<dyn PartitionLog>,
    collector: Arc<Collector>,
    /// The collector once more, as the log wants it.
    source: Arc<dyn BatchSource>,
}

impl Partition {
    fn open(
        logs: &dyn PartitionLogs,
        budget: &Arc<ByteBudget>,
        log: LogId,
        index: u32,
    ) -> Result<Self, LogError> {
        let collector = Collector::new(Origin::Amqp, Arc::clone(budget));
        let source: Arc<dyn BatchSource> = Arc::clone(&collector) as Arc<dyn BatchSource>;
        Ok(Self { index, log: logs.partition(PartitionId { log, index })?, collector, source })
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

/// A hub that is in the catalogue.
#[derive(Debug)]
pub struct Hub {
    /// Never given to another hub, also after a delete.
    pub id: LogId,
    /// As first written.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    partitions: Vec<Arc<Partition>>,
    /// Where the next burst of events without a key goes.
    round_robin: AtomicU32,
}

impl Hub {
    pub(crate) fn open(
        logs: &dyn PartitionLogs,
        budget: &Arc<ByteBudget>,
        id: LogId,
        name: String,
        created_at_ms: i64,
        partitions: u32,
    ) -> Result<Self, LogError> {
        let partitions = (0..partitions)
            .map(|index| Partition::open(logs, budget, id, index).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self { id, name, created_at_ms, partitions, round_robin: AtomicU32::new(0) })
    }

    /// How many partitions the hub has, at least 1.
    pub fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    /// The partition with this number.
    pub fn partition(&self, index: u32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    /// The partition of a key, by the hash that the clients use too.
    pub fn partition_for_key(&self, key: &str) -> &Arc<Partition> {
        let index = partition_for(key, self.partition_count());
        self.partition(index).unwrap_or(&self.partitions[0])
    }

    /// The partition for the next burst of events that have no key.
    pub fn next_partition(&self) -> &Arc<Partition> {
        let turn = self.round_robin.fetch_add(1, Ordering::Relaxed);
        self.partition(turn % self.partition_count()).unwrap_or(&self.partitions[0])
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
        if let Err(error) = partition.log.gather(&partition.source) {
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
