//! Files and folders as the log sees them: small, blocking, nothing optional, so that a simulator can stand in.
//!
//! What survives what is part of the contract. After a killed process: all that was written. After a power cut: what
//! [`File::sync_data`] covered, and names that a [`Disk::sync_dir`] of their folder covered; anything else may be there
//! in whole, in part, or not at all. After a failed sync nothing is known, and trying again proves nothing.

use core::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

pub mod mem;
pub mod os;

/// How a file is opened. Always for reading and writing, never truncated, mode 0600.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// It must be there.
    Existing,
    /// It must not be there.
    New,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Makes a folder and those above it, mode 0700; nothing if it is there.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, the system's.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// Renames a file, replacing what has that name.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// The system's.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// What is in a folder, sorted by name; empty if it is not there.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the lock that this file stands for, until the value is dropped; `None` if someone has it.
    ///
    /// # Errors
    /// The system's.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
    /// Random bytes for a new folder's id.
    ///
    /// # Errors
    /// The system's.
    fn random_id(&self) -> io::Result<[u8; 16]>;
}

/// A held lock.
pub trait Lock: Send + Sync + Debug {}

/// An open file. Positions are absolute; calls may come from several threads.
#[expect(clippy::len_without_is_empty, reason = "an empty file is not a question that the log asks")]
pub trait File: Send + Sync + Debug {
    /// Writes all pieces one after another from `position` on, in as few system calls as it takes.
    ///
    /// # Errors
    /// The system's; then any part may have been written.
    fn write_at(&self, position: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()>;
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Makes the file's bytes durable (and its length).
    ///
    /// # Errors
    /// The system's; then nothing is known.
    fn sync_data(&self) -> io::Result<()>;
    /// Its length in bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;
    /// Cuts it or extends it with zeros.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// A hint: the flushed bytes in this range will not be read soon, so the system need not keep a copy. Writing
    /// through pages that are used again costs a machine that lends its memory from a host a tenth of fresh ones.
    fn forget(&self, from: u64, bytes: u64);
    /// Reserves room, so that writing below `bytes` finds space; the length becomes at least `bytes`.
    ///
    /// # Errors
    /// `StorageFull`, the system's.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
}

/// Whether an error says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Reads a file from its start to its end.
pub(crate) fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
