//! The machine's files for who only looks: nothing is opened for writing, so that a copy on read-only media can be
//! looked at, and whoever holds this cannot change a folder by mistake.

use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FlockOperation;

use super::{OsDisk, OsLock};
use crate::disk::{Disk, Entry, File, Lock, Open};

/// The machine's own file system, read only. Every call that would change something fails with `ReadOnlyFilesystem`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOnlyDisk;

#[derive(Debug)]
struct ReadOnlyFile(fs::File);

/// A folder without a lock file: nobody can hold a lock that is not there.
#[derive(Debug)]
struct NothingToLock;

impl Lock for NothingToLock {}

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for ReadOnlyDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        match how {
            Open::Existing => Ok(Arc::new(ReadOnlyFile(fs::File::open(path)?))),
            Open::New => refused(),
        }
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        OsDisk.list(path)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        refused()
    }

    /// Takes the lock that a server takes, without making its file: in a folder that has none there is no server.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Box::new(NothingToLock)));
            }
            file => file?,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(OsLock { _file: file }))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn random_id(&self) -> io::Result<[u8; 16]> {
        refused()
    }
}

impl File for ReadOnlyFile {
    fn write_at(&self, _position: u64, _pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        refused()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, position + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn sync_data(&self) -> io::Result<()> {
        refused()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, _bytes: u64) -> io::Result<()> {
        refused()
    }

    fn forget(&self, _from: u64, _bytes: u64) {}

    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        refused()
    }
}
