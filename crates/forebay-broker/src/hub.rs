//! A hub as the data path sees it: its partitions, and which of them an event goes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use forebay_event::Origin;
use forebay_event::amqp::Incoming;
use forebay_event::partition_key::partition_for;
use forebay_log::{BatchSource, LogError, LogId, PartitionId, PartitionLog, PartitionLogs};

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
    fn open(logs: &dyn PartitionLogs, log: LogId, index: u32) -> Result<Self, LogError> {
        let collector = Collector::new(Origin::Amqp);
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
        id: LogId,
        name: String,
        created_at_ms: i64,
        partitions: u32,
    ) -> Result<Self, LogError> {
        let partitions = (0..partitions)
            .map(|index| Partition::open(logs, id, index).map(Arc::new))
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
/// It holds at most one batch at a time. Dropping it hands over what is left.
#[expect(missing_debug_implementations, reason = "it holds a batch that is being written")]
pub struct Burst {
    listener: Arc<dyn PublishListener>,
    current: Option<(Arc<Partition>, CheckedOut)>,
}

impl Burst {
    /// Starts a burst whose outcomes go to `listener`.
    pub fn new(listener: Arc<dyn PublishListener>) -> Self {
        Self { listener, current: None }
    }

    /// Writes a message's events into the partition's batch: all of them into one batch. `capacity` is how many
    /// bytes the burst may still bring (a hint that saves the batch from growing). Returns the group in which
    /// [`PublishListener::published`] will answer; a new group takes `next_group`, which then moves on.
    pub fn write(
        &mut self,
        partition: &Arc<Partition>,
        message: &Incoming<'_>,
        capacity: usize,
        next_group: &mut u64,
    ) -> u64 {
        let (events, bytes) = (message.event_count(), message.stored_size_bound());
        let fits = self
            .current
            .as_ref()
            .is_some_and(|(at, batch)| Arc::ptr_eq(at, partition) && batch.has_room(events, bytes));
        if !fits {
            self.finish();
            let batch = partition.collector.check_out(events, bytes, capacity);
            self.current = Some((Arc::clone(partition), batch));
        }
        let (_, batch) = self.current.as_mut().expect("set above");
        batch.write(&self.listener, next_group, |batch| message.write(batch))
    }

    /// Hands the batch over and tells the log. A log that refuses answers through the listener as well, so there
    /// is one way in which a publisher learns of a failure.
    pub fn finish(&mut self) {
        let Some((partition, batch)) = self.current.take() else { return };
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
