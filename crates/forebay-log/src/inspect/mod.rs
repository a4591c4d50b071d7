//! A data folder looked at while no server has it open: verified from end to end, or shown frame by frame.
//!
//! [`Folder::open`] takes the lock that a server takes, so neither ever runs beside the other; over
//! [`ReadOnlyDisk`](crate::disk::os::read_only::ReadOnlyDisk) nothing is ever written. Files are read a piece at a
//! time: a folder of any size takes a few megabytes, and as much as its control log's state.
//!
//! | to find | look in |
//! |---|---|
//! | what can be found, what it means, what to do | [`Check`] |
//! | reading the manifest, the journal's headers | `manifest`, `journal` |
//! | walking frames, past damage | `frames` |
//! | the checks | `verify` and the rooms it calls: `rounds`, `segments`, `files` |
//! | showing | `dump` |
//!
//! It decides nothing that the engine decides: judging frames is `core::recovery`'s, folding the manifest is
//! `core::catalog`'s. It reads with its own code, so that it does not share the engine's mistakes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::control::ControlSnapshot;
use crate::disk::{Disk, Lock, Open};
use crate::format::folder::{Folder as FolderFile, FolderError};
use crate::format::names;
use crate::format::{Seed, snapshot};
use crate::types::{LogId, PartitionId, Sequence};

mod dump;
mod files;
mod finding;
mod frames;
mod journal;
mod manifest;
mod rounds;
mod segments;
mod verify;
mod window;

pub use dump::{Item, JournalFileView, RoundView, StoredFrame};
pub use finding::{Check, Finding, Severity};
pub use verify::{Inspector, Summary};

use journal::Journal;
use manifest::Manifest;
use window::Window;

/// More than this is no `FORMAT` file.
const FORMAT_BYTES_MAX: usize = 64 * 1024;

/// Why a folder cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// There is nothing to look at.
    #[error("{} is not a Forebay data folder: it has no FORMAT file (is this the folder that --data named?)", folder.display())]
    NotAFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A server has it.
    #[error("the data folder {} is in use; stop the server, or look at a copy of the folder", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Not for this version.
    #[error("the data folder {} cannot be read: {reason}", folder.display())]
    Format {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// `FORMAT` is damaged, without which nothing else can be judged.
    #[error("{} is damaged: {}", .0.file.display(), .0.what)]
    Damaged(Box<Finding>),
    /// The system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InspectError {
    let path = path.to_owned();
    move |source| InspectError::Io { action, path, source }
}

/// A folder that is looked at. Its lock is held as long as this lives.
#[derive(Debug)]
pub struct Folder {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    seed: Seed,
    manifest: Manifest,
    journal: Journal,
    /// What opening found.
    found: Vec<Finding>,
    _lock: Box<dyn Lock>,
}

impl Folder {
    /// Takes the folder's lock and reads what says which events there are: `FORMAT`, the manifest, the headers of the
    /// journal's rounds. Damage of the last two is no error: [`Folder::verify`] reports it.
    ///
    /// # Errors
    /// [`InspectError`].
    pub fn open(disk: Arc<dyn Disk>, root: &Path) -> Result<Self, InspectError> {
        let format = root.join(names::FORMAT);
        let file = match disk.open(&format, Open::Existing) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(InspectError::NotAFolder { folder: root.to_owned() });
            }
            file => file.map_err(io_error("open", &format))?,
        };
        let lock_path = root.join(names::LOCK);
        let held = disk.lock(&lock_path).map_err(io_error("lock", &lock_path))?;
        let Some(lock) = held else { return Err(InspectError::Locked { folder: root.to_owned() }) };
        let mut window = Window::new(file).map_err(io_error("read", &format))?;
        let bytes = window.view(0, FORMAT_BYTES_MAX).map_err(io_error("read", &format))?;
        let seed = match FolderFile::decode(bytes) {
            Ok(folder) => folder.seed(),
            Err(FolderError::Damaged(what)) => {
                let finding = Finding::new(Check::Format, Severity::Loss, names::FORMAT, what);
                return Err(InspectError::Damaged(Box::new(finding)));
            }
            Err(error) => {
                return Err(InspectError::Format { folder: root.to_owned(), reason: error.to_string() });
            }
        };
        let mut found = Vec::new();
        let manifest = manifest::read(disk.as_ref(), root, seed, &mut found)?;
        let journal = journal::scan(disk.as_ref(), root, seed, manifest.catalog.journal_floor, &mut found)?;
        manifest::check_end(&manifest, &journal, &mut found);
        Ok(Self { disk, root: root.to_owned(), seed, manifest, journal, found, _lock: lock })
    }

    /// The logs on record and how many partitions each has.
    pub fn logs(&self) -> impl Iterator<Item = (LogId, u32)> {
        self.manifest.catalog.logs.iter().map(|(id, log)| (*id, log.partitions))
    }

    /// The first event kept of a partition, and the number after the last one in its segments; `None` if the
    /// partition is not on record.
    #[must_use]
    pub fn bounds(&self, partition: PartitionId) -> Option<(Sequence, Sequence)> {
        let log = self.manifest.catalog.logs.get(&partition.log)?;
        let used = log.used.get(&partition.index);
        (partition.index < log.partitions)
            .then(|| used.map_or_else(Default::default, |used| (used.start, used.next())))
    }

    /// The newest sound control snapshot; `None` if there is none, sound or not.
    ///
    /// # Errors
    /// [`InspectError::Io`].
    pub fn control_snapshot(&self) -> Result<Option<ControlSnapshot>, InspectError> {
        let dir = self.root.join(names::SNAPSHOTS);
        let entries = self.disk.list(&dir).map_err(io_error("list", &dir))?;
        for name in entries.into_iter().rev().map(|entry| entry.name) {
            let Some(position) = names::parse_snapshot(&name) else { continue };
            let path = dir.join(&name);
            let bytes = self.read_whole(&path).map_err(io_error("read", &path))?;
            let sound = snapshot::decode_snapshot(self.seed, &bytes);
            if let Some(snapshot) = sound.filter(|snapshot| snapshot.position == position) {
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    fn window(&self, path: &Path) -> io::Result<Window> {
        Window::new(self.disk.open(path, Open::Existing)?)
    }

    fn read_whole(&self, path: &Path) -> io::Result<Vec<u8>> {
        crate::disk::read_all(self.disk.open(path, Open::Existing)?.as_ref())
    }
}
