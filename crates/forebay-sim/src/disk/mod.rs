//! A disk that fails as disks do, behind the log's own door to files.
//!
//! Until it is flushed a write may be kept, lost, torn at any sector, or overtaken by a later one; so may a name until
//! its folder is flushed. After a flush that failed, reads return bytes that the disk never got, until power is lost.

mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forebay_log::Millis;
use forebay_log::disk::{Disk, Entry, File, Lock, Open};
use forebay_log_contract::ManualClock;

use self::state::{Change, Contents, Inode, NameChange};
use crate::chance::Stream;

/// What goes wrong at some operation to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Power is lost in the middle of an operation.
    Power,
    /// The process is killed in the middle of an operation.
    Kill,
    /// A flush of a file fails.
    FailFlush,
    /// A flush of a folder fails.
    FailFlushDir,
    /// A write fails after a part of it.
    FailWrite,
    /// A file is not opened or made: too many are open.
    FailOpen,
    /// A rename fails.
    FailRename,
    /// A read fails.
    FailRead,
    /// A read returns a flipped bit.
    FlipRead,
    /// An operation takes its time.
    Stall,
}

impl Fault {
    /// Every kind, in the order of their numbers in a plan.
    pub const ALL: [Self; 10] = [
        Self::Power,
        Self::Kill,
        Self::FailFlush,
        Self::FailFlushDir,
        Self::FailWrite,
        Self::FailOpen,
        Self::FailRename,
        Self::FailRead,
        Self::FlipRead,
        Self::Stall,
    ];
}

/// How the machine went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// Power was lost.
    Power,
    /// The process was killed; what it wrote is still in memory.
    Kill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Write,
    Read,
    Flush,
    FlushDir,
    Rename,
    Names,
    Length,
}

type Hook = Box<dyn FnMut() + Send>;

#[derive(Default)]
struct Inner {
    contents: Contents,
    armed: Vec<(Fault, u64)>,
    /// Runs at the operation after so many more.
    meanwhile: Option<(u64, Hook)>,
    full: bool,
    down: Option<Down>,
    locked: bool,
    counts: BTreeMap<Fault, u64>,
    operations: u64,
    trace: Trace,
}

/// What happened, in order.
#[derive(Debug, Clone, Default)]
struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    fn note(&mut self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }
}

/// The simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultDisk {
    inner: Arc<Mutex<Inner>>,
    chance: Arc<Mutex<Stream>>,
    clock: ManualClock,
    root: PathBuf,
}

impl fmt::Debug for FaultDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultDisk").field("root", &self.root).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(what: &str) -> io::Error {
    io::Error::other(format!("the simulated disk: {what}"))
}

impl FaultDisk {
    /// An empty disk on which the log lives at `root`; `clock` moves on when an operation takes long.
    #[must_use]
    pub fn new(seed: u64, root: &Path, clock: ManualClock) -> Self {
        Self {
            inner: Arc::default(),
            chance: Arc::new(Mutex::new(Stream::salted(seed, "disk"))),
            clock,
            root: root.to_owned(),
        }
    }

    /// Keeps every line of the trace from now on.
    pub fn keep_trace(&self) {
        lock(&self.inner).trace.lines = Some(Vec::new());
    }

    /// The lines kept, and the sum over all.
    #[must_use]
    pub fn trace(&self) -> (Vec<String>, u64) {
        let inner = lock(&self.inner);
        (inner.trace.lines.clone().unwrap_or_default(), inner.trace.hash)
    }

    /// Writes a line into the trace.
    pub fn note(&self, line: fmt::Arguments<'_>) {
        lock(&self.inner).trace.note(line);
    }

