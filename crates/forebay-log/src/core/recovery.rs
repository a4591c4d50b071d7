//! What recovery does with what it finds in the journal: a table, with a test over all its rows.
//!
//! The greatest mark found, D, says what was acknowledged for sure. At or below D nothing is cut: what is bad there was
//! good once. Above D the first thing that is not whole ends the log: a power cut leaves exactly that.

use crate::types::Sequence;

/// What a frame looks like, and what is known about its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its round is at or below the greatest mark.
    pub(crate) marked: bool,
    /// Its header is sound, of this file's generation, and its length stays inside the round.
    pub(crate) header: bool,
    /// Its batch is sound.
    pub(crate) batch: bool,
    /// Its log is on record.
    pub(crate) known: bool,
    /// Where its first number lies.
    pub(crate) place: Place,
}

/// Where a frame's first number lies against what its partition has so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below: a flushed segment has it.
    Behind,
    /// It is the next, or it follows a frame that was lost.
    Next,
    /// Beyond: something between is missing.
    Ahead,
}

impl Place {
    /// Compares a frame's number with the next expected one.
    pub(crate) fn of(base: Sequence, expected: Sequence) -> Self {
        match base.cmp(&expected) {
            core::cmp::Ordering::Less => Self::Behind,
            core::cmp::Ordering::Equal => Self::Next,
            core::cmp::Ordering::Greater => Self::Ahead,
        }
    }
}

/// What is done with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the partition's next batch.
    Keep,
    /// It is kept; what is missing before it is reported as damage.
    KeepAfterHole,
    /// It is not needed.
    Skip,
    /// This batch is lost: reported, its bytes quarantined, its numbers never given again.
    Lost,
    /// The rest of the round cannot be walked: reported, quarantined.
    LostRest,
    /// The log ends before this round.
    Cut,
}

/// A row: which frames it is about (`None`: either), its verdict, and how the world gets there.
struct Row {
    label: &'static str,
    marked: Option<bool>,
    header: Option<bool>,
    batch: Option<bool>,
    known: Option<bool>,
    places: &'static [Place],
    verdict: Verdict,
}

const ANY: &[Place] = &[Place::Behind, Place::Next, Place::Ahead];
const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

const fn row(
    label: &'static str,
    [marked, header, batch, known]: [Option<bool>; 4],
    places: &'static [Place],
    verdict: Verdict,
) -> Row {
    Row { label, marked, header, batch, known, places, verdict }
}

/// | label | how the world gets there |
/// |---|---|
/// | torn header | power went while the round was written: its frames are not all there |
/// | torn batch | as before, inside a batch |
/// | torn order | as before; a later round reached the disk and an earlier one did not |
/// | rotten header | a bit flipped in what was acknowledged: where the next frame begins is not known |
/// | rotten batch | as before, inside a batch that no segment holds: it is lost, the next frame is found |
/// | rotten copy | as before, but a flushed segment holds the batch |
/// | rotten, deleted | as before, in a log that is gone |
/// | deleted | the log was deleted after the frame was written |
/// | copied | write-behind had the frame in a flushed segment |
/// | next | the plain case: acknowledged, or at least whole, and in no segment yet |
/// | after a hole | an earlier frame of the partition was lost to damage |
const TABLE: &[Row] = &[
    //                       marked header batch known
    row("torn header", [NO, NO, None, None], ANY, Verdict::Cut),
    row("torn batch", [NO, YES, NO, None], ANY, Verdict::Cut),
    row("torn order", [NO, YES, YES, YES], &[Place::Ahead], Verdict::Cut),
    row("rotten header", [YES, NO, None, None], ANY, Verdict::LostRest),
    row("rotten batch", [YES, YES, NO, YES], &[Place::Next, Place::Ahead], Verdict::Lost),
    row("rotten copy", [YES, YES, NO, YES], &[Place::Behind], Verdict::Skip),
    row("rotten, deleted", [YES, YES, NO, NO], ANY, Verdict::Skip),
    row("deleted", [None, YES, YES, NO], ANY, Verdict::Skip),
    row("copied", [None, YES, YES, YES], &[Place::Behind], Verdict::Skip),
    row("next", [None, YES, YES, YES], &[Place::Next], Verdict::Keep),
    row("after a hole", [YES, YES, YES, YES], &[Place::Ahead], Verdict::KeepAfterHole),
];

