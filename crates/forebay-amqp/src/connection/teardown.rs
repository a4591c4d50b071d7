//! How links, sessions and the connection end (§2.4.6, §2.5.4, §2.7.8-2.7.9): by either side, by both
//! at once, by a broken rule, a timer, or the end of the bytes.

use alloc::vec::Vec;

use super::Connection;
use super::event::Event;
use super::receive::Fault;
use super::state::Phase;
use super::timer::Timer;
use crate::error::{Initiator, Scope};
use crate::link::LinkState;
use crate::session::{SessionId, SessionState};
use crate::time::Instant;
use crate::types::{Error, condition};

impl Connection {
    /// Closes the connection; what is due on it is written first. [`Event::Closed`] follows when the
    /// peer has answered, or the close timeout has passed. Ids are dead from now on.
    pub fn close(&mut self, error: Option<Error>) {
        match self.phase {
            Phase::Header | Phase::Sasl | Phase::AmqpHeader => {
                // Nothing was opened, so nothing can be closed.
                let event = self.over(error, Initiator::Application);
                self.events.push_back(event);
            }
            Phase::Open | Phase::Opened => self.start_closing(error, Initiator::Application, true),
            Phase::Closing { .. } | Phase::Closed => {}
        }
    }

    /// Ends a session and all its links. [`Event::Ended`] follows when the peer has answered.
    pub fn end(&mut self, id: SessionId, error: Option<Error>) {
        if let Some(index) = self.find_session(id) {
            self.end_session(index, error, Initiator::Application);
        }
    }

    /// The socket has no more bytes. Early and repeated calls are harmless.
    pub fn handle_eof(&mut self, _now: Instant) {
        let told = self.closing_by == Some(Initiator::Library);
        let (error, initiator) = match self.phase {
            Phase::Closed => return,
            Phase::Closing { .. } => (None, Initiator::Application),
            _ => (None, Initiator::Peer),
        };
        let event = self.over(error, initiator);
        if !told {
            self.events.push_back(event);
        }
    }

