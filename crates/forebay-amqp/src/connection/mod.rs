//! One AMQP connection, either role, without a socket or a clock (§2.4).
//!
//! [`Connection`] has four kinds of method:
//!
//! - **A, questions** (`&self`): [`is_closed`](Connection::is_closed), [`remote_open`](Connection::remote_open),
//!   [`link`](Connection::link), [`buffered_bytes`](Connection::buffered_bytes).
//! - **B, what happened** (`handle_*`): bytes, time and end of file go in.
//! - **C, commands and views**: `begin`, `attach`, `accept_attach`, `settle`, [`sender`](Connection::sender), …
//!   They note facts and write nothing, but for [`Sender::send`](crate::link::Sender::send).
//! - **D, what to do** (`poll_*`): bytes to send, events, the next deadline come out.
//!
//! The driver's one rule: after any call of B or C, drain D before waiting again. In this order:
//! [`poll_event`](Connection::poll_event) until `None`, [`poll_transmit`](Connection::poll_transmit),
//! [`poll_timeout`](Connection::poll_timeout). Time never goes backwards between calls. Early and
//! repeated calls are harmless.
//!
//! **Never:** a queue of encoded frames, a loop over a number the peer wrote, a panic on input.

mod attach;
mod config;
mod event;
mod handshake;
pub(crate) mod numbers;
mod receive;
pub(crate) mod slab;
mod state;
mod teardown;
mod timer;
mod transfer;
mod transmit;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

pub use attach::{AttachError, AttachReply};
pub use config::{ClientAuth, Config};
pub use event::{Delivery, DeliveryTag, Event, Payload, Step};

use self::numbers::{OurNumbers, TheirNumbers};
use self::slab::Slab;
use self::state::Phase;
use self::timer::{Timer, Timers};
use crate::error::Initiator;
use crate::link::{Credit, Link, LinkId, LinkSnapshot, Receiver, Sender};
use crate::sasl::{SaslCode, SaslExchange};
use crate::session::{Session, SessionId, SessionState};
use crate::time::Instant;
use crate::types::{DeliveryId, DeliveryState, Error, Open, Role};

/// A connection: bytes, time and commands in; bytes, events and deadlines out.
///
/// In the steady state (transfers, flows, dispositions and settling over open links) nothing here
/// allocates, but for the buffer of a delivery that comes in several frames.
#[derive(Debug)]
pub struct Connection {
    // Who we are and how far we got.
    config: Config,
    phase: Phase,
    sasl: SaslExchange,
    remote_open: Option<Box<Open>>,
    peer: PeerLimits,

    // What lives on the connection.
    sessions: Slab<Session>,
    links: Slab<Link>,
    channels_in: TheirNumbers,
    channels_out: OurNumbers,

    // What is to be written, heard or waited for.
    due: Due,
    due_sessions: Vec<u32>,
    events: VecDeque<Event<'static>>,
    timers: Timers,
    open_written: bool,
    closing_by: Option<Initiator>,
    /// Bytes held in all links' assemblies.
    assembling_bytes: usize,
}

/// What the peer's open allows us.
#[derive(Debug, Clone, Copy)]
struct PeerLimits {
    max_frame_size: u32,
    channel_max: u16,
    heartbeat_every: Option<Duration>,
}

/// Facts of the connection itself that are not yet written, in the order in which they are.
#[derive(Debug, Default)]
struct Due {
    sasl_header: bool,
    sasl_mechanisms: bool,
    sasl_init: bool,
    sasl_outcome: Option<SaslCode>,
    amqp_header: bool,
    open: bool,
    close: Option<Option<Error>>,
    heartbeat: bool,
    /// `Sender::send` has written since the last poll.
    sent: bool,
}

/// No channel is left for another session, or the connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    /// The connection is closed or closing.
    #[error("the connection is over")]
    Closed,
    /// As many sessions as both sides' channel-max allow are in use.
    #[error("no channel is left for another session")]
    NoChannel,
}

