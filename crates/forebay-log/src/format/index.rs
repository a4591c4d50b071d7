//! A segment's index: fixed entries that lead to frames. A hint; the frame decides.
//!
//! Entry: sequence u64 · append time i64 · position u64 · CRC-32C u32.

use super::{Fields, Header, Seed, sum_holds};
use crate::types::{Sequence, WallMillis};

/// Bytes of an entry.
pub(crate) const INDEX_ENTRY_BYTES: usize = 28;
const CRC_AT: usize = 24;

/// Where in a segment a frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// The frame's first event.
    pub(crate) sequence: Sequence,
    /// The frame's append time.
    pub(crate) time: WallMillis,
    /// Bytes from the segment's start.
    pub(crate) position: u64,
}

impl IndexEntry {
    pub(crate) fn encode(&self, seed: Seed) -> [u8; INDEX_ENTRY_BYTES] {
        Header::<INDEX_ENTRY_BYTES>::new()
            .put(self.sequence.0.to_le_bytes())
            .put(self.time.0.to_le_bytes())
            .put(self.position.to_le_bytes())
            .put([0; 4])
            .sealed(CRC_AT, seed, &[])
    }

    pub(crate) fn decode(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..INDEX_ENTRY_BYTES)?;
        let mut fields = Fields(bytes);
        let (sequence, time, position) = (fields.u64()?, fields.i64()?, fields.u64()?);
        sum_holds(bytes, CRC_AT, seed, &[]).then_some(Self {
            sequence: Sequence(sequence),
            time: WallMillis(time),
            position,
        })
    }
}

/// A whole index; `None` unless every entry is sound and they ascend.
pub(crate) fn decode_index(seed: Seed, bytes: &[u8]) -> Option<Vec<IndexEntry>> {
    let chunks = bytes.chunks_exact(INDEX_ENTRY_BYTES);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let entries: Vec<IndexEntry> =
        chunks.map(|entry| IndexEntry::decode(seed, entry)).collect::<Option<_>>()?;
    let ascending =
        entries.is_sorted_by(|a, b| a.sequence < b.sequence && a.position < b.position && a.time <= b.time);
    ascending.then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SEED, refuses_every_cut_and_flip};
    use super::*;

    #[test]
    fn an_index_comes_back_and_no_changed_one_does() {
        let entry = |n: u64| IndexEntry { sequence: Sequence(n), time: WallMillis(5), position: n * 4096 };
        let bytes: Vec<u8> = [3, 8, 9].into_iter().flat_map(|n| entry(n).encode(SEED)).collect();
        assert_eq!(decode_index(SEED, &bytes), Some(vec![entry(3), entry(8), entry(9)]));
        refuses_every_cut_and_flip(&entry(3).encode(SEED), |bytes| IndexEntry::decode(SEED, bytes));
        let backwards: Vec<u8> = [8, 3].into_iter().flat_map(|n| entry(n).encode(SEED)).collect();
        assert_eq!(decode_index(SEED, &backwards), None);
        assert_eq!(decode_index(SEED, &bytes[1..]), None);
        assert_eq!(decode_index(SEED, &[]), Some(vec![]));
    }
}
