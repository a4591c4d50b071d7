//! The one checked reader: all bytes from the peer are touched through it.

use crate::error::{DecodeError, DecodeFault};

/// A place in a slice of bytes. Copying it is how one looks ahead.
///
/// Every read is checked and says where it failed. [`Reader::sub`] makes a reader that cannot leave its part,
/// so a lie inside a list never reaches outside of it.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` in the outermost slice: position = end - rest.len(), so reading moves one
    /// field.
    end: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, end: bytes.len() }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether no byte is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes of the outermost slice lie before this place.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// All bytes that are left, without taking them.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next byte, without taking it.
    #[must_use]
    pub const fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`DecodeFault::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(self.error(DecodeFault::Truncated));
        };
        self.rest = rest;
        Ok(byte)
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeFault::Truncated`] if fewer are left; nothing is taken then.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(n) else {
            return Err(self.error(DecodeFault::Truncated));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// As [`Reader::take`].
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((&bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.error(DecodeFault::Truncated));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take_array().map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take_array().map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.take_array().map(u64::from_be_bytes)
    }

    /// Takes the next `n` bytes as a reader of their own, whose errors still count from the outermost slice.
    ///
    /// # Errors
    /// As [`Reader::take`].
    #[inline]
    pub fn sub(&mut self, n: usize) -> Result<Self, DecodeError> {
        let rest = self.take(n)?;
        Ok(Self { rest, end: self.position() })
    }

    /// The bytes between `earlier`, a copy made before some reads, and this place.
    #[inline]
    #[must_use]
    pub fn bytes_since(&self, earlier: &Self) -> &'a [u8] {
        earlier.rest.get(..earlier.rest.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }

    /// The part between this place and `later`, as a reader.
    #[inline]
    pub(super) fn up_to(&self, later: &Self) -> Self {
        Self { rest: later.bytes_since(self), end: later.position() }
    }

    /// The place where `inner`, a part of what is left here, begins; with all that is left here after it.
    pub(super) fn forward_to(&self, inner: &Self) -> Self {
        let skipped = inner.position().saturating_sub(self.position());
        Self { rest: self.rest.get(skipped..).unwrap_or_default(), end: self.end }
    }

    /// This place, with nothing left to read.
    pub(super) const fn emptied(&self) -> Self {
        Self { rest: &[], end: self.position() }
    }

    /// Asserts that nothing is left.
    ///
    /// # Errors
    /// [`DecodeFault::TrailingBytes`].
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(DecodeFault::TrailingBytes)) }
    }

    /// An error at this place.
    #[must_use]
    #[cold]
    pub fn error(&self, fault: DecodeFault) -> DecodeError {
        DecodeError::new(fault, self.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_takes_nothing_and_says_where() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u8(), Ok(1));
        let error = reader.u32().unwrap_err();
        assert_eq!((error.fault, error.offset), (DecodeFault::Truncated, 1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert!(reader.is_empty());
        assert_eq!(reader.u8().unwrap_err().offset, 3);
    }

    #[test]
    fn a_sub_reader_cannot_leave_its_part_but_counts_from_the_outermost_slice() {
        let mut reader = Reader::new(&[9, 1, 2, 3]);
        reader.u8().unwrap();
        let start = reader;
        let mut sub = reader.sub(2).unwrap();
        assert_eq!(sub.u8(), Ok(1));
        assert_eq!(sub.position(), 2);
        assert_eq!(sub.u16().unwrap_err().offset, 2);
        assert_eq!(reader.bytes_since(&start), [1, 2]);
        assert_eq!(reader.rest(), [3]);
        assert_eq!(reader.finish().unwrap_err().fault, DecodeFault::TrailingBytes);
    }
}
