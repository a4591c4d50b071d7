//! The manifest's file: appended to, flushed, and replaced by a snapshot when it has grown.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::queue::lock;
use super::store::write_file;
use crate::core::catalog::Catalog;
use crate::disk::{Disk, File, Open, is_full};
use crate::format::journal::ManifestEnd;
use crate::format::manifest::ManifestEntry;
use crate::format::{Seed, names};
use crate::types::WallMillis;

/// The manifest and what it says.
#[derive(Debug)]
pub(crate) struct Manifest {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    seed: Seed,
    /// Longer than this it is replaced by a snapshot.
    bytes_max: u64,
    state: Mutex<State>,
    end: Mutex<ManifestEnd>,
}

#[derive(Debug)]
struct State {
    file: Arc<dyn File>,
    catalog: Catalog,
    /// Bytes of the snapshot at the file's start.
    snapshot_bytes: u64,
    /// A write or flush failed: nothing more goes to this file.
    failed: bool,
}

/// A failure to record something.
#[derive(Debug)]
pub(crate) enum ManifestFault {
    /// No space; nothing was recorded.
    Full(io::Error),
    /// What is on disk is unknown.
    Failed(io::Error),
}

impl Manifest {
    /// Writes manifest `number` as a snapshot of `catalog`, durably, and goes on with it. The last wall time on record
    /// stays the one of the catalog, if that has one.
    pub(crate) fn create(
        root: &Path,
        disk: &Arc<dyn Disk>,
        seed: Seed,
        (number, bytes_max): (u32, u64),
        catalog: Catalog,
        wall: WallMillis,
    ) -> io::Result<Self> {
        let (file, bytes) = write_snapshot(root, disk, seed, number, &catalog, catalog.wall.unwrap_or(wall))?;
        Ok(Self {
            root: root.to_owned(),
            disk: Arc::clone(disk),
            seed,
            bytes_max,
            state: Mutex::new(State { file, catalog, snapshot_bytes: bytes, failed: false }),
            end: Mutex::new(ManifestEnd { number, bytes }),
        })
    }

    /// How far it is flushed.
    pub(crate) fn end(&self) -> ManifestEnd {
        *lock(&self.end)
    }

    /// What it says.
    pub(crate) fn catalog(&self) -> CatalogGuard<'_> {
        CatalogGuard(lock(&self.state))
    }

    /// Records entries, durably, and folds them in.
    pub(crate) fn append(&self, entries: &[ManifestEntry], wall: WallMillis) -> Result<(), ManifestFault> {
        let mut state = lock(&self.state);
        if state.failed {
            return Err(ManifestFault::Failed(io::Error::other("an earlier write of the manifest failed")));
        }
        // Judged before it is written: an entry that does not follow would make the folder unreadable for ever.
        let mut catalog = state.catalog.clone();
        for entry in entries {
            if let Err(fault) = catalog.apply(entry) {
                return Err(ManifestFault::Failed(io::Error::other(format!(
                    "{entry:?} does not follow: {fault:?}"
                ))));
            }
        }
        let end = self.end();
        let mut bytes = Vec::new();
        for entry in entries {
            entry.encode(self.seed, end.bytes, &mut bytes);
        }
        if let Err(error) = state.file.write_at(end.bytes, &mut [IoSlice::new(&bytes)]) {
            // What was written in part lies behind the end and is cut.
            if is_full(&error) && state.file.set_len(end.bytes).is_ok() {
                return Err(ManifestFault::Full(error));
            }
            state.failed = true;
            return Err(ManifestFault::Failed(error));
        }
        if let Err(error) = state.file.sync_data() {
            state.failed = true;
            return Err(ManifestFault::Failed(error));
        }
        state.catalog = catalog;
        let end = ManifestEnd { bytes: end.bytes + bytes.len() as u64, ..end };
        *lock(&self.end) = end;
        if end.bytes > self.bytes_max.max(2 * state.snapshot_bytes) {
            self.replace(&mut state, end, wall);
        }
        Ok(())
    }

    /// Goes on in a new file. If that cannot be made, the old one grows on, unless the new one may come back: it would
    /// outrank the old one, and not have what is recorded from now on.
    fn replace(&self, state: &mut State, end: ManifestEnd, wall: WallMillis) {
        let number = end.number + 1;
        match write_snapshot(&self.root, &self.disk, self.seed, number, &state.catalog, wall) {
            Ok((file, bytes)) => {
                state.file = file;
                state.snapshot_bytes = bytes;
                *lock(&self.end) = ManifestEnd { number, bytes };
                // The old one is of no use; if it stays, the next open removes it.
                drop(self.disk.remove(&self.root.join(names::manifest(end.number))));
            }
            Err(_) => {
                let gone = match self.disk.remove(&self.root.join(names::manifest(number))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => self.disk.sync_dir(&self.root),
                };
                state.failed = gone.is_err();
                state.snapshot_bytes = end.bytes;
            }
        }
    }
}

/// The catalog, while it is looked at.
#[derive(Debug)]
pub(crate) struct CatalogGuard<'a>(MutexGuard<'a, State>);

impl core::ops::Deref for CatalogGuard<'_> {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.0.catalog
    }
}

fn write_snapshot(
    root: &Path,
    disk: &Arc<dyn Disk>,
    seed: Seed,
    number: u32,
    catalog: &Catalog,
    wall: WallMillis,
) -> io::Result<(Arc<dyn File>, u64)> {
    let mut bytes = Vec::new();
    let entries = catalog.snapshot();
    ManifestEntry::Begin { number, wall }.encode(seed, 0, &mut bytes);
    for entry in &entries {
        entry.encode(seed, 0, &mut bytes);
    }
    ManifestEntry::SnapshotEnd { entries: entries.len() as u64 }.encode(seed, 0, &mut bytes);
    if let Some(stop) = catalog.clean_stop() {
        stop.encode(seed, 0, &mut bytes);
    }
    // Under its name only when it is whole: a half-written one would be all that there is after the first start.
    write_file(disk.as_ref(), root, &names::manifest(number), &bytes)?;
    let file = disk.open(&root.join(names::manifest(number)), Open::Existing)?;
    Ok((file, bytes.len() as u64))
}
