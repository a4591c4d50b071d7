//! The journal: a header in each file's first block, then rounds, each at a block boundary.
//!
//! File: magic u32 · version u8 · 3 zero bytes · generation u64 · first round u64 · capacity u64 · previous
//! generation u64 · previous durable end u64 · manifest number u32 · CRC-32C u32 · manifest end u64.
//!
//! Round: magic u32 · version u8 · 3 zero bytes · generation u32 · CRC-32C u32 · number u64 · mark u64 · length u32 ·
//! frames u32 · wall time i64 · manifest number u32 · 4 zero bytes · manifest end u64; then the frames, then zeros up
//! to the next block. Length counts from the header's first byte to the last frame's last.

use super::{Fields, Header, Seed, sum_holds};
use crate::limits::BLOCK_BYTES;
use crate::types::WallMillis;

/// Bytes of a round's header.
pub(crate) const ROUND_BYTES: usize = 64;
/// Bytes of a file's header.
pub(crate) const FILE_HEADER_BYTES: usize = 64;

const FILE_MAGIC: u32 = u32::from_le_bytes(*b"FBJ1");
const ROUND_MAGIC: u32 = u32::from_le_bytes(*b"FBR1");
const VERSION: u8 = 1;
const FILE_CRC_AT: usize = 52;
const ROUND_CRC_AT: usize = 12;

/// How far a manifest was flushed when something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct ManifestEnd {
    /// Which manifest.
    pub(crate) number: u32,
    /// Its flushed bytes.
    pub(crate) bytes: u64,
}

/// What a journal file's header says. The file's name, not this, tells the generation that its rounds must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalHeader {
    pub(crate) generation: u32,
    pub(crate) first_round: u64,
    pub(crate) capacity: u64,
    /// The file written before this one; 0 for none.
    pub(crate) previous_generation: u32,
    /// Where that file's durable rounds end.
    pub(crate) previous_end: u64,
    pub(crate) manifest: ManifestEnd,
}

impl JournalHeader {
    pub(crate) fn encode(&self, seed: Seed) -> [u8; FILE_HEADER_BYTES] {
        Header::<FILE_HEADER_BYTES>::new()
            .put(FILE_MAGIC.to_le_bytes())
            .put([VERSION, 0, 0, 0])
            .put(u64::from(self.generation).to_le_bytes())
            .put(self.first_round.to_le_bytes())
            .put(self.capacity.to_le_bytes())
            .put(u64::from(self.previous_generation).to_le_bytes())
            .put(self.previous_end.to_le_bytes())
            .put(self.manifest.number.to_le_bytes())
            .put([0; 4])
            .put(self.manifest.bytes.to_le_bytes())
            .sealed(FILE_CRC_AT, seed, &[])
    }

    pub(crate) fn decode(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FILE_HEADER_BYTES)?;
        let mut fields = Fields(bytes);
        let (magic, version, _) = (fields.u32()?, fields.u8()?, fields.take(3)?);
        let (generation, first_round, capacity) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (previous, previous_end) = (fields.u64()?, fields.u64()?);
        let (number, _, end) = (fields.u32()?, fields.u32()?, fields.u64()?);
        if magic != FILE_MAGIC || version != VERSION || !sum_holds(bytes, FILE_CRC_AT, seed, &[]) {
            return None;
        }
        Some(Self {
            generation: u32::try_from(generation).ok()?,
            first_round,
            capacity,
            previous_generation: u32::try_from(previous).ok()?,
            previous_end,
            manifest: ManifestEnd { number, bytes: end },
        })
    }
}

/// A round's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundHeader {
    pub(crate) generation: u32,
    /// Dense over all files, from 1.
    pub(crate) number: u64,
    /// The last round whose flush had returned when this was written; 0 for none.
    pub(crate) mark: u64,
    /// Bytes of this header and the frames.
    pub(crate) length: u32,
    pub(crate) frames: u32,
    pub(crate) wall: WallMillis,
    pub(crate) manifest: ManifestEnd,
}

impl RoundHeader {
    pub(crate) fn encode(&self, seed: Seed) -> [u8; ROUND_BYTES] {
        Header::<ROUND_BYTES>::new()
            .put(ROUND_MAGIC.to_le_bytes())
            .put([VERSION, 0, 0, 0])
            .put(self.generation.to_le_bytes())
            .put([0; 4])
            .put(self.number.to_le_bytes())
            .put(self.mark.to_le_bytes())
            .put(self.length.to_le_bytes())
            .put(self.frames.to_le_bytes())
            .put(self.wall.0.to_le_bytes())
            .put(self.manifest.number.to_le_bytes())
            .put([0; 4])
            .put(self.manifest.bytes.to_le_bytes())
            .sealed(ROUND_CRC_AT, seed, &[])
    }

    pub(crate) fn decode(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..ROUND_BYTES)?;
        let mut fields = Fields(bytes);
        let (magic, version, _) = (fields.u32()?, fields.u8()?, fields.take(3)?);
        let (generation, _, number, mark) = (fields.u32()?, fields.u32()?, fields.u64()?, fields.u64()?);
        let (length, frames, wall) = (fields.u32()?, fields.u32()?, fields.i64()?);
        let (manifest, _, manifest_bytes) = (fields.u32()?, fields.u32()?, fields.u64()?);
        if magic != ROUND_MAGIC || version != VERSION || !sum_holds(bytes, ROUND_CRC_AT, seed, &[]) {
            return None;
        }
        if usize::try_from(length).ok()? < ROUND_BYTES || number == 0 || mark >= number {
            return None;
        }
        let manifest = ManifestEnd { number: manifest, bytes: manifest_bytes };
        Some(Self { generation, number, mark, length, frames, wall: WallMillis(wall), manifest })
    }

    /// Bytes that the round takes in its file, zeros included.
    pub(crate) const fn padded(&self) -> u64 {
        round_up(self.length as u64)
    }
}

/// The next block boundary at or after `bytes`.
pub(crate) const fn round_up(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SEED, refuses_every_cut_and_flip};
    use super::*;

    #[test]
    fn a_round_header_comes_back_and_no_changed_one_does() {
        let header = RoundHeader {
            generation: 7,
            number: 41,
            mark: 40,
            length: 5000,
            frames: 3,
            wall: WallMillis(1_700_000_000_000),
            manifest: ManifestEnd { number: 2, bytes: 999 },
        };
        let bytes = header.encode(SEED);
        assert_eq!(RoundHeader::decode(SEED, &bytes), Some(header));
        assert_eq!(header.padded(), 8192);
        refuses_every_cut_and_flip(&bytes, |bytes| RoundHeader::decode(SEED, bytes));
    }

    #[test]
    fn a_file_header_comes_back_and_no_changed_one_does() {
        let header = JournalHeader {
            generation: 5,
            first_round: 100,
            capacity: 16 << 20,
            previous_generation: 4,
            previous_end: 8192,
            manifest: ManifestEnd { number: 1, bytes: 512 },
        };
        let bytes = header.encode(SEED);
        assert_eq!(JournalHeader::decode(SEED, &bytes), Some(header));
        refuses_every_cut_and_flip(&bytes, |bytes| JournalHeader::decode(SEED, bytes));
    }
}
