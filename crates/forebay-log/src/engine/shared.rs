//! What all threads and doors of one embedded log share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::background::Signal;
use super::control::ControlHub;
use super::partition::{Log, PartitionShell};
use super::queue::{Queue, lock};
use super::store::DiskStore;
use crate::budget::{ByteBudget, Part};
use crate::clock::Clock;
use crate::core::memory::{MemorySegments, Store};
use crate::core::partition::Partition;
use crate::core::sizes::Sizes;
use crate::error::LogError;
use crate::limits;
use crate::types::{LogId, PartitionId, Sequence};

/// One embedded log.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Arc<ByteBudget>,
    pub(crate) queue: Queue,
    pub(crate) signal: Signal,
    pub(crate) logs: RwLock<BTreeMap<LogId, Arc<Log>>>,
    pub(crate) control: ControlHub,
    pub(crate) memory: Memory,
    pub(crate) sizes: Sizes,
    pub(crate) clock_watch: Mutex<crate::core::clock_watch::ClockWatch>,
    store: Option<DiskStore>,
    refusing: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
}

/// The memory level's bound and what is used of it.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) bound: u64,
    pub(crate) used: AtomicU64,
    /// Events that went because of the bound.
    pub(crate) evicted: AtomicU64,
}

/// Why the log takes nothing more.
#[derive(Debug, Clone)]
enum Refusal {
    Closed,
    /// A write or flush failed; the first failure wins.
    Poisoned(String),
}

impl Shared {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        budget: Arc<ByteBudget>,
        memory_bytes: u64,
        sizes: Sizes,
        clock_watch: crate::core::clock_watch::ClockWatch,
        store: Option<DiskStore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            budget,
            queue: Queue::default(),
            signal: Signal::default(),
            logs: RwLock::default(),
            control: ControlHub::default(),
            sizes,
            memory: Memory { bound: memory_bytes, used: AtomicU64::new(0), evicted: AtomicU64::new(0) },
            clock_watch: Mutex::new(clock_watch),
            store,
            refusing: AtomicBool::new(false),
            refusal: Mutex::new(None),
        })
    }

    /// The data folder; `None` at the memory level.
    pub(crate) const fn disk(&self) -> Option<&DiskStore> {
        self.store.as_ref()
    }

    /// What an append is refused with now, if it is.
    pub(crate) fn refusal(&self) -> Option<LogError> {
        if !self.refusing.load(Ordering::Acquire) {
            return None;
        }
        Some(match lock(&self.refusal).as_ref() {
            Some(Refusal::Poisoned(reason)) => LogError::unavailable(reason.clone()),
            Some(Refusal::Closed) | None => LogError::unavailable("the log is closed"),
        })
    }

    /// The reason, if a failed write or flush has stopped the log.
    pub(crate) fn poisoned(&self) -> Option<String> {
        match lock(&self.refusal).as_ref() {
            Some(Refusal::Poisoned(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Refuses everything from now on: a write or flush of the journal or the manifest has failed, and what is on
    /// disk is unknown until a restart has read it. The first failure wins.
    pub(crate) fn poison(&self, stage: &str, error: &std::io::Error) {
        let mut refusal = lock(&self.refusal);
        if !matches!(*refusal, Some(Refusal::Poisoned(_))) {
            *refusal = Some(Refusal::Poisoned(format!(
                "{stage} failed ({error}); writes are refused until a restart"
            )));
        }
        drop(refusal);
        self.refusing.store(true, Ordering::Release);
    }

    /// Takes nothing more.
    pub(crate) fn set_closed(&self) {
        lock(&self.refusal).get_or_insert(Refusal::Closed);
        self.refusing.store(true, Ordering::Release);
    }

    pub(crate) fn log(&self, id: LogId) -> Option<Arc<Log>> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn partition(&self, id: PartitionId) -> Option<Arc<PartitionShell>> {
        self.log(id.log)?.shells().get(usize::try_from(id.index).ok()?).cloned()
    }

    /// Every partition there is.
    pub(crate) fn partitions(&self) -> Vec<Arc<PartitionShell>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.values().flat_map(|log| log.shells()).collect()
    }

    /// The core of a partition that has no events.
    pub(crate) fn empty_core<W>(&self) -> Partition<W> {
        Partition::new(Sequence::ZERO, Sequence::ZERO, None, self.empty_store())
    }

    fn empty_store(&self) -> Store {
        match self.store {
            Some(_) => Store::Disk(crate::core::segments::SegmentSet::default()),
            None => Store::Memory(MemorySegments::new(
                (self.memory.bound / limits::MEMORY_SEGMENT_SHARE).max(limits::BLOCK_BYTES),
            )),
        }
    }

    /// Counts memory that a batch in a tail takes.
    pub(crate) fn charge_tail(&self, bytes: u64) {
        match self.store {
            Some(_) => self.budget.charge(Part::TailCache, bytes),
            None => {
                self.memory.used.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    /// Takes back what [`Shared::charge_tail`] counted.
    pub(crate) fn refund_tail(&self, bytes: u64) {
        match self.store {
            Some(_) => self.budget.refund(Part::TailCache, bytes),
            None => {
                self.memory.used.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
    }

    /// Makes `below` a partition's first event: on record first, where there is a record.
    pub(crate) fn trim(&self, partition: &PartitionShell, below: Sequence) -> Result<(), LogError> {
        match &self.store {
            Some(store) => store.trim(self, partition, below),
            None => {
                let mut state = lock(&partition.state);
                if let Some(start) = state.core.trim(below) {
                    let freed = state.core.tail.evict(start, u64::MAX);
                    drop(state);
                    self.refund_tail(freed);
                }
                Ok(())
            }
        }
    }
}
