//! Write-behind: committed batches go from memory to their partitions' segments, then to the manifest; journal files
//! whose frames are all there are freed. And expiry, which closes and drops segments.
//!
//! One pass: everything committed when it began is written, each touched segment is flushed once, then the manifest
//! once. So a journal file that had been left before a pass began holds nothing unwritten after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use super::partition::PartitionShell;
use super::queue::lock;
use super::segment::ActiveSegment;
use super::shared::Shared;
use super::store::DiskStore;
use crate::api::{PartitionLog, StoredBatch};
use crate::budget::Part;
use crate::core::clock_watch::Trust;
use crate::core::memory::Store;
use crate::core::segments::{Segment, SegmentSet, expired, is_due_to_roll};
use crate::error::LogError;
use crate::format::manifest::ManifestEntry;
use crate::limits;
use crate::planted::{self, Bug};
use crate::types::{Durability, PartitionId, WallMillis};

/// What write-behind keeps between passes.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pass: Mutex<Pass>,
    listed: Mutex<Vec<Arc<PartitionShell>>>,
}

/// Guarded by the pass lock: whoever changes what segments there are holds it.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) active: BTreeMap<PartitionId, ActiveSegment>,
    /// A write or flush of their open segment failed: it is left at its last flushed end.
    pub(crate) abandoned: BTreeSet<PartitionId>,
    /// Their folders' names have been flushed since the log was opened.
    pub(crate) named: BTreeSet<PartitionId>,
}

impl Writer {
    /// Keeps passes and everyone else who changes segments out.
    pub(crate) fn hold(&self) -> MutexGuard<'_, Pass> {
        lock(&self.pass)
    }

    /// The log has closed: what could not be written is in the journal.
    pub(crate) fn forget(&self) {
        lock(&self.listed).clear();
    }

    /// A partition has something to write.
    pub(crate) fn list(&self, shared: &Shared, partition: Arc<PartitionShell>) {
        lock(&self.listed).push(partition);
        shared.signal.unwritten();
    }
}

/// Writes everything committed to segments and frees journal files.
pub(crate) fn pass(shared: &Shared) -> Result<(), LogError> {
    let Some(store) = shared.disk() else { return Ok(()) };
    if let Some(reason) = shared.poisoned() {
        // Whoever waits for a journal file waits in vain.
        store.journal.set_stalled(Some(reason.clone()));
        return Err(LogError::unavailable(reason));
    }
    let mut pass = store.writer.hold();
    let mut retired = store.journal.take_retired();
    if planted::is(Bug::RecycleEarly) {
        drop(store.journal.recycle(core::mem::take(&mut retired)));
    }
    let partitions = core::mem::take(&mut *lock(&store.writer.listed));
    let mut failure = None;
    let mut entries = Vec::new();
    let mut done = Vec::new();
    let jobs: Vec<_> = partitions.into_iter().map(collect).collect();
    // Only what is durable in the journal may be in a segment.
    if store.durability == Durability::Os
        && let Err(error) = store.journal.flush_written()
    {
        shared.poison("flushing the journal", &error);
        store.journal.put_back_retired(retired);
        store.journal.set_stalled(Some(error.to_string()));
        return Err(LogError::unavailable(error.to_string()));
    }
    for (partition, segments, batches) in jobs {
        if batches.is_empty() || partition.log.is_gone() {
            continue;
        }
        match pass.write(store, &partition, &segments, &batches) {
            Ok(own) => {
                done.push((Arc::clone(&partition), entries.len()..entries.len() + own.len()));
                entries.extend(own);
            }
            Err(error) => {
                pass.leave(partition.id);
                failure.get_or_insert(format!("writing a segment of {} failed: {error}", partition.id));
                relist(store, &partition);
            }
        }
    }
    if failure.is_none()
        && let Some(last) = retired.last()
    {
        entries.push(ManifestEntry::JournalFloor { generation: last.generation + 1 });
    }
    if !entries.is_empty()
        && let Err(error) = store.record(shared, &entries)
    {
        for (partition, _) in &done {
            pass.leave(partition.id);
            relist(store, partition);
        }
        failure = Some(error.to_string());
        done.clear();
    }
    for (partition, own) in done {
        let mut state = lock(&partition.state);
        if let Store::Disk(set) = &mut state.core.store {
            fold(set, entries.get(own).unwrap_or_default());
        }
    }
    pass.keep_handles_bounded();
    drop(pass);
    match failure {
        None => {
            let freed = store.journal.recycle(retired);
            evict(shared);
            freed.map_err(|error| {
                let reason = format!("cannot reuse journal files: {error}");
                store.journal.set_stalled(Some(reason.clone()));
                LogError::unavailable(reason)
            })
        }
        Some(reason) => {
            store.journal.put_back_retired(retired);
            store.journal.set_stalled(Some(reason.clone()));
            Err(LogError::unavailable(reason))
        }
    }
}

