//! Record batch v2 (`docs/reference/kafka.md` §11, `docs/reference/event.md` §6): built in place, read in place.
//!
//! Big-endian header of 61 bytes, then the records:
//!
//! ```text
//!  0 base offset i64        8 batch length i32 (of what follows it)   12 leader epoch i32   16 magic i8 = 2
//! 17 crc u32 (CRC-32C of everything from 21 on)                       21 attributes i16     23 last offset delta i32
//! 27 base timestamp i64    35 max timestamp i64   43 producer id i64  51 producer epoch i16
//! 53 base sequence i32     57 record count i32    61 records
//! ```

use crate::crc;
use crate::record::{RecordError, RecordRef};
use crate::varint::take_varint;

mod build;

pub use build::{BatchBuf, RecordShape, RecordWriter, header_len};

/// Bytes of the batch header.
pub const HEADER_BYTES: usize = 61;
/// Where the base offset lies.
pub const BASE_OFFSET_AT: usize = 0;
/// Where the batch length lies. It counts the bytes after itself.
pub const LENGTH_AT: usize = 8;
/// Bytes up to and with the batch length, which it does not count.
pub const LENGTH_EXCLUDES: usize = 12;
/// Where the leader epoch lies.
pub const LEADER_EPOCH_AT: usize = 12;
/// Where the magic byte lies.
pub const MAGIC_AT: usize = 16;
/// Where the CRC lies.
pub const CRC_AT: usize = 17;
/// Where the attributes lie; the CRC covers everything from here on.
pub const ATTRIBUTES_AT: usize = 21;
/// Where the last offset delta lies.
pub const LAST_OFFSET_DELTA_AT: usize = 23;
/// Where the base timestamp lies.
pub const BASE_TIMESTAMP_AT: usize = 27;
/// Where the max timestamp lies.
pub const MAX_TIMESTAMP_AT: usize = 35;
/// Where the producer id lies.
pub const PRODUCER_ID_AT: usize = 43;
/// Where the producer epoch lies.
pub const PRODUCER_EPOCH_AT: usize = 51;
/// Where the producer's base sequence lies.
pub const BASE_SEQUENCE_AT: usize = 53;
/// Where the record count lies.
pub const COUNT_AT: usize = 57;

/// The only magic this crate reads and writes.
pub const MAGIC: u8 = 2;
/// Attributes: the bits of the compression codec.
pub const ATTRIBUTE_CODEC: u16 = 0b111;
/// Attributes: timestamps are the log's append time.
pub const ATTRIBUTE_LOG_APPEND_TIME: u16 = 1 << 3;
/// Attributes: the batch is part of a transaction.
pub const ATTRIBUTE_TRANSACTIONAL: u16 = 1 << 4;
/// Attributes: a control batch (transaction marks), no events.
pub const ATTRIBUTE_CONTROL: u16 = 1 << 5;
/// Producer id, epoch and base sequence of a batch without a producer.
pub const NO_PRODUCER: Producer = Producer { id: -1, epoch: -1, base_sequence: -1 };

/// The producer fields of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Producer id; −1 for none.
    pub id: i64,
    /// Producer epoch; −1 for none.
    pub epoch: i16,
    /// The producer's number of the first event; −1 for none.
    pub base_sequence: i32,
}

