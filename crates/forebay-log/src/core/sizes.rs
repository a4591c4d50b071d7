//! How large rounds and batches may be in journal files of a given size.

use crate::limits::{
    BATCH_BYTES_MAX, BLOCK_BYTES, JOURNAL_FILE_BYTES, JOURNAL_FILE_BYTES_FIRST, MANIFEST_BYTES_MAX,
    ROUND_BYTES_SOFT, ROUND_FRAMES_MAX,
};

/// Sizes that follow from that of a journal file: a file always holds the largest round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The first two files.
    pub(crate) file_first: u64,
    /// Further ones.
    pub(crate) file_further: u64,
    /// A round takes no further batch once it holds this much.
    pub(crate) round_bytes: u64,
    /// Batches in a round.
    pub(crate) round_frames: usize,
    /// The largest batch.
    pub(crate) batch_bytes: u32,
    /// A manifest longer than this is replaced by a snapshot of what it says.
    pub(crate) manifest_bytes: u64,
}

/// A journal file is at least this large.
const FILE_BYTES_MIN: u64 = 16 * BLOCK_BYTES;

impl Sizes {
    /// What goes with first files of `bytes`, which is brought into bounds and to whole blocks.
    pub(crate) fn of(bytes: u64) -> Self {
        let file_first = bytes.clamp(FILE_BYTES_MIN, JOURNAL_FILE_BYTES_FIRST).next_multiple_of(BLOCK_BYTES);
        if file_first == JOURNAL_FILE_BYTES_FIRST {
            return Self {
                file_first,
                file_further: JOURNAL_FILE_BYTES,
                round_bytes: ROUND_BYTES_SOFT,
                round_frames: ROUND_FRAMES_MAX,
                batch_bytes: BATCH_BYTES_MAX,
                manifest_bytes: MANIFEST_BYTES_MAX,
            };
        }
        let quarter = file_first / 4;
        Self {
            file_first,
            file_further: file_first,
            round_bytes: quarter.min(ROUND_BYTES_SOFT),
            round_frames: usize::try_from(quarter / 64).unwrap_or(usize::MAX).min(ROUND_FRAMES_MAX),
            batch_bytes: u32::try_from(quarter).unwrap_or(u32::MAX).min(BATCH_BYTES_MAX),
            manifest_bytes: (quarter / 8).min(MANIFEST_BYTES_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::frame::FRAME_BYTES;
    use crate::format::journal::{ROUND_BYTES, round_up};

    #[test]
    fn a_journal_file_always_holds_the_largest_round_and_the_mark_behind_it() {
        for bytes in [0, FILE_BYTES_MIN, 100_000, 1 << 20, JOURNAL_FILE_BYTES_FIRST - 1, u64::MAX] {
            let sizes = Sizes::of(bytes);
            let frames = (sizes.round_frames * FRAME_BYTES) as u64;
            let round = ROUND_BYTES as u64 + sizes.round_bytes + u64::from(sizes.batch_bytes) + frames;
            assert!(BLOCK_BYTES + round_up(round) + BLOCK_BYTES <= sizes.file_first, "{bytes}: {sizes:?}");
            assert!(sizes.file_further >= sizes.file_first);
            assert_eq!(sizes.file_first % BLOCK_BYTES, 0);
        }
    }
}
