//! Rot in what was acknowledged: it may cost the events it hit, and never silently, and never others.

use std::path::PathBuf;

use forebay_log::OpenError;

use super::*;

/// A round as it lies in a journal file; this reads the format by itself.
#[derive(Debug, Clone)]
struct Round {
    path: PathBuf,
    at: usize,
    number: u64,
    mark: u64,
    frames: u32,
}

const BLOCK: usize = 4096;
const ROUND_HEADER: usize = 64;
const FRAME_HEADER: usize = 48;
/// What a batch's own sum leaves out.
const BATCH_HEAD: usize = 21;

fn number_at<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field: [u8; N] = bytes.get(at..at + N)?.try_into().ok()?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn rounds(disk: &FaultDisk) -> Vec<Round> {
    let mut found = Vec::new();
    for path in disk.paths() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let in_journal = path.parent().is_some_and(|dir| dir.ends_with("journal"));
        let Ok(generation) = u64::from_str_radix(name, 16) else { continue };
        let Some(bytes) = disk.bytes(&path).filter(|_| in_journal) else { continue };
        for at in (BLOCK..bytes.len()).step_by(BLOCK) {
            let is_round =
                bytes[at..].starts_with(b"FBR1") && number_at::<4>(&bytes, at + 8) == Some(generation);
            let fields = (
                number_at::<8>(&bytes, at + 16),
                number_at::<8>(&bytes, at + 24),
                number_at::<4>(&bytes, at + 36),
            );
            if let (true, (Some(number), Some(mark), Some(frames))) = (is_round, fields) {
                let frames = u32::try_from(frames).unwrap_or(0);
                found.push(Round { path: path.clone(), at, number, mark, frames });
            }
        }
    }
    found.sort_by_key(|round| round.number);
    found
}

/// Where a bit rots: in a round's header, or in a batch behind its frame's header.
fn place(disk: &FaultDisk, round: &Round, which: u64, bit: u64) -> Option<usize> {
    let bit = usize::try_from(bit).ok()?;
    if which == 0 {
        return Some(round.at + bit % ROUND_HEADER);
    }
    let bytes = disk.bytes(&round.path)?;
    let mut frame = round.at + ROUND_HEADER;
    for _ in 1..which.min(u64::from(round.frames)) {
        frame += FRAME_HEADER + usize::try_from(number_at::<4>(&bytes, frame + 8)?).ok()?;
    }
    let length = usize::try_from(number_at::<4>(&bytes, frame + 8)?).ok()?;
    Some(frame + FRAME_HEADER + BATCH_HEAD + bit % length.checked_sub(BATCH_HEAD)?)
}

impl World {
    pub(super) fn rot(&mut self, [back, which, bit]: [u64; 3]) -> Result<(), Failure> {
        self.disk.go_down(Down::Kill);
        self.take_answers()?;
        self.drop_log();
        self.disk.come_up();
        self.disk.calm();
        let all = rounds(&self.disk);
        let mark = all.iter().map(|round| round.mark).max().unwrap_or(0);
        let marked: Vec<&Round> =
            all.iter().filter(|round| round.number <= mark && round.frames > 0).collect();
        let chosen =
            marked.len().checked_sub(1).map(|last| last - usize::try_from(back).unwrap_or(0) % marked.len());
        let Some(round) = chosen.map(|at| marked[at]) else { return self.start_after(Some(Down::Kill)) };
        let Some(at) = place(&self.disk, round, which, bit) else {
            return self.start_after(Some(Down::Kill));
        };
        self.disk.rot(&round.path, at, u8::try_from(bit % 8).unwrap_or(0));
        match EmbeddedLog::open_stepped(self.options()) {
            // Of the control log nothing may be lost.
            Err(OpenError::Damaged { .. }) => Ok(()),
            Err(error) => broken("a folder opens after any accident", error.to_string()),
            Ok((log, commit, background, report)) => {
                self.open = Some(Open { log, commit: Arc::new(Mutex::new(Some(commit))), background });
                self.recoveries += 1;
                self.check_rotten(which == 0, report.damage.is_empty())
            }
        }
    }

    /// What was acknowledged is there, or its loss is reported; nothing comes back wrong.
    fn check_rotten(&mut self, in_header: bool, nothing_reported: bool) -> Result<(), Failure> {
        let all: Vec<PartitionId> = self.model.parts.keys().copied().collect();
        for partition in all {
            let Ok(door) = self.log()?.partition(partition) else { continue };
            let (bounds, mut seen) = (door.bounds(), Vec::new());
            let mut from = bounds.first;
            while from < bounds.next {
                from = match self.read_some(&door, from) {
                    Ok(batches) => {
                        for batch in &batches {
                            self.model.recognise(partition, batch)?;
                            seen.push(batch.base.0);
                        }
                        batches.last().map_or(bounds.next, |batch| batch.end())
                    }
                    Err(LogError::Damaged { next, .. }) if next > from => next,
                    Err(error) => {
                        return broken(
                            "a read of damage gets a definite answer",
                            format!("{partition}: {error}"),
                        );
                    }
                };
            }
            let part = self.model.parts.entry(partition).or_default();
            // If the header of the last round that a partition is in rots, nobody knows which numbers it gave.
            if bounds.next.0 < part.next && !in_header {
                let text = format!("{partition} ends at {}, and {} was next", bounds.next, part.next);
                return broken("numbers are dense and never given twice", text);
            }
            let lost = part.at.keys().find(|base| **base >= bounds.first.0 && !seen.contains(base));
            if let Some(base) = lost.filter(|_| nothing_reported) {
                return broken(
                    "what rots is reported",
                    format!("{partition}: the batch at {base} is not there"),
                );
            }
        }
        Ok(())
    }
}