impl Row {
    fn matches(&self, seen: Seen) -> bool {
        let fits = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        fits(self.marked, seen.marked)
            && fits(self.header, seen.header)
            && fits(self.batch, seen.batch)
            && fits(self.known, seen.known)
            && self.places.contains(&seen.place)
    }
}

/// What is done with the frame, and the row's label for the report.
pub(crate) fn judge(seen: Seen) -> (Verdict, &'static str) {
    let row =
        TABLE.iter().find(|row| row.matches(seen)).expect("invariant: the table covers every combination");
    (row.verdict, row.label)
}

/// What is done with a round's number in the row of numbers found. What decides is what is missing before it, not the
/// round itself: the last round that was acknowledged has its mark in the round behind it.
///
/// | missing before it | of that at or below the mark | verdict |
/// |---|---|---|
/// | nothing | | go on |
/// | something | all | go on, report what is missing |
/// | something | some | report what is missing, and the log ends |
/// | something | nothing | the log ends |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoundVerdict {
    GoOn,
    GoOnAfterMissing,
    EndAfterMissing,
    End,
}

/// See [`RoundVerdict`]. `previous` is the round before, or the one before the first that there should be.
pub(crate) const fn judge_round(previous: Option<u64>, number: u64, mark: u64) -> RoundVerdict {
    match previous {
        Some(previous) if number != previous + 1 => match (previous < mark, number <= mark + 1) {
            (true, true) => RoundVerdict::GoOnAfterMissing,
            (true, false) => RoundVerdict::EndAfterMissing,
            (false, _) => RoundVerdict::End,
        },
        _ => RoundVerdict::GoOn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Seen> {
        let mut all = Vec::new();
        for flags in 0..16_u8 {
            for place in ANY {
                let flag = |bit: u8| flags & (1 << bit) != 0;
                all.push(Seen {
                    marked: flag(0),
                    header: flag(1),
                    batch: flag(2),
                    known: flag(3),
                    place: *place,
                });
            }
        }
        all
    }

    #[test]
    fn exactly_one_row_matches_whatever_is_seen() {
        for seen in all() {
            let labels: Vec<&str> =
                TABLE.iter().filter(|row| row.matches(seen)).map(|row| row.label).collect();
            assert_eq!(labels.len(), 1, "{seen:?}: {labels:?}");
        }
        for row in TABLE {
            assert!(all().into_iter().any(|seen| row.matches(seen)), "{} matches nothing", row.label);
        }
    }

    #[test]
    fn nothing_at_or_below_the_mark_is_cut_and_nothing_above_it_is_damage() {
        for seen in all() {
            let (verdict, label) = judge(seen);
            match seen.marked {
                true => assert_ne!(verdict, Verdict::Cut, "{label}"),
                false => assert!(
                    !matches!(verdict, Verdict::Lost | Verdict::LostRest | Verdict::KeepAfterHole),
                    "{label}"
                ),
            }
        }
    }

    #[test]
    fn nothing_that_is_not_sound_is_kept() {
        for seen in all().into_iter().filter(|seen| !seen.header || !seen.batch) {
            let (verdict, label) = judge(seen);
            assert!(!matches!(verdict, Verdict::Keep | Verdict::KeepAfterHole), "{label}");
        }
    }

    #[test]
    fn a_missing_round_ends_the_log_only_above_the_mark_and_is_reported_only_at_or_below_it() {
        for (previous, number, mark, verdict) in [
            (None, 7, 3, RoundVerdict::GoOn),
            (Some(6), 7, 3, RoundVerdict::GoOn),
            (Some(5), 7, 3, RoundVerdict::End),
            (Some(5), 7, 5, RoundVerdict::End),
            (Some(5), 7, 6, RoundVerdict::GoOnAfterMissing),
            (Some(5), 7, 7, RoundVerdict::GoOnAfterMissing),
            (Some(5), 8, 6, RoundVerdict::EndAfterMissing),
            (Some(5), 8, 7, RoundVerdict::GoOnAfterMissing),
        ] {
            assert_eq!(judge_round(previous, number, mark), verdict, "{previous:?}, {number}, mark {mark}");
        }
    }
}
