use std::fmt;
use std::path::Path;

use super::*;
use crate::disk::mem::MemDisk;
use crate::disk::{Entry as FolderEntry, Lock};

type Hook = Box<dyn FnOnce() + Send>;

/// A disk on which something happens while the next file is being made.
struct Hooked {
    disk: MemDisk,
    while_making: Mutex<Option<Hook>>,
}

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl Disk for Hooked {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let hook = lock(&self.while_making).take();
        if let Some(hook) = hook {
            hook();
        }
        self.disk.open(path, how)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
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

    fn list(&self, path: &Path) -> io::Result<Vec<FolderEntry>> {
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

/// Else the floor that write-behind records would pass over a file that rounds still go to.
#[test]
fn generations_come_into_use_in_ascending_order_whatever_happens_while_a_file_is_made() {
    let disk = Arc::new(Hooked { disk: MemDisk::default(), while_making: Mutex::default() });
    let dir = PathBuf::from("/journal");
    disk.create_dir(&dir).expect("made");
    let pool = Arc::new(JournalPool::new(dir, Arc::clone(&disk) as Arc<dyn Disk>, 1 << 30, Sizes::of(0)));
    pool.start(1, Vec::new()).expect("started");
    let first = pool.obtain().expect("works").expect("a file");
    // The background thread prepares a spare; it is done while the commit thread makes a file of its own.
    let spare = pool.create(pool.next(), 4096).expect("a file");
    let theirs = Arc::clone(&pool);
    *lock(&disk.while_making) = Some(Box::new(move || theirs.admit(spare).expect("admitted")));
    let second = pool.obtain().expect("works").expect("a file");
    let third = pool.obtain().expect("works").expect("the spare");
    let used = [first.generation, second.generation, third.generation];
    assert!(used.is_sorted_by(|a, b| a < b), "{used:?}");
}
