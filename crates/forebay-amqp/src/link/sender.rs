//! The sending view of a link.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::num::NonZeroU32;

use super::{Credit, LinkId, LinkState};
use crate::connection::{Connection, DeliveryTag};
use crate::frame::DeliveryWriter;
use crate::session::SessionId;
use crate::types::{Channel, DeliveryId, Handle};

/// A link on which we send. Borrowed from the connection for as long as it takes to send what can be sent.
#[derive(Debug)]
pub struct Sender<'c> {
    connection: &'c mut Connection,
    id: LinkId,
    session: SessionId,
}

/// What a transfer says about a delivery (§2.7.5), beside the message itself.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Names the delivery on its link; at most 32 bytes.
    pub tag: &'a [u8],
    /// 0 for a plain message; 0x80013700 for an Event Hubs batch.
    pub message_format: u32,
    /// We want no answer. Settled deliveries cause no [`Event::Outcome`](crate::connection::Event::Outcome).
    pub settled: bool,
}

/// Why nothing was sent. The buffer holds at most frames that were due before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The link is not attached yet, or not any more.
    #[error("the link is not attached")]
    NotAttached,
    /// The receiver has granted no more (§2.6.7). Go on at the next [`Event::Credit`](crate::connection::Event::Credit).
    #[error("the receiver has granted no more credit")]
    NoCredit,
    /// The session window is shut (§2.5.6). Go on at the next
    /// [`Event::SessionWindow`](crate::connection::Event::SessionWindow).
    #[error("the session window is shut")]
    WindowClosed,
    /// Too many deliveries of the session wait for the peer's outcome. Go on at the next
    /// [`Event::Outcome`](crate::connection::Event::Outcome).
    #[error("too many deliveries of the session are unsettled")]
    TooManyUnsettled,
    /// The message is larger than the peer's max-message-size.
    #[error("a message of {bytes} bytes is larger than the peer's limit of {max} bytes")]
    TooLarge {
        /// Bytes of the message.
        bytes: u64,
        /// The peer's max-message-size.
        max: u64,
    },
    /// §2.8.7.
    #[error("a delivery tag has at most 32 bytes")]
    TagTooLong,
}

/// Why [`Sender::try_send`] sent nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<E> {
    /// As [`Sender::send`].
    #[error(transparent)]
    Send(#[from] SendError),
    /// The message could not be written; what its writer said.
    #[error("the message could not be written: {0}")]
    Write(E),
}

impl<'c> Sender<'c> {
    pub(crate) const fn new(connection: &'c mut Connection, id: LinkId, session: SessionId) -> Self {
        Self { connection, id, session }
    }

    /// The link's id.
    #[must_use]
    pub const fn id(&self) -> LinkId {
        self.id
    }

    /// The link's session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Deliveries that may be sent now: the least of link credit, session window and room for
    /// unsettled ones. A delivery of several frames takes more of the window, so it may turn out fewer.
    #[must_use]
    pub fn sendable(&self) -> u32 {
        self.check().unwrap_or(0)
    }

    /// Sends one delivery: `write` appends the encoded message to the buffer it is given, and nothing
    /// else. What is due on the connection is written first, so that frames keep their order.
    ///
    /// A message larger than the peer's frames is split in place. If the session window ends inside
    /// it, the rest waits in the core for [`poll_transmit`](Connection::poll_transmit).
    ///
    /// # Errors
    /// [`SendError`]; nothing of the delivery was sent then.
    pub fn send(
        &mut self,
        delivery: &Outgoing<'_>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<DeliveryId, SendError> {
        let written = self.try_send(delivery, out, |out| {
            write(out);
            Ok::<(), Infallible>(())
        });
        written.map_err(|error| match error {
            TrySendError::Send(error) => error,
            TrySendError::Write(never) => match never {},
        })
    }

