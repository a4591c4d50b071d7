use super::super::tests::{SEED, refuses_every_cut_and_flip};
use super::*;
use crate::types::{Cleanup, Millis, TimestampType};

fn samples() -> Vec<ManifestEntry> {
    let partition = PartitionId { log: LogId(7), index: 3 };
    let segment = SegmentId { base: Sequence(100), generation: 2 };
    let end = SegmentEnd {
        bytes: 4096,
        next: Sequence(120),
        first_time: WallMillis(-5),
        last_time: WallMillis(1_700_000_000_000),
    };
    let policy = LogPolicy {
        retention: Some(Millis(1000)),
        retention_bytes: Some(5),
        cleanup: Cleanup::CompactAndDelete,
        tombstone_retention: Millis(6),
        timestamps: TimestampType::Create,
        batch_bytes_max: 77,
    };
    vec![
        ManifestEntry::Begin { number: 4, wall: WallMillis(9) },
        ManifestEntry::SnapshotEnd { entries: 12 },
        ManifestEntry::Log { log: LogId(7), partitions: 4, policy },
        ManifestEntry::Log { log: LogId(8), partitions: 1, policy: LogPolicy::KEEP },
        ManifestEntry::Delete { log: LogId(7) },
        ManifestEntry::Roll { partition, segment, time: WallMillis(3) },
        ManifestEntry::FlushedEnd { partition, segment, end },
        ManifestEntry::Seal { partition, segment, end },
        ManifestEntry::LogStart {
            partition,
            start: Sequence(110),
            next: Sequence(120),
            last_time: None,
            producers: vec![1, 2],
        },
        ManifestEntry::Swap { partition, from: segment, to: SegmentId { generation: 3, ..segment } },
        ManifestEntry::Producers { partition, at: Sequence(5), state: vec![9; 40] },
        ManifestEntry::JournalFloor { generation: 12 },
        ManifestEntry::CleanStop {
            generation: 6,
            round: 99,
            wall: WallMillis(8),
            ends: vec![
                PartitionEnd { partition, next: Sequence(120), last_time: Some(WallMillis(1)) },
                PartitionEnd { partition: PartitionId::CONTROL, next: Sequence(0), last_time: None },
            ],
        },
    ]
}

#[test]
fn every_entry_comes_back_and_no_changed_one_does() {
    for entry in samples() {
        let mut bytes = Vec::new();
        entry.encode(SEED, 1000, &mut bytes);
        assert_eq!(ManifestEntry::decode(SEED, 1000, &bytes), Ok((entry, bytes.len())));
        refuses_every_cut_and_flip(&bytes, |bytes| ManifestEntry::decode(SEED, 1000, bytes).ok());
    }
}

#[test]
fn entries_follow_one_another_and_hold_only_in_their_place() {
    let mut bytes = Vec::new();
    for entry in samples() {
        entry.encode(SEED, 64, &mut bytes);
    }
    let mut at = 0;
    for entry in samples() {
        let (read, taken) = ManifestEntry::decode(SEED, 64 + at as u64, &bytes[at..]).expect("sound");
        assert_eq!(read, entry);
        assert_eq!(ManifestEntry::decode(SEED, 65 + at as u64, &bytes[at..]), Err(EntryFault::Bad));
        at += taken;
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn an_unknown_kind_is_stepped_over_only_if_it_says_so() {
    let mut bytes = Vec::new();
    ManifestEntry::Unknown { kind: 0x81 }.encode(SEED, 0, &mut bytes);
    assert_eq!(
        ManifestEntry::decode(SEED, 0, &bytes),
        Ok((ManifestEntry::Unknown { kind: 0x81 }, bytes.len()))
    );
    bytes.clear();
    ManifestEntry::Unknown { kind: 0x42 }.encode(SEED, 0, &mut bytes);
    assert_eq!(ManifestEntry::decode(SEED, 0, &bytes), Err(EntryFault::UnknownKind(0x42)));
}
