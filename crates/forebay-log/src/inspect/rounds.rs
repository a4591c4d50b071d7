//! Verifying the journal: every round and every frame, against the segments.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::InspectError;
use super::finding::{Check, Finding, Severity};
use super::frames::{Step, check_batch, walk_round};
use super::journal::FoundRound;
use super::verify::Run;
use super::window::Window;
use crate::core::recovery::{Place, Seen, Verdict, judge};
use crate::format::frame::FrameHeader;
use crate::format::journal::FILE_HEADER_BYTES;
use crate::limits::BLOCK_BYTES;
use crate::types::{PartitionId, Sequence};

/// Verifies the journal. Gives the number after the last entry of the control log.
pub(super) fn verify_journal(run: &mut Run<'_>) -> Result<Sequence, InspectError> {
    verify_headers(run)?;
    verify_spent(run)?;
    let mut replay = Replay { partitions: BTreeMap::new() };
    replay.all(run)?;
    let folder = run.folder;
    let kept = replay.partitions.get(&PartitionId::CONTROL).map(|partition| partition.expected);
    for (id, partition) in replay.partitions {
        if let Some((finding, first)) = partition.pending {
            let what = format!(
                "{}; nothing follows that tells where the loss from number {first} on ends",
                finding.what
            );
            run.report(&Finding { what, severity: Severity::Loss, ..finding }.of(id));
        }
    }
    let on_record = folder.bounds(PartitionId::CONTROL).map(|(_, next)| next);
    Ok(kept.max(on_record).unwrap_or_default())
}

/// Each file that has rounds has a header, and zeros behind it.
fn verify_headers(run: &mut Run<'_>) -> Result<(), InspectError> {
    let folder = run.folder;
    let journal = &folder.journal;
    for (index, file) in journal.files.iter().enumerate() {
        let rounds = journal.rounds.iter().chain(&journal.spent).filter(|round| round.file == index);
        let first = rounds.map(|round| round.header.number).min();
        let is_marked = first.is_some_and(|first| first <= journal.mark);
        let severity = if file.is_spent || !is_marked { Severity::Note } else { Severity::Damage };
        if file.header.is_none() && first.is_some() {
            let what = "the file's header is not sound, and rounds of its generation follow";
            run.report(&Finding::new(Check::JournalHeader, severity, &file.path, what).at(0));
        } else if file.header.is_some() {
            let zeros = folder
                .window(&folder.root.join(&file.path))
                .and_then(|mut window| window.is_zero(FILE_HEADER_BYTES as u64, BLOCK_BYTES));
            match zeros {
                Ok(true) => {}
                Ok(false) => {
                    let what = "the zeros behind the file's header are not zeros";
                    let finding = Finding::new(Check::JournalPadding, severity, &file.path, what);
                    run.report(&finding.at(FILE_HEADER_BYTES as u64));
                }
                Err(error) => {
                    run.unreadable(Finding::new(Check::Unreadable, severity, &file.path, ""), error)?
                }
            }
        }
    }
    Ok(())
}

/// Rounds that nothing needs any more: what is bad in them is worth a note, since the disk gave back other bytes.
fn verify_spent(run: &mut Run<'_>) -> Result<(), InspectError> {
    let folder = run.folder;
    let mut files = Files::default();
    // What lies above the marks of its own file may have been torn.
    let mut marks = BTreeMap::<usize, u64>::new();
    for round in &folder.journal.spent {
        let mark = marks.entry(round.file).or_default();
        *mark = round.header.mark.max(*mark);
    }
    for round in &folder.journal.spent {
        if marks.get(&round.file).is_none_or(|mark| round.header.number > *mark) {
            continue;
        }
        run.summary.rounds += 1;
        run.advance(round.header.padded());
        let mut bad = None;
        let walked = files.of(run, round).and_then(|(path, window)| {
            walk_round(window, folder.seed, round, &mut |step| {
                bad = match step {
                    Step::Bad { at, .. } => Some((path.to_owned(), at, Check::FrameHeader)),
                    Step::Frame { at, header, batch } => {
                        check_batch(&header, batch).err().map(|fault| (path.to_owned(), at, fault.check))
                    }
                };
                Ok(bad.is_none())
            })
        });
        if let Some((path, at, check)) = bad {
            let what = "it is no longer what was written; its events are in segments";
            run.report(&Finding::new(check, Severity::Note, path, what).at(at));
        }
        if let Err(error) = walked {
            run.unreadable(files.finding(Severity::Note), error)?;
        }
    }
    Ok(())
}

