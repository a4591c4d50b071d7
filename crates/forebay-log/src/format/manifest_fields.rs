//! Parts that several manifest entries share.
//!
//! Partition: log u64 · index u32. Segment: base u64 · generation u32. Policy: retention ms u64 · retention bytes u64 ·
//! tombstone retention ms u64 · cleanup u8 · timestamps u8 · 2 zero bytes · largest batch u32; all ones for "none".

use super::Fields;
use super::manifest::SegmentId;
use crate::types::{Cleanup, LogId, LogPolicy, Millis, PartitionId, Sequence, TimestampType};

pub(crate) fn put_partition(out: &mut Vec<u8>, partition: PartitionId) {
    out.extend_from_slice(&partition.log.0.to_le_bytes());
    out.extend_from_slice(&partition.index.to_le_bytes());
}

pub(crate) fn take_partition(fields: &mut Fields<'_>) -> Option<PartitionId> {
    Some(PartitionId { log: LogId(fields.u64()?), index: fields.u32()? })
}

pub(crate) fn put_segment(out: &mut Vec<u8>, segment: SegmentId) {
    out.extend_from_slice(&segment.base.0.to_le_bytes());
    out.extend_from_slice(&segment.generation.to_le_bytes());
}

pub(crate) fn take_segment(fields: &mut Fields<'_>) -> Option<SegmentId> {
    Some(SegmentId { base: Sequence(fields.u64()?), generation: fields.u32()? })
}

pub(crate) fn put_policy(out: &mut Vec<u8>, policy: &LogPolicy) {
    out.extend_from_slice(&policy.retention.map_or(u64::MAX, |span| span.0).to_le_bytes());
    out.extend_from_slice(&policy.retention_bytes.unwrap_or(u64::MAX).to_le_bytes());
    out.extend_from_slice(&policy.tombstone_retention.0.to_le_bytes());
    out.extend_from_slice(&[policy.cleanup as u8, policy.timestamps as u8, 0, 0]);
    out.extend_from_slice(&policy.batch_bytes_max.to_le_bytes());
}

pub(crate) fn take_policy(fields: &mut Fields<'_>) -> Option<LogPolicy> {
    let (retention, retention_bytes, tombstones) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let cleanup = match fields.u8()? {
        1 => Cleanup::Delete,
        2 => Cleanup::Compact,
        3 => Cleanup::CompactAndDelete,
        _ => return None,
    };
    let timestamps = match fields.u8()? {
        1 => TimestampType::LogAppend,
        2 => TimestampType::Create,
        _ => return None,
    };
    fields.u16()?;
    Some(LogPolicy {
        retention: (retention != u64::MAX).then_some(Millis(retention)),
        retention_bytes: (retention_bytes != u64::MAX).then_some(retention_bytes),
        cleanup,
        tombstone_retention: Millis(tombstones),
        timestamps,
        batch_bytes_max: fields.u32()?,
    })
}
