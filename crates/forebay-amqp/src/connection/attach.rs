//! Attaching and refusing links (§2.6.3-2.6.6, §2.7.3), from either side.

use alloc::boxed::Box;

use super::Connection;
use super::event::Event;
use super::numbers::Slot;
use super::receive::Fault;
use crate::error::Initiator;
use crate::link::credit::SenderCredit;
use crate::link::{Link, LinkId, LinkState};
use crate::session::SessionId;
use crate::types::{
    Attach, DeliveryCount, Error, Fields, Handle, Role, SenderSettleMode, Source, Symbols, Target, condition,
};
use crate::violation::Violation;

/// How to answer a peer's attach. The default echoes what the peer sent, which is what Event Hubs'
/// clients expect (docs/reference/amqp.md §0.4): name, settle modes, source with its filter, target,
/// properties.
#[derive(Debug, Clone, Default)]
pub struct AttachReply {
    /// In place of the peer's source.
    pub source: Option<Source>,
    /// In place of the peer's target.
    pub target: Option<Target>,
    /// Largest message, in bytes. Senders take the limit of a batch from it; must be set for them.
    pub max_message_size: Option<u64>,
    /// In place of the peer's properties.
    pub properties: Option<Fields>,
    /// What we offer.
    pub offered_capabilities: Symbols,
    /// In place of the mode the peer asked for.
    pub snd_settle_mode: Option<SenderSettleMode>,
    /// Where we send: the largest message, in bytes, in place of the peer's max-message-size. For peers that state
    /// it for messages as their sender wrote them, without what is added on the way.
    pub outgoing_bytes_max: Option<u64>,
}

/// Why a link cannot be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// The session has ended.
    #[error("the session is over")]
    SessionEnded,
    /// §2.6.1: a live link of the session has this name and direction.
    #[error("a link with this name and direction is already attached in the session")]
    NameInUse,
}

impl Connection {
    /// Attaches a link: name, role, source, target, modes and properties are the caller's, the handle
    /// and the initial delivery count are ours. [`Event::Attached`] follows, and if it was refused
    /// [`Event::Detached`].
    ///
    /// # Errors
    /// The session has ended, or the name is in use.
    pub fn attach(&mut self, session: SessionId, mut attach: Attach) -> Result<LinkId, AttachError> {
        let session_index = self.find_session(session).ok_or(AttachError::SessionEnded)?;
        let name_in_use =
            self.links_named(session_index, &attach.name, attach.role).any(|link| link.state.is_alive());
        if name_in_use {
            return Err(AttachError::NameInUse);
        }
        let (name, role) = (attach.name.clone(), attach.role);
        attach.initial_delivery_count = match role {
            Role::Sender => Some(DeliveryCount::new(SenderCredit::INITIAL_DELIVERY_COUNT)),
            Role::Receiver => None,
        };
        let bytes_max = attach.max_message_size;
        let index =
            self.add_link(session_index, |id| Link::new(id, session_index, name, role, LinkState::Outgoing));
        let default_bytes_max = self.config.max_delivery_bytes;
        let link = self.links.get_mut(index).expect("just added");
        link.delivery_bytes_max = delivery_bytes_max(bytes_max, default_bytes_max);
        link.attach_due = Some(Box::new(attach));
        let id = link.id;
        self.link_is_due(index);
        Ok(id)
    }

    /// Answers [`Event::AttachReceived`] with yes. Give credit to a sender at once: JavaScript's client
    /// counts a link as open only when its first credit comes (docs/reference/amqp.md §0.8).
    pub fn accept_attach(&mut self, id: LinkId, reply: AttachReply) {
        let default_bytes_max = self.config.max_delivery_bytes;
        let Some((index, theirs)) = self.take_peer_attach(id) else { return };
        let Some(link) = self.links.get_mut(index) else { return };
        let mut ours = answer(link, &theirs);
        ours.source = reply.source.or(theirs.source);
        ours.target = reply.target.or(theirs.target);
        ours.properties = reply.properties.unwrap_or(theirs.properties);
        ours.max_message_size = reply.max_message_size;
        ours.offered_capabilities = reply.offered_capabilities;
        if let Some(mode) = reply.snd_settle_mode {
            ours.snd_settle_mode = mode;
        }
        if let Some(max) = reply.outgoing_bytes_max {
            link.peer_delivery_bytes_max = Some(max);
        }
        link.delivery_bytes_max = delivery_bytes_max(reply.max_message_size, default_bytes_max);
        link.attach_due = Some(Box::new(ours));
        link.state = LinkState::Attached;
        self.link_is_due(index);
    }

