//! What the application learns from a connection, and what it may do about it.
//!
//! An event borrows the *input* it was read from, never the connection, so commands may be given
//! while it is held. Events that timers, end of file or our own commands cause borrow nothing and
//! come out of [`poll_event`](super::Connection::poll_event).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::error::Initiator;
use crate::link::LinkId;
use crate::sasl::{Mechanism, SaslCode};
use crate::session::SessionId;
use crate::types::{Attach, DeliveryId, DeliveryState, Error};
use crate::wire::Symbol;

/// What one call of [`handle_input`](super::Connection::handle_input) did.
#[derive(Debug)]
#[must_use = "bytes that are consumed must leave the input buffer, and the event must be acted on"]
pub struct Step<'b> {
    /// Bytes of the input that are done with. 0 without an event: more bytes are needed.
    pub consumed: usize,
    /// What the application should know, if anything. Borrows the input.
    pub event: Option<Event<'b>>,
}

/// Something the peer or the connection did. Each variant says what to do now.
#[derive(Debug)]
pub enum Event<'b> {
    /// Server only. A client chose an offered mechanism (§5.3.3.2). Answer with
    /// [`sasl_accept`](super::Connection::sasl_accept) or
    /// [`sasl_refuse`](super::Connection::sasl_refuse); until then no more input is consumed.
    SaslInit {
        /// One of the offered mechanisms; others are refused by the core.
        mechanism: Mechanism,
        /// Empty when the client sent none. For PLAIN see [`plain_credentials`](crate::sasl::plain_credentials).
        initial_response: &'b [u8],
        /// The host the client believes it talks to; absent with Go and Java clients.
        hostname: Option<&'b str>,
    },
    /// Client only. The server refused our identity, or offers nothing that we were told to use.
    /// The connection is over.
    SaslRefused {
        /// The server's outcome code; `None` when no offered mechanism suits.
        code: Option<SaslCode>,
        /// What the server offered.
        offered: Vec<Symbol>,
    },
    /// The peer's open was read: see [`remote_open`](super::Connection::remote_open). A server's own
    /// open is queued by the core. The application may refuse with [`close`](super::Connection::close).
    Opened,
    /// A session may be used. Server: the answer is queued by the core. Client: our begin was answered.
    SessionBegun {
        /// The session.
        session: SessionId,
    },
    /// The peer attaches a link. Answer with [`accept_attach`](super::Connection::accept_attach) or
    /// [`refuse_attach`](super::Connection::refuse_attach), now or later. A peer that waits for nothing may
    /// grant credit before the answer: [`Event::Credit`] then comes first, and counts once the link is accepted.
    AttachReceived {
        /// The link; [`link`](super::Connection::link) tells its session.
        link: LinkId,
        /// What the peer sent.
        attach: Box<Attach>,
    },
    /// The peer answered our attach. If the terminus on its side (target where we send, source where
    /// we receive) is null, the link was refused and [`Event::Detached`] follows.
    Attached {
        /// The link.
        link: LinkId,
        /// What the peer sent.
        attach: Box<Attach>,
    },
    /// A flow came for a link (§2.6.7). Where we send: the credit now usable; go on sending, and if
    /// `drain` is set and nothing is left to send, call [`drained`](crate::link::Sender::drained).
    /// Where we receive: only after [`drain`](crate::link::Receiver::drain), when the sender has used
    /// or given up all credit; then `credit` is 0. An echo is answered by the core.
    Credit {
        /// The link.
        link: LinkId,
        /// Deliveries that may be sent.
        credit: u32,
        /// The peer wants the credit used or given up at once.
        drain: bool,
    },
    /// The peer's session window was shut and has opened: senders of this session may go on (§2.5.6).
    SessionWindow {
        /// The session.
        session: SessionId,
    },
    /// A whole delivery was received. Unless it was sent settled, call
    /// [`settle`](super::Connection::settle) once its fate is known.
    Delivery(Delivery<'b>),
    /// A delivery passed the size limit; its bytes were counted but not kept. Comes after its last
    /// frame. Unless `settled`, reject it with [`settle`](super::Connection::settle).
    DeliveryTooLarge {
        /// The link.
        link: LinkId,
        /// The delivery.
        id: DeliveryId,
        /// Bytes the peer sent for it.
        bytes: u64,
        /// The peer wants no answer.
        settled: bool,
    },
    /// The peer gave up a split delivery (§2.7.5). Nothing to do.
    DeliveryAborted {
        /// The link.
        link: LinkId,
        /// The delivery; it is settled.
        id: DeliveryId,
    },
    /// The peer settled what we sent. `first..=last` (serial order, may wrap) are contiguous and
    /// were all unsettled until now.
    Outcome {
        /// The session; delivery ids belong to it.
        session: SessionId,
        /// First delivery of the range.
        first: DeliveryId,
        /// Last delivery of the range, inclusive.
        last: DeliveryId,
        /// The outcome. A peer that settles without a state is taken to accept.
        state: DeliveryState,
    },
    /// A link is over. Its id is dead; what was unsettled on it stays unsettled for ever.
    Detached {
        /// The link.
        link: LinkId,
        /// Whether the peer closed the link (true) or only detached (false). We always close.
        closed: bool,
        /// Why, if anyone said.
        error: Option<Error>,
        /// Who ended it.
        initiator: Initiator,
    },
    /// A session and all its links are over. No [`Event::Detached`] comes for them.
    Ended {
        /// The session.
        session: SessionId,
        /// Why, if anyone said.
        error: Option<Error>,
        /// Who ended it.
        initiator: Initiator,
    },
    /// The connection and all in it are over. Flush the output, then shut the socket when
    /// [`is_closed`](super::Connection::is_closed) says so.
    Closed {
        /// Why, if anyone said.
        error: Option<Error>,
        /// Who ended it.
        initiator: Initiator,
    },
}

/// One received delivery (§2.6.12): a message and what the transfer said about it.
#[derive(Debug)]
pub struct Delivery<'b> {
    /// The link it came on.
    pub link: LinkId,
    /// Its id, for [`settle`](super::Connection::settle).
    pub id: DeliveryId,
    /// The sender's tag, at most 32 bytes.
    pub tag: DeliveryTag,
    /// 0 for a plain message; 0x80013700 for an Event Hubs batch. 0 when the sender gave none.
    pub message_format: u32,
    /// The sender expects no answer.
    pub settled: bool,
    /// The encoded message.
    pub payload: Payload<'b>,
}

/// The bytes of a message: in the input when it came in one frame, else put together.
#[derive(Debug)]
pub enum Payload<'b> {
    /// One frame held it all.
    Borrowed(&'b [u8]),
    /// It came in several frames.
    Assembled(Vec<u8>),
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Assembled(bytes) => bytes,
        }
    }
}

/// A delivery tag (§2.8.7): up to 32 bytes, kept in place so that it never allocates.
#[derive(Clone, Copy, Default)]
pub struct DeliveryTag {
    len: u8,
    bytes: [u8; Self::BYTES_MAX],
}

impl DeliveryTag {
    /// The longest tag the specification allows, in bytes.
    pub const BYTES_MAX: usize = 32;

    /// `None` if `tag` is longer than [`Self::BYTES_MAX`].
    #[must_use]
    pub fn new(tag: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::BYTES_MAX];
        bytes.get_mut(..tag.len())?.copy_from_slice(tag);
        Some(Self { len: u8::try_from(tag.len()).ok()?, bytes })
    }
}

impl Deref for DeliveryTag {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for DeliveryTag {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for DeliveryTag {}

impl fmt::Debug for DeliveryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
