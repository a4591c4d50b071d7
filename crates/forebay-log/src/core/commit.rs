//! Rounds of the journal: where each goes, what its header says, what its outcome means. Pure.
//!
//! `next_round() → Round → finish(outcome)`: the shell writes and flushes in between. One round is out at a time.
//!
//! ```text
//!            next_round                 finish(Flushed | Written)
//!   Ready ───────────────▶ one round ─────────────────────────────▶ Ready, behind it
//!     ▲                        │  finish(NoSpace)                        
//!     └────────────────────────┤  same place, same number
//!                              │  finish(Failed)
//!                              └─────────────────────────────────▶ Poisoned, for good
//! ```

use crate::format::journal::{ManifestEnd, ROUND_BYTES, RoundHeader, round_up};
use crate::limits::BLOCK_BYTES;
use crate::types::WallMillis;

/// The journal as the commit thread sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rounds {
    generation: u32,
    capacity: u64,
    at: u64,
    next_number: u64,
    /// The last round that carried frames.
    last_full: u64,
    /// The mark that the last header carried.
    carried: u64,
    /// Rounds of this file were written and not flushed.
    unflushed: bool,
    poisoned: bool,
}

/// A round to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// Where in the file it begins.
    pub(crate) at: u64,
    /// Whether the file's own header is due with it.
    pub(crate) first: bool,
    pub(crate) header: RoundHeader,
    /// Zero bytes after the last frame.
    pub(crate) padding: usize,
}

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Written and flushed.
    Flushed,
    /// Written; a flush comes later.
    Written,
    /// There was no space, and the round's place has been made void durably.
    NoSpace,
    /// Anything else.
    Failed,
}

/// What the outcome means for those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Their events are as durable as was promised.
    Acknowledge,
    /// Definitely not done; may work later.
    Refuse,
    /// Nobody knows; nothing more may be taken.
    Poison,
}

impl Rounds {
    /// A journal whose next round is `next_number`; a file must be begun first.
    pub(crate) const fn new(next_number: u64) -> Self {
        let last_full = 0;
        Self {
            generation: 0,
            capacity: 0,
            at: 0,
            next_number,
            last_full,
            carried: 0,
            unflushed: false,
            poisoned: false,
        }
    }

    /// Rounds go to this file from now on.
    pub(crate) const fn begin_file(&mut self, generation: u32, capacity: u64) {
        self.generation = generation;
        self.capacity = capacity;
        self.at = BLOCK_BYTES;
        self.unflushed = false;
    }

    /// Whether a round of so many bytes of frames fits in the file, and a block for the last mark behind it.
    pub(crate) const fn fits(&self, frame_bytes: u64) -> bool {
        self.at + round_up(ROUND_BYTES as u64 + frame_bytes) + BLOCK_BYTES <= self.capacity
    }

    /// Whether a round without frames fits.
    pub(crate) const fn fits_mark(&self) -> bool {
        self.at + BLOCK_BYTES <= self.capacity
    }

    pub(crate) const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// How much of the file has been written.
    pub(crate) const fn written(&self) -> u64 {
        self.at
    }

    /// Whether the file holds rounds that no flush has covered.
    pub(crate) const fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    /// The file has been flushed.
    pub(crate) const fn flushed(&mut self) {
        self.unflushed = false;
    }

    /// Whether the last round with frames is covered by no header's mark yet.
    pub(crate) const fn has_unmarked(&self) -> bool {
        self.last_full > self.carried && !self.poisoned && self.fits_mark()
    }

    /// The last round with frames.
    pub(crate) const fn last_full(&self) -> u64 {
        self.last_full
    }

    /// The next round. `mark` is the last round whose flush has returned.
    pub(crate) fn next_round(
        &self,
        frames: u32,
        frame_bytes: u64,
        mark: u64,
        wall: WallMillis,
        manifest: ManifestEnd,
    ) -> Round {
        debug_assert!(!self.poisoned && mark < self.next_number);
        let length = ROUND_BYTES as u64 + frame_bytes;
        let header = RoundHeader {
            generation: self.generation,
            number: self.next_number,
            mark,
            length: u32::try_from(length).expect("invariant: a round fits a journal file"),
            frames,
            wall,
            manifest,
        };
        let padding = usize::try_from(header.padded() - length).expect("invariant: padding is below a block");
        Round { at: self.at, first: self.at == BLOCK_BYTES, header, padding }
    }

    /// The round's outcome.
    pub(crate) const fn finish(&mut self, round: &Round, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Flushed | Outcome::Written => {
                self.at = round.at + round.header.padded();
                self.next_number = round.header.number + 1;
                self.carried = round.header.mark;
                self.unflushed = matches!(outcome, Outcome::Written);
                if round.header.frames > 0 {
                    self.last_full = round.header.number;
                }
                Verdict::Acknowledge
            }
            Outcome::NoSpace => Verdict::Refuse,
            Outcome::Failed => {
                self.poisoned = true;
                Verdict::Poison
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rounds: &Rounds, frames: u32, bytes: u64, mark: u64) -> Round {
        rounds.next_round(frames, bytes, mark, WallMillis(5), ManifestEnd::default())
    }

    #[test]
    fn rounds_are_dense_and_aligned_and_carry_the_mark() {
        let mut rounds = Rounds::new(10);
        assert!(!rounds.fits(0), "no file yet");
        rounds.begin_file(3, 5 * BLOCK_BYTES);
        let first = round(&rounds, 2, 5000, 9);
        assert_eq!((first.at, first.first, first.header.number, first.header.mark), (4096, true, 10, 9));
        assert_eq!(first.padding as u64 + 64 + 5000, 2 * BLOCK_BYTES);
        assert_eq!(rounds.finish(&first, Outcome::Flushed), Verdict::Acknowledge);
        assert!(rounds.has_unmarked(), "the last round's own flush is in no header yet");
        assert!(!rounds.fits(4033), "the block behind it would be missing");
        let idle = round(&rounds, 0, 0, 10);
        assert_eq!((idle.at, idle.first, idle.header.number), (3 * 4096, false, 11));
        assert_eq!(rounds.finish(&idle, Outcome::Written), Verdict::Acknowledge);
        assert!(!rounds.has_unmarked());
        assert!(rounds.is_unflushed());
        rounds.begin_file(4, 5 * BLOCK_BYTES);
        assert_eq!(round(&rounds, 1, 1, 11).header.number, 12);
    }

    #[test]
    fn no_space_leaves_everything_as_it_was_and_a_failure_ends_it() {
        let mut rounds = Rounds::new(1);
        rounds.begin_file(1, 1 << 20);
        let before = rounds.clone();
        let first = round(&rounds, 1, 100, 0);
        assert_eq!(rounds.finish(&first, Outcome::NoSpace), Verdict::Refuse);
        assert_eq!(rounds, before);
        assert_eq!(rounds.finish(&first, Outcome::Failed), Verdict::Poison);
        assert!(!rounds.has_unmarked());
    }
}
