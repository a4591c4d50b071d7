//! Senders: many messages in flight, outcomes in the order sent.

use std::collections::VecDeque;
use std::fmt;

use forebay_amqp::types::{DeliveryId, DeliveryState};

use crate::error::{Hint, ServiceError};
use crate::links::LinkIndex;

/// A sender link of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Producer(pub(crate) LinkIndex);

/// Where events go (docs/reference/amqp.md §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub(crate) hub: String,
    pub(crate) address: String,
}

impl Destination {
    /// A hub: the partition is chosen by the event's key, or in turn.
    #[must_use]
    pub fn hub(hub: &str) -> Self {
        Self { hub: hub.to_owned(), address: hub.to_owned() }
    }

    /// One partition of a hub.
    #[must_use]
    pub fn partition(hub: &str, partition: &str) -> Self {
        Self { hub: hub.to_owned(), address: format!("{hub}/Partitions/{partition}") }
    }

    /// A hub under a publisher's name, which is the partition key.
    #[must_use]
    pub fn publisher(hub: &str, publisher: &str) -> Self {
        Self { hub: hub.to_owned(), address: format!("{hub}/Publishers/{publisher}") }
    }
}

/// What the server made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, as safely as the server promises.
    Accepted,
    /// It is not stored, and will not be if sent again as it is.
    Rejected(Option<Box<ServiceError>>),
    /// It is not stored; it may be sent again.
    Released,
    /// It is not stored; it may be sent again, changed.
    Modified,
    /// A state that AMQP does not know as an outcome.
    Unknown,
}

impl Outcome {
    /// Whether the message is stored.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Rejected(Some(error)) => {
                let words = error.description.as_deref().unwrap_or_default();
                write!(f, "rejected: {error}{}", Hint(Some(&error.condition), words))
            }
            Self::Rejected(None) => f.write_str("rejected without a reason"),
            Self::Released => f.write_str("released: it may be sent again"),
            Self::Modified => f.write_str("modified: it may be sent again, changed"),
            Self::Unknown => f.write_str("answered with a state that is no outcome"),
        }
    }
}

impl From<DeliveryState> for Outcome {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Accepted => Self::Accepted,
            DeliveryState::Rejected(error) => Self::Rejected(error.map(|error| Box::new(error.into()))),
            DeliveryState::Released => Self::Released,
            DeliveryState::Modified(_) => Self::Modified,
            DeliveryState::Received(_) | DeliveryState::Other(_) => Self::Unknown,
        }
    }
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which message of the producer: 0 is the first it sent.
    pub number: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What one producer has sent and not yet told the caller about.
///
/// Delivery ids of a session that carries one sender have no gaps, so the place in the queue is the distance of ids.
#[derive(Debug)]
pub(crate) struct Flights {
    queue: VecDeque<Option<Outcome>>,
    /// Delivery id of the front of the queue.
    front: DeliveryId,
    /// Number of the front of the queue, counted from the producer's first message.
    front_number: u64,
    unsettled: u32,
    pub(crate) window: u32,
}

impl Flights {
    pub(crate) fn new(window: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            front: DeliveryId::default(),
            front_number: 0,
            unsettled: 0,
            window: window.max(1),
        }
    }

    pub(crate) const fn has_room(&self) -> bool {
        self.unsettled < self.window
    }

    pub(crate) const fn unsettled(&self) -> u32 {
        self.unsettled
    }

    pub(crate) fn sent(&mut self, id: DeliveryId) -> u64 {
        if self.queue.is_empty() {
            self.front = id;
        }
        self.queue.push_back(None);
        self.unsettled += 1;
        self.front_number + self.queue.len() as u64 - 1
    }

    /// Notes the outcome of a range, both ends included. The core has clamped it to what is unsettled.
    pub(crate) fn settle(&mut self, first: DeliveryId, last: DeliveryId, outcome: &Outcome) {
        let from = first.steps_since(self.front) as usize;
        let count = last.steps_since(first) as usize + 1;
        for flight in self.queue.iter_mut().skip(from).take(count) {
            if flight.replace(outcome.clone()).is_none() {
                self.unsettled -= 1;
            }
        }
    }

    /// The oldest message, if its outcome is known.
    pub(crate) fn take(&mut self) -> Option<Settled> {
        let outcome = self.queue.front_mut()?.take()?;
        self.queue.pop_front();
        let number = self.front_number;
        self.front = self.front.next();
        self.front_number += 1;
        Some(Settled { number, outcome })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> DeliveryId {
        DeliveryId::new(number)
    }

    #[test]
    fn outcomes_come_in_the_order_sent_whatever_order_they_came_in() {
        let mut flights = Flights::new(10);
        for number in 0..4 {
            assert_eq!(flights.sent(id(u32::MAX).add(number)), u64::from(number));
        }
        flights.settle(id(0), id(1), &Outcome::Accepted);
        assert_eq!(flights.take(), None, "the first is still open");
        flights.settle(id(u32::MAX), id(u32::MAX), &Outcome::Released);
        assert_eq!(flights.take(), Some(Settled { number: 0, outcome: Outcome::Released }));
        assert_eq!(flights.take(), Some(Settled { number: 1, outcome: Outcome::Accepted }));
        assert_eq!(flights.take(), Some(Settled { number: 2, outcome: Outcome::Accepted }));
        assert_eq!(flights.take(), None);
        assert_eq!(flights.unsettled(), 1);
    }

    #[test]
    fn the_window_counts_what_is_unsettled() {
        let mut flights = Flights::new(2);
        flights.sent(id(7));
        assert!(flights.has_room());
        flights.sent(id(8));
        assert!(!flights.has_room());
        flights.settle(id(7), id(7), &Outcome::Accepted);
        assert!(flights.has_room(), "although nobody took the outcome yet");
        assert!(!flights.is_empty());
    }

    #[test]
    fn a_range_beyond_what_was_sent_settles_only_what_was_sent() {
        let mut flights = Flights::new(2);
        flights.sent(id(0));
        flights.settle(id(0), id(1_000_000), &Outcome::Accepted);
        assert_eq!(flights.unsettled(), 0);
    }
}
