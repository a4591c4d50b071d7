//! Bytes out (§2.3): facts become frames, in this order:
//!
//! ```text
//! SASL header · mechanisms or init · outcome · AMQP header · open
//! for each session with something due:
//!     begin · for each link with something due: attach, flow · flow of the session
//!     · dispositions, as few as can be · rest of a split delivery · detaches · end
//! close · heartbeat, if nothing else was written
//! ```

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::Connection;
use super::event::Event;
use super::timer::Timer;
use crate::error::Initiator;
use crate::frame::{self, ProtocolHeader};
use crate::link::{Credit, LinkState};
use crate::sasl::SaslExchange;
use crate::session::{Session, SessionState};
use crate::time::Instant;
use crate::types::sasl::{SaslInit, SaslMechanisms, SaslOutcome};
use crate::types::{
    Attach, Begin, Channel, Close, Composite, DeliveryCount, DeliveryId, DeliveryState, Detach, Disposition,
    End, Error, Flow, Handle, Role, TransferId, condition,
};
use crate::wire::Symbol;

/// What we advertise of our own sending; it binds nobody. The value proton uses.
const OUTGOING_WINDOW: u32 = i32::MAX.cast_unsigned();

impl Connection {
    /// Appends whatever is due to `out`. Returns whether there was anything.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let close_was_due = self.due.close.is_some();
        self.write_due(out);
        if core::mem::take(&mut self.due.heartbeat) && out.len() == before && !self.due.sent {
            frame::write_heartbeat(out);
        }
        let wrote = out.len() > before;
        if wrote || core::mem::take(&mut self.due.sent) {
            self.due.sent = false;
            self.rest_heartbeat(now);
        }
        if close_was_due && !self.is_closed() {
            self.timers.set(Timer::Close, now + self.config.close_timeout);
        }
        wrote
    }

    /// Something was sent, so the next heartbeat is half of the peer's idle timeout away.
    fn rest_heartbeat(&mut self, now: Instant) {
        if let Some(every) = self.peer.heartbeat_every
            && self.phase.takes_commands()
        {
            self.timers.set(Timer::Heartbeat, now + every);
        }
    }

    /// All facts, in order. Also what a sender calls before its transfer.
    pub(crate) fn write_due(&mut self, out: &mut Vec<u8>) {
        if !self.open_written {
            self.write_handshake(out);
        }
        if self.open_written && self.remote_open.is_some() {
            // Each session is visited once: what it cannot write now waits for the peer.
            for at in 0..self.due_sessions.len() {
                let index = self.due_sessions[at];
                self.write_session(index, out);
            }
            self.due_sessions.clear();
        }
        if let Some(error) = self.due.close.take() {
            let max = self.peer.max_frame_size;
            write_with_error(out, Channel(0), max, error, |error| Close { error });
        }
    }

    fn write_handshake(&mut self, out: &mut Vec<u8>) {
        if core::mem::take(&mut self.due.sasl_header) {
            out.extend_from_slice(&ProtocolHeader::Sasl.bytes());
        }
        if core::mem::take(&mut self.due.sasl_mechanisms) {
            let offered =
                self.config.sasl_mechanisms.iter().map(|mechanism| Symbol::from_static(mechanism.name()));
            write_sasl(out, &SaslMechanisms { sasl_server_mechanisms: offered.collect() });
        }
        if let (true, SaslExchange::Client(client)) = (core::mem::take(&mut self.due.sasl_init), &self.sasl) {
            let response = client.initial_response();
            let init = SaslInit {
                mechanism: Symbol::from_static(client.mechanism().name()),
                initial_response: response.as_deref(),
                hostname: self.config.hostname.as_deref(),
            };
            write_sasl(out, &init);
        }
        if let Some(code) = self.due.sasl_outcome.take() {
            write_sasl(out, &SaslOutcome { code, additional_data: None });
        }
        if core::mem::take(&mut self.due.amqp_header) {
            out.extend_from_slice(&ProtocolHeader::Amqp.bytes());
        }
        if core::mem::take(&mut self.due.open) {
            self.open_written = true;
            // The peer may not have told its max-frame-size yet; an open is short.
            write_small(out, Channel(0), &self.own_open());
        }
    }

    fn write_session(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        if !core::mem::replace(&mut session.queued, false) {
            return;
        }
        if core::mem::take(&mut session.begin_due) && !self.write_begin(index, out) {
            return;
        }
        let Some(session) = self.sessions.get_mut(index) else { return };
        let facts_count = session.channel_in.is_some() && session.ended_by != Some(Initiator::Library);
        if facts_count {
            if session.state != SessionState::Ended {
                self.write_links(index, out);
                self.write_session_facts(index, out);
            }
            self.write_detaches(index, out);
        }
        self.write_end(index, out);
    }

    /// §2.7.2. `false` if no channel is left: then the session is gone.
    fn write_begin(&mut self, index: u32, out: &mut Vec<u8>) -> bool {
        let Some(session) = self.sessions.get_mut(index) else { return false };
        // The peer's own number if it is free, for whoever reads a trace.
        let preferred = session.channel_in.map(u32::from);
        let Some(channel) = self.channels_out.take(preferred, u32::from(self.peer.channel_max)) else {
            let error =
                Error::new(condition::RESOURCE_LIMIT_EXCEEDED, "the peer's channel-max leaves no channel");
            let event =
                Event::Ended { session: session.id, error: Some(error), initiator: Initiator::Library };
            if let (Some(channel), true) = (session.channel_in, session.state != SessionState::Ended) {
                self.channels_in.retire(u32::from(channel));
            }
            self.remove_session(index);
            self.events.push_back(event);
            return false;
        };
        let channel = u16::try_from(channel).expect("at most channel-max, a u16");
        session.channel_out = Some(channel);
        let begin = Begin {
            remote_channel: session.channel_in.map(Channel),
            handle_max: Handle(self.config.handle_max),
            ..Begin::new(
                TransferId::new(session.window.next_outgoing_id()),
                session.window.incoming(),
                OUTGOING_WINDOW,
            )
        };
        write_small(out, Channel(channel), &begin);
        true
    }

    /// Attaches and flows. Links whose detach is due stay queued for [`Self::write_detaches`].
    fn write_links(&mut self, session_index: u32, out: &mut Vec<u8>) {
        let Some(session) = self.sessions.get_mut(session_index) else { return };
        let mut due_links = core::mem::take(&mut session.due_links);
        due_links.retain(|&index| {
            let Some(link) = self.links.get_mut(index).filter(|link| link.session == session_index) else {
                return false;
            };
            if !link.queued {
                return false;
            }
            if let Some(attach) = link.attach_due.take()
                && !self.write_attach(session_index, index, *attach, out)
            {
                return false;
            }
            self.write_link_flow(session_index, index, out);
            let Some(link) = self.links.get_mut(index) else { return false };
            link.queued = link.detach_due.is_some();
            link.queued
        });
        if let Some(session) = self.sessions.get_mut(session_index) {
            session.due_links = due_links;
        }
    }

    /// §2.7.3. `false` if no handle is left: then the link is gone.
    fn write_attach(
        &mut self,
        session_index: u32,
        index: u32,
        mut attach: Attach,
        out: &mut Vec<u8>,
    ) -> bool {
        let (Some(session), Some(link)) = (self.sessions.get_mut(session_index), self.links.get_mut(index))
        else {
            return false;
        };
        let preferred = link.handle_in;
        let (Some(handle), Some(channel)) =
            (session.handles_out.take(preferred, session.peer_handle_max), session.channel_out)
        else {
            let error =
                Error::new(condition::RESOURCE_LIMIT_EXCEEDED, "the peer's handle-max leaves no handle");
            let event = Event::Detached {
                link: link.id,
                closed: true,
                error: Some(error),
                initiator: Initiator::Library,
            };
            if let (Some(handle), true) = (link.handle_in, link.state != LinkState::Detached) {
                session.handles_in.retire(handle);
            }
            self.remove_link(index);
            self.events.push_back(event);
            return false;
        };
        attach.handle = Handle(handle);
        link.handle_out = Some(handle);
        // What can be long in it the application chose or the peer sent.
        write_small(out, Channel(channel), &attach);
        true
    }

    /// §2.7.4, with the link's half. The session's half goes along, so it is due no more.
    fn write_link_flow(&mut self, session_index: u32, index: u32, out: &mut Vec<u8>) {
        let (Some(session), Some(link)) = (self.sessions.get_mut(session_index), self.links.get_mut(index))
        else {
            return;
        };
        // Before the peer's attach there is no count to speak of: the flow waits for it.
        if !link.flow_due || link.state != LinkState::Attached {
            return;
        }
        link.flow_due = false;
        let (Some(handle), Some(channel)) = (link.handle_out, session.channel_out) else { return };
        let mut flow = session_flow(session);
        flow.handle = Some(Handle(handle));
        match &link.credit {
            Credit::Sender(credit) => {
                flow.delivery_count = Some(DeliveryCount::new(credit.delivery_count()));
                flow.link_credit = Some(credit.credit());
                flow.available = Some(0);
                flow.drain = credit.is_draining();
            }
            Credit::Receiver(credit) => {
                flow.delivery_count = Some(DeliveryCount::new(credit.delivery_count()));
                flow.link_credit = Some(credit.credit());
                flow.drain = credit.is_draining();
            }
        }
        write_small(out, Channel(channel), &flow);
    }

    /// The session's own flow, dispositions both ways, and the rest of a split delivery.
    fn write_session_facts(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        let Some(channel) = session.channel_out.map(Channel) else { return };
        let max = self.peer.max_frame_size;
        if session.flow_due {
            let flow = session_flow(session);
            write_small(out, channel, &flow);
        }
        if session.incoming.is_due() {
            session.incoming.take_due(|first, last, state| {
                write_disposition(out, channel, max, Role::Receiver, (first, last), Some(state));
            });
        }
        for range in session.confirmations.drain(..) {
            write_disposition(out, channel, max, Role::Sender, range, None);
        }
        if session.rest.is_waiting()
            && let Some(window) = NonZeroU32::new(session.window.sendable())
            && let Some(handle) = self.links.get(session.rest.link()).and_then(|link| link.handle_out)
        {
            let frames = session.rest.write(channel, Handle(handle), max, window, out);
            session.window.on_sent(frames);
        }
    }

    fn write_detaches(&mut self, session_index: u32, out: &mut Vec<u8>) {
        let max = self.peer.max_frame_size;
        let Some(session) = self.sessions.get_mut(session_index) else { return };
        let Some(channel) = session.channel_out.map(Channel) else { return };
        let mut due_links = core::mem::take(&mut session.due_links);
        for index in due_links.drain(..) {
            let Some(link) = self.links.get_mut(index).filter(|link| link.queued) else { continue };
            link.queued = false;
            let (Some(error), Some(handle)) = (link.detach_due.take(), link.handle_out) else { continue };
            let answered = link.state == LinkState::Detached;
            write_with_error(out, channel, max, error, |error| Detach {
                handle: Handle(handle),
                closed: true,
                error,
            });
            if answered {
                self.remove_link(index);
            }
        }
        if let Some(session) = self.sessions.get_mut(session_index) {
            // The buffer goes back, for next time.
            session.due_links = due_links;
        }
    }

    fn write_end(&mut self, index: u32, out: &mut Vec<u8>) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        let Some(channel) = session.channel_out.map(Channel) else { return };
        let Some(error) = session.end_due.take() else { return };
        write_with_error(out, channel, self.peer.max_frame_size, error, |error| End { error });
        if session.state == SessionState::Ended {
            self.remove_session(index);
        } else {
            self.drop_links(index);
        }
    }
}

