//! Bytes in (§2.3, §2.4): one frame a call, handed to the session or link it is for.

use super::Connection;
use super::event::{Event, Step};
use super::numbers::Slot;
use super::state::Phase;
use crate::frame::{Frame, FrameType, Performative, deframe};
use crate::session::{Session, SessionId, SessionState};
use crate::time::Instant;
use crate::types::Begin;
use crate::violation::Violation;

/// A rule that was broken, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) violation: Violation,
    pub(super) session: Option<u32>,
    pub(super) link: Option<u32>,
}

impl Fault {
    pub(super) const fn in_session(violation: Violation, session: u32) -> Self {
        Self { violation, session: Some(session), link: None }
    }

    pub(super) const fn on_link(violation: Violation, session: u32, link: u32) -> Self {
        Self { violation, session: Some(session), link: Some(link) }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self { violation, session: None, link: None }
    }
}

impl Connection {
    /// Reads at most one frame or header from the front of `input`.
    ///
    /// Drop [`Step::consumed`] bytes and act on [`Step::event`], then call again, until a step has
    /// neither: then more bytes are needed. Events that are waiting come first, with nothing consumed.
    /// After the connection has failed all input is swallowed.
    pub fn handle_input<'b>(&mut self, now: Instant, input: &'b [u8]) -> Step<'b> {
        if let Some(event) = self.events.pop_front() {
            return Step { consumed: 0, event: Some(event) };
        }
        let step = match self.phase {
            Phase::Closed | Phase::Closing { parse: false } => Step { consumed: input.len(), event: None },
            Phase::Header | Phase::AmqpHeader => self.read_protocol_header(input),
            // The client waits for the verdict, and so does what it sent meanwhile.
            Phase::Sasl if self.awaits_verdict() => Step { consumed: 0, event: None },
            Phase::Sasl => self.read_sasl_frame(input),
            Phase::Open | Phase::Opened | Phase::Closing { parse: true } => self.read_frame(now, input),
        };
        if step.consumed > 0 && self.phase == Phase::Opened && self.timers.is_set(super::Timer::PeerIdle) {
            self.heard_from_peer(now);
        }
        step
    }

    fn read_frame<'b>(&mut self, now: Instant, input: &'b [u8]) -> Step<'b> {
        match deframe(input, FrameType::Amqp, self.config.max_frame_size) {
            Ok(None) => Step { consumed: 0, event: None },
            Ok(Some((frame, consumed))) => {
                let event = self.on_frame(now, frame).unwrap_or_else(|fault| Some(self.on_fault(fault)));
                Step { consumed, event }
            }
            Err(violation) => Step { consumed: input.len(), event: Some(self.on_fault(violation.into())) },
        }
    }

    fn on_frame<'b>(&mut self, now: Instant, frame: Frame<'b>) -> Result<Option<Event<'b>>, Fault> {
        // A heartbeat (§2.4.5) may come on any channel.
        if frame.is_heartbeat() {
            return Ok(None);
        }
        let (performative, payload) = frame.performative()?;
        if let Phase::Closing { .. } = self.phase {
            // Both ends may close at once; all else comes too late.
            return Ok(match performative {
                Performative::Close(close) => self.on_close(close.error),
                _ => None,
            });
        }
        if self.phase == Phase::Open {
            return match performative {
                Performative::Open(open) => self.on_open(now, open).map(Some),
                _ => Err(Violation::NotOpened.into()),
            };
        }
        let channel = frame.channel.0;
        if channel > self.config.channel_max {
            // §2.7.1: outside of the range that our open gave.
            return Err(Violation::ChannelOutOfRange { channel, max: self.config.channel_max }.into());
        }
        match performative {
            Performative::Open(_) => return Err(Violation::OpenedTwice.into()),
            Performative::Close(close) => return Ok(self.on_close(close.error)),
            Performative::Begin(begin) => return self.on_begin(channel, &begin),
            _ => {}
        }
        let session = match self.channels_in.get(u32::from(channel)) {
            Slot::Live(session) => session,
            // Python detaches after its end (docs/reference/amqp.md §8.3).
            Slot::Retired => return Ok(None),
            Slot::Unused => return Err(Violation::UnknownChannel(channel).into()),
        };
        if let Performative::End(end) = performative {
            return Ok(self.on_end(session, end.error));
        }
        if self.sessions.get(session).is_none_or(|session| session.state != SessionState::Mapped) {
            // DISCARDING (§2.5.5).
            return Ok(None);
        }
        match performative {
            Performative::Transfer(transfer) => self.on_transfer(session, &transfer, payload),
            Performative::Flow(flow) => self.on_flow(session, &flow),
            Performative::Disposition(disposition) => Ok(self.on_disposition(session, &disposition)),
            Performative::Attach(attach) => self.on_attach(session, attach),
            Performative::Detach(detach) => {
                self.on_detach(session, detach.handle.0, detach.closed, detach.error)
            }
            Performative::Open(_)
            | Performative::Close(_)
            | Performative::Begin(_)
            | Performative::End(_) => Ok(None),
        }
    }

    /// §2.7.2. With a remote-channel it answers a begin of ours, without it begins a session.
    fn on_begin(&mut self, channel: u16, begin: &Begin) -> Result<Option<Event<'static>>, Fault> {
        if let Slot::Live(_) = self.channels_in.get(u32::from(channel)) {
            return Err(Violation::ChannelInUse(channel).into());
        }
        let index = match begin.remote_channel {
            None => {
                let config = &self.config;
                self.sessions
                    .insert_with(|key| Session::new(SessionId(key), SessionState::Mapped, config))
                    .index
            }
            Some(ours) => {
                let waiting = self
                    .sessions
                    .iter()
                    .find(|(_, session)| session.channel_out == Some(ours.0) && session.channel_in.is_none());
                waiting.map(|(index, _)| index).ok_or(Violation::UnknownRemoteChannel(ours.0))?
            }
        };
        self.channels_in.assign(u32::from(channel), index);
        let session = self.sessions.get_mut(index).expect("just found or made");
        session.channel_in = Some(channel);
        session.peer_handle_max = begin.handle_max.0;
        session.window.on_begin(begin.next_outgoing_id.get(), begin.incoming_window);
        if session.state == SessionState::Beginning {
            session.state = SessionState::Mapped;
        }
        let alive = session.state == SessionState::Mapped;
        let event = Event::SessionBegun { session: session.id };
        // The answer; and links that were attached before it came.
        self.session_is_due(index);
        Ok(alive.then_some(event))
    }

    /// Events that are waiting go first.
    pub(super) fn in_order(&mut self, event: Event<'static>) -> Option<Event<'static>> {
        self.events.push_back(event);
        self.events.pop_front()
    }
}
