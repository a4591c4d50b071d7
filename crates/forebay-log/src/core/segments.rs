//! Which segment holds a number, and which have expired.

use crate::format::manifest::{SegmentEnd, SegmentId};
use crate::limits::{SEGMENT_AGE_MS_MAX, SEGMENT_AGE_MS_MIN};
use crate::types::{LogPolicy, Millis, Sequence, WallMillis};

/// One segment, as far as it is flushed and on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) end: SegmentEnd,
    pub(crate) sealed: bool,
}

impl Segment {
    /// A segment that was just begun at `time`.
    pub(crate) const fn begun(id: SegmentId, time: WallMillis) -> Self {
        let end = SegmentEnd { bytes: 0, next: id.base, first_time: time, last_time: time };
        Self { id, end, sealed: false }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.end.next.0 == self.id.base.0
    }
}

/// A partition's segments in order; only the last may be open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SegmentSet {
    segments: Vec<Segment>,
}

impl SegmentSet {
    pub(crate) fn all(&self) -> &[Segment] {
        &self.segments
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end.bytes).sum()
    }

    /// The number after the last event in a segment.
    pub(crate) fn next(&self) -> Option<Sequence> {
        self.segments.last().map(|segment| segment.end.next)
    }

    /// The open segment.
    pub(crate) fn active(&self) -> Option<&Segment> {
        self.segments.last().filter(|segment| !segment.sealed)
    }

    /// The next free generation.
    pub(crate) fn generation_next(&self) -> u32 {
        self.segments.iter().map(|segment| segment.id.generation).max().map_or(1, |last| last + 1)
    }

    /// The segment that holds `sequence`, or, in a gap, the one before it.
    pub(crate) fn holding(&self, sequence: Sequence) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.id.base <= sequence);
        self.segments.get(after.checked_sub(1)?)
    }

    /// The first segment with an event at or after `at`.
    pub(crate) fn since(&self, at: WallMillis) -> Option<&Segment> {
        self.segments.iter().find(|segment| !segment.is_empty() && segment.end.last_time >= at)
    }

    pub(crate) fn roll(&mut self, segment: Segment) {
        debug_assert!(self.active().is_none(), "the last segment is closed before the next begins");
        self.segments.push(segment);
    }

    /// The open or just closed segment goes up to `end`; `false` if there is no such segment.
    pub(crate) fn set_end(&mut self, id: SegmentId, end: SegmentEnd, sealed: bool) -> bool {
        let segment = self.segments.iter_mut().find(|segment| segment.id == id);
        segment.is_some_and(|segment| {
            segment.end = end;
            segment.sealed |= sealed;
            true
        })
    }

    /// The second takes the first one's place; `false` if there is no such segment.
    pub(crate) fn swap(&mut self, from: SegmentId, to: SegmentId) -> bool {
        let segment = self.segments.iter_mut().find(|segment| segment.id == from);
        segment.is_some_and(|segment| {
            segment.id = to;
            true
        })
    }

    /// Takes out the closed segments that lie wholly below `start`.
    pub(crate) fn trim(&mut self, start: Sequence) -> Vec<Segment> {
        let gone =
            self.segments.iter().take_while(|segment| segment.sealed && segment.end.next <= start).count();
        self.segments.drain(..gone).collect()
    }
}

/// How old an open segment may become before it is closed, so that it can expire.
pub(crate) fn segment_age_max(policy: &LogPolicy) -> Option<Millis> {
    policy.retention.map(|retention| Millis((retention.0 / 8).clamp(SEGMENT_AGE_MS_MIN, SEGMENT_AGE_MS_MAX)))
}

/// Whether the open segment is to be closed, whatever its size: it is old, or all it holds has expired.
pub(crate) fn is_due_to_roll(policy: &LogPolicy, segment: &Segment, now: WallMillis) -> bool {
    let Some(age) = segment_age_max(policy) else { return false };
    !segment.is_empty()
        && (segment.end.first_time <= now.minus(age) || is_expired_by_time(policy, segment, now))
}

fn is_expired_by_time(policy: &LogPolicy, segment: &Segment, now: WallMillis) -> bool {
    policy.retention.is_some_and(|retention| segment.end.last_time < now.minus(retention))
}