/// §2.7.4, the session's half; our window opens in full with it.
fn session_flow(session: &mut Session) -> Flow {
    session.window.refill();
    session.flow_due = false;
    Flow {
        next_incoming_id: Some(TransferId::new(session.window.next_incoming_id())),
        ..Flow::new(
            TransferId::new(session.window.next_outgoing_id()),
            session.window.incoming(),
            OUTGOING_WINDOW,
        )
    }
}

/// §2.7.6, always settled: nobody here waits for a second round (docs/reference/amqp.md §8.7).
fn write_disposition(
    out: &mut Vec<u8>,
    channel: Channel,
    max_frame_size: u32,
    role: Role,
    (first, last): (u32, u32),
    state: Option<&DeliveryState>,
) {
    let mut disposition = Disposition {
        role,
        first: DeliveryId::new(first),
        last: (first != last).then_some(DeliveryId::new(last)),
        settled: true,
        state: state.cloned(),
        batchable: false,
    };
    if frame::write_performative(out, channel, &disposition, max_frame_size).is_err() {
        if let Some(DeliveryState::Rejected(Some(error))) = &mut disposition.state {
            *error = Error::from(error.condition.clone());
        }
        write_small(out, channel, &disposition);
    }
}

/// A frame that ends something. If the peer cannot take the error's text, the condition must do.
fn write_with_error<'a, P: Composite<'a>>(
    out: &mut Vec<u8>,
    channel: Channel,
    max_frame_size: u32,
    error: Option<Error>,
    build: impl Fn(Option<Error>) -> P,
) {
    let condition = error.as_ref().map(|error| error.condition.clone());
    if frame::write_performative(out, channel, &build(error), max_frame_size).is_err() {
        write_small(out, channel, &build(condition.map(Error::from)));
    }
}

/// A frame of which every peer takes the size, or that the application chose to be so long.
fn write_small<'a>(out: &mut Vec<u8>, channel: Channel, performative: &impl Composite<'a>) {
    frame::write_performative(out, channel, performative, u32::MAX).expect("nothing is longer than 4 GiB");
}

fn write_sasl<'a>(out: &mut Vec<u8>, body: &impl Composite<'a>) {
    // Only a client's own name and password could be that long; a server would refuse them.
    if frame::write_sasl(out, body).is_err() {
        debug_assert!(false, "a SASL frame of more than 512 bytes");
    }
}
