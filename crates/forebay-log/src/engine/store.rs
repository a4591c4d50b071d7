//! A data folder that is open: its files, and the operations that several threads need.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::journal::JournalPool;
use super::manifest::{Manifest, ManifestFault};
use super::partition::PartitionShell;
use super::queue::lock;
use super::readers::Readers;
use super::shared::Shared;
use super::writer::Writer;
use crate::control::ControlSnapshot;
use crate::core::memory::Store;
use crate::core::segments::Segment;
use crate::disk::{Disk, Lock, Open, read_all};
use crate::error::LogError;
use crate::format::Seed;
use crate::format::manifest::{ManifestEntry, SegmentId};
use crate::format::names::{self, SegmentFile};
use crate::format::snapshot::{decode_snapshot, encode_snapshot};
use crate::types::{Durability, LogId, PartitionId, Sequence};

/// An open data folder.
#[derive(Debug)]
pub(crate) struct DiskStore {
    pub(crate) root: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) seed: Seed,
    pub(crate) durability: Durability,
    pub(crate) segment_bytes_max: u64,
    pub(crate) manifest: Manifest,
    pub(crate) journal: JournalPool,
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    pub(crate) lock: Mutex<Option<Box<dyn Lock>>>,
}

/// A partition's folder.
pub(crate) fn partition_dir(root: &Path, id: PartitionId) -> PathBuf {
    root.join(names::LOGS).join(names::log(id.log)).join(names::partition(id.index))
}

/// A segment's file.
pub(crate) fn segment_path(root: &Path, id: PartitionId, segment: SegmentId, file: SegmentFile) -> PathBuf {
    partition_dir(root, id).join(names::segment(segment.base, segment.generation, file))
}

impl DiskStore {
    /// Records entries, durably. A failure that leaves it open what is on disk poisons the log.
    pub(crate) fn record(&self, shared: &Shared, entries: &[ManifestEntry]) -> Result<(), LogError> {
        self.manifest.append(entries, shared.clock.wall()).map_err(|fault| match fault {
            ManifestFault::Full(error) => LogError::unavailable(format!("no room for the manifest: {error}")),
            ManifestFault::Failed(error) => {
                shared.poison("writing the manifest", &error);
                LogError::Indeterminate { reason: format!("writing the manifest failed: {error}") }
            }
        })
    }

    /// Makes `below` a partition's first event: on record first, then for readers, then files go.
    pub(crate) fn trim(
        &self,
        shared: &Shared,
        partition: &PartitionShell,
        below: Sequence,
    ) -> Result<(), LogError> {
        let _pass = self.writer.hold();
        if partition.log.is_gone() {
            // Deleted while this waited: an entry after its deletion would speak of a log that is not there.
            return Err(LogError::NotFound);
        }
        self.flush_before_a_durable_claim(shared)?;
        let entry = {
            let state = lock(&partition.state);
            let start = below.min(state.core.next());
            if start <= state.core.first() {
                return Ok(());
            }
            let (next, last_time) = (state.core.store.flushed(), state.core.last_time());
            ManifestEntry::LogStart { partition: partition.id, start, next, last_time, producers: Vec::new() }
        };
        self.record(shared, std::slice::from_ref(&entry))?;
        let gone = {
            let mut state = lock(&partition.state);
            state.core.trim(below);
            let start = state.core.first();
            match &mut state.core.store {
                Store::Disk(set) => set.trim(start),
                Store::Memory(_) => Vec::new(),
            }
        };
        self.remove_segments(partition.id, &gone);
        Ok(())
    }

    /// Removes files that no record claims any more; what stays is removed at the next open.
    pub(crate) fn remove_segments(&self, partition: PartitionId, gone: &[Segment]) {
        for segment in gone {
            self.readers.forget(partition, segment.id);
            for file in [SegmentFile::Log, SegmentFile::Index] {
                drop(self.disk.remove(&segment_path(&self.root, partition, segment.id, file)));
            }
        }
    }

    /// Removes a deleted log's folder; says whether nothing is left of it.
    pub(crate) fn remove_log(&self, log: LogId) -> io::Result<()> {
        remove_tree(self.disk.as_ref(), &self.root.join(names::LOGS).join(names::log(log)))
    }

    /// At the `os` level the journal is flushed only now and then: what is about to be said durably of events must not
    /// outlive them in a power cut.
    pub(crate) fn flush_before_a_durable_claim(&self, shared: &Shared) -> Result<(), LogError> {
        if self.durability != Durability::Os {
            return Ok(());
        }
        self.journal.flush_written().map_err(|error| {
            shared.poison("flushing the journal", &error);
            LogError::unavailable(error.to_string())
        })
    }

    /// Keeps a control snapshot, durably, and the one before it.
    pub(crate) fn snapshot_put(&self, shared: &Shared, snapshot: &ControlSnapshot) -> Result<(), LogError> {
        self.flush_before_a_durable_claim(shared)?;
        let failed =
            |error: io::Error| LogError::unavailable(format!("cannot write a control snapshot: {error}"));
        let dir = self.root.join(names::SNAPSHOTS);
        let name = names::snapshot(snapshot.position);
        let bytes = encode_snapshot(self.seed, snapshot);
        write_file(self.disk.as_ref(), &dir, &name, &bytes).map_err(failed)?;
        let mut names: Vec<String> = self
            .disk
            .list(&dir)
            .map_err(failed)?
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| names::parse_snapshot(name).is_some())
            .collect();
        names.sort();
        names.truncate(names.len().saturating_sub(2));
        for old in names {
            drop(self.disk.remove(&dir.join(old)));
        }
        Ok(())
    }

    /// The newest sound control snapshot.
    pub(crate) fn snapshot_get(&self) -> Result<Option<ControlSnapshot>, LogError> {
        let failed =
            |error: io::Error| LogError::unavailable(format!("cannot read control snapshots: {error}"));
        let dir = self.root.join(names::SNAPSHOTS);
        let entries = self.disk.list(&dir).map_err(failed)?;
        let mut bad = None;
        for name in entries.into_iter().rev().map(|entry| entry.name) {
            let Some(position) = names::parse_snapshot(&name) else { continue };
            let file = self.disk.open(&dir.join(&name), Open::Existing).map_err(failed)?;
            let bytes = read_all(file.as_ref()).map_err(failed)?;
            match decode_snapshot(self.seed, &bytes).filter(|snapshot| snapshot.position == position) {
                Some(snapshot) => return Ok(Some(snapshot)),
                None => bad = bad.or(Some(name)),
            }
        }
        match bad {
            None => Ok(None),
            Some(name) => Err(LogError::Damaged {
                first: Sequence::ZERO,
                next: Sequence::ZERO,
                what: format!("no control snapshot is sound; the newest is {name}"),
            }),
        }
    }

    /// Lets go of the folder.
    pub(crate) fn unlock(&self) {
        *lock(&self.lock) = None;
    }
}

/// Writes a whole file under a temporary name, flushes it, and gives it its name, durably.
pub(crate) fn write_file(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}{}", names::TEMPORARY));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.open(&temporary, Open::New)?;
    file.write_at(0, &mut [IoSlice::new(bytes)])?;
    file.sync_data()?;
    disk.rename(&temporary, &dir.join(name))?;
    disk.sync_dir(dir)
}

/// Removes a folder and all in it; nothing if it is not there.
pub(crate) fn remove_tree(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    for entry in disk.list(path)? {
        let inner = path.join(&entry.name);
        if entry.is_dir { remove_tree(disk, &inner)? } else { disk.remove(&inner)? }
    }
    match disk.remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
