//! The journal's headers: which rounds there are, and how far everything was durable.

use std::path::{Path, PathBuf};

use super::finding::{Check, Finding, Severity};
use super::window::Window;
use super::{InspectError, io_error};
use crate::disk::{Disk, Open};
use crate::format::journal::{FILE_HEADER_BYTES, JournalHeader, ManifestEnd, ROUND_BYTES, RoundHeader};
use crate::format::{Seed, names};
use crate::limits::BLOCK_BYTES;

/// What the headers say.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) files: Vec<JournalFile>,
    /// Rounds of files at or above the floor, by number.
    pub(super) rounds: Vec<FoundRound>,
    /// Rounds of files below it, whose events are all in segments.
    pub(super) spent: Vec<FoundRound>,
    /// The greatest mark: rounds up to here were durable.
    pub(super) mark: u64,
    /// The greatest manifest end.
    pub(super) manifest: ManifestEnd,
}

/// A journal file.
#[derive(Debug)]
pub(super) struct JournalFile {
    pub(super) path: PathBuf,
    pub(super) generation: u32,
    pub(super) length: u64,
    /// Its header, if it has one of its own generation.
    pub(super) header: Option<JournalHeader>,
    /// All it holds is in segments.
    pub(super) is_spent: bool,
}

/// A round whose header is sound.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundRound {
    pub(super) header: RoundHeader,
    /// Which of the journal's files.
    pub(super) file: usize,
    pub(super) at: u64,
}

impl FoundRound {
    /// Where its last frame ends.
    pub(super) const fn end(&self) -> u64 {
        self.at + self.header.length as u64
    }
}

impl Journal {
    pub(super) fn file(&self, round: &FoundRound) -> Option<&JournalFile> {
        self.files.get(round.file)
    }

    /// The number that the first round at or above the floor must have, where a header tells.
    pub(super) fn first_number(&self) -> Option<u64> {
        let header = self.files.iter().filter(|file| !file.is_spent).find_map(|file| file.header)?;
        Some(header.first_round)
    }
}

/// Looks for a round at every block of every file.
pub(super) fn scan(
    disk: &dyn Disk,
    root: &Path,
    seed: Seed,
    floor: u32,
    found: &mut Vec<Finding>,
) -> Result<Journal, InspectError> {
    let dir = root.join(names::JOURNAL);
    let mut journal = Journal::default();
    for entry in disk.list(&dir).map_err(io_error("list", &dir))? {
        let name = Path::new(names::JOURNAL).join(&entry.name);
        let Some(generation) = names::parse_journal(&entry.name).filter(|_| !entry.is_dir) else { continue };
        let path = root.join(&name);
        let is_spent = generation < floor;
        let mut file = JournalFile { path: name.clone(), generation, length: 0, header: None, is_spent };
        let read = disk
            .open(&path, Open::Existing)
            .and_then(Window::new)
            .and_then(|mut window| journal.collect(seed, &mut file, &mut window));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(io_error("read", &path)(error));
            }
            Err(error) => {
                let severity = if is_spent { Severity::Note } else { Severity::Loss };
                found.push(Finding::new(Check::Unreadable, severity, name, error.to_string()));
            }
            Ok(()) => {}
        }
        journal.files.push(file);
    }
    journal.rounds.sort_by_key(|round| (round.header.number, round.file, round.at));
    Ok(journal)
}

impl Journal {
    fn collect(&mut self, seed: Seed, file: &mut JournalFile, window: &mut Window) -> std::io::Result<()> {
        file.length = window.length();
        file.header = JournalHeader::decode(seed, window.view(0, FILE_HEADER_BYTES)?)
            .filter(|header| header.generation == file.generation);
        if !file.is_spent {
            self.manifest = self.manifest.max(file.header.map(|header| header.manifest).unwrap_or_default());
        }
        let mut at = BLOCK_BYTES;
        while at < file.length {
            let header = RoundHeader::decode(seed, window.view(at, ROUND_BYTES)?).filter(|header| {
                header.generation == file.generation && at + u64::from(header.length) <= file.length
            });
            let Some(header) = header else {
                at += BLOCK_BYTES;
                continue;
            };
            let round = FoundRound { header, file: self.files.len(), at };
            if file.is_spent {
                self.spent.push(round);
            } else {
                self.mark = self.mark.max(header.mark);
                self.manifest = self.manifest.max(header.manifest);
                self.rounds.push(round);
            }
            at += header.padded();
        }
        Ok(())
    }
}