type Job = (Arc<PartitionShell>, SegmentSet, Vec<Arc<StoredBatch>>);

/// What a partition has that is in no segment.
fn collect(partition: Arc<PartitionShell>) -> Job {
    let mut state = lock(&partition.state);
    state.unwritten = false;
    let set = match &state.core.store {
        Store::Disk(set) => set.clone(),
        Store::Memory(_) => SegmentSet::default(),
    };
    let from = set.next().unwrap_or_default();
    let batches = state.core.tail.starting(from).cloned().collect();
    drop(state);
    (partition, set, batches)
}

/// Puts a partition back on the list.
fn relist(store: &DiskStore, partition: &Arc<PartitionShell>) {
    if !core::mem::replace(&mut lock(&partition.state).unwritten, true) {
        lock(&store.writer.listed).push(Arc::clone(partition));
    }
}

/// Brings a partition's segments up to what was recorded.
pub(crate) fn fold(set: &mut SegmentSet, entries: &[ManifestEntry]) {
    for entry in entries {
        let mut known = true;
        match entry {
            ManifestEntry::Roll { segment, time, .. } => set.roll(Segment::begun(*segment, *time)),
            ManifestEntry::FlushedEnd { segment, end, .. } => {
                known &= set.set_end(*segment, *end, false);
            }
            ManifestEntry::Seal { segment, end, .. } => known &= set.set_end(*segment, *end, true),
            ManifestEntry::Swap { from, to, .. } => known &= set.swap(*from, *to),
            _ => {}
        }
        debug_assert!(known, "the manifest has refused entries of segments that are not there");
    }
}

/// Lets go of cached batches beyond the tail cache's share, from the partitions that hold more than a fair part of it.
fn evict(shared: &Shared) {
    let bound = (shared.budget.limit() / limits::TAIL_CACHE_SHARE).min(limits::TAIL_CACHE_BYTES_MAX);
    if shared.budget.used_by(Part::TailCache) <= bound {
        return;
    }
    let mut holders: Vec<_> = shared
        .partitions()
        .into_iter()
        .map(|partition| {
            let bytes = lock(&partition.state).core.tail.bytes();
            (bytes, partition)
        })
        .filter(|(bytes, _)| *bytes > 0)
        .collect();
    holders.sort_by_key(|(bytes, partition)| (*bytes, partition.id));
    // Small holders leave room to the larger ones.
    let (mut room, mut left) = (bound, holders.len() as u64);
    for (bytes, partition) in holders {
        let fair = room / left.max(1);
        if bytes > fair {
            let mut state = lock(&partition.state);
            let flushed = state.core.store.flushed();
            let freed = state.core.tail.evict(flushed, bytes - fair);
            drop(state);
            shared.refund_tail(freed);
        }
        room = room.saturating_sub(bytes.min(fair));
        left -= 1;
    }
}

/// Closes old segments and drops what has expired, unless the clock is not to be trusted.
pub(crate) fn expire(shared: &Shared) -> Result<(), LogError> {
    let (wall, mono) = (shared.clock.wall(), shared.clock.monotonic());
    if lock(&shared.clock_watch).look(wall, mono) != Trust::Expire {
        return Ok(());
    }
    for partition in shared.partitions() {
        let policy = partition.log.policy();
        close_old(shared, &partition, wall)?;
        let segments = lock(&partition.state).core.store.segments();
        if let Some(start) = expired(&policy, &segments, wall) {
            match partition.trim(start) {
                Err(LogError::NotFound) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn close_old(shared: &Shared, partition: &Arc<PartitionShell>, now: WallMillis) -> Result<(), LogError> {
    let policy = partition.log.policy();
    let is_due =
        |segment: Option<&Segment>| segment.is_some_and(|segment| is_due_to_roll(&policy, segment, now));
    let Some(store) = shared.disk() else {
        if let Store::Memory(memory) = &mut lock(&partition.state).core.store
            && is_due(memory.active())
        {
            memory.seal();
        }
        return Ok(());
    };
    let is_old = match &lock(&partition.state).core.store {
        Store::Disk(set) => is_due(set.active()),
        Store::Memory(_) => false,
    };
    if !is_old {
        return Ok(());
    }
    let mut pass = store.writer.hold();
    if partition.log.is_gone() {
        return Ok(());
    }
    let segments = match &lock(&partition.state).core.store {
        Store::Disk(set) => set.clone(),
        Store::Memory(_) => return Ok(()),
    };
    let entries = pass.roll(store, partition.id, &segments, now).map_err(|error| {
        LogError::unavailable(format!("cannot begin a segment of {}: {error}", partition.id))
    })?;
    if let Err(error) = store.record(shared, &entries) {
        // The new segment is not on record, so nothing may be written to it.
        pass.leave(partition.id);
        return Err(error);
    }
    if let Store::Disk(set) = &mut lock(&partition.state).core.store {
        fold(set, &entries);
    }
    Ok(())
}
