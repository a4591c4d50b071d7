//! The receiving view of a link.

use super::{Credit, LinkId};
use crate::connection::Connection;

/// A link on which we receive: its credit.
#[derive(Debug)]
pub struct Receiver<'c> {
    connection: &'c mut Connection,
    index: u32,
}

impl<'c> Receiver<'c> {
    pub(crate) const fn new(connection: &'c mut Connection, index: u32) -> Self {
        Self { connection, index }
    }

    /// The link's id.
    #[must_use]
    pub fn id(&self) -> LinkId {
        self.connection.link_at(self.index).id
    }

    /// Deliveries that the sender may still begin. Some senders ignore it (docs/reference/amqp.md §0.8).
    #[must_use]
    pub fn credit(&self) -> u32 {
        match &self.connection.link_at(self.index).credit {
            Credit::Receiver(credit) => credit.credit(),
            Credit::Sender(_) => 0,
        }
    }

    /// Lets the sender begin `credit` deliveries from now on, whatever it had before. A flow is due;
    /// several calls before it is written become one.
    pub fn set_credit(&mut self, credit: u32) {
        let (link, _) = self.connection.link_and_session(self.index);
        if let Credit::Receiver(ours) = &mut link.credit {
            ours.set(credit);
            link.flow_due = true;
            self.connection.link_is_due(self.index);
        }
    }

    /// Asks the sender to use its credit at once or give it up (§2.6.7).
    /// [`Event::Credit`](crate::connection::Event::Credit) with `credit: 0` follows. Without credit nothing happens.
    pub fn drain(&mut self) {
        let (link, _) = self.connection.link_and_session(self.index);
        if let Credit::Receiver(ours) = &mut link.credit {
            ours.drain();
            if ours.is_draining() {
                link.flow_due = true;
                self.connection.link_is_due(self.index);
            }
        }
    }
}
