//! A control snapshot's file: a header, then the state.
//!
//! magic u32 · version u8 · 3 zero bytes · position u64 · length u64 · CRC-32C u32 · 4 zero bytes · bytes. The sum
//! covers the header and the bytes.

use super::{Fields, Header, Seed, sum_holds};
use crate::control::ControlSnapshot;
use crate::types::Sequence;

const HEADER_BYTES: usize = 32;
const MAGIC: u32 = u32::from_le_bytes(*b"FBS1");
const VERSION: u8 = 1;
const CRC_AT: usize = 24;

/// The file's bytes.
pub(crate) fn encode_snapshot(seed: Seed, snapshot: &ControlSnapshot) -> Vec<u8> {
    let header = Header::<HEADER_BYTES>::new()
        .put(MAGIC.to_le_bytes())
        .put([VERSION, 0, 0, 0])
        .put(snapshot.position.0.to_le_bytes())
        .put((snapshot.bytes.len() as u64).to_le_bytes())
        .put([0; 8])
        .sealed(CRC_AT, seed, &snapshot.bytes);
    [header.as_slice(), &snapshot.bytes].concat()
}

/// The snapshot, if the file is whole and sound.
pub(crate) fn decode_snapshot(seed: Seed, file: &[u8]) -> Option<ControlSnapshot> {
    let (header, bytes) = file.split_at_checked(HEADER_BYTES)?;
    let mut fields = Fields(header);
    let (magic, version, _) = (fields.u32()?, fields.u8()?, fields.take(3)?);
    let (position, length) = (fields.u64()?, fields.u64()?);
    let sound = magic == MAGIC
        && version == VERSION
        && length == bytes.len() as u64
        && sum_holds(header, CRC_AT, seed, bytes);
    sound.then(|| ControlSnapshot { position: Sequence(position), bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SEED, refuses_every_cut_and_flip};
    use super::*;

    #[test]
    fn a_snapshot_comes_back_and_no_changed_one_does() {
        let snapshot = ControlSnapshot { position: Sequence(12), bytes: b"state".to_vec() };
        let file = encode_snapshot(SEED, &snapshot);
        assert_eq!(decode_snapshot(SEED, &file), Some(snapshot));
        refuses_every_cut_and_flip(&file, |bytes| decode_snapshot(SEED, bytes));
        assert_eq!(decode_snapshot(SEED, &[file, vec![0]].concat()), None);
    }
}