    /// How often each kind of fault struck.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        lock(&self.inner).counts.clone()
    }

    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        lock(&self.inner).operations
    }

    /// `fault` strikes at the fitting operation after `after` more of its kind.
    pub fn arm(&self, fault: Fault, after: u64) {
        lock(&self.inner).armed.push((fault, after));
    }

    /// Whether a fault waits to strike, or the disk is full.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        let inner = lock(&self.inner);
        inner.full || !inner.armed.is_empty()
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut inner = lock(&self.inner);
        inner.armed.clear();
        inner.full = false;
        inner.meanwhile = None;
    }

    /// Runs `hook` once, in the middle of the operation after `after` more.
    pub fn meanwhile(&self, after: u64, hook: impl FnMut() + Send + 'static) {
        lock(&self.inner).meanwhile = Some((after, Box::new(hook)));
    }

    /// Whether there is room.
    pub fn set_full(&self, full: bool) {
        lock(&self.inner).full = full;
    }

    /// Whether the machine is down.
    #[must_use]
    pub fn down(&self) -> Option<Down> {
        lock(&self.inner).down
    }

    /// The machine goes down now, between two operations.
    pub fn go_down(&self, how: Down) {
        let mut inner = lock(&self.inner);
        inner.down.get_or_insert(how);
        let fault = if how == Down::Power { Fault::Power } else { Fault::Kill };
        *inner.counts.entry(fault).or_default() += 1;
    }

    /// The machine is up again: after a power cut with what the disk has, after a kill with what was written.
    pub fn come_up(&self) {
        let mut inner = lock(&self.inner);
        if inner.down.take() == Some(Down::Power) {
            inner.contents.lose_power(&self.root, &mut lock(&self.chance));
        }
        inner.locked = false;
    }

    /// All files as programs see them.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        lock(&self.inner).contents.seen.files.keys().cloned().collect()
    }

    /// A file's bytes as programs see them.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = lock(&self.inner);
        inner.contents.seen.files.get(path).map(|file| inner.contents.inodes[*file].seen.clone())
    }

    /// A bit of a file rots, in memory and on the disk.
    pub fn rot(&self, path: &Path, at: usize, bit: u8) {
        let mut inner = lock(&self.inner);
        let Some(file) = inner.contents.seen.files.get(path).copied() else { return };
        let inode = &mut inner.contents.inodes[file];
        for bytes in [&mut inode.seen, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        inner.trace.note(format_args!("rot {} at {at}", path.display()));
    }

    /// Goes through an operation's beginning: counts, strikes, and says which fault the operation itself must show.
    fn begin(
        &self,
        kind: Kind,
        line: fmt::Arguments<'_>,
    ) -> io::Result<(MutexGuard<'_, Inner>, Option<Fault>)> {
        let mut inner = lock(&self.inner);
        if inner.down.is_some() {
            return Err(failed("the machine is down"));
        }
        inner.operations += 1;
        inner.trace.note(line);
        let due = match &mut inner.meanwhile {
            Some((0, _)) => true,
            Some((after, _)) => {
                *after -= 1;
                false
            }
            None => false,
        };
        if due && let Some((_, mut hook)) = inner.meanwhile.take() {
            drop(inner);
            hook();
            inner = lock(&self.inner);
            if inner.down.is_some() {
                return Err(failed("the machine is down"));
            }
        }
        let mut struck = None;
        inner.armed.retain_mut(|(fault, after)| {
            if struck.is_some() || !fault.fits(kind) {
                return true;
            }
            if *after > 0 {
                *after -= 1;
                return true;
            }
            struck = Some(*fault);
            false
        });
        if let Some(fault) = struck {
            *inner.counts.entry(fault).or_default() += 1;
            inner.trace.note(format_args!("  {fault:?}"));
            match fault {
                Fault::Power => inner.down = Some(Down::Power),
                Fault::Kill => inner.down = Some(Down::Kill),
                Fault::Stall => self.clock.advance(Millis(100 + lock(&self.chance).below(9_900))),
                _ => {}
            }
        }
        Ok((inner, struck))
    }

    fn name_change(&self, kind: Kind, dir: &Path, change: NameChange) -> io::Result<()> {
        let (mut inner, fault) = self.begin(kind, format_args!("{change:?}"))?;
        let is_down = matches!(fault, Some(Fault::Power | Fault::Kill));
        if matches!(fault, Some(Fault::FailRename | Fault::FailOpen)) {
            return Err(failed("too many open files"));
        }
        if !is_down || lock(&self.chance).happens(50) {
            inner.contents.rename(dir, change);
        }
        if is_down { Err(failed("the machine is down")) } else { Ok(()) }
    }
}

