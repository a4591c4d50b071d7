//! The manifest: what happened to logs and segments, entry by entry.
//!
//! Entry: length u32 · kind u8 · version u8 · 2 zero bytes · CRC-32C u32 · payload. Length counts the payload; the sum
//! covers the entry's place in the file (u64), its header and its payload. A file begins with a snapshot: `Begin`, what
//! the state was, `SnapshotEnd`; entries that were appended follow. A kind from 0x80 on may be stepped over by a
//! reader that does not know it; any other unknown kind must not be.

use super::manifest_fields::{
    put_partition, put_policy, put_segment, take_partition, take_policy, take_segment,
};
use super::{Fields, Seed};
use crate::limits::MANIFEST_ENTRY_BYTES_MAX;
use crate::types::{LogId, LogPolicy, PartitionId, Sequence, WallMillis};

const HEADER_BYTES: usize = 12;
const VERSION: u8 = 1;
/// Kinds from here on may be ignored by who does not know them.
const IGNORABLE: u8 = 0x80;

/// A segment's identity in its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentId {
    /// The number of its first event.
    pub(crate) base: Sequence,
    /// Tells files of one base apart.
    pub(crate) generation: u32,
}

/// How far a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    /// Its flushed bytes.
    pub(crate) bytes: u64,
    /// The number after its last flushed event.
    pub(crate) next: Sequence,
    /// The append time of its first event, of its last; or, while it has none, when it was begun.
    pub(crate) first_time: WallMillis,
    pub(crate) last_time: WallMillis,
}

/// Where a partition ended at a clean stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionEnd {
    pub(crate) partition: PartitionId,
    pub(crate) next: Sequence,
    pub(crate) last_time: Option<WallMillis>,
}

/// What an entry says. The kinds' numbers are stored and never reused. Nothing writes 10 yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ManifestEntry {
    /// 1: the file begins; its own number and the wall time.
    Begin { number: u32, wall: WallMillis },
    /// 2: the snapshot is whole, and had this many entries between.
    SnapshotEnd { entries: u64 },
    /// 3: a log is there, with so many partitions and this policy; also after growth and a change of policy.
    Log { log: LogId, partitions: u32, policy: LogPolicy },
    /// 4: a log is gone; its folder may still be there.
    Delete { log: LogId },
    /// 5: a partition goes on in this new segment, begun at this time.
    Roll { partition: PartitionId, segment: SegmentId, time: WallMillis },
    /// 6: a segment is flushed up to here.
    FlushedEnd { partition: PartitionId, segment: SegmentId, end: SegmentEnd },
    /// 7: a segment is closed here.
    Seal { partition: PartitionId, segment: SegmentId, end: SegmentEnd },
    /// 8: a partition begins at `start`; what its segments hold below may go. Its next number and last append time,
    /// so that they outlive its events; producer state, empty until there is any.
    LogStart {
        partition: PartitionId,
        start: Sequence,
        next: Sequence,
        last_time: Option<WallMillis>,
        producers: Vec<u8>,
    },
    /// 9: a segment goes on in another file of the same base; the old one may go.
    Swap { partition: PartitionId, from: SegmentId, to: SegmentId },
    /// 10: producer state at a number, opaque.
    Producers { partition: PartitionId, at: Sequence, state: Vec<u8> },
    /// 11: all is in segments. Journal files below this generation hold nothing that is needed; rounds go on here.
    CleanStop { generation: u32, round: u64, wall: WallMillis, ends: Vec<PartitionEnd> },
    /// 12: journal files below this generation hold nothing that is not in flushed segments.
    JournalFloor { generation: u32 },
    /// An ignorable kind of a later version.
    Unknown { kind: u8 },
}

/// Why an entry was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryFault {
    /// Too few bytes for an entry, or sums that do not hold: torn or damaged.
    Bad,
    /// A sound entry that must not be stepped over: a later version's.
    UnknownKind(u8),
}