/// Why bytes are not a batch that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There are fewer bytes than a header takes.
    #[error("{0} bytes are too few for a batch header")]
    TooShort(usize),
    /// The batch length is not that of the bytes given.
    #[error("the batch says it has {claimed} bytes after its length, but {actual} are there")]
    Length {
        /// What the header says.
        claimed: i32,
        /// How many there are.
        actual: usize,
    },
    /// The magic is not 2.
    #[error("batch magic {0} is not 2")]
    Magic(u8),
    /// The sum does not match the bytes.
    #[error("the batch's CRC-32C is {stored:08x}, its bytes sum to {computed:08x}")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes sum to.
        computed: u32,
    },
    /// Base offset, count and last offset delta contradict each other.
    #[error(
        "a batch cannot have base offset {base}, last offset delta {last_offset_delta} and {count} records"
    )]
    Count {
        /// Base offset.
        base: i64,
        /// Last offset delta.
        last_offset_delta: i32,
        /// Record count.
        count: i32,
    },
    /// The records are compressed and must be inflated before they can be walked.
    #[error("the batch is compressed with codec {0}; its records cannot be walked in place")]
    Compressed(u16),
    /// A record goes past the end of the batch, or its length is cut.
    #[error("record {0} goes past the end of the batch")]
    PastEnd(u32),
    /// A record cannot be read.
    #[error("record {index}: {error}")]
    Record {
        /// Which record of the batch, from 0.
        index: u32,
        /// What is wrong with it.
        error: RecordError,
    },
    /// Offset deltas do not rise, or pass the batch's last.
    #[error("record {index} has offset delta {delta}, which is out of order or past the batch's last")]
    OffsetDelta {
        /// Which record of the batch, from 0.
        index: u32,
        /// Its offset delta.
        delta: u32,
    },
    /// Bytes follow the last record.
    #[error("{0} bytes follow the last record of the batch")]
    Trailing(usize),
}

/// One whole batch, borrowed. The header has been checked, the records are checked as they are read.
#[derive(Debug, Clone, Copy)]
pub struct BatchRef<'a> {
    bytes: &'a [u8],
    header: Header,
}

/// The header's fields that the reader keeps.
#[derive(Debug, Clone, Copy)]
struct Header {
    base: i64,
    crc: u32,
    attributes: u16,
    last_offset_delta: u32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    producer: Producer,
    count: u32,
}

impl<'a> BatchRef<'a> {
    /// Reads the header of the batch that `bytes` are, whole and nothing else. The CRC is not verified
    /// ([`BatchRef::verify_crc`]).
    ///
    /// # Errors
    /// [`BatchError::TooShort`], [`BatchError::Length`], [`BatchError::Magic`], [`BatchError::Count`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let too_short = || BatchError::TooShort(bytes.len());
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or_else(too_short)?;
        let length = i32::from_be_bytes(field(header, LENGTH_AT));
        let actual = bytes.len() - LENGTH_EXCLUDES;
        if usize::try_from(length) != Ok(actual) {
            return Err(BatchError::Length { claimed: length, actual });
        }
        let [magic] = field(header, MAGIC_AT);
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let base = i64::from_be_bytes(field(header, BASE_OFFSET_AT));
        let delta = i32::from_be_bytes(field(header, LAST_OFFSET_DELTA_AT));
        let claimed = i32::from_be_bytes(field(header, COUNT_AT));
        // Compaction leaves fewer records than offsets, never more.
        let (Ok(last_offset_delta), Ok(count), true) = (
            u32::try_from(delta),
            u32::try_from(claimed),
            base >= 0
                && base.checked_add(i64::from(delta)).is_some()
                && i64::from(claimed) <= i64::from(delta) + 1,
        ) else {
            return Err(BatchError::Count { base, last_offset_delta: delta, count: claimed });
        };
        let header = Header {
            base,
            crc: u32::from_be_bytes(field(header, CRC_AT)),
            attributes: u16::from_be_bytes(field(header, ATTRIBUTES_AT)),
            last_offset_delta,
            base_timestamp_ms: i64::from_be_bytes(field(header, BASE_TIMESTAMP_AT)),
            max_timestamp_ms: i64::from_be_bytes(field(header, MAX_TIMESTAMP_AT)),
            producer: Producer {
                id: i64::from_be_bytes(field(header, PRODUCER_ID_AT)),
                epoch: i16::from_be_bytes(field(header, PRODUCER_EPOCH_AT)),
                base_sequence: i32::from_be_bytes(field(header, BASE_SEQUENCE_AT)),
            },
            count,
        };
        Ok(Self { bytes, header })
    }

    /// Sums the bytes and compares.
    ///
    /// # Errors
    /// [`BatchError::Crc`] if the sum is not the stored one.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c::crc32c(self.bytes.get(ATTRIBUTES_AT..).unwrap_or_default());
        let stored = self.header.crc;
        if computed == stored { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }

    /// The whole batch.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Sequence number of the first event.
    #[must_use]
    pub const fn base(&self) -> i64 {
        self.header.base
    }

    /// Sequence number of the last event (the last ever in the batch, if compaction took it out).
    #[must_use]
    pub const fn last(&self) -> i64 {
        self.header.base + self.header.last_offset_delta as i64
    }

    /// How many records the batch says it has.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.header.count
    }

    /// The timestamp that records' deltas count from, in milliseconds since 1970.
    #[must_use]
    pub const fn base_timestamp_ms(&self) -> i64 {
        self.header.base_timestamp_ms
    }

    /// The largest timestamp; with log append time that of every record. Milliseconds since 1970.
    #[must_use]
    pub const fn max_timestamp_ms(&self) -> i64 {
        self.header.max_timestamp_ms
    }

    /// The attribute bits.
    #[must_use]
    pub const fn attributes(&self) -> u16 {
        self.header.attributes
    }

    /// The producer fields; [`NO_PRODUCER`] if there is none.
    #[must_use]
    pub const fn producer(&self) -> Producer {
        self.header.producer
    }

    /// Whether the records are compressed; then they cannot be walked.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.header.attributes & ATTRIBUTE_CODEC != 0
    }

    /// Whether the batch is a control batch.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.header.attributes & ATTRIBUTE_CONTROL != 0
    }

    /// The records, in order.
    #[must_use]
    pub const fn records(&self) -> Records<'a> {
        self.records_at(RecordPosition::START)
    }

    /// The records from a place that [`Records::position`] of this very batch gave.
    #[must_use]
    pub const fn records_at(&self, position: RecordPosition) -> Records<'a> {
        Records { bytes: self.bytes, header: self.header, position, done: false }
    }
}

