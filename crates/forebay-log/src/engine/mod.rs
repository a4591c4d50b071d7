//! The shell: threads that drive the core with files and clocks. It decides nothing.
//!
//! To follow an append, start at [`partition::PartitionShell`] (the inbox), then `commit` (the round), `journal` (the
//! write and the flush), `commit` again (marks, answers, wake-ups), `writer` (segments), `readers` (cold reads).

mod background;
mod commit;
mod control;
mod journal;
mod manifest;
mod open;
pub(crate) mod options;
pub(crate) mod partition;
mod queue;
mod readers;
mod recover;
mod segment;
mod shared;
pub(crate) mod steps;
mod store;
mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use self::journal::JournalWriter;
use self::options::{OpenError, OpenOptions, OpenReport};
use self::partition::{Log, PartitionShell, Waiter};
use self::queue::lock;
use self::shared::Shared;
use crate::api::{Capabilities, Health, PartitionLog, PartitionLogs};
use crate::core::partition::Partition;
use crate::error::LogError;
use crate::format::manifest::ManifestEntry;
use crate::limits;
use crate::types::{Durability, LogId, LogPolicy, PartitionId, Sequence};

/// The embedded log: journal, segments and manifest in a data folder, or bounded memory.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
    /// One change of what logs there are at a time.
    admin: Mutex<()>,
}

#[derive(Debug, Default)]
struct Threads {
    commit: Option<JoinHandle<Option<JournalWriter>>>,
    others: Vec<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens a log: makes it, or brings back everything that was acknowledged.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way, and what to do.
    pub fn open(options: OpenOptions) -> Result<(Self, OpenReport), OpenError> {
        let (shared, journal, report) = open::open(options)?;
        Ok((open::start(shared, journal)?, report))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// When appends are acknowledged.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.disk().map_or(Durability::Memory, |store| store.durability)
    }

    /// Events that the memory level let go because of its bound.
    #[must_use]
    pub fn memory_evicted(&self) -> u64 {
        self.shared.memory.evicted.load(Ordering::Relaxed)
    }

    /// What the memory level holds, in bytes, and its bound.
    #[must_use]
    pub fn memory_bytes(&self) -> (u64, u64) {
        (self.shared.memory.used.load(Ordering::Relaxed), self.shared.memory.bound)
    }

    /// Does now what the background thread does in its time: writes behind, closes old segments, drops what expired.
    ///
    /// # Errors
    /// `Unavailable`; it will be tried again.
    pub fn maintain(&self) -> Result<(), LogError> {
        writer::pass(&self.shared)?;
        writer::expire(&self.shared)
    }

    /// Lets go of all cached events that are in segments: the next reads of them are cold.
    pub fn evict_tail(&self) {
        self.evict_below(|partition| partition.store.flushed());
    }

    fn evict_below(&self, below: impl Fn(&Partition<Waiter>) -> Sequence) {
        for partition in self.shared.partitions() {
            let mut state = lock(&partition.state);
            let below = below(&state.core);
            let freed = state.core.tail.evict(below, u64::MAX);
            drop(state);
            self.shared.refund_tail(freed);
        }
    }

    /// Stops: commits and answers what was taken, writes everything behind, records a clean stop, lets go of the
    /// folder. Later calls are refused with `Unavailable`; closing again does nothing.
    ///
    /// # Errors
    /// What kept the stop from being clean; nothing acknowledged is lost by that, the next open recovers.
    pub fn close(&self) -> Result<(), LogError> {
        let mut threads = lock(&self.threads);
        let Some(commit) = threads.commit.take() else { return Ok(()) };
        self.shared.set_closed();
        self.shared.queue.stop();
        let journal = commit.join().ok().flatten();
        self.shared.signal.stop();
        if let Some(store) = self.shared.disk() {
            store.readers.stop();
        }
        for thread in threads.others.drain(..) {
            drop(thread.join());
        }
        self.finish(journal)
    }

    /// Nothing drives the log any more: stops cleanly.
    fn finish(&self, journal: Option<JournalWriter>) -> Result<(), LogError> {
        let stopped = match (self.shared.disk(), journal) {
            (Some(store), Some(journal)) => open::stop_cleanly(&self.shared, store, &journal),
            (Some(_), None) => Err(LogError::unavailable("the commit thread has died")),
            (None, _) => Ok(()),
        };
        for partition in self.shared.partitions() {
            partition.wake_all();
        }
        if let Some(store) = self.shared.disk() {
            self.evict_below(|partition| partition.next());
            store.unlock();
            store.writer.forget();
        }
        self.forget_logs();
        stopped
    }

    /// Partitions point back to their log and to what is shared: without this none of them would ever be freed.
    fn forget_logs(&self) {
        let logs = core::mem::take(&mut *self.shared.logs.write().unwrap_or_else(PoisonError::into_inner));
        for log in logs.into_values() {
            log.forget_partitions();
        }
    }

    fn existing(&self, log: LogId) -> Result<Arc<Log>, LogError> {
        self.shared.log(log).ok_or(LogError::NotFound)
    }

    fn refuse(&self) -> Result<(), LogError> {
        self.shared.refusal().map_or(Ok(()), Err)
    }

    /// Whoever changes what logs there are has an entry of the control log that asks for it, and at the `os` level that
    /// may not be flushed yet. A power cut must not take the entry and leave the change.
    fn record(&self, entry: ManifestEntry) -> Result<(), LogError> {
        let Some(store) = self.shared.disk() else { return Ok(()) };
        store.flush_before_a_durable_claim(&self.shared)?;
        store.record(&self.shared, &[entry])
    }