impl ManifestEntry {
    const fn kind(&self) -> u8 {
        match self {
            Self::Begin { .. } => 1,
            Self::SnapshotEnd { .. } => 2,
            Self::Log { .. } => 3,
            Self::Delete { .. } => 4,
            Self::Roll { .. } => 5,
            Self::FlushedEnd { .. } => 6,
            Self::Seal { .. } => 7,
            Self::LogStart { .. } => 8,
            Self::Swap { .. } => 9,
            Self::Producers { .. } => 10,
            Self::CleanStop { .. } => 11,
            Self::JournalFloor { .. } => 12,
            Self::Unknown { kind } => *kind,
        }
    }

    /// Appends the entry to `out`, which begins at byte `start` of the file.
    pub(crate) fn encode(&self, seed: Seed, start: u64, out: &mut Vec<u8>) {
        let place = start + out.len() as u64;
        let mut payload = Vec::new();
        self.put_payload(&mut payload);
        let length = u32::try_from(payload.len()).expect("invariant: manifest entries are small");
        let mut head = [0; 8];
        let (front, back) = head.split_at_mut(4);
        front.copy_from_slice(&length.to_le_bytes());
        back.copy_from_slice(&[self.kind(), VERSION, 0, 0]);
        let crc = seed.sum(&[&place.to_le_bytes(), &head, &payload]);
        out.extend_from_slice(&head);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&payload);
    }

    /// The entry at byte `place` of a file, whose bytes from there on are given, and how many bytes it takes.
    pub(crate) fn decode(seed: Seed, place: u64, bytes: &[u8]) -> Result<(Self, usize), EntryFault> {
        let (kind, version, payload) = split(seed, place, bytes).ok_or(EntryFault::Bad)?;
        let entry = if version == VERSION { Self::take_payload(kind, Fields(payload)) } else { None };
        let taken = HEADER_BYTES + payload.len();
        match entry {
            Some(entry) => Ok((entry, taken)),
            None if kind >= IGNORABLE => Ok((Self::Unknown { kind }, taken)),
            None => Err(EntryFault::UnknownKind(kind)),
        }
    }

    fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Begin { number, wall } => {
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&wall.0.to_le_bytes());
            }
            Self::SnapshotEnd { entries } => out.extend_from_slice(&entries.to_le_bytes()),
            Self::Log { log, partitions, policy } => {
                out.extend_from_slice(&log.0.to_le_bytes());
                out.extend_from_slice(&partitions.to_le_bytes());
                put_policy(out, policy);
            }
            Self::Delete { log } => out.extend_from_slice(&log.0.to_le_bytes()),
            Self::Roll { partition, segment, time } => {
                put_partition(out, *partition);
                put_segment(out, *segment);
                out.extend_from_slice(&time.0.to_le_bytes());
            }
            Self::FlushedEnd { partition, segment, end } | Self::Seal { partition, segment, end } => {
                put_partition(out, *partition);
                put_segment(out, *segment);
                out.extend_from_slice(&end.bytes.to_le_bytes());
                out.extend_from_slice(&end.next.0.to_le_bytes());
                out.extend_from_slice(&end.first_time.0.to_le_bytes());
                out.extend_from_slice(&end.last_time.0.to_le_bytes());
            }
            Self::LogStart { partition, start, next, last_time, producers } => {
                put_partition(out, *partition);
                out.extend_from_slice(&start.0.to_le_bytes());
                out.extend_from_slice(&next.0.to_le_bytes());
                out.extend_from_slice(&time_or_none(*last_time).to_le_bytes());
                out.extend_from_slice(producers);
            }
            Self::Swap { partition, from, to } => {
                put_partition(out, *partition);
                put_segment(out, *from);
                put_segment(out, *to);
            }
            Self::Producers { partition, at, state } => {
                put_partition(out, *partition);
                out.extend_from_slice(&at.0.to_le_bytes());
                out.extend_from_slice(state);
            }
            Self::CleanStop { generation, round, wall, ends } => {
                out.extend_from_slice(&generation.to_le_bytes());
                out.extend_from_slice(&round.to_le_bytes());
                out.extend_from_slice(&wall.0.to_le_bytes());
                for end in ends {
                    put_partition(out, end.partition);
                    out.extend_from_slice(&end.next.0.to_le_bytes());
                    out.extend_from_slice(&time_or_none(end.last_time).to_le_bytes());
                }
            }
            Self::JournalFloor { generation } => out.extend_from_slice(&generation.to_le_bytes()),
            Self::Unknown { .. } => {}
        }
    }

    fn take_payload(kind: u8, mut fields: Fields<'_>) -> Option<Self> {
        let fields = &mut fields;
        let entry = match kind {
            1 => Self::Begin { number: fields.u32()?, wall: WallMillis(fields.i64()?) },
            2 => Self::SnapshotEnd { entries: fields.u64()? },
            3 => Self::Log {
                log: LogId(fields.u64()?),
                partitions: fields.u32()?,
                policy: take_policy(fields)?,
            },
            4 => Self::Delete { log: LogId(fields.u64()?) },
            5 => Self::Roll {
                partition: take_partition(fields)?,
                segment: take_segment(fields)?,
                time: WallMillis(fields.i64()?),
            },
            6 | 7 => {
                let (partition, segment) = (take_partition(fields)?, take_segment(fields)?);
                let end = SegmentEnd {
                    bytes: fields.u64()?,
                    next: Sequence(fields.u64()?),
                    first_time: WallMillis(fields.i64()?),
                    last_time: WallMillis(fields.i64()?),
                };
                match kind {
                    6 => Self::FlushedEnd { partition, segment, end },
                    _ => Self::Seal { partition, segment, end },
                }
            }
            8 => Self::LogStart {
                partition: take_partition(fields)?,
                start: Sequence(fields.u64()?),
                next: Sequence(fields.u64()?),
                last_time: some_time(fields.i64()?),
                producers: rest(fields),
            },
            9 => Self::Swap {
                partition: take_partition(fields)?,
                from: take_segment(fields)?,
                to: take_segment(fields)?,
            },
            10 => Self::Producers {
                partition: take_partition(fields)?,
                at: Sequence(fields.u64()?),
                state: rest(fields),
            },
            11 => {
                let (generation, round) = (fields.u32()?, fields.u64()?);
                let wall = WallMillis(fields.i64()?);
                let mut ends = Vec::new();
                while !fields.0.is_empty() {
                    let partition = take_partition(fields)?;
                    let next = Sequence(fields.u64()?);
                    ends.push(PartitionEnd { partition, next, last_time: some_time(fields.i64()?) });
                }
                Self::CleanStop { generation, round, wall, ends }
            }
            12 => Self::JournalFloor { generation: fields.u32()? },
            _ => return None,
        };
        fields.0.is_empty().then_some(entry)
    }
}

/// Kind, version and payload of the entry at the start of `bytes`, if it is whole and sums up.
fn split(seed: Seed, place: u64, bytes: &[u8]) -> Option<(u8, u8, &[u8])> {
    let (head, mut fields) = (bytes.get(..8)?, Fields(bytes));
    let (length, kind, version, _) = (fields.u32()?, fields.u8()?, fields.u8()?, fields.u16()?);
    let crc = fields.u32()?;
    if length > MANIFEST_ENTRY_BYTES_MAX {
        return None;
    }
    let payload = fields.take(usize::try_from(length).ok()?)?;
    (seed.sum(&[&place.to_le_bytes(), head, payload]) == crc).then_some((kind, version, payload))
}

fn rest(fields: &mut Fields<'_>) -> Vec<u8> {
    core::mem::take(&mut fields.0).to_vec()
}

fn time_or_none(time: Option<WallMillis>) -> i64 {
    time.map_or(i64::MIN, |time| time.0)
}

const fn some_time(stored: i64) -> Option<WallMillis> {
    if stored == i64::MIN { None } else { Some(WallMillis(stored)) }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
