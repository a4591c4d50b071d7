//! Bytes ⇄ values of everything that is stored; the only place that knows offsets. Pure.
//!
//! What is written here must be readable by every later version: `docs/format.md` says it in words and carries the
//! sum of these sources, which a test compares. Integers are little-endian (a record batch's are not). Reading never
//! panics and never trusts a length before it is checked.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used))]

pub(crate) mod folder;
pub(crate) mod frame;
pub(crate) mod index;
pub(crate) mod journal;
pub(crate) mod manifest;
pub(crate) mod manifest_fields;
pub(crate) mod names;
pub(crate) mod snapshot;

/// What a folder's checksums begin with, so that bytes of another folder never pass for this one's: the CRC-32C of
/// the folder's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    /// The seed of the folder with this id.
    pub(crate) fn of(folder: &folder::FolderId) -> Self {
        Self(crc32c::crc32c(&folder.0))
    }

    /// CRC-32C of the folder's id followed by `parts`.
    pub(crate) fn sum(self, parts: &[&[u8]]) -> u32 {
        parts.iter().fold(self.0, |sum, part| crc32c::crc32c_append(sum, part))
    }
}

/// Reads integers one after another; `None` past the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

/// Writes integers one after another into a header of fixed size.
#[derive(Debug)]
pub(crate) struct Header<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Header<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    pub(crate) fn put<const M: usize>(mut self, field: [u8; M]) -> Self {
        let place = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut);
        *place.expect("invariant: a header's fields fit its size") = field;
        self.at += M;
        self
    }

    /// The whole header with its sum at `crc_at`, over the header (the sum as zero) and `more`.
    pub(crate) fn sealed(mut self, crc_at: usize, seed: Seed, more: &[u8]) -> [u8; N] {
        debug_assert_eq!(self.at, N, "every field is written");
        let crc = seed.sum(&[&self.bytes, more]);
        let place = self.bytes.get_mut(crc_at..).and_then(<[u8]>::first_chunk_mut);
        *place.expect("invariant: the sum lies in the header") = crc.to_le_bytes();
        self.bytes
    }
}

/// Whether the sum at `crc_at` of a header is the one of the header and `more`.
pub(crate) fn sum_holds(header: &[u8], crc_at: usize, seed: Seed, more: &[u8]) -> bool {
    let parts = header.split_at_checked(crc_at).and_then(|(before, rest)| {
        rest.split_first_chunk::<4>().map(|(stored, after)| (before, u32::from_le_bytes(*stored), after))
    });
    parts.is_some_and(|(before, stored, after)| seed.sum(&[before, &[0; 4], after, more]) == stored)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SEED: Seed = Seed(0x1234_5678);

    /// Each single flipped bit and each shorter length must be refused by `decode`.
    pub(crate) fn refuses_every_cut_and_flip<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<T>) {
        assert!(decode(bytes).is_some(), "the whole is read");
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_none(), "cut at {cut}");
        }
        let mut copy = bytes.to_vec();
        for bit in 0..bytes.len() * 8 {
            copy[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&copy).is_none(), "bit {bit} flipped");
            copy[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
