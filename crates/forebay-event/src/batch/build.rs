//! A batch under construction.
//!
//! The payload is summed once, outside of any lock ([`BatchBuf::prepare`]); giving the batch its sequence numbers and
//! time ([`BatchBuf::seal`]) sums 40 header bytes and joins the two, however large the batch is.

use super::{
    ATTRIBUTE_LOG_APPEND_TIME, ATTRIBUTES_AT, BASE_OFFSET_AT, BASE_SEQUENCE_AT, BASE_TIMESTAMP_AT, COUNT_AT,
    CRC_AT, HEADER_BYTES, LAST_OFFSET_DELTA_AT, LEADER_EPOCH_AT, LENGTH_AT, LENGTH_EXCLUDES, MAGIC, MAGIC_AT,
    MAX_TIMESTAMP_AT, NO_PRODUCER, PRODUCER_EPOCH_AT, PRODUCER_ID_AT, Producer, crc,
};
use crate::varint::{length_len, put_length, put_varint, varint_len};

/// A record batch being built: 61 header bytes, zero until [`BatchBuf::seal`], then the records.
#[derive(Debug, Clone)]
pub struct BatchBuf {
    bytes: Vec<u8>,
    count: u32,
    producer: Producer,
    sum: Sum,
}

/// The sum of the payload's first bytes, and what it takes to join it behind the header's.
#[derive(Debug, Clone, Copy)]
struct Sum {
    /// How much of `bytes` is summed, from the end of the header on.
    upto: usize,
    crc: u32,
    shift: u32,
}

impl Default for BatchBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuf {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty batch with room for `payload` bytes of records.
    #[must_use]
    pub fn with_capacity(payload: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload);
        bytes.resize(HEADER_BYTES, 0);
        let sum = Sum { upto: HEADER_BYTES, crc: 0, shift: crc::shift_of(0) };
        Self { bytes, count: 0, producer: NO_PRODUCER, sum }
    }

    /// How many records are in it.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the batch, header included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no record is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch so far; a whole batch once sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The producer fields; [`NO_PRODUCER`] unless set.
    #[must_use]
    pub const fn producer(&self) -> Producer {
        self.producer
    }

    /// Sets the producer fields of an idempotent producer.
    pub const fn set_producer(&mut self, id: i64, epoch: i16, base_sequence: i32) {
        self.producer = Producer { id, epoch, base_sequence };
    }

    /// Makes room for `payload` more bytes of records.
    pub fn reserve(&mut self, payload: usize) {
        self.bytes.reserve(payload);
    }

    /// Appends a record whose parts are at hand.
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&[u8], Option<&[u8]>)]) {
        let headers_len =
            headers.iter().map(|(name, value)| header_len(name.len(), value.map(<[u8]>::len))).sum();
        let shape =
            RecordShape { key, value_len: value.map(<[u8]>::len), header_count: headers.len(), headers_len };
        let mut record = self.record(&shape);
        record.value(value.unwrap_or_default());
        record.headers();
        for (name, value) in headers {
            record.header(name, *value);
        }
        record.finish();
    }

    /// Begins a record of the given shape; the writer returned takes its value and headers.
    pub fn record(&mut self, shape: &RecordShape<'_>) -> RecordWriter<'_> {
        let delta = i64::from(self.count);
        let length = shape.len_at(self.count);
        let start = self.bytes.len();
        self.bytes.reserve(length_len(length) + length);
        put_length(&mut self.bytes, length);
        let end = self.bytes.len() + length;
        // Attributes 0, timestamp delta 0: with log append time both are without meaning.
        self.bytes.extend_from_slice(&[0, 0]);
        put_varint(&mut self.bytes, delta);
        put_optional_length(&mut self.bytes, shape.key.map(<[u8]>::len));
        self.bytes.extend_from_slice(shape.key.unwrap_or_default());
        put_optional_length(&mut self.bytes, shape.value_len);
        RecordWriter { batch: self, header_count: shape.header_count, start, end, finished: false }
    }

    /// Sums what has been written since the last call. Call it before taking a lock under which the batch is to be
    /// sealed; [`BatchBuf::seal`] does it otherwise.
    pub fn prepare(&mut self) {
        if self.sum.upto == self.bytes.len() {
            return;
        }
        let fresh = self.bytes.get(self.sum.upto..).unwrap_or_default();
        let crc = crc32c::crc32c_append(self.sum.crc, fresh);
        let shift = crc::shift_of(self.bytes.len() - HEADER_BYTES);
        self.sum = Sum { upto: self.bytes.len(), crc, shift };
    }

    /// Writes the header (`docs/reference/event.md` §6): base offset, length, leader epoch −1, magic 2, log append time,
    /// last offset delta, timestamps, producer fields, count, CRC. `base` is the sequence number of the first event,
    /// `append_time_ms` milliseconds since 1970. May be called again, with other numbers.
    ///
    /// # Panics
    /// If the batch is empty or larger than 2 GiB; who builds it keeps it from both.
    pub fn seal(&mut self, base: i64, append_time_ms: i64) {
        self.prepare();
        let last_offset_delta =
            self.count.checked_sub(1).expect("invariant: a batch that is sealed has a record");
        let length =
            i32::try_from(self.bytes.len() - LENGTH_EXCLUDES).expect("invariant: a batch is below 2 GiB");
        self.put(BASE_OFFSET_AT, base.to_be_bytes());
        self.put(LENGTH_AT, length.to_be_bytes());
        self.put(LEADER_EPOCH_AT, (-1_i32).to_be_bytes());
        self.put(MAGIC_AT, [MAGIC]);
        self.put(ATTRIBUTES_AT, ATTRIBUTE_LOG_APPEND_TIME.to_be_bytes());
        self.put(LAST_OFFSET_DELTA_AT, last_offset_delta.to_be_bytes());
        self.put(BASE_TIMESTAMP_AT, append_time_ms.to_be_bytes());
        self.put(MAX_TIMESTAMP_AT, append_time_ms.to_be_bytes());
        self.put(PRODUCER_ID_AT, self.producer.id.to_be_bytes());
        self.put(PRODUCER_EPOCH_AT, self.producer.epoch.to_be_bytes());
        self.put(BASE_SEQUENCE_AT, self.producer.base_sequence.to_be_bytes());
        self.put(COUNT_AT, self.count.to_be_bytes());
        let header = crc32c::crc32c(self.bytes.get(ATTRIBUTES_AT..HEADER_BYTES).unwrap_or_default());
        self.put(CRC_AT, crc::join(header, self.sum.crc, self.sum.shift).to_be_bytes());
    }

    /// The bytes of the batch.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn put<const N: usize>(&mut self, at: usize, field: [u8; N]) {
        let place = self.bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        *place.expect("invariant: header fields lie inside the header") = field;
    }
}

