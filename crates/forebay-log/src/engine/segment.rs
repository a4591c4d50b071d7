//! Writing segments: opening, appending in large pieces, flushing, closing.

use std::io::{self, IoSlice};
use std::sync::Arc;

use super::partition::PartitionShell;
use super::store::{DiskStore, partition_dir, segment_path, write_file};
use super::writer::Pass;
use crate::api::StoredBatch;
use crate::core::segments::{Segment, SegmentSet};
use crate::disk::{File, Open};
use crate::format::frame::{FRAME_BYTES, FrameHeader};
use crate::format::index::IndexEntry;
use crate::format::manifest::{ManifestEntry, SegmentEnd, SegmentId};
use crate::format::names::{self, SegmentFile};
use crate::limits::{INDEX_EVERY_BYTES, WRITE_PIECES_MAX};
use crate::planted::{self, Bug};
use crate::types::{PartitionId, Sequence, WallMillis};

/// Open segments that stay open between passes.
const WRITE_HANDLES_MAX: usize = 256;

/// An open segment that is being written.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    id: SegmentId,
    file: Arc<dyn File>,
    /// Up to where it is written; flushed at the end of each pass.
    end: SegmentEnd,
    /// Its index, if all of it was written by us.
    index: Option<Vec<IndexEntry>>,
    /// The system was told to keep no copy of what lies below.
    forgotten: u64,
}

impl Pass {
    /// Writes a partition's batches and flushes; says what is to be recorded.
    pub(crate) fn write(
        &mut self,
        store: &DiskStore,
        partition: &PartitionShell,
        segments: &SegmentSet,
        batches: &[Arc<StoredBatch>],
    ) -> io::Result<Vec<ManifestEntry>> {
        let id = partition.id;
        let mut entries = Vec::new();
        let mut rest = batches;
        let Some(first) = batches.first() else { return Ok(entries) };
        let mut active = self.obtain(store, id, segments, first, &mut entries)?;
        while let Some(next) = rest.first() {
            if active.is_full(store, next) || active.end.next != next.base && active.end.bytes > 0 {
                active.flush()?;
                let generation = active.id.generation + 1;
                active.close(store, id, &mut entries);
                let base = if planted::is(Bug::OffByOneAtRoll) { next.base.plus(1) } else { next.base };
                active = self.begin(store, id, base, generation, next.append_time, &mut entries)?;
            }
            let count = active.append(store, id, rest)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        active.flush()?;
        entries.push(ManifestEntry::FlushedEnd { partition: id, segment: active.id, end: active.end });
        self.active.insert(id, active);
        Ok(entries)
    }

    /// The open segment, opened again, or a new one.
    fn obtain(
        &mut self,
        store: &DiskStore,
        id: PartitionId,
        segments: &SegmentSet,
        first: &StoredBatch,
        entries: &mut Vec<ManifestEntry>,
    ) -> io::Result<ActiveSegment> {
        if let Some(active) = self.active.remove(&id) {
            return Ok(active);
        }
        let generation = segments.generation_next();
        let Some(open) = segments.active() else {
            return self.begin(store, id, first.base, generation, first.append_time, entries);
        };
        if self.abandoned.contains(&id) {
            let new = if open.is_empty() {
                let active =
                    self.begin(store, id, open.id.base, generation, first.append_time, &mut Vec::new())?;
                entries.push(ManifestEntry::Swap { partition: id, from: open.id, to: active.id });
                active
            } else {
                entries.push(ManifestEntry::Seal { partition: id, segment: open.id, end: open.end });
                self.begin(store, id, first.base, generation, first.append_time, entries)?
            };
            self.abandoned.remove(&id);
            return Ok(new);
        }
        let file =
            store.disk.open(&segment_path(&store.root, id, open.id, SegmentFile::Log), Open::Existing)?;
        // What lies behind the flushed end was never on record, and is written again.
        file.set_len(open.end.bytes)?;
        let index = open.is_empty().then(Vec::new);
        Ok(ActiveSegment { id: open.id, file, end: open.end, index, forgotten: open.end.bytes })
    }

    /// Closes the open segment and begins an empty one behind it.
    pub(crate) fn roll(
        &mut self,
        store: &DiskStore,
        id: PartitionId,
        segments: &SegmentSet,
        now: WallMillis,
    ) -> io::Result<Vec<ManifestEntry>> {
        let mut entries = Vec::new();
        let Some(Segment { id: old, end, .. }) = segments.active().copied() else { return Ok(entries) };
        match self.active.remove(&id) {
            Some(active) => active.close(store, id, &mut entries),
            None => entries.push(ManifestEntry::Seal { partition: id, segment: old, end }),
        }
        self.abandoned.remove(&id);
        let active = self.begin(store, id, end.next, segments.generation_next(), now, &mut entries)?;
        self.active.insert(id, active);
        Ok(entries)
    }

    /// The open segment is left as it was last recorded.
    pub(crate) fn leave(&mut self, id: PartitionId) {
        self.active.remove(&id);
        self.abandoned.insert(id);
    }

    pub(crate) fn keep_handles_bounded(&mut self) {
        while self.active.len() > WRITE_HANDLES_MAX {
            self.active.pop_first();
        }
    }

    /// Makes a segment's file, name durable.
    fn begin(
        &mut self,
        store: &DiskStore,
        id: PartitionId,
        base: Sequence,
        generation: u32,
        time: WallMillis,
        entries: &mut Vec<ManifestEntry>,
    ) -> io::Result<ActiveSegment> {
        let segment = SegmentId { base, generation };
        let dir = partition_dir(&store.root, id);
        if !self.named.contains(&id) {
            // That a folder is there does not say that its name is durable: whoever made it may have died, or failed,
            // before its flush.
            store.disk.create_dir(&dir)?;
            store.disk.sync_dir(&store.root.join(names::LOGS).join(names::log(id.log)))?;
            store.disk.sync_dir(&store.root.join(names::LOGS))?;
            self.named.insert(id);
        }
        let path = segment_path(&store.root, id, segment, SegmentFile::Log);
        let file = match store.disk.open(&path, Open::New) {
            Ok(file) => file,
            // Left by an attempt that was never recorded.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = store.disk.open(&path, Open::Existing)?;
                file.set_len(0)?;
                file
            }
            Err(error) => return Err(error),
        };
        if !planted::is(Bug::ForgetDirectorySync) {
            store.disk.sync_dir(&dir)?;
        }
        entries.push(ManifestEntry::Roll { partition: id, segment, time });
        let end = Segment::begun(segment, time).end;
        Ok(ActiveSegment { id: segment, file, end, index: Some(Vec::new()), forgotten: 0 })
    }
}