impl Connection {
    /// The end that was connected to. The handshake timer runs from `now`.
    #[must_use]
    pub fn server(config: Config, now: Instant) -> Self {
        let sasl = SaslExchange::server(&config.sasl_mechanisms);
        Self::new(config, sasl, now)
    }

    /// The end that connects. Its protocol header is due at once.
    #[must_use]
    pub fn client(config: Config, auth: ClientAuth, now: Instant) -> Self {
        let mut connection = Self::new(config, SaslExchange::client(auth), now);
        connection.due.sasl_header = true;
        connection
    }

    fn new(mut config: Config, sasl: SaslExchange, now: Instant) -> Self {
        config.max_frame_size = config.max_frame_size.max(crate::limits::FRAME_SIZE_MIN);
        config.handle_max = config.handle_max.min(Config::HANDLE_MAX_BOUND);
        let mut timers = Timers::default();
        timers.set(Timer::Handshake, now + config.handshake_timeout);
        Self {
            phase: Phase::Header,
            sasl,
            remote_open: None,
            peer: PeerLimits {
                max_frame_size: crate::limits::FRAME_SIZE_MIN,
                channel_max: u16::MAX,
                heartbeat_every: None,
            },
            sessions: Slab::new(),
            links: Slab::new(),
            channels_in: TheirNumbers::default(),
            channels_out: OurNumbers::default(),
            due: Due::default(),
            due_sessions: Vec::new(),
            events: VecDeque::new(),
            timers,
            open_written: false,
            closing_by: None,
            assembling_bytes: 0,
            config,
        }
    }

    // A: questions.

    /// Nothing more will come, in or out, once what [`Self::poll_transmit`] gives has been sent:
    /// flush, then shut the socket.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether the SASL exchange has ended well.
    #[must_use]
    pub const fn sasl_done(&self) -> bool {
        self.sasl.is_done()
    }

    /// The peer's open, once [`Event::Opened`] has come.
    #[must_use]
    pub fn remote_open(&self) -> Option<&Open> {
        self.remote_open.as_deref()
    }