    /// Answers [`Event::AttachReceived`] with no: an attach without source and target, then a detach
    /// that closes with the error (docs/reference/amqp.md §8.4).
    pub fn refuse_attach(&mut self, id: LinkId, error: Error) {
        let Some(index) = self.find_link(id) else { return };
        if self.links.get(index).is_some_and(|link| link.state == LinkState::Incoming) {
            self.detach_link(index, Some(error), Initiator::Application);
        }
    }

    /// Detaches a link and closes it; with an error if there is a reason. [`Event::Detached`] follows
    /// when the peer has answered.
    pub fn detach(&mut self, id: LinkId, error: Option<Error>) {
        if let Some(index) = self.find_link(id) {
            self.detach_link(index, error, Initiator::Application);
        }
    }

    fn take_peer_attach(&mut self, id: LinkId) -> Option<(u32, Box<Attach>)> {
        let index = self.find_link(id)?;
        let link = self.links.get_mut(index).filter(|link| link.state == LinkState::Incoming)?;
        Some((index, link.peer_attach.take()?))
    }

    /// §2.7.3. A peer's attach opens a link, completes one of ours, or takes the place of a link with
    /// the same name.
    pub(super) fn on_attach(
        &mut self,
        session_index: u32,
        attach: Box<Attach>,
    ) -> Result<Option<Event<'static>>, Fault> {
        let handle = attach.handle.0;
        if handle > self.config.handle_max {
            // §2.7.2: outside of the range that our begin gave.
            return Err(Violation::HandleOutOfRange { handle, max: self.config.handle_max }.into());
        }
        let Some(session) = self.sessions.get_mut(session_index) else { return Ok(None) };
        if let Slot::Live(_) = session.handles_in.get(handle) {
            return Err(Fault::in_session(Violation::HandleInUse(handle), session_index));
        }
        let role = attach.role.opposite();
        let same_name = self.links_named(session_index, &attach.name, role);
        let (mut awaited, mut stolen) = (None, None);
        for link in same_name {
            if link.handle_in.is_none() {
                awaited = Some(link.id.0.index);
            } else if link.state.is_alive() {
                stolen = Some(link.id.0.index);
            }
        }
        if let Some(index) = awaited {
            return Ok(self.on_attach_answer(index, session_index, attach));
        }
        if let Some(index) = stolen {
            // §2.6.1: the newer link has the name.
            let error =
                Error::new(condition::STOLEN, "a link with the same name was attached in this session");
            let event = self.fail_link(index, error);
            self.events.push_back(event);
        }
        let name = attach.name.clone();
        let index =
            self.add_link(session_index, |id| Link::new(id, session_index, name, role, LinkState::Incoming));
        if let Some(session) = self.sessions.get_mut(session_index) {
            session.handles_in.assign(handle, index);
        }
        let link = self.links.get_mut(index).expect("just added");
        link.on_peer_attach(&attach);
        link.peer_attach = Some(attach.clone());
        let event = Event::AttachReceived { link: link.id, attach };
        Ok(self.in_order(event))
    }

    /// The peer's half of a link that we attach. If we have given it up meanwhile, its detach is awaited.
    fn on_attach_answer(
        &mut self,
        index: u32,
        session_index: u32,
        attach: Box<Attach>,
    ) -> Option<Event<'static>> {
        self.sessions.get_mut(session_index)?.handles_in.assign(attach.handle.0, index);
        let link = self.links.get_mut(index)?;
        link.on_peer_attach(&attach);
        if link.state != LinkState::Outgoing {
            return None;
        }
        link.state = LinkState::Attached;
        let id = link.id;
        if link.flow_due {
            self.link_is_due(index);
        }
        Some(Event::Attached { link: id, attach })
    }

    /// §2.7.7. A detach that answers ours gets no answer.
    pub(super) fn on_detach(
        &mut self,
        session_index: u32,
        handle: u32,
        closed: bool,
        error: Option<Error>,
    ) -> Result<Option<Event<'static>>, Fault> {
        let Some(session) = self.sessions.get_mut(session_index) else { return Ok(None) };
        let index = match session.handles_in.get(handle) {
            Slot::Live(index) => index,
            // Python detaches a second time what we have detached.
            Slot::Retired => return Ok(None),
            Slot::Unused => {
                return Err(Fault::in_session(Violation::UnattachedHandle(handle), session_index));
            }
        };
        session.handles_in.retire(handle);
        let Some(link) = self.links.get_mut(index) else { return Ok(None) };
        let id = link.id;
        if link.state.is_alive() {
            if link.state == LinkState::Incoming {
                link.attach_due = refusal(link).map(Box::new);
            }
            link.state = LinkState::Detached;
            link.detach_due = Some(None);
            self.release_link(index);
            self.link_is_due(index);
            return Ok(Some(Event::Detached { link: id, closed, error, initiator: Initiator::Peer }));
        }
        let told = link.ended_by == Some(Initiator::Library);
        if link.detach_due.is_some() {
            // Both sides detach at once: ours is still written, and is the answer.
            link.state = LinkState::Detached;
        } else {
            self.remove_link(index);
        }
        let event = Event::Detached { link: id, closed, error, initiator: Initiator::Application };
        Ok((!told).then_some(event))
    }

    /// Our detach is due; whatever else the link had to say is not.
    pub(super) fn detach_link(&mut self, index: u32, error: Option<Error>, by: Initiator) {
        let Some(link) = self.links.get_mut(index) else { return };
        if link.state == LinkState::Incoming {
            link.attach_due = refusal(link).map(Box::new);
        }
        link.state = LinkState::Detaching;
        link.ended_by = Some(by);
        link.detach_due = Some(error);
        self.release_link(index);
        self.link_is_due(index);
    }

    /// We detach a link because a rule was broken.
    pub(super) fn fail_link(&mut self, index: u32, error: Error) -> Event<'static> {
        let id = self.links.get(index).map(|link| link.id).expect("the caller found the link");
        self.detach_link(index, Some(error.clone()), Initiator::Library);
        Event::Detached { link: id, closed: true, error: Some(error), initiator: Initiator::Library }
    }

    fn add_link(&mut self, session_index: u32, build: impl FnOnce(LinkId) -> Link) -> u32 {
        let index = self.links.insert_with(|key| build(LinkId(key))).index;
        if let Some(session) = self.sessions.get_mut(session_index) {
            session.links.push(index);
        }
        index
    }

    /// Lets go of what a link holds, when it can neither send nor receive any more.
    fn release_link(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index) else { return };
        link.flow_due = false;
        link.peer_attach = None;
        if let Some(assembly) = link.assembly.take() {
            self.assembling_bytes -= assembly.held();
        }
        let Some(session) = self.sessions.get_mut(link.session) else { return };
        session.incoming.forget_link(index);
        session.outgoing.forget_link(index);
        session.rest.forget_link(index);
    }

    /// Both detaches have gone over the wire, or the session has ended.
    pub(super) fn remove_link(&mut self, index: u32) {
        self.release_link(index);
        let Some(link) = self.links.remove(index) else { return };
        let Some(session) = self.sessions.get_mut(link.session) else { return };
        session.links.retain(|&other| other != index);
        if let Some(handle) = link.handle_out {
            session.handles_out.give_back(handle);
        }
    }

    fn links_named(&self, session_index: u32, name: &str, role: Role) -> impl Iterator<Item = &Link> {
        let indexes = self.sessions.get(session_index).map_or(&[][..], |session| &session.links);
        indexes
            .iter()
            .filter_map(|&index| self.links.get(index))
            .filter(move |link| link.name == name && link.role() == role)
    }
}

/// Our half of a link that the peer attached: name, role and modes.
fn answer(link: &Link, theirs: &Attach) -> Attach {
    // The handle is chosen when the frame is written.
    Attach {
        snd_settle_mode: theirs.snd_settle_mode,
        rcv_settle_mode: theirs.rcv_settle_mode,
        ..Attach::new(theirs.name.clone(), Handle(0), link.role())
    }
}

/// As [`answer`], without source and target. `None` if the attach was answered already.
fn refusal(link: &Link) -> Option<Attach> {
    link.peer_attach.as_deref().map(|theirs| answer(link, theirs))
}

/// §2.7.3: 0 and null say that a link sets no limit; ours is then the connection's.
fn delivery_bytes_max(stated: Option<u64>, default: u64) -> u64 {
    stated.filter(|&bytes| bytes > 0).unwrap_or(default)
}
