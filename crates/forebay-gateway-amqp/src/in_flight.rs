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