impl Fault {
    fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Power | Self::Kill | Self::Stall => kind != Kind::Read,
            Self::FailFlush => kind == Kind::Flush,
            Self::FailFlushDir => kind == Kind::FlushDir,
            Self::FailWrite => kind == Kind::Write,
            Self::FailOpen => kind == Kind::Open,
            Self::FailRename => kind == Kind::Rename,
            Self::FailRead | Self::FlipRead => kind == Kind::Read,
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

#[derive(Debug)]
struct HeldLock(FaultDisk);

impl Lock for HeldLock {}

impl Drop for HeldLock {
    fn drop(&mut self) {
        lock(&self.0.inner).locked = false;
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    file: usize,
    name: String,
}

impl Disk for FaultDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let missing: Vec<PathBuf> = {
            let inner = lock(&self.inner);
            let is_there =
                |dir: &&Path| self.root.starts_with(dir) || inner.contents.seen.dirs.contains(*dir);
            path.ancestors().take_while(|dir| !is_there(dir)).map(Path::to_owned).collect()
        };
        for dir in missing.into_iter().rev() {
            self.name_change(Kind::Names, &parent(&dir), NameChange::MakeDir(dir.clone()))?;
        }
        Ok(())
    }

    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let name = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
        let known = {
            let inner = lock(&self.inner);
            let dir = parent(path);
            if how == Open::New && dir != self.root && !inner.contents.seen.dirs.contains(&dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            inner.contents.seen.files.get(path).copied()
        };
        let file = match (known, how) {
            (Some(_), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, Open::Existing) => return Err(io::ErrorKind::NotFound.into()),
            (Some(file), Open::Existing) => {
                let fault = self.begin(Kind::Open, format_args!("open {name}"))?.1;
                if matches!(fault, Some(Fault::FailOpen | Fault::Power | Fault::Kill)) {
                    return Err(failed("too many open files"));
                }
                file
            }
            (None, Open::New) => {
                let file = {
                    let mut inner = lock(&self.inner);
                    inner.contents.inodes.push(Inode::default());
                    inner.contents.inodes.len() - 1
                };
                self.name_change(Kind::Open, &parent(path), NameChange::Link(path.to_owned(), file))?;
                file
            }
        };
        Ok(Arc::new(FaultFile { disk: self.clone(), file, name }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = {
            let inner = lock(&self.inner);
            let file = inner.contents.seen.files.get(from).copied();
            if file.is_none() && !inner.contents.seen.dirs.contains(from) {
                return Err(io::ErrorKind::NotFound.into());
            }
            file
        };
        let change = NameChange::Rename { from: from.to_owned(), to: to.to_owned(), file };
        self.name_change(Kind::Rename, &parent(to), change)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !lock(&self.inner).contents.seen.files.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.name_change(Kind::Names, &parent(path), NameChange::Unlink(path.to_owned()))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        if !lock(&self.inner).contents.seen.dirs.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.name_change(Kind::Names, &parent(path), NameChange::RemoveDir(path.to_owned()))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let inner = lock(&self.inner);
        if inner.down.is_some() {
            return Err(failed("the machine is down"));
        }
        let named = |entry: &PathBuf, is_dir| {
            let name = entry.file_name()?.to_str()?.to_owned();
            (entry.parent() == Some(path)).then_some(Entry { name, is_dir })
        };
        let mut found: Vec<Entry> =
            inner.contents.seen.files.keys().filter_map(|entry| named(entry, false)).collect();
        found.extend(inner.contents.seen.dirs.iter().filter_map(|entry| named(entry, true)));
        found.sort();
        Ok(found)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let (mut inner, fault) = self.begin(Kind::FlushDir, format_args!("flush {}", path.display()))?;
        match fault {
            Some(Fault::Power | Fault::Kill) => Err(failed("the machine is down")),
            // What was not flushed stays so: a later flush may yet do it.
            Some(Fault::FailFlushDir) => Err(failed("the folder could not be flushed")),
            _ => {
                inner.contents.flush_dir(path);
                Ok(())
            }
        }
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut inner = lock(&self.inner);
        if core::mem::replace(&mut inner.locked, true) {
            return Ok(None);
        }
        Ok(Some(Box::new(HeldLock(self.clone()))))
    }

    fn random_id(&self) -> io::Result<[u8; 16]> {
        let mut chance = lock(&self.chance);
        Ok((u128::from(chance.next()) << 64 | u128::from(chance.next())).to_le_bytes())
    }
}

impl File for FaultFile {
    fn write_at(&self, position: u64, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let at = usize::try_from(position).map_err(io::Error::other)?;
        let line = format_args!("write {} at {at}, {} bytes", self.name, bytes.len());
        let (mut inner, fault) = self.disk.begin(Kind::Write, line)?;
        let length = inner.contents.inodes[self.file].seen.len();
        let mut error = match fault {
            Some(Fault::Power) => Some(failed("the machine is down")),
            Some(Fault::Kill | Fault::FailWrite) => {
                bytes.truncate(lock(&self.disk.chance).index(bytes.len() + 1));
                Some(failed("the write failed"))
            }
            _ => None,
        };
        if inner.full && at + bytes.len() > length {
            bytes.truncate(length.saturating_sub(at));
            error = Some(io::ErrorKind::StorageFull.into());
        }
        if !bytes.is_empty() {
            inner.contents.inodes[self.file].change(Change::Write { at, bytes });
        }
        error.map_or(Ok(()), Err)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let line = format_args!("read {} at {position}, {} bytes", self.name, buffer.len());
        let (inner, fault) = self.disk.begin(Kind::Read, line)?;
        if fault == Some(Fault::FailRead) {
            return Err(failed("the read failed"));
        }
        let at = usize::try_from(position).map_err(io::Error::other)?;
        let rest = inner.contents.inodes[self.file].seen.get(at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        if fault == Some(Fault::FlipRead) && count > 0 {
            let mut chance = lock(&self.disk.chance);
            buffer[chance.index(count)] ^= 1 << chance.below(8);
        }
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut inner, fault) = self.disk.begin(Kind::Flush, format_args!("flush {}", self.name))?;
        let inode = &mut inner.contents.inodes[self.file];
        match fault {
            Some(Fault::Power | Fault::Kill) => Err(failed("the machine is down")),
            Some(Fault::FailFlush) => {
                inode.fail_flush(&mut lock(&self.disk.chance));
                Err(failed("the flush failed"))
            }
            _ => {
                inode.flush();
                Ok(())
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.disk.inner).contents.inodes[self.file].seen.len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let line = format_args!("set length of {} to {bytes}", self.name);
        let (mut inner, fault) = self.disk.begin(Kind::Length, line)?;
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        inner.contents.inodes[self.file].change(Change::Length(length));
        if matches!(fault, Some(Fault::Power | Fault::Kill)) {
            Err(failed("the machine is down"))
        } else {
            Ok(())
        }
    }

    fn forget(&self, _from: u64, _bytes: u64) {}

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        if lock(&self.disk.inner).full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = self.len()?.max(bytes);
        self.set_len(length)
    }
}
