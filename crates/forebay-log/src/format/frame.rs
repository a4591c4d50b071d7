//! The frame around each stored batch: 48 bytes that carry what the batch's own sum leaves out.
//!
//! magic u32 · version u8 · kind u8 · origin u8 · flags u8 · length u32 · generation u32 · log u64 · partition u32 ·
//! CRC-32C u32 · base sequence u64 · append time i64. The sum covers this header and the batch's first 21 bytes.

use forebay_event::{BatchRef, Origin};

use super::{Fields, Header, Seed, sum_holds};
use crate::api::StoredBatch;
use crate::types::{LogId, PartitionId, Sequence, WallMillis};

/// Bytes of a frame's header.
pub(crate) const FRAME_BYTES: usize = 48;

const MAGIC: u32 = u32::from_le_bytes(*b"FBF1");
const VERSION: u8 = 1;
const CRC_AT: usize = 28;
/// What a batch's own CRC leaves out, and the CRC itself.
const BATCH_HEAD_BYTES: usize = 21;

/// What follows the header. Numbers are never reused; 2 is kept for a reference to a segment.
const KIND_BATCH: u8 = 1;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) origin: Origin,
    /// Bytes of the batch that follows.
    pub(crate) length: u32,
    /// Of the journal file it was last written to.
    pub(crate) generation: u32,
    pub(crate) partition: PartitionId,
    pub(crate) base: Sequence,
    pub(crate) append_time: WallMillis,
}

impl FrameHeader {
    /// The header's bytes before `batch`.
    pub(crate) fn encode(&self, seed: Seed, batch: &[u8]) -> [u8; FRAME_BYTES] {
        Header::<FRAME_BYTES>::new()
            .put(MAGIC.to_le_bytes())
            .put([VERSION, KIND_BATCH, self.origin.as_u8(), 0])
            .put(self.length.to_le_bytes())
            .put(self.generation.to_le_bytes())
            .put(self.partition.log.0.to_le_bytes())
            .put(self.partition.index.to_le_bytes())
            .put([0; 4])
            .put(self.base.0.to_le_bytes())
            .put(self.append_time.0.to_le_bytes())
            .sealed(CRC_AT, seed, batch.get(..BATCH_HEAD_BYTES).unwrap_or_default())
    }

    /// The frame at the start of `bytes`, if its header is sound: its batch may still be damaged. `None` if the
    /// header is not sound, or there are too few bytes to tell.
    pub(crate) fn decode(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let (header, batch) = bytes.split_at_checked(FRAME_BYTES)?;
        let head = batch.get(..BATCH_HEAD_BYTES)?;
        let mut fields = Fields(header);
        let (magic, version, kind) = (fields.u32()?, fields.u8()?, fields.u8()?);
        let (origin, flags, length) = (fields.u8()?, fields.u8()?, fields.u32()?);
        let (generation, log, index) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let (_, base, append_time) = (fields.u32()?, fields.u64()?, fields.i64()?);
        if magic != MAGIC || version != VERSION || kind != KIND_BATCH || flags != 0 {
            return None;
        }
        if !sum_holds(header, CRC_AT, seed, head) {
            return None;
        }
        let origin = Origin::from_u8(origin)?;
        let partition = PartitionId { log: LogId(log), index };
        let (base, append_time) = (Sequence(base), WallMillis(append_time));
        Some(Self { origin, length, generation, partition, base, append_time })
    }

    /// Bytes of the whole frame.
    pub(crate) const fn frame_bytes(&self) -> u64 {
        FRAME_BYTES as u64 + self.length as u64
    }

    /// The batch behind this header, if it is whole, sums up, and is the one that the header speaks of.
    pub(crate) fn batch(&self, bytes: &[u8]) -> Option<StoredBatch> {
        let bytes = bytes.get(..usize::try_from(self.length).ok()?)?;
        let batch = BatchRef::parse(bytes).ok()?;
        batch.verify_crc().ok()?;
        let (base, last) = (u64::try_from(batch.base()).ok()?, u64::try_from(batch.last()).ok()?);
        (base == self.base.0).then(|| StoredBatch {
            origin: self.origin,
            base: self.base,
            last: Sequence(last),
            append_time: self.append_time,
            bytes: bytes.to_vec(),
        })
    }
}

/// The whole frame at the start of `bytes`, header and batch sound.
#[cfg(test)]
pub(crate) fn decode_frame(seed: Seed, bytes: &[u8]) -> Option<(FrameHeader, StoredBatch)> {
    let header = FrameHeader::decode(seed, bytes)?;
    let batch = header.batch(bytes.get(FRAME_BYTES..)?)?;
    Some((header, batch))
}

#[cfg(test)]
mod tests {
    use forebay_event::BatchBuf;

    use super::super::tests::{SEED, refuses_every_cut_and_flip};
    use super::*;

    fn frame() -> (FrameHeader, Vec<u8>) {
        let mut batch = BatchBuf::new();
        batch.push(None, Some(b"hello"), &[]);
        batch.push(Some(b"k"), None, &[]);
        batch.seal(77, 1_700_000_000_123);
        let header = FrameHeader {
            origin: Origin::Http,
            length: batch.len() as u32,
            generation: 3,
            partition: PartitionId { log: LogId(9), index: 2 },
            base: Sequence(77),
            append_time: WallMillis(1_700_000_000_123),
        };
        let mut bytes = header.encode(SEED, batch.as_bytes()).to_vec();
        bytes.extend_from_slice(batch.as_bytes());
        (header, bytes)
    }

    #[test]
    fn a_frame_comes_back_and_no_changed_one_does() {
        let (header, bytes) = frame();
        let (read, batch) = decode_frame(SEED, &bytes).expect("sound");
        assert_eq!(read, header);
        assert_eq!((batch.base, batch.last, batch.end()), (Sequence(77), Sequence(78), Sequence(79)));
        assert_eq!(batch.bytes, &bytes[FRAME_BYTES..]);
        refuses_every_cut_and_flip(&bytes, |bytes| decode_frame(SEED, bytes));
    }

    #[test]
    fn a_frame_of_another_folder_is_refused() {
        let (_, bytes) = frame();
        assert!(FrameHeader::decode(Seed(1), &bytes).is_none());
    }

    #[test]
    fn a_sound_header_says_how_long_a_damaged_batch_is() {
        let (header, mut bytes) = frame();
        *bytes.last_mut().expect("not empty") ^= 1;
        assert!(decode_frame(SEED, &bytes).is_none());
        assert_eq!(FrameHeader::decode(SEED, &bytes), Some(header));
    }
}