    /// Adds partitions to a log up to `count`.
    fn fill(&self, log: &Arc<Log>, count: u32) {
        let mut partitions = log.partitions.write().unwrap_or_else(PoisonError::into_inner);
        for index in u32::try_from(partitions.len()).unwrap_or(u32::MAX)..count {
            partitions.push(PartitionShell::new(&self.shared, log, index, self.shared.empty_core()));
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        // Nobody is left to hear about it; what is acknowledged is safe all the same.
        drop(self.close());
    }
}

fn check_count(partitions: u32) -> Result<(), LogError> {
    if partitions == 0 || partitions > limits::PARTITIONS_MAX {
        let most = limits::PARTITIONS_MAX;
        return Err(LogError::rejected(format!("a log has 1 to {most} partitions, not {partitions}")));
    }
    Ok(())
}

fn check_policy(policy: &LogPolicy) -> Result<(), LogError> {
    if policy.batch_bytes_max > limits::BATCH_BYTES_MAX {
        let most = limits::BATCH_BYTES_MAX;
        return Err(LogError::rejected(format!("the largest batch may have up to {most} bytes")));
    }
    Ok(())
}

impl PartitionLogs for EmbeddedLog {
    fn create(&self, log: LogId, partitions: u32, policy: LogPolicy) -> Result<(), LogError> {
        check_count(partitions)?;
        check_policy(&policy)?;
        self.refuse()?;
        if let Some(existing) = self.shared.log(log) {
            let count = existing.shells().len();
            if count > partitions as usize {
                return Err(LogError::rejected(format!("log {log} exists with {count} partitions")));
            }
            if existing.policy() != policy {
                self.set_policy(log, policy)?;
            }
            return self.grow(log, partitions);
        }
        let admin = lock(&self.admin);
        if self.shared.log(log).is_some() {
            // Somebody else made it meanwhile.
            drop(admin);
            return self.create(log, partitions, policy);
        }
        if self.shared.disk().is_some_and(|store| store.manifest.catalog().deleted.contains(&log)) {
            return Err(LogError::rejected(format!("log {log} was deleted; its id is not used again")));
        }
        self.record(ManifestEntry::Log { log, partitions, policy })?;
        let new = Arc::new(Log::new(log, policy));
        self.fill(&new, partitions);
        self.shared.logs.write().unwrap_or_else(PoisonError::into_inner).entry(log).or_insert(new);
        Ok(())
    }

    fn grow(&self, log: LogId, partitions: u32) -> Result<(), LogError> {
        check_count(partitions)?;
        self.refuse()?;
        let _admin = lock(&self.admin);
        let known = self.existing(log)?;
        if partitions as usize <= known.shells().len() {
            return Ok(());
        }
        if log == LogId::CONTROL {
            return Err(LogError::rejected("the control log has one partition"));
        }
        self.record(ManifestEntry::Log { log, partitions, policy: known.policy() })?;
        self.fill(&known, partitions);
        Ok(())
    }

    fn delete(&self, log: LogId) -> Result<(), LogError> {
        if log == LogId::CONTROL {
            return Err(LogError::rejected("the control log cannot be deleted"));
        }
        self.refuse()?;
        let _admin = lock(&self.admin);
        let Some(known) = self.shared.log(log) else { return Ok(()) };
        let partitions = known.shells();
        {
            let pass = self.shared.disk().map(|store| store.writer.hold());
            self.record(ManifestEntry::Delete { log })?;
            known.set_gone();
            if let Some(mut pass) = pass {
                for partition in &partitions {
                    pass.active.remove(&partition.id);
                    pass.abandoned.remove(&partition.id);
                    pass.named.remove(&partition.id);
                }
            }
        }
        self.shared.logs.write().unwrap_or_else(PoisonError::into_inner).remove(&log);
        known.forget_partitions();
        for partition in partitions {
            // What is in the inbox is answered by the commit thread, in its turn.
            partition.wake_all();
            let mut state = lock(&partition.state);
            let segments = state.core.store.segments();
            let freed = state.core.forget_all();
            drop(state);
            self.shared.refund_tail(freed);
            if let Some(store) = self.shared.disk() {
                store.remove_segments(partition.id, &segments);
            }
        }
        if let Some(store) = self.shared.disk() {
            // What stays is removed at the next open: the deletion is on record.
            drop(store.remove_log(log));
        }
        Ok(())
    }

    fn logs(&self) -> Result<Vec<LogId>, LogError> {
        self.refuse()?;
        Ok(self.shared.logs.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect())
    }

    fn set_policy(&self, log: LogId, policy: LogPolicy) -> Result<(), LogError> {
        check_policy(&policy)?;
        self.refuse()?;
        let _admin = lock(&self.admin);
        let known = self.existing(log)?;
        let partitions = u32::try_from(known.shells().len()).unwrap_or(u32::MAX);
        self.record(ManifestEntry::Log { log, partitions, policy })?;
        known.set_policy(policy);
        Ok(())
    }

    fn partition(&self, partition: PartitionId) -> Result<Arc<dyn PartitionLog>, LogError> {
        match self.shared.partition(partition) {
            Some(shell) => Ok(shell),
            None => Err(LogError::NotFound),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dense: true,
            cas_append: true,
            compaction: false,
            transactions: false,
            partitions_max: limits::PARTITIONS_MAX,
            batch_bytes_max: limits::BATCH_BYTES_MAX,
        }
    }

    fn health(&self) -> Health {
        if let Some(reason) = self.shared.poisoned() {
            return Health::ReadOnly(reason);
        }
        if self.shared.refusal().is_some() {
            return Health::ReadOnly("the log is closed".into());
        }
        match self.shared.disk().and_then(|store| store.journal.stalled()) {
            Some(reason) => Health::Degraded(reason),
            None => Health::Ok,
        }
    }
}
