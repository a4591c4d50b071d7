//! The memory level's segments: marks over the tail, so that whole stretches can go at once.

use std::collections::VecDeque;

use crate::api::StoredBatch;
use crate::core::segments::{Segment, SegmentSet};
use crate::core::tail::charge;
use crate::format::manifest::SegmentId;
use crate::types::Sequence;

/// A partition's memory segments; the last one is open.
#[derive(Debug)]
pub(crate) struct MemorySegments {
    segments: VecDeque<Segment>,
    segment_bytes: u64,
}

impl MemorySegments {
    /// Segments of about `segment_bytes`.
    pub(crate) const fn new(segment_bytes: u64) -> Self {
        Self { segments: VecDeque::new(), segment_bytes }
    }

    /// Counts a batch in; `true` if that closed a segment.
    pub(crate) fn push(&mut self, batch: &StoredBatch) -> bool {
        if self.segments.back().is_none_or(|segment| segment.sealed) {
            let id = SegmentId { base: batch.base, generation: 0 };
            self.segments.push_back(Segment::begun(id, batch.append_time));
        }
        let Some(active) = self.segments.back_mut() else { return false };
        active.end.bytes += charge(batch);
        active.end.next = batch.end();
        active.end.last_time = batch.append_time;
        active.sealed = active.end.bytes >= self.segment_bytes;
        active.sealed
    }

    /// Closes the open segment; `true` if there was one.
    pub(crate) fn seal(&mut self) -> bool {
        match self.segments.back_mut() {
            Some(active) if !active.sealed => {
                active.sealed = true;
                true
            }
            _ => false,
        }
    }

    /// The open segment.
    pub(crate) fn active(&self) -> Option<&Segment> {
        self.segments.back().filter(|segment| !segment.sealed)
    }

    /// Where the oldest closed segment ends.
    pub(crate) fn oldest_sealed_end(&self) -> Option<Sequence> {
        self.segments.front().filter(|segment| segment.sealed).map(|segment| segment.end.next)
    }

    /// Forgets segments that lie wholly below `start`.
    pub(crate) fn trim(&mut self, start: Sequence) {
        while self.segments.front().is_some_and(|segment| segment.end.next <= start) {
            self.segments.pop_front();
        }
    }

    /// A copy in order, for decisions over segments.
    pub(crate) fn to_vec(&self) -> Vec<Segment> {
        self.segments.iter().copied().collect()
    }
}

/// What a partition's events lie in besides the tail.
#[derive(Debug)]
pub(crate) enum Store {
    /// Nothing else.
    Memory(MemorySegments),
    /// Segments on disk.
    Disk(SegmentSet),
}

impl Store {
    /// The number below which events are in flushed segments, so that memory may let go of them.
    pub(crate) fn flushed(&self) -> Sequence {
        match self {
            Self::Memory(_) => Sequence::ZERO,
            Self::Disk(set) => set.next().unwrap_or(Sequence::ZERO),
        }
    }

    /// A copy of the segments in order.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        match self {
            Self::Memory(memory) => memory.to_vec(),
            Self::Disk(set) => set.all().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use forebay_event::Origin;

    use super::*;
    use crate::types::WallMillis;

    fn batch(base: u64) -> Arc<StoredBatch> {
        Arc::new(StoredBatch {
            origin: Origin::Amqp,
            base: Sequence(base),
            last: Sequence(base),
            append_time: WallMillis(base as i64),
            bytes: vec![0; 1000 - 96],
        })
    }

    #[test]
    fn segments_close_by_size_or_on_demand_and_go_whole() {
        let mut memory = MemorySegments::new(3000);
        let closed: Vec<bool> = (0..4).map(|n| memory.push(&batch(n))).collect();
        assert_eq!(closed, [false, false, true, false]);
        assert_eq!(memory.oldest_sealed_end(), Some(Sequence(3)));
        memory.trim(Sequence(3));
        assert_eq!(memory.oldest_sealed_end(), None);
        assert!(memory.seal());
        assert!(!memory.seal());
        assert_eq!(memory.oldest_sealed_end(), Some(Sequence(4)));
        assert_eq!(memory.to_vec().iter().map(|segment| segment.end.last_time.0).collect::<Vec<_>>(), [3]);
    }
}
