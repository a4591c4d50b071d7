//! What the simulated disk holds: for each file what programs see, what the disk has, and what lies in between; for
//! each folder likewise its names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::chance::Stream;

/// What a disk never tears.
const SECTOR: usize = 512;

/// A change of a file that no flush has covered.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => write(to, *at, bytes),
            Self::Length(length) => to.resize(*length, 0),
        }
    }

    /// What is left of the change if power goes: all of it, nothing, or some of its sectors.
    fn torn(&self, mood: Mood, chance: &mut Stream) -> Vec<Self> {
        let keep = match mood {
            Mood::KeepAll => 100,
            Mood::LoseAll => 0,
            Mood::Mixed => 40,
        };
        if chance.happens(keep) {
            return vec![self.clone()];
        }
        let Self::Write { at, bytes } = self else { return Vec::new() };
        if mood != Mood::Mixed || chance.happens(45) {
            return Vec::new();
        }
        let sectors = sectors(*at, bytes);
        let (first, only_prefix) = (chance.index(sectors.len() + 1), chance.happens(50));
        let kept = sectors.into_iter().enumerate();
        kept.filter(|(count, _)| if only_prefix { *count < first } else { chance.happens(50) })
            .map(|(_, (at, bytes))| Self::Write { at, bytes })
            .collect()
    }
}

/// The pieces of a write that a disk keeps or loses whole.
fn sectors(at: usize, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let (mut found, mut position, mut rest) = (Vec::new(), at, bytes);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((SECTOR - position % SECTOR).min(rest.len()));
        found.push((position, piece.to_vec()));
        position += piece.len();
        rest = behind;
    }
    found
}

pub(super) fn write(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if to.len() < at + bytes.len() {
        to.resize(at + bytes.len(), 0);
    }
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

/// How a power cut treats what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    KeepAll,
    LoseAll,
    Mixed,
}

impl Mood {
    pub(super) fn draw(chance: &mut Stream) -> Self {
        match chance.below(10) {
            0 => Self::KeepAll,
            1 | 2 => Self::LoseAll,
            _ => Self::Mixed,
        }
    }
}

/// A file's bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// What programs read.
    pub(super) seen: Vec<u8>,
    /// What the disk has for sure.
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

impl Inode {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn flush(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The flush fails: some of what waited reaches the disk, the rest never will, and nobody can see which.
    pub(super) fn fail_flush(&mut self, chance: &mut Stream) {
        let mood = Mood::draw(chance);
        for change in self.pending.drain(..) {
            change.torn(mood, chance).iter().for_each(|part| part.apply(&mut self.durable));
        }
    }

    fn lose_power(&mut self, mood: Mood, chance: &mut Stream) {
        let mut parts: Vec<Change> =
            self.pending.drain(..).flat_map(|change| change.torn(mood, chance)).collect();
        if mood == Mood::Mixed && chance.happens(30) {
            for at in (1..parts.len()).rev() {
                parts.swap(at, chance.index(at + 1));
            }
        }
        parts.iter().for_each(|part| part.apply(&mut self.durable));
        self.seen.clone_from(&self.durable);
    }
}

/// A change of names that no flush of its folder has covered.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Rename { from: PathBuf, to: PathBuf, file: Option<usize> },
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
}

/// Names of files and folders.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) files: BTreeMap<PathBuf, usize>,
    pub(super) dirs: BTreeSet<PathBuf>,
}

impl Names {
    pub(super) fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Link(path, file) => {
                self.files.insert(path.clone(), *file);
            }
            NameChange::Unlink(path) => {
                self.files.remove(path);
            }
            NameChange::Rename { from, to, file: Some(file) } => {
                if self.files.get(from) == Some(file) {
                    self.files.remove(from);
                }
                self.files.insert(to.clone(), *file);
            }
            NameChange::Rename { from, to, file: None } => self.move_dir(from, to),
            NameChange::MakeDir(path) => {
                self.dirs.insert(path.clone());
            }
            NameChange::RemoveDir(path) => {
                self.dirs.remove(path);
            }
        }
    }

    fn move_dir(&mut self, from: &Path, to: &Path) {
        let moved = |path: PathBuf| match path.strip_prefix(from) {
            Ok(inner) if inner.as_os_str().is_empty() => to.to_owned(),
            Ok(inner) => to.join(inner),
            Err(_) => path,
        };
        self.files = core::mem::take(&mut self.files).into_iter().map(|(p, f)| (moved(p), f)).collect();
        self.dirs = core::mem::take(&mut self.dirs).into_iter().map(moved).collect();
    }

    /// Forgets what lies in folders that are not there.
    fn drop_unreachable(&mut self, root: &Path) {
        let whole = |dirs: &BTreeSet<PathBuf>, path: &Path| {
            path.ancestors().skip(1).all(|above| root.starts_with(above) || dirs.contains(above))
        };
        let dirs = self.dirs.clone();
        self.dirs.retain(|path| root.starts_with(path) || whole(&dirs, path));
        self.files.retain(|path, _| whole(&dirs, path));
    }
}

/// The whole disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    pub(super) inodes: Vec<Inode>,
    pub(super) seen: Names,
    pub(super) durable: Names,
    /// Changes of names, each with the folder whose flush makes it durable.
    pub(super) pending: Vec<(PathBuf, NameChange)>,
}

impl Contents {
    pub(super) fn rename(&mut self, dir: &Path, change: NameChange) {
        self.seen.apply(&change);
        self.pending.push((dir.to_owned(), change));
    }

    pub(super) fn flush_dir(&mut self, dir: &Path) {
        for (of, change) in core::mem::take(&mut self.pending) {
            if of == dir {
                self.durable.apply(&change);
            } else {
                self.pending.push((of, change));
            }
        }
    }

    /// What the disk has after power was lost.
    pub(super) fn lose_power(&mut self, root: &Path, chance: &mut Stream) {
        let mood = Mood::draw(chance);
        for (_, change) in core::mem::take(&mut self.pending) {
            let keep = match mood {
                Mood::KeepAll => 100,
                Mood::LoseAll => 0,
                Mood::Mixed => 50,
            };
            if chance.happens(keep) {
                self.durable.apply(&change);
            }
        }
        self.durable.drop_unreachable(root);
        self.seen = self.durable.clone();
        for inode in &mut self.inodes {
            inode.lose_power(mood, chance);
        }
    }
}