/// What expires: the number of the first event kept, given that only whole closed segments go, oldest first.
///
/// | segment | too old | partition too big | goes |
/// |---|---|---|---|
/// | open | any | any | no, nor any after it |
/// | closed | yes | any | yes |
/// | closed | no | yes | yes |
/// | closed | no | no | no, nor any after it |
pub(crate) fn expired(policy: &LogPolicy, segments: &[Segment], now: WallMillis) -> Option<Sequence> {
    let mut bytes: u64 = segments.iter().map(|segment| segment.end.bytes).sum();
    let mut start = None;
    for segment in segments {
        let too_big = policy.retention_bytes.is_some_and(|most| bytes > most);
        if !segment.sealed || !(too_big || is_expired_by_time(policy, segment, now)) {
            break;
        }
        bytes -= segment.end.bytes;
        start = Some(segment.end.next);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(base: u64, next: u64, last_time: i64, sealed: bool) -> Segment {
        let id = SegmentId { base: Sequence(base), generation: 1 };
        let end = SegmentEnd {
            bytes: 100,
            next: Sequence(next),
            first_time: WallMillis(last_time),
            last_time: WallMillis(last_time),
        };
        Segment { id, end, sealed }
    }

    #[test]
    fn every_row_of_the_expiry_table() {
        let hour = LogPolicy::retain(Millis::from_secs(3600));
        let small = LogPolicy { retention_bytes: Some(150), ..LogPolicy::KEEP };
        let now = WallMillis(10 * 3_600_000);
        let (old, young) = (0, now.0);
        let check = |policy: &LogPolicy, segments: &[Segment], expected: Option<u64>| {
            assert_eq!(expired(policy, segments, now), expected.map(Sequence), "{policy:?} {segments:?}");
        };
        check(&hour, &[segment(0, 5, old, false)], None);
        check(&hour, &[segment(0, 5, old, true)], Some(5));
        check(
            &hour,
            &[segment(0, 5, old, true), segment(5, 9, old, true), segment(9, 9, young, false)],
            Some(9),
        );
        check(&hour, &[segment(0, 5, young, true), segment(5, 9, old, true)], None);
        check(&hour, &[segment(0, 5, now.0 - 3_600_000, true)], None);
        check(&hour, &[segment(0, 5, now.0 - 3_600_001, true)], Some(5));
        check(&small, &[segment(0, 5, old, true), segment(5, 9, old, true)], Some(5));
        check(&small, &[segment(0, 5, old, false), segment(5, 9, old, true)], None);
        check(&LogPolicy::KEEP, &[segment(0, 5, old, true)], None);
    }

    #[test]
    fn the_segment_that_holds_a_number_is_found_in_gaps_too() {
        let mut set = SegmentSet::default();
        assert_eq!(set.holding(Sequence(0)), None);
        for (base, next) in [(10, 20), (20, 30), (40, 50)] {
            set.roll(segment(base, next, 0, true));
        }
        let base_of = |sequence| set.holding(Sequence(sequence)).map(|segment| segment.id.base.0);
        assert_eq!(
            [9, 10, 19, 20, 35, 40, 99].map(base_of),
            [None, Some(10), Some(10), Some(20), Some(20), Some(40), Some(40)]
        );
        let mut trimmed = set.clone();
        assert_eq!(trimmed.trim(Sequence(29)).len(), 1);
        assert_eq!(trimmed.trim(Sequence(50)).len(), 2);
        assert_eq!(trimmed.generation_next(), 1);
    }

    #[test]
    fn segments_are_closed_by_age_within_bounds() {
        let age =
            |seconds| segment_age_max(&LogPolicy::retain(Millis::from_secs(seconds))).expect("bounded").0;
        assert_eq!(age(1), SEGMENT_AGE_MS_MIN);
        assert_eq!(age(24 * 3600), 3 * 3600 * 1000);
        assert_eq!(age(90 * 24 * 3600), SEGMENT_AGE_MS_MAX);
        assert_eq!(segment_age_max(&LogPolicy::KEEP), None);
    }
}