/// The sizes of a record that is about to be written, and its key.
#[derive(Debug, Clone, Copy)]
pub struct RecordShape<'a> {
    /// The record key.
    pub key: Option<&'a [u8]>,
    /// Bytes of the value; `None` for null.
    pub value_len: Option<usize>,
    /// How many headers follow.
    pub header_count: usize,
    /// Bytes that those headers take, each as [`header_len`](super::header_len) says.
    pub headers_len: usize,
}

impl RecordShape<'_> {
    /// Bytes of the record after its length, as number `index` of its batch.
    fn len_at(&self, index: u32) -> usize {
        2 + varint_len(i64::from(index))
            + optional_len(self.key.map(<[u8]>::len))
            + optional_len(self.value_len)
            + length_len(self.header_count)
            + self.headers_len
    }

    /// The most bytes that the record takes, wherever in a batch it comes.
    #[must_use]
    pub fn len_max(&self) -> usize {
        let length = self.len_at(u32::MAX);
        length_len(length) + length
    }
}

/// Bytes that a header takes in a record.
#[must_use]
pub const fn header_len(name: usize, value: Option<usize>) -> usize {
    length_len(name) + name + optional_len(value)
}

/// Bytes of a nullable part: its length and itself.
const fn optional_len(part: Option<usize>) -> usize {
    match part {
        Some(length) => length_len(length) + length,
        None => 1,
    }
}

fn put_optional_length(out: &mut Vec<u8>, part: Option<usize>) {
    match part {
        Some(length) => put_length(out, length),
        None => put_varint(out, -1),
    }
}

/// Takes the value and headers of the record begun last, in this order: [`RecordWriter::value`] (any number of times),
/// [`RecordWriter::headers`], [`RecordWriter::header`] as often as the shape said, [`RecordWriter::finish`]. If it is
/// dropped before, the record is taken back.
#[derive(Debug)]
pub struct RecordWriter<'a> {
    batch: &'a mut BatchBuf,
    header_count: usize,
    start: usize,
    end: usize,
    finished: bool,
}

impl RecordWriter<'_> {
    /// Appends bytes of the value.
    pub fn value(&mut self, bytes: &[u8]) {
        self.batch.bytes.extend_from_slice(bytes);
    }

    /// Appends what `fill` appends to the value.
    pub(crate) fn value_with(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        fill(&mut self.batch.bytes);
    }

    /// Ends the value; headers follow.
    pub fn headers(&mut self) {
        put_length(&mut self.batch.bytes, self.header_count);
    }

    /// Appends a header.
    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        put_length(&mut self.batch.bytes, name.len());
        self.batch.bytes.extend_from_slice(name);
        put_optional_length(&mut self.batch.bytes, value.map(<[u8]>::len));
        self.batch.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// Appends a header whose value has `len` bytes, which `fill` appends.
    pub(crate) fn header_with(&mut self, name: &[u8], len: usize, fill: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut self.batch.bytes;
        put_length(out, name.len());
        out.extend_from_slice(name);
        put_length(out, len);
        fill(out);
    }

    /// Ends the record.
    ///
    /// # Panics
    /// If what was written is not what the shape announced.
    pub fn finish(mut self) {
        assert_eq!(self.batch.bytes.len(), self.end, "invariant: a record is as long as its shape said");
        self.batch.count += 1;
        self.finished = true;
    }
}

impl Drop for RecordWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.bytes.truncate(self.start);
        }
    }
}
