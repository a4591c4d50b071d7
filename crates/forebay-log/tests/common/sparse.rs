//! A disk in memory whose journal files are as long as what was written to them: a folder of a few kilobytes.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use forebay_log::disk::mem::MemDisk;
use forebay_log::disk::{Disk, Entry, File, Lock, Open};

/// Reserves nothing, and keeps no zeros that lie behind a file's end.
#[derive(Debug, Clone)]
pub(crate) struct SparseDisk(pub(crate) MemDisk);

#[derive(Debug)]
struct SparseFile(Arc<dyn File>);

/// Compared in pieces: a journal file that is prepared is megabytes of zeros.
fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|chunk| chunk == &ZEROS[..chunk.len()])
}

impl Disk for SparseDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(SparseFile(self.0.open(path, how)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.0.remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.0.lock(path)
    }

    fn random_id(&self) -> io::Result<[u8; 16]> {
        self.0.random_id()
    }
}

impl File for SparseFile {
    fn write_at(&self, position: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let is_behind = position >= self.0.len()?;
        if is_behind && pieces.iter().all(|piece| is_zero(piece)) {
            return Ok(());
        }
        self.0.write_at(position, pieces)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(position, buffer)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn forget(&self, from: u64, bytes: u64) {
        self.0.forget(from, bytes);
    }

    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
}