/// The journal file that is being read.
#[derive(Default)]
struct Files {
    open: Option<(usize, PathBuf, Window)>,
}

impl Files {
    fn of(&mut self, run: &Run<'_>, round: &FoundRound) -> io::Result<(&Path, &mut Window)> {
        if self.open.as_ref().is_none_or(|(file, ..)| *file != round.file) {
            let path = run.folder.journal.file(round).map(|file| file.path.clone()).unwrap_or_default();
            let window = run.folder.window(&run.folder.root.join(&path))?;
            self.open = Some((round.file, path, window));
        }
        let open = self.open.as_mut().ok_or(io::ErrorKind::NotFound)?;
        Ok((&open.1, &mut open.2))
    }

    fn finding(&self, severity: Severity) -> Finding {
        let path = self.open.as_ref().map(|(_, path, _)| path.clone()).unwrap_or_default();
        Finding::new(Check::Unreadable, severity, path, "")
    }
}

/// A partition as far as the walk has come.
struct Partition {
    expected: Sequence,
    /// Damage whose range ends at the partition's next sound frame.
    pending: Option<(Finding, Sequence)>,
}

/// The walk over the rounds that recovery would walk.
struct Replay {
    partitions: BTreeMap<PartitionId, Partition>,
}

impl Replay {
    fn all(&mut self, run: &mut Run<'_>) -> Result<(), InspectError> {
        let folder = run.folder;
        let journal = &folder.journal;
        let first = journal.rounds.first().map(|round| round.header.number);
        let begin = journal.first_number().into_iter().chain(first).min();
        let mut previous = begin.map_or(journal.mark, |number| number - 1);
        let mut files = Files::default();
        for (count, round) in journal.rounds.iter().enumerate() {
            let number = round.header.number;
            let left = journal.rounds.len() - count;
            let path = journal.file(round).map(|file| file.path.as_path()).unwrap_or(Path::new(""));
            if number <= previous {
                let what = format!("round {number} is there twice");
                run.report(&Finding::new(Check::FramePlace, Severity::Damage, path, what).at(round.at));
                continue;
            }
            if number > previous + 1 {
                missing(run, previous + 1, journal.mark.min(number - 1), path);
                if number > journal.mark {
                    torn(run, path, round.at, left, "a round before them is missing");
                    previous = journal.mark.max(previous);
                    break;
                }
            }
            let is_marked = number <= journal.mark;
            run.summary.rounds += 1;
            run.advance(round.header.padded());
            let read = files.of(run, round).and_then(|(_, window)| {
                if !is_marked && !is_whole(run, window, round)? {
                    return Ok(false);
                }
                if !window.is_zero(round.end(), round.at + round.header.padded())? {
                    let what = format!("the zeros behind round {number} are not zeros");
                    let finding = Finding::new(Check::JournalPadding, Severity::Damage, path, what);
                    run.report(&finding.at(round.end()));
                }
                let mut goes_on = true;
                walk_round(window, run.folder.seed, round, &mut |step| {
                    goes_on = self.take(run, path, round, is_marked, step);
                    Ok(goes_on)
                })?;
                Ok(goes_on || is_marked)
            });
            previous = number;
            match read {
                Ok(true) => {}
                Ok(false) => {
                    torn(run, path, round.at, left, "the first of them is not whole");
                    break;
                }
                Err(error) => run.unreadable(files.finding(Severity::Loss), error)?,
            }
        }
        if previous < journal.mark {
            let path = journal.files.last().map(|file| file.path.clone()).unwrap_or_default();
            missing(run, previous + 1, journal.mark, &path);
        }
        Ok(())
    }