/// A place between two records of a batch, to go on from without walking it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordPosition {
    /// Bytes from the start of the batch.
    byte: usize,
    /// Records before this place.
    index: u32,
    /// The least offset delta that the next record may have.
    delta_min: u32,
}

impl RecordPosition {
    /// Before the first record.
    pub const START: Self = Self { byte: HEADER_BYTES, index: 0, delta_min: 0 };

    /// How many records lie before this place.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many bytes of the batch lie before this place.
    #[must_use]
    pub const fn byte(self) -> usize {
        self.byte
    }
}

/// The records of a batch, in order. The first error ends the walk.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    header: Header,
    position: RecordPosition,
    done: bool,
}

impl<'a> Records<'a> {
    /// The place before the record that [`Iterator::next`] would give.
    #[must_use]
    pub const fn position(&self) -> RecordPosition {
        self.position
    }

    fn step(&mut self) -> Result<Option<RecordRef<'a>>, BatchError> {
        let codec = self.header.attributes & ATTRIBUTE_CODEC;
        if codec != 0 {
            return Err(BatchError::Compressed(codec));
        }
        let index = self.position.index;
        let mut rest = self.bytes.get(self.position.byte..).ok_or(BatchError::PastEnd(index))?;
        if index >= self.header.count {
            return if rest.is_empty() { Ok(None) } else { Err(BatchError::Trailing(rest.len())) };
        }
        let record = take_varint(&mut rest)
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| rest.split_at_checked(length));
        let (record, rest) = record.ok_or(BatchError::PastEnd(index))?;
        let record = RecordRef::parse(record).map_err(|error| BatchError::Record { index, error })?;
        let delta = record.offset_delta;
        if delta < self.position.delta_min || delta > self.header.last_offset_delta {
            return Err(BatchError::OffsetDelta { index, delta });
        }
        self.position =
            RecordPosition { byte: self.bytes.len() - rest.len(), index: index + 1, delta_min: delta + 1 };
        Ok(Some(record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordRef<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.step().transpose();
        self.done = !matches!(step, Some(Ok(_)));
        step
    }
}

/// The `N` bytes of the header at `at`, which is one of the constants above.
fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    *header.get(at..).and_then(<[u8]>::first_chunk).expect("invariant: header fields lie inside the header")
}
