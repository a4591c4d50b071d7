//! What the manifest says, folded: which logs there are, where their partitions begin and end, in which segments.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::segments::{Segment, SegmentSet};
use crate::format::manifest::{ManifestEntry, PartitionEnd};
use crate::types::{LogId, LogPolicy, Millis, PartitionId, Sequence, WallMillis};

/// The fold of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    pub(crate) logs: BTreeMap<LogId, CatalogLog>,
    /// Logs that are gone and whose folders may still be there.
    pub(crate) deleted: BTreeSet<LogId>,
    /// Journal files below this generation are not needed.
    pub(crate) journal_floor: u32,
    /// The last clean stop, if nothing was recorded since.
    pub(crate) clean: Option<CleanStop>,
    /// The last wall time on record.
    pub(crate) wall: Option<WallMillis>,
}

/// A clean stop on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CleanStop {
    /// The next round's number.
    pub(crate) round: u64,
    /// The next journal file's generation.
    pub(crate) generation: u32,
    ends: Vec<PartitionEnd>,
}

/// A log on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogLog {
    pub(crate) partitions: u32,
    pub(crate) policy: LogPolicy,
    /// Partitions that ever had an event.
    pub(crate) used: BTreeMap<u32, CatalogPartition>,
}

/// A partition on record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CatalogPartition {
    pub(crate) segments: SegmentSet,
    pub(crate) start: Sequence,
    next: Sequence,
    pub(crate) last_time: Option<WallMillis>,
}

impl CatalogPartition {
    /// The number after the last event in a segment.
    pub(crate) fn next(&self) -> Sequence {
        self.segments.next().unwrap_or(self.next).max(self.next)
    }
}

/// Taken for nothing, the events in that segment would be gone without a word.
const NO_SUCH_SEGMENT: &str = "an entry speaks of a segment that is not there";

impl Catalog {
    /// What a new folder has.
    pub(crate) fn with_control_log() -> Self {
        let control = CatalogLog { partitions: 1, policy: LogPolicy::KEEP, used: BTreeMap::new() };
        Self { logs: BTreeMap::from([(LogId::CONTROL, control)]), ..Self::default() }
    }

