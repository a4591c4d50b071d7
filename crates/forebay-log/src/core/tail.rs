//! A partition's recent batches in memory: the very buffers that were handed in.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::api::StoredBatch;
use crate::types::{Sequence, WallMillis};

/// Batches in order, newest last.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    batches: VecDeque<Arc<StoredBatch>>,
    bytes: u64,
}

/// What memory a batch is charged with: its buffer, and a little for the rest.
pub(crate) fn charge(batch: &StoredBatch) -> u64 {
    batch.bytes.capacity() as u64 + 96
}

impl Tail {
    pub(crate) const fn empty() -> Self {
        Self { batches: VecDeque::new(), bytes: 0 }
    }

    pub(crate) fn push(&mut self, batch: Arc<StoredBatch>) {
        debug_assert!(self.batches.back().is_none_or(|last| last.end() <= batch.base), "batches ascend");
        self.bytes += charge(&batch);
        self.batches.push_back(batch);
    }

    /// Bytes charged for what is here.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn first(&self) -> Option<&Arc<StoredBatch>> {
        self.batches.front()
    }

    /// The batches from the one that contains `from`, or the first after it.
    pub(crate) fn starting(&self, from: Sequence) -> impl Iterator<Item = &Arc<StoredBatch>> {
        let at = self.batches.partition_point(|batch| batch.last < from);
        self.batches.range(at..)
    }

    /// The first batch appended at or after `at`.
    pub(crate) fn first_since(&self, at: WallMillis) -> Option<&Arc<StoredBatch>> {
        self.batches.get(self.batches.partition_point(|batch| batch.append_time < at))
    }

    /// Drops batches wholly below `below` from the front until `bytes` are freed; says how many were.
    pub(crate) fn evict(&mut self, below: Sequence, bytes: u64) -> u64 {
        let mut freed = 0;
        while freed < bytes {
            match self.batches.front() {
                Some(batch) if batch.last < below => {
                    freed += charge(batch);
                    self.batches.pop_front();
                }
                _ => break,
            }
        }
        self.bytes -= freed;
        freed
    }
}

/// Takes batches from an ascending run until `max_bytes` are passed, at least one; stops before a gap.
pub(crate) fn take_run<'a>(
    batches: impl Iterator<Item = &'a Arc<StoredBatch>>,
    max_bytes: usize,
) -> Vec<Arc<StoredBatch>> {
    let mut taken: Vec<Arc<StoredBatch>> = Vec::new();
    let mut bytes = 0_usize;
    for batch in batches {
        bytes = bytes.saturating_add(batch.bytes.len());
        let follows = taken.last().is_none_or(|last| last.end() == batch.base);
        if !follows || (bytes > max_bytes && !taken.is_empty()) {
            break;
        }
        taken.push(Arc::clone(batch));
    }
    taken
}