    /// Judges a frame as recovery does; `false` where the log ends, or the rest of the round cannot be walked.
    fn take(
        &mut self,
        run: &mut Run<'_>,
        path: &Path,
        round: &FoundRound,
        marked: bool,
        step: Step<'_>,
    ) -> bool {
        let (at, header, batch) = match step {
            Step::Bad { at, .. } => {
                if marked {
                    let what = format!("the rest of round {} cannot be walked", round.header.number);
                    run.report(&Finding::new(Check::FrameHeader, Severity::Loss, path, what).at(at));
                }
                return false;
            }
            Step::Frame { at, header, batch } => (at, header, batch),
        };
        run.summary.frames += 1;
        run.summary.bytes += header.frame_bytes();
        let id = header.partition;
        let catalog = &run.folder.manifest.catalog;
        let known = catalog.logs.get(&id.log).is_some_and(|log| id.index < log.partitions);
        let on_record = run.folder.bounds(id).map(|(_, next)| next).unwrap_or_default();
        let fresh = Partition { expected: on_record, pending: None };
        let partition = self.partitions.entry(id).or_insert(fresh);
        let place = match Place::of(header.base, partition.expected) {
            Place::Ahead if partition.pending.is_some() => Place::Next,
            place => place,
        };
        let judged = check_batch(&header, batch);
        let (sound, fault) = match judged {
            Ok(sound) => (Some(sound.next), None),
            Err(fault) => (fault.next.filter(|_| fault.check == Check::BatchRecords), Some(fault)),
        };
        let seen = Seen { marked, header: true, batch: sound.is_some(), known, place };
        let (verdict, label) = judge(seen);
        let number = round.header.number;
        let finding = |check, severity, what: String| {
            Finding::new(check, severity, path, format!("{what} ({label}, round {number})")).at(at).of(id)
        };
        let found = fault.map(|fault| finding(fault.check, Severity::Damage, fault.what));
        match verdict {
            Verdict::Cut | Verdict::LostRest => return false,
            Verdict::Skip => found.iter().for_each(|found| run.report(found)),
            Verdict::Lost => {
                partition.expected = partition.expected.max(header.base.plus(1));
                match (&partition.pending, found) {
                    (None, Some(found)) => partition.pending = Some((found, header.base)),
                    (_, Some(found)) => run.report(&Finding { severity: Severity::Loss, ..found }),
                    (_, None) => {}
                }
            }
            Verdict::Keep | Verdict::KeepAfterHole => {
                match partition.pending.take() {
                    Some((pending, first)) => {
                        let pending = Finding { severity: Severity::Loss, ..pending };
                        run.report(&pending.events(first, header.base));
                    }
                    None if header.base > partition.expected => {
                        let first = partition.expected;
                        let what =
                            format!("no frame has the numbers {first} up to {} (exclusive)", header.base);
                        let gap = finding(Check::EventGap, Severity::Loss, what);
                        run.report(&gap.events(first, header.base));
                    }
                    None => {}
                }
                partition.expected = sound.unwrap_or(header.base);
                found.iter().for_each(|found| run.report(found));
                run.summary.records += records(&header, batch);
                run.sound_frame(id, (path, at), header.base, batch);
            }
        }
        true
    }
}

fn records(header: &FrameHeader, batch: &[u8]) -> u64 {
    check_batch(header, batch).map_or(0, |sound| u64::from(sound.records))
}

fn is_whole(run: &Run<'_>, window: &mut Window, round: &FoundRound) -> io::Result<bool> {
    let mut is_whole = true;
    walk_round(window, run.folder.seed, round, &mut |step| {
        is_whole = match step {
            Step::Bad { .. } => false,
            Step::Frame { header, batch, .. } => {
                check_batch(&header, batch).map_or_else(|fault| fault.check == Check::BatchRecords, |_| true)
            }
        };
        Ok(is_whole)
    })?;
    Ok(is_whole && window.is_zero(round.end(), round.at + round.header.padded())?)
}

fn missing(run: &mut Run<'_>, first: u64, last: u64, path: &Path) {
    if first <= last {
        let what = format!("rounds {first} to {last} are not there, and their flush had returned");
        run.report(&Finding::new(Check::RoundMissing, Severity::Loss, path, what));
    }
}

fn torn(run: &mut Run<'_>, path: &Path, at: u64, rounds: usize, why: &str) {
    let what = format!("the log ends before the last {rounds} rounds: {why}");
    run.report(&Finding::new(Check::TornTail, Severity::Note, path, what).at(at));
}