    /// A link as it is now; `None` for a dead id.
    #[must_use]
    pub fn link(&self, id: LinkId) -> Option<LinkSnapshot<'_>> {
        let link = self.links.get(self.find_link(id)?)?;
        let (credit, delivery_count, draining) = match &link.credit {
            Credit::Sender(credit) => (credit.credit(), credit.delivery_count(), credit.is_draining()),
            Credit::Receiver(credit) => (credit.credit(), credit.delivery_count(), credit.is_draining()),
        };
        Some(LinkSnapshot {
            session: self.sessions.get(link.session)?.id,
            role: link.role(),
            name: &link.name,
            attached: link.state == crate::link::LinkState::Attached,
            credit,
            delivery_count,
            draining,
            peer_max_message_size: link.peer_delivery_bytes_max,
            assembling_bytes: link.assembly.as_ref().map_or(0, crate::link::assembly::Assembly::held),
        })
    }

    /// Live sessions and links, for metrics.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.sessions.len(), self.links.len())
    }

    /// Bytes held of deliveries that are incomplete, in or out: for a budget of memory. Between two
    /// drains it grows by at most what was read and sent.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        let unsent: usize = self.sessions.iter().map(|(_, session)| session.rest.len()).sum();
        self.assembling_bytes + unsent
    }

    // C: commands. Those that start or end something are in handshake.rs, attach.rs and teardown.rs.

    /// Begins a session; [`Event::SessionBegun`] follows. May be called before the peer's open.
    ///
    /// # Errors
    /// The connection is over, or no channel is left.
    pub fn begin(&mut self) -> Result<SessionId, BeginError> {
        if !self.phase.takes_commands() {
            return Err(BeginError::Closed);
        }
        if self.sessions.len() > usize::from(self.peer.channel_max.min(self.config.channel_max)) {
            return Err(BeginError::NoChannel);
        }
        let config = &self.config;
        let key =
            self.sessions.insert_with(|key| Session::new(SessionId(key), SessionState::Beginning, config));
        self.session_is_due(key.index);
        Ok(SessionId(key))
    }

    /// Settles deliveries that we received on `link`, with one outcome. Both ends of the range are
    /// inclusive; what is not open on this link is left alone. Written by the next
    /// [`Self::poll_transmit`], neighbours with the same outcome as one disposition (§2.7.6).
    pub fn settle(&mut self, link: LinkId, first: DeliveryId, last: DeliveryId, outcome: DeliveryState) {
        let Some(index) = self.find_link(link) else { return };
        let Some(session_index) = self.links.get(index).map(|link| link.session) else { return };
        let Some(session) = self.sessions.get_mut(session_index) else { return };
        if session.incoming.decide(index, first.get(), last.get(), &outcome) {
            self.session_is_due(session_index);
        }
    }

    /// The sending view of a link; `None` for a dead id or a link on which we receive.
    #[must_use]
    pub fn sender(&mut self, id: LinkId) -> Option<Sender<'_>> {
        let session = self.session_of_link(id, Role::Sender)?;
        Some(Sender::new(self, id, session))
    }

    /// The receiving view of a link; `None` for a dead id or a link on which we send.
    #[must_use]
    pub fn receiver(&mut self, id: LinkId) -> Option<Receiver<'_>> {
        self.session_of_link(id, Role::Receiver)?;
        Some(Receiver::new(self, id))
    }

    /// While `paused`, the peer's idle timer rests: we are not reading, so its silence proves
    /// nothing. Our heartbeats go on.
    pub fn pause_peer_idle(&mut self, now: Instant, paused: bool) {
        if paused {
            self.timers.stop(Timer::PeerIdle);
        } else if self.phase == Phase::Opened {
            self.heard_from_peer(now);
        }
    }

    // D: what to do.

    /// The next thing that timers, end of file or commands caused.
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.earliest()
    }

    // Shared by the files of this folder and by the views.

    /// The place of a link whose id is not dead.
    pub(crate) fn find_link(&self, id: LinkId) -> Option<u32> {
        let index = self.links.find(id.0)?;
        let link = self.links.get(index)?;
        let session_alive = self.sessions.get(link.session)?.state.is_alive();
        (self.phase.takes_commands() && session_alive && link.state.is_alive()).then_some(index)
    }

    fn session_of_link(&self, id: LinkId, role: Role) -> Option<SessionId> {
        let (link, session) = self.link_at(id)?;
        (link.role() == role).then_some(session.id)
    }

    /// The place of a session whose id is not dead.
    fn find_session(&self, id: SessionId) -> Option<u32> {
        let index = self.sessions.find(id.0)?;
        (self.phase.takes_commands() && self.sessions.get(index)?.state.is_alive()).then_some(index)
    }

    pub(crate) fn session_is_due(&mut self, index: u32) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        if !core::mem::replace(&mut session.queued, true) {
            self.due_sessions.push(index);
        }
    }

    pub(crate) fn link_is_due(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index) else { return };
        let session_index = link.session;
        if !core::mem::replace(&mut link.queued, true)
            && let Some(session) = self.sessions.get_mut(session_index)
        {
            session.due_links.push(index);
        }
        self.session_is_due(session_index);
    }

    // For the views. A link may go while it is viewed: writing its attach can find no handle left.

    pub(crate) fn link_at(&self, id: LinkId) -> Option<(&Link, &Session)> {
        let link = self.links.get(self.find_link(id)?)?;
        Some((link, self.sessions.get(link.session)?))
    }

    pub(crate) fn link_at_mut(&mut self, id: LinkId) -> Option<(&mut Link, &mut Session)> {
        let index = self.find_link(id)?;
        let link = self.links.get_mut(index)?;
        let session = self.sessions.get_mut(link.session)?;
        Some((link, session))
    }

    pub(crate) const fn peer_max_frame_size(&self) -> u32 {
        self.peer.max_frame_size
    }

    pub(crate) const fn note_sent(&mut self) {
        self.due.sent = true;
    }

    fn heard_from_peer(&mut self, now: Instant) {
        if let Some(idle) = self.config.idle_timeout {
            self.timers.set(Timer::PeerIdle, now + idle * 2);
        }
    }
}
