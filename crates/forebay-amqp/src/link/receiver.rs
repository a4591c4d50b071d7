//! The receiving view of a link.

use super::credit::ReceiverCredit;
use super::{Credit, LinkId};
use crate::connection::Connection;

/// A link on which we receive: its credit.
#[derive(Debug)]
pub struct Receiver<'c> {
    connection: &'c mut Connection,
    id: LinkId,
}

impl<'c> Receiver<'c> {
    pub(crate) const fn new(connection: &'c mut Connection, id: LinkId) -> Self {
        Self { connection, id }
    }

    /// The link's id.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// Deliveries that the sender may still begin. Some senders ignore it (docs/reference/amqp.md §0.8).
    #[must_use]
    pub fn credit(&self) -> u32 {
        self.connection.link(self.id).map_or(0, |link| link.credit)
    }

    /// Lets the sender begin `credit` deliveries from now on, whatever it had before. A flow is due;
    /// several calls before it is written become one.
    pub fn set_credit(&mut self, credit: u32) {
        self.tell(|ours| {
            ours.set(credit);
            true
        });
    }

    /// Asks the sender to use its credit at once or give it up (§2.6.7).
    /// [`Event::Credit`](crate::connection::Event::Credit) with `credit: 0` follows. Without credit nothing happens.
    pub fn drain(&mut self) {
        self.tell(|ours| {
            ours.drain();
            ours.is_draining()
        });
    }

    /// Changes the credit; a flow is due if `change` says so.
    fn tell(&mut self, change: impl FnOnce(&mut ReceiverCredit) -> bool) {
        let Some((link, _)) = self.connection.link_at_mut(self.id) else { return };
        let Credit::Receiver(ours) = &mut link.credit else { return };
        if change(ours) {
            link.flow_due = true;
            self.connection.link_is_due(self.id.0.index);
        }
    }
}