    /// A deadline of [`Self::poll_timeout`] may have passed. Early and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_expired(now) {
            match timer {
                Timer::Handshake => self.give_up("the peer did not open the connection in time"),
                Timer::PeerIdle => self.give_up("the peer was silent for longer than twice the idle timeout"),
                Timer::Heartbeat => self.due.heartbeat = true,
                Timer::Close => self.handle_eof(now),
            }
        }
    }

    /// §2.4.5: too long a silence; a close tells the peer, if it still listens.
    fn give_up(&mut self, why: &'static str) {
        let error = Error::new(condition::CONNECTION_FORCED, why);
        let event = match self.phase {
            Phase::Header | Phase::Sasl | Phase::AmqpHeader => self.over(Some(error), Initiator::Library),
            Phase::Open | Phase::Opened => self.fail(error),
            Phase::Closing { .. } | Phase::Closed => return,
        };
        self.events.push_back(event);
    }

    /// The one place where a broken rule becomes frames: its reach says what ends.
    pub(super) fn on_fault(&mut self, fault: Fault) -> Event<'static> {
        let error = Error::from(&fault.violation);
        match (fault.violation.reach().0, fault.link, fault.session) {
            (Scope::Link, Some(link), _) => self.fail_link(link, error),
            (Scope::Link | Scope::Session, _, Some(session)) => self.fail_session(session, error),
            _ => self.fail(error),
        }
    }

    /// A rule of the connection was broken: nothing more is read, and only the close is written.
    fn fail(&mut self, error: Error) -> Event<'static> {
        match self.phase {
            Phase::Open | Phase::Opened => {
                self.due_sessions.clear();
                self.start_closing(Some(error.clone()), Initiator::Library, false);
                Event::Closed { error: Some(error), initiator: Initiator::Library }
            }
            // Already closing: the peer's close will not be understood, so it is not awaited.
            Phase::Closing { .. } if self.closing_by == Some(Initiator::Application) => {
                self.over(Some(error), Initiator::Application)
            }
            _ => self.over(Some(error), Initiator::Library),
        }
    }

    fn start_closing(&mut self, error: Option<Error>, by: Initiator, parse: bool) {
        // §2.4.1: an open goes before a close.
        self.due.open |= !self.open_written;
        self.due.close = Some(error);
        self.due.heartbeat = false;
        self.phase = Phase::Closing { parse };
        self.closing_by = Some(by);
        self.timers.stop_all();
    }

    /// Nothing more is read. What is due is still written.
    pub(super) fn over(&mut self, error: Option<Error>, initiator: Initiator) -> Event<'static> {
        self.phase = Phase::Closed;
        self.due.heartbeat = false;
        self.timers.stop_all();
        Event::Closed { error, initiator }
    }

    /// §2.7.9. A close is answered, unless it is the answer.
    pub(super) fn on_close(&mut self, error: Option<Error>) -> Option<Event<'static>> {
        self.due_sessions.clear();
        let initiator = match self.phase {
            Phase::Closing { .. } => Initiator::Application,
            _ => {
                self.due.close = Some(None);
                Initiator::Peer
            }
        };
        let event = self.over(error, initiator);
        (self.closing_by != Some(Initiator::Library)).then_some(event)
    }

    /// §2.7.8. An end is answered, unless it is the answer.
    pub(super) fn on_end(&mut self, index: u32, error: Option<Error>) -> Option<Event<'static>> {
        let session = self.sessions.get_mut(index)?;
        let id = session.id;
        if let Some(channel) = session.channel_in {
            self.channels_in.retire(u32::from(channel));
        }
        if session.state.is_alive() {
            session.state = SessionState::Ended;
            session.end_due = Some(None);
            self.drop_links_but_answers(index);
            self.session_is_due(index);
            return Some(Event::Ended { session: id, error, initiator: Initiator::Peer });
        }
        let told = session.ended_by == Some(Initiator::Library);
        if session.end_due.is_some() {
            // Both sides end at once: ours is still written, and is the answer.
            session.state = SessionState::Ended;
            self.drop_links_but_answers(index);
        } else {
            self.remove_session(index);
        }
        (!told).then_some(Event::Ended { session: id, error, initiator: Initiator::Application })
    }

    fn end_session(&mut self, index: u32, error: Option<Error>, by: Initiator) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.state = SessionState::Ending;
        session.ended_by = Some(by);
        session.end_due = Some(error);
        session.flow_due = false;
        if by == Initiator::Library {
            self.drop_links(index);
        }
        self.session_is_due(index);
    }

    /// We end a session because a rule was broken.
    pub(super) fn fail_session(&mut self, index: u32, error: Error) -> Event<'static> {
        let id = self.sessions.get(index).map(|session| session.id).expect("the caller found the session");
        self.end_session(index, Some(error.clone()), Initiator::Library);
        Event::Ended { session: id, error: Some(error), initiator: Initiator::Library }
    }

    pub(super) fn drop_links(&mut self, session_index: u32) {
        let Some(session) = self.sessions.get_mut(session_index) else { return };
        session.due_links.clear();
        session.rest.clear();
        for index in core::mem::take(&mut session.links) {
            self.remove_link(index);
        }
    }

    /// The peer's end leaves of a session's links only the detaches that it waits for. A peer may end right
    /// after it has detached: without the answer, JavaScript's client keeps its process for a minute more.
    fn drop_links_but_answers(&mut self, session_index: u32) {
        let Some(session) = self.sessions.get_mut(session_index) else { return };
        session.rest.clear();
        let is_awaited = |index: u32| {
            let link = self.links.get(index);
            link.is_some_and(|link| link.state == LinkState::Detached && link.handle_out.is_some())
        };
        let (answers, others): (Vec<u32>, Vec<u32>) =
            session.links.iter().partition(|&&index| is_awaited(index));
        session.due_links.retain(|index| answers.contains(index));
        session.links = answers;
        for index in others {
            self.remove_link(index);
        }
    }

    /// Both ends have gone over the wire.
    pub(super) fn remove_session(&mut self, index: u32) {
        self.drop_links(index);
        let Some(session) = self.sessions.remove(index) else { return };
        if let Some(channel) = session.channel_out {
            self.channels_out.give_back(u32::from(channel));
        }
    }
}
