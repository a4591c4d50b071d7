//! What a connection has published and not yet answered.
//!
//! Events are answered by the log's mark, not one by one: a *group* is what one connection wrote into one batch, as
//! ranges of delivery ids. When the batch is durable its ranges become dispositions, and neighbours merge.

use std::collections::VecDeque;

use forebay_amqp::LinkId;
use forebay_amqp::types::DeliveryId;

/// Deliveries of one link with neighbouring ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) link: LinkId,
    pub(crate) first: DeliveryId,
    pub(crate) last: DeliveryId,
}

impl Range {
    /// How many deliveries it is.
    pub(crate) fn count(self) -> u32 {
        self.last.steps_since(self.first) + 1
    }
}

#[derive(Debug, Default)]
struct Group {
    ranges: Vec<Range>,
    bytes: u64,
    answered: bool,
}

/// All groups that wait for their commit, oldest first.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    groups: VecDeque<Group>,
    /// The id of the first in `groups`.
    first: u64,
    /// The id that the next group gets.
    pub(crate) next: u64,
    bytes: u64,
    deliveries: u32,
    /// Emptied lists, so that a steady stream of groups allocates nothing.
    spare: Vec<Vec<Range>>,
}

/// Emptied lists that are kept.
const SPARE_MAX: usize = 32;

impl InFlight {
    /// Bytes of messages that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Deliveries whose senders wait.
    pub(crate) fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// Whether everything that was published has its answer.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Notes a message written into `group`. `delivery` is `None` if the sender wants no answer.
    pub(crate) fn add(&mut self, group: u64, bytes: u64, link: LinkId, delivery: Option<DeliveryId>) {
        while self.first + self.groups.len() as u64 <= group {
            let ranges = self.spare.pop().unwrap_or_default();
            self.groups.push_back(Group { ranges, ..Group::default() });
        }
        // A group that is gone was answered while the message was written, which the log does not do.
        let Some(index) = self.index_of(group) else { return };
        let Some(group) = self.groups.get_mut(index) else { return };
        group.bytes += bytes;
        if let Some(id) = delivery {
            match group.ranges.last_mut() {
                Some(range) if range.link == link && range.last.next() == id => range.last = id,
                _ => group.ranges.push(Range { link, first: id, last: id }),
            }
            self.deliveries += 1;
        }
        self.bytes += bytes;
    }

    /// Ends a group and hands its ranges to `answer`.
    pub(crate) fn finish(&mut self, group: u64, mut answer: impl FnMut(Range)) {
        let Some(index) = self.index_of(group) else { return };
        let Some(group) = self.groups.get_mut(index) else { return };
        let bytes = std::mem::take(&mut group.bytes);
        group.answered = true;
        let mut answered = 0;
        for range in group.ranges.drain(..) {
            answered += range.count();
            answer(range);
        }
        self.bytes -= bytes;
        self.deliveries -= answered;
        while self.groups.front().is_some_and(|group| group.answered) {
            if let Some(group) = self.groups.pop_front()
                && self.spare.len() < SPARE_MAX
            {
                self.spare.push(group.ranges);
            }
            self.first += 1;
        }
    }

    fn index_of(&self, group: u64) -> Option<usize> {
        usize::try_from(group.checked_sub(self.first)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_amqp::Config;
    use forebay_amqp::testing::RawPeer;

    fn id(number: u32) -> DeliveryId {
        DeliveryId::new(number)
    }

    fn link() -> LinkId {
        RawPeer::sending(Config::default()).1
    }

    fn answers(in_flight: &mut InFlight, group: u64) -> Vec<(u32, u32)> {
        let mut answered = Vec::new();
        in_flight.finish(group, |range| answered.push((range.first.get(), range.last.get())));
        answered
    }

    #[test]
    fn neighbours_are_answered_as_one_range_and_nothing_is_left() {
        let (mut in_flight, link) = (InFlight::default(), link());
        for number in [4, 5, 6, 9] {
            in_flight.add(0, 100, link, Some(id(number)));
        }
        assert_eq!((in_flight.bytes(), in_flight.deliveries()), (400, 4));
        assert_eq!(answers(&mut in_flight, 0), [(4, 6), (9, 9)]);
        assert_eq!((in_flight.bytes(), in_flight.deliveries()), (0, 0));
        assert!(in_flight.is_empty());
    }

    #[test]
    fn groups_of_several_partitions_may_end_in_any_order() {
        let (mut in_flight, link) = (InFlight::default(), link());
        for (group, number) in [(0, 1), (1, 2), (0, 3), (2, 4)] {
            in_flight.add(group, 10, link, Some(id(number)));
        }
        assert_eq!(answers(&mut in_flight, 1), [(2, 2)]);
        assert!(!in_flight.is_empty());
        assert_eq!(answers(&mut in_flight, 2), [(4, 4)]);
        assert_eq!(answers(&mut in_flight, 0), [(1, 1), (3, 3)]);
        assert!(in_flight.is_empty());
        assert!(answers(&mut in_flight, 0).is_empty(), "an answer comes once");
    }

    #[test]
    fn deliveries_that_wrap_are_one_range_and_settled_ones_need_no_answer() {
        let (mut in_flight, link) = (InFlight::default(), link());
        for number in [u32::MAX - 1, u32::MAX, 0, 1] {
            in_flight.add(0, 1, link, Some(id(number)));
        }
        in_flight.add(0, 7, link, None);
        assert_eq!((in_flight.bytes(), in_flight.deliveries()), (11, 4));
        assert_eq!(answers(&mut in_flight, 0), [(u32::MAX - 1, 1)]);
        assert!(in_flight.is_empty());
    }
}
