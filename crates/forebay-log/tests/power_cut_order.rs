//! In which order files become durable: what a power cut may take with less than `disk` durability, and what not.

mod common;

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{LOG, ROOT, options_on, put_control};
use forebay_log::disk::mem::MemDisk;
use forebay_log::disk::{Disk, Entry, File, Lock, Open};
use forebay_log::{Durability, EmbeddedLog, LogPolicy, Millis, OpenOptions, PartitionLogs};

/// What was flushed, in order: the names of files, and "journal" for every file of the journal.
type Flushed = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
struct Watched {
    disk: MemDisk,
    flushed: Flushed,
}

#[derive(Debug)]
struct WatchedFile {
    file: Arc<dyn File>,
    path: PathBuf,
    flushed: Flushed,
}

impl File for WatchedFile {
    fn write_at(&self, position: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.file.write_at(position, pieces)
    }
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(position, buffer)
    }
    fn sync_data(&self) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let in_journal = self.path.starts_with(Path::new(ROOT).join("journal"));
        let name = if in_journal { "journal".to_owned() } else { name.into_owned() };
        self.flushed.lock().expect("not poisoned").push(name);
        self.file.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
    fn forget(&self, from: u64, bytes: u64) {
        self.file.forget(from, bytes);
    }
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
}

impl Disk for Watched {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, how)?;
        let (path, flushed) = (path.to_owned(), Arc::clone(&self.flushed));
        Ok(Arc::new(WatchedFile { file, path, flushed }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.lock(path)
    }
    fn random_id(&self) -> io::Result<[u8; 16]> {
        self.disk.random_id()
    }
}

/// A log that a hub's entry asked for must not outlive the entry: its id would be given to another hub.
#[test]
fn at_the_os_level_logs_are_changed_after_the_entries_that_asked_for_it_are_durable() {
    let flushed = Flushed::default();
    let disk = Watched { disk: MemDisk::default(), flushed: Arc::clone(&flushed) };
    let options = OpenOptions { durability: Durability::Os, ..options_on(Arc::new(disk), ROOT) };
    let (log, _) = EmbeddedLog::open(options).expect("opens");
    type Change = fn(&EmbeddedLog);
    let changes: [(&str, Change); 4] = [
        ("create", |log| log.create(LOG, 1, LogPolicy::KEEP).expect("made")),
        ("grow", |log| log.grow(LOG, 2).expect("grown")),
        ("set_policy", |log| log.set_policy(LOG, LogPolicy::retain(Millis(1))).expect("set")),
        ("delete", |log| log.delete(LOG).expect("deleted")),
    ];
    for (name, change) in changes {
        put_control(&log, name);
        flushed.lock().expect("not poisoned").clear();
        change(&log);
        let order = flushed.lock().expect("not poisoned").clone();
        let at = |what: &str| order.iter().position(|file| file.starts_with(what));
        let (journal, manifest) = (at("journal"), at("MANIFEST"));
        assert!(journal.is_some() && journal < manifest, "{name}: {order:?}");
    }
}