    /// As [`Sender::send`] with a message that may turn out not to be writable: then nothing of it is sent.
    ///
    /// # Errors
    /// [`TrySendError`]; nothing of the delivery was sent then.
    pub fn try_send<E>(
        &mut self,
        delivery: &Outgoing<'_>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<DeliveryId, TrySendError<E>> {
        if delivery.tag.len() > DeliveryTag::BYTES_MAX {
            return Err(SendError::TagTooLong.into());
        }
        self.connection.write_due(out);
        self.check()?;
        let max_frame_size = self.connection.peer_max_frame_size();
        let (link, session) = self.connection.link_at_mut(self.id).ok_or(SendError::NotAttached)?;
        let (Some(handle), Some(channel)) = (link.handle_out, session.channel_out) else {
            return Err(SendError::NotAttached.into());
        };
        let window = NonZeroU32::new(session.window.sendable()).ok_or(SendError::WindowClosed)?;
        let id = session.next_delivery_id;
        let writer = DeliveryWriter {
            channel: Channel(channel),
            handle: Handle(handle),
            delivery_id: DeliveryId::new(id),
            delivery_tag: delivery.tag,
            message_format: delivery.message_format,
            settled: delivery.settled,
            max_frame_size,
        };
        let start = out.len();
        let (mut bytes, mut failed) = (0, None);
        let written = writer
            .write(out, window, |out| {
                let start = out.len();
                failed = write(out).err();
                bytes = (out.len() - start) as u64;
            })
            .map_err(|_| SendError::TagTooLong)?;
        if let Some(error) = failed {
            out.truncate(start);
            return Err(TrySendError::Write(error));
        }
        if let Some(max) = link.peer_delivery_bytes_max.filter(|&max| bytes > max) {
            out.truncate(start);
            return Err(SendError::TooLarge { bytes, max }.into());
        }
        session.window.on_sent(written.frames);
        if !written.rest.is_empty() {
            session.rest.keep(self.id.0.index, id, delivery.settled, written.rest);
        }
        session.next_delivery_id = id.wrapping_add(1);
        if !delivery.settled {
            session.outgoing.push(id, self.id.0.index).expect("our ids go up one by one, and there was room");
        }
        let Credit::Sender(credit) = &mut link.credit else { return Err(SendError::NotAttached.into()) };
        credit.spend();
        self.connection.note_sent();
        Ok(DeliveryId::new(id))
    }

    /// Settles at our end a delivery that was just sent unsettled (§2.6.12: a sender may at any time): nothing is
    /// held for it, and whatever the peer answers is ignored.
    pub fn forget(&mut self, delivery: DeliveryId) {
        let Some((_, session)) = self.connection.link_at_mut(self.id) else { return };
        session.outgoing.settled_by_peer(delivery.get(), delivery.get(), |_, _| {});
    }

    /// Nothing more is left to send although there is credit: if the peer asked to drain, the rest is
    /// given up and it is told (§2.6.7). Else nothing happens.
    pub fn drained(&mut self) {
        let Some((link, _)) = self.connection.link_at_mut(self.id) else { return };
        let Credit::Sender(credit) = &mut link.credit else { return };
        if credit.give_up() {
            link.flow_due = true;
            self.connection.link_is_due(self.id.0.index);
        }
    }

    /// How many deliveries may be sent, or what is in the way.
    fn check(&self) -> Result<u32, SendError> {
        let (link, session) = self.connection.link_at(self.id).ok_or(SendError::NotAttached)?;
        let Credit::Sender(credit) = &link.credit else { return Err(SendError::NotAttached) };
        if link.state != LinkState::Attached {
            return Err(SendError::NotAttached);
        }
        let frames = session.frames_sendable(self.connection.peer_max_frame_size());
        let room = session.outgoing.room(session.next_delivery_id);
        match (credit.credit(), frames, room) {
            (0, _, _) => Err(SendError::NoCredit),
            (_, 0, _) => Err(SendError::WindowClosed),
            (_, _, 0) => Err(SendError::TooManyUnsettled),
            (credit, frames, room) => Ok(credit.min(frames).min(room)),
        }
    }
}
