//! A file system in memory, for tests: every write is kept, and faults happen on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, Entry, File, Lock, Open};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemDisk {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: Mutex<BTreeMap<PathBuf, Bytes>>,
    dirs: Mutex<BTreeSet<PathBuf>>,
    locks: Mutex<BTreeSet<PathBuf>>,
    faults: Faults,
    ids: AtomicU64,
}

/// What the disk does wrong. Each stays until it is taken back.
#[derive(Debug, Default)]
pub struct Faults {
    /// Every sync fails.
    pub fail_sync: AtomicBool,
    /// Every write fails after half of its first piece.
    pub fail_write: AtomicBool,
    /// Writes and allocations find no space.
    pub full: AtomicBool,
    /// How many syncs of files there were.
    pub syncs: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemDisk {
    /// What it does wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// A copy of all files as they are now, without locks and faults: what a process killed now would leave.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let copy = Self::default();
        let files = lock(&self.inner.files);
        *lock(&copy.inner.files) = files
            .iter()
            .map(|(path, bytes)| (path.clone(), Arc::new(Mutex::new(lock(bytes).clone()))))
            .collect();
        lock(&copy.inner.dirs).clone_from(&lock(&self.inner.dirs));
        copy.inner.ids.store(self.inner.ids.load(Ordering::Relaxed), Ordering::Relaxed);
        copy
    }

    /// All paths.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        lock(&self.inner.files).keys().cloned().collect()
    }

    /// A file's bytes.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        lock(&self.inner.files).get(path).map(|bytes| lock(bytes).clone())
    }

    /// Changes a file's bytes behind everyone's back.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = lock(&self.inner.files).get(path) {
            change(&mut lock(bytes));
        }
    }
}

#[derive(Debug)]
struct MemFile {
    bytes: Bytes,
    disk: MemDisk,
}

#[derive(Debug)]
struct MemLock {
    path: PathBuf,
    disk: MemDisk,
}

impl Lock for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        lock(&self.disk.inner.locks).remove(&self.path);
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for MemDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        lock(&self.inner.dirs).extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut files = lock(&self.inner.files);
        let bytes = match (files.get(path), how) {
            (Some(_), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, Open::Existing) => return Err(not_found()),
            (Some(bytes), Open::Existing) => Arc::clone(bytes),
            (None, Open::New) => {
                if !path.parent().is_some_and(|dir| lock(&self.inner.dirs).contains(dir)) {
                    return Err(not_found());
                }
                let bytes = Bytes::default();
                files.insert(path.to_owned(), Arc::clone(&bytes));
                bytes
            }
        };
        Ok(Arc::new(MemFile { bytes, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = lock(&self.inner.files);
        if let Some(bytes) = files.remove(from) {
            files.insert(to.to_owned(), bytes);
            return Ok(());
        }
        let mut dirs = lock(&self.inner.dirs);
        if !dirs.contains(from) {
            return Err(not_found());
        }
        let moved = |path: &PathBuf| path.strip_prefix(from).ok().map(|inner| to.join(inner));
        *files = core::mem::take(&mut *files)
            .into_iter()
            .map(|(path, b)| (moved(&path).unwrap_or(path), b))
            .collect();
        *dirs = core::mem::take(&mut *dirs).into_iter().map(|path| moved(&path).unwrap_or(path)).collect();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.inner.files).remove(path).map(drop).ok_or_else(not_found)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        lock(&self.inner.dirs).remove(path).then_some(()).ok_or_else(not_found)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let named = |entry: &PathBuf, is_dir| {
            let name = entry.file_name()?.to_str()?.to_owned();
            (entry.parent() == Some(path)).then_some(Entry { name, is_dir })
        };
        let mut found: Vec<Entry> =
            lock(&self.inner.files).keys().filter_map(|entry| named(entry, false)).collect();
        found.extend(lock(&self.inner.dirs).iter().filter_map(|entry| named(entry, true)));
        found.sort();
        Ok(found)
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        self.inner.faults.sync()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let taken = lock(&self.inner.locks).insert(path.to_owned());
        Ok(taken.then(|| Box::new(MemLock { path: path.to_owned(), disk: self.clone() }) as Box<dyn Lock>))
    }

    fn random_id(&self) -> io::Result<[u8; 16]> {
        let count = self.inner.ids.fetch_add(1, Ordering::Relaxed);
        Ok(u128::from(count).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_le_bytes())
    }
}

impl Faults {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if self.fail_sync.load(Ordering::Relaxed) {
            return Err(io::Error::other("the simulated disk failed to flush"));
        }
        Ok(())
    }

    fn space(&self) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl File for MemFile {
    fn write_at(&self, position: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let faults = &self.disk.inner.faults;
        let mut at = usize::try_from(position).map_err(io::Error::other)?;
        let mut bytes = lock(&self.bytes);
        let failing = faults.fail_write.load(Ordering::Relaxed);
        for piece in pieces.iter() {
            let piece = if failing { &piece[..piece.len() / 2] } else { piece };
            let end = at + piece.len();
            if end > bytes.len() {
                faults.space()?;
                bytes.resize(end, 0);
            }
            bytes[at..end].copy_from_slice(piece);
            at = end;
            if failing {
                return Err(io::Error::other("the simulated disk failed to write"));
            }
        }
        Ok(())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = lock(&self.bytes);
        let from = usize::try_from(position).map_err(io::Error::other)?;
        let rest = bytes.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.inner.faults.sync()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.bytes).len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        lock(&self.bytes).resize(bytes, 0);
        Ok(())
    }

    fn forget(&self, _from: u64, _bytes: u64) {}

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.inner.faults.space()?;
        let bytes = bytes.max(self.len()?);
        self.set_len(bytes)
    }
}
