//! One record of a batch, read in place (`docs/reference/kafka.md` §11).
//!
//! `length` · `attributes` i8 · `timestamp delta` · `offset delta` · `key length` (−1 null) · key · `value length` (−1
//! null) · value · `header count` · { `name length` · name · `value length` (−1 null) · value }; lengths, deltas and counts
//! are zig-zag varints.

use crate::varint::take_varint;

/// Why the bytes of a record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A number is cut, or is out of its range.
    #[error("the record's {0} is cut or out of range")]
    Number(&'static str),
    /// A length goes past the end of the record.
    #[error("the record's {0} goes past the end of the record")]
    PastEnd(&'static str),
    /// Bytes follow the last header.
    #[error("{0} bytes follow the record's last header")]
    Trailing(usize),
    /// More headers are claimed than there are bytes for.
    #[error("the record claims {0} headers, more than it has bytes for")]
    HeaderCount(i64),
}

/// A record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// The record's sequence number less the batch's base.
    pub offset_delta: u32,
    /// The record's timestamp less the batch's base timestamp, in milliseconds. Without meaning in a batch with log
    /// append time.
    pub timestamp_delta_ms: i64,
    /// The record key.
    pub key: Option<&'a [u8]>,
    /// The record value.
    pub value: Option<&'a [u8]>,
    /// The headers, in stored order.
    pub headers: Headers<'a>,
}

impl<'a> RecordRef<'a> {
    /// Reads a record from its bytes, those after the length.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut rest = bytes.get(1..).ok_or(RecordError::PastEnd("attributes"))?;
        let timestamp_delta_ms = take_varint(&mut rest).ok_or(RecordError::Number("timestamp delta"))?;
        let offset_delta = take_varint(&mut rest)
            .and_then(|delta| i32::try_from(delta).ok())
            .and_then(|delta| u32::try_from(delta).ok())
            .ok_or(RecordError::Number("offset delta"))?;
        let key = take_bytes(&mut rest, "key")?;
        let value = take_bytes(&mut rest, "value")?;
        let claimed = take_varint(&mut rest).ok_or(RecordError::Number("header count"))?;
        // A header takes two bytes at least, so the count is bounded by what is there.
        let count = usize::try_from(claimed)
            .ok()
            .filter(|count| *count <= rest.len() / 2)
            .ok_or(RecordError::HeaderCount(claimed))?;
        if count == 0 && !rest.is_empty() {
            return Err(RecordError::Trailing(rest.len()));
        }
        Ok(Self { offset_delta, timestamp_delta_ms, key, value, headers: Headers { count, rest } })
    }
}

/// A record's headers: an iterator of names and values in stored order. The first error ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    rest: &'a [u8],
}

impl Headers<'_> {
    /// How many headers are left.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether no header is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Headers<'a> {
    /// Name and value; a null value is `None`.
    type Item = Result<(&'a [u8], Option<&'a [u8]>), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let header = take_header(&mut self.rest).and_then(|header| {
            let trailing = if self.count == 0 { self.rest.len() } else { 0 };
            if trailing == 0 { Ok(header) } else { Err(RecordError::Trailing(trailing)) }
        });
        if header.is_err() {
            self.count = 0;
        }
        Some(header)
    }
}

type Header<'a> = (&'a [u8], Option<&'a [u8]>);

fn take_header<'a>(rest: &mut &'a [u8]) -> Result<Header<'a>, RecordError> {
    let name = take_bytes(rest, "header name")?.ok_or(RecordError::Number("header name"))?;
    let value = take_bytes(rest, "header value")?;
    Ok((name, value))
}

/// Takes a length and as many bytes; −1 is null.
fn take_bytes<'a>(rest: &mut &'a [u8], part: &'static str) -> Result<Option<&'a [u8]>, RecordError> {
    let length = take_varint(rest).ok_or(RecordError::Number(part))?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| RecordError::Number(part))?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(RecordError::PastEnd(part))?;
    *rest = after;
    Ok(Some(bytes))
}