    /// Folds one entry in.
    pub(crate) fn apply(&mut self, entry: &ManifestEntry) -> Result<(), &'static str> {
        if !matches!(entry, ManifestEntry::Unknown { .. }) {
            self.clean = None;
        }
        match entry {
            ManifestEntry::Begin { wall, .. } => self.wall = Some(*wall),
            ManifestEntry::SnapshotEnd { .. }
            | ManifestEntry::Unknown { .. }
            | ManifestEntry::Producers { .. } => {}
            ManifestEntry::Log { log, partitions, policy } => {
                let known = self.logs.entry(*log).or_insert_with(|| CatalogLog {
                    partitions: 0,
                    policy: *policy,
                    used: BTreeMap::new(),
                });
                known.partitions = known.partitions.max(*partitions);
                known.policy = *policy;
                self.deleted.remove(log);
            }
            ManifestEntry::Delete { log } => {
                self.logs.remove(log);
                self.deleted.insert(*log);
            }
            ManifestEntry::Roll { partition, segment, time } => {
                let partition = self.partition(*partition)?;
                if partition.segments.active().is_some() {
                    return Err("a segment is begun while another is open");
                }
                partition.segments.roll(Segment::begun(*segment, *time));
            }
            ManifestEntry::FlushedEnd { partition, segment, end }
            | ManifestEntry::Seal { partition, segment, end } => {
                let sealed = matches!(entry, ManifestEntry::Seal { .. });
                let partition = self.partition(*partition)?;
                if !partition.segments.set_end(*segment, *end, sealed) {
                    return Err(NO_SUCH_SEGMENT);
                }
                if end.next > segment.base {
                    partition.last_time = partition.last_time.max(Some(end.last_time));
                }
            }
            ManifestEntry::LogStart { partition, start, next, last_time, .. } => {
                let partition = self.partition(*partition)?;
                partition.start = partition.start.max(*start);
                partition.next = partition.next.max(*next);
                partition.last_time = partition.last_time.max(*last_time);
                partition.segments.trim(*start);
            }
            ManifestEntry::Swap { partition, from, to } => {
                if !self.partition(*partition)?.segments.swap(*from, *to) {
                    return Err(NO_SUCH_SEGMENT);
                }
            }
            ManifestEntry::JournalFloor { generation } => {
                self.journal_floor = self.journal_floor.max(*generation);
            }
            ManifestEntry::CleanStop { generation, round, wall, ends } => {
                self.journal_floor = self.journal_floor.max(*generation);
                self.wall = Some(*wall);
                self.clean = Some(CleanStop { round: *round, generation: *generation, ends: ends.clone() });
            }
        }
        Ok(())
    }

    fn partition(&mut self, id: PartitionId) -> Result<&mut CatalogPartition, &'static str> {
        let log = self.logs.get_mut(&id.log).ok_or("an entry speaks of a log that is not there")?;
        if id.index >= log.partitions {
            return Err("an entry speaks of a partition that is not there");
        }
        Ok(log.used.entry(id.index).or_default())
    }

    /// The entries of a snapshot, without its first and last: folding them gives this state again.
    pub(crate) fn snapshot(&self) -> Vec<ManifestEntry> {
        let mut entries = Vec::new();
        for (log, known) in &self.logs {
            let (log, partitions, policy) = (*log, known.partitions, known.policy);
            entries.push(ManifestEntry::Log { log, partitions, policy });
            for (index, used) in &known.used {
                let partition = PartitionId { log, index: *index };
                for segment in used.segments.all() {
                    let (id, end) = (segment.id, segment.end);
                    entries.push(ManifestEntry::Roll { partition, segment: id, time: end.first_time });
                    entries.push(match segment.sealed {
                        true => ManifestEntry::Seal { partition, segment: id, end },
                        false => ManifestEntry::FlushedEnd { partition, segment: id, end },
                    });
                }
                let (start, next, last_time) = (used.start, used.next, used.last_time);
                entries.push(ManifestEntry::LogStart {
                    partition,
                    start,
                    next,
                    last_time,
                    producers: Vec::new(),
                });
            }
        }
        entries.extend(self.deleted.iter().map(|log| ManifestEntry::Delete { log: *log }));
        entries.push(ManifestEntry::JournalFloor { generation: self.journal_floor });
        entries
    }

    /// The clean stop on record, as an entry behind a snapshot.
    pub(crate) fn clean_stop(&self) -> Option<ManifestEntry> {
        let clean = self.clean.as_ref()?;
        let (generation, round, ends) = (clean.generation, clean.round, clean.ends.clone());
        Some(ManifestEntry::CleanStop { generation, round, wall: self.wall.unwrap_or_default(), ends })
    }

    /// Where every used partition ends.
    pub(crate) fn ends(&self) -> Vec<PartitionEnd> {
        self.used()
            .map(|(partition, used)| PartitionEnd { partition, next: used.next(), last_time: used.last_time })
            .collect()
    }

    /// Every partition that ever had an event.
    pub(crate) fn used(&self) -> impl Iterator<Item = (PartitionId, &CatalogPartition)> {
        self.logs.iter().flat_map(|(log, known)| {
            known.used.iter().map(|(index, used)| (PartitionId { log: *log, index: *index }, used))
        })
    }

    /// Whether the clean stop on record agrees with the segments on record.
    pub(crate) fn clean_stop_agrees(&self) -> bool {
        self.clean.as_ref().is_none_or(|clean| clean.ends == self.ends())
    }

    /// The longest retention of any log.
    pub(crate) fn longest_retention(&self) -> Millis {
        self.logs.values().filter_map(|log| log.policy.retention).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::manifest::{SegmentEnd, SegmentId};

    #[test]
    fn a_snapshot_folds_to_the_state_it_was_taken_of() {
        let partition = PartitionId { log: LogId(3), index: 1 };
        let end = |next: u64| SegmentEnd {
            bytes: next * 100,
            next: Sequence(next),
            first_time: WallMillis(1),
            last_time: WallMillis(next as i64),
        };
        let id = |base: u64, generation| SegmentId { base: Sequence(base), generation };
        let mut catalog = Catalog::default();
        for entry in [
            ManifestEntry::Log { log: LogId(3), partitions: 2, policy: LogPolicy::default() },
            ManifestEntry::Log { log: LogId(4), partitions: 2, policy: LogPolicy::KEEP },
            ManifestEntry::Roll { partition, segment: id(0, 1), time: WallMillis(1) },
            ManifestEntry::FlushedEnd { partition, segment: id(0, 1), end: end(4) },
            ManifestEntry::Seal { partition, segment: id(0, 1), end: end(5) },
            ManifestEntry::Roll { partition, segment: id(5, 2), time: WallMillis(6) },
            ManifestEntry::Swap { partition, from: id(5, 2), to: id(5, 3) },
            ManifestEntry::FlushedEnd { partition, segment: id(5, 3), end: end(9) },
            ManifestEntry::Delete { log: LogId(4) },
            ManifestEntry::LogStart {
                partition,
                start: Sequence(5),
                next: Sequence(9),
                last_time: Some(WallMillis(9)),
                producers: vec![],
            },
            ManifestEntry::JournalFloor { generation: 8 },
        ] {
            assert_eq!(catalog.apply(&entry), Ok(()), "{entry:?}");
        }
        let used = &catalog.logs[&LogId(3)].used[&1];
        assert_eq!((used.start, used.next(), used.segments.all().len()), (Sequence(5), Sequence(9), 1));
        let mut again = Catalog::default();
        for entry in catalog.snapshot() {
            assert_eq!(again.apply(&entry), Ok(()), "{entry:?}");
        }
        assert_eq!(again, catalog);
        let stop =
            ManifestEntry::CleanStop { generation: 9, round: 77, wall: WallMillis(1), ends: catalog.ends() };
        assert_eq!(again.apply(&stop), Ok(()));
        assert!(again.clean_stop_agrees());
        let log = ManifestEntry::Log { log: LogId(5), partitions: 2, policy: LogPolicy::default() };
        assert_eq!(again.apply(&log), Ok(()));
        assert_eq!(again.clean, None, "something came after the stop");
        for entry in [
            ManifestEntry::FlushedEnd { partition, segment: id(9, 9), end: end(12) },
            ManifestEntry::Seal { partition, segment: id(9, 9), end: end(12) },
            ManifestEntry::Swap { partition, from: id(9, 9), to: id(9, 10) },
        ] {
            assert_eq!(again.clone().apply(&entry), Err(NO_SUCH_SEGMENT), "{entry:?}");
        }
        assert!(
            again.apply(&ManifestEntry::Roll { partition, segment: id(9, 4), time: WallMillis(1) }).is_err()
        );
    }
}