impl ActiveSegment {
    fn is_full(&self, store: &DiskStore, next: &StoredBatch) -> bool {
        let bytes = (FRAME_BYTES + next.bytes.len()) as u64;
        self.end.bytes > 0 && self.end.bytes + bytes > store.segment_bytes_max
    }

    /// Writes as many batches as one gathered write and the segment take; says how many.
    fn append(
        &mut self,
        store: &DiskStore,
        id: PartitionId,
        batches: &[Arc<StoredBatch>],
    ) -> io::Result<usize> {
        let start = self.end.bytes;
        let mut heads = Vec::new();
        let mut count = 0;
        for batch in batches.iter().take(WRITE_PIECES_MAX / 2) {
            let gap = self.end.bytes > 0 && self.end.next != batch.base;
            if count > 0 && (gap || self.is_full(store, batch)) {
                break;
            }
            let header = FrameHeader {
                origin: batch.origin,
                length: u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX),
                generation: 0,
                partition: id,
                base: batch.base,
                append_time: batch.append_time,
            };
            heads.extend_from_slice(&header.encode(store.seed, &batch.bytes));
            self.note(batch);
            count += 1;
        }
        let mut pieces = Vec::with_capacity(2 * count);
        for (header, batch) in heads.chunks_exact(FRAME_BYTES).zip(batches) {
            pieces.push(IoSlice::new(header));
            pieces.push(IoSlice::new(&batch.bytes));
        }
        self.file.write_at(start, &mut pieces)?;
        Ok(count)
    }

    /// Counts a batch in, and gives it an index entry if the last one is far.
    fn note(&mut self, batch: &StoredBatch) {
        if self.end.bytes == 0 {
            self.end.first_time = batch.append_time;
        }
        let position = self.end.bytes;
        if let Some(index) = &mut self.index
            && index.last().is_none_or(|last| position >= last.position + INDEX_EVERY_BYTES)
        {
            index.push(IndexEntry { sequence: batch.base, time: batch.append_time, position });
        }
        self.end.bytes += (FRAME_BYTES + batch.bytes.len()) as u64;
        self.end.next = batch.end();
        self.end.last_time = batch.append_time;
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        // Recent events are read from the tail cache.
        self.file.forget(self.forgotten, self.end.bytes - self.forgotten);
        self.forgotten = self.end.bytes;
        Ok(())
    }

    /// Closes a flushed segment. Its index is a hint: if it cannot be written it is made again when it is needed.
    fn close(self, store: &DiskStore, id: PartitionId, entries: &mut Vec<ManifestEntry>) {
        if let Some(index) = &self.index {
            let bytes: Vec<u8> = index.iter().flat_map(|entry| entry.encode(store.seed)).collect();
            let name = names::segment(self.id.base, self.id.generation, SegmentFile::Index);
            drop(write_file(store.disk.as_ref(), &partition_dir(&store.root, id), &name, &bytes));
        }
        entries.push(ManifestEntry::Seal { partition: id, segment: self.id, end: self.end });
    }
}
