//! Transfers, flows and dispositions of the peer (§2.6.7-2.6.14): the way of every event.

use super::Connection;
use super::event::{Delivery, DeliveryTag, Event, Payload};
use super::numbers::Slot;
use super::receive::Fault;
use crate::link::assembly::Assembly;
use crate::link::{Credit, Link, LinkState};
use crate::session::Session;
use crate::session::deliveries::NotTracked;
use crate::types::{DeliveryId, DeliveryState, Disposition, Flow, Role, Transfer};
use crate::violation::Violation;

impl Connection {
    /// §2.7.5. A frame of a delivery; an event when it is the last one.
    pub(super) fn on_transfer<'b>(
        &mut self,
        session_index: u32,
        transfer: &Transfer<'b>,
        payload: &'b [u8],
    ) -> Result<Option<Event<'b>>, Fault> {
        let strict = self.config.strict_credit;
        let Some(session) = self.sessions.get_mut(session_index) else { return Ok(None) };
        if session.window.on_transfer().is_err() && strict {
            return Err(Fault::in_session(Violation::WindowExceeded, session_index));
        }
        let handle = transfer.handle.0;
        let slot = session.handles_in.get(handle);
        if session.window.refill_due() && !core::mem::replace(&mut session.flow_due, true) {
            self.session_is_due(session_index);
        }
        let index = match slot {
            Slot::Live(index) => index,
            Slot::Retired => return Ok(None),
            Slot::Unused => {
                return Err(Fault::in_session(Violation::UnattachedHandle(handle), session_index));
            }
        };
        let (Some(link), Some(session)) = (self.links.get_mut(index), self.sessions.get_mut(session_index))
        else {
            return Ok(None);
        };
        let held_before = link.assembly.as_ref().map_or(0, Assembly::held);
        let result = match link.state {
            LinkState::Attached => take_transfer(session, link, transfer, payload, strict),
            LinkState::Incoming => Err(Violation::TransferBeforeAnswer),
            LinkState::Outgoing | LinkState::Detaching | LinkState::Detached => Ok(None),
        };
        let held_now = link.assembly.as_ref().map_or(0, Assembly::held);
        self.assembling_bytes = self.assembling_bytes + held_now - held_before;
        if self.assembling_bytes > self.config.buffered_bytes_max && held_now > held_before {
            return Err(Fault::in_session(Violation::TooMuchBuffered, session_index));
        }
        result.map_err(|violation| Fault::on_link(violation, session_index, index))
    }

    /// §2.7.4. A flow speaks of the session, and of a link if it names one. Echo is answered.
    pub(super) fn on_flow(
        &mut self,
        session_index: u32,
        flow: &Flow,
    ) -> Result<Option<Event<'static>>, Fault> {
        let Some(session) = self.sessions.get_mut(session_index) else { return Ok(None) };
        let opened = session.window.on_flow(
            flow.next_incoming_id.map(|id| id.get()),
            flow.incoming_window,
            flow.next_outgoing_id.get(),
        );
        if session.rest.is_waiting() && session.window.sendable() > 0 {
            self.session_is_due(session_index);
        }
        let Some(session) = self.sessions.get_mut(session_index) else { return Ok(None) };
        let window_event = opened.then_some(Event::SessionWindow { session: session.id });
        let Some(handle) = flow.handle else {
            if flow.echo {
                session.flow_due = true;
                self.session_is_due(session_index);
            }
            return Ok(window_event);
        };
        let index = match session.handles_in.get(handle.0) {
            Slot::Live(index) => index,
            Slot::Retired => return Ok(window_event),
            Slot::Unused => {
                return Err(Fault::in_session(Violation::UnattachedHandle(handle.0), session_index));
            }
        };
        let link_event = self.on_link_flow(index, flow);
        let Some(window_event) = window_event else { return Ok(link_event) };
        if let Some(event) = link_event {
            self.events.push_back(event);
        }
        Ok(Some(window_event))
    }

    /// §2.6.7. Only where we send does the peer's credit mean something: Python states one as a sender.
    fn on_link_flow(&mut self, index: u32, flow: &Flow) -> Option<Event<'static>> {
        let link = self.links.get_mut(index)?;
        if !link.state.is_alive() {
            return None;
        }
        let delivery_count = flow.delivery_count.map(|count| count.get());
        let event = match &mut link.credit {
            Credit::Sender(credit) => {
                credit.on_flow(delivery_count, flow.link_credit, flow.drain);
                Some(Event::Credit { link: link.id, credit: credit.credit(), drain: credit.is_draining() })
            }
            Credit::Receiver(credit) => credit.on_flow(delivery_count).then_some(Event::Credit {
                link: link.id,
                credit: 0,
                drain: true,
            }),
        };
        if flow.echo {
            link.flow_due = true;
            self.link_is_due(index);
        }
        event
    }

    /// §2.7.6. The range is clamped to what is open before anything walks it.
    pub(super) fn on_disposition(
        &mut self,
        session_index: u32,
        disposition: &Disposition,
    ) -> Option<Event<'static>> {
        let session = self.sessions.get_mut(session_index)?;
        let first = disposition.first.get();
        let last = disposition.last.map_or(first, DeliveryId::get);
        if disposition.role == Role::Sender {
            // The sender of what we received: if it settles first, nobody waits for us.
            if disposition.settled {
                session.incoming.settled_by_peer(first, last, |_, _| {});
            }
            return None;
        }
        let state = match &disposition.state {
            // Not an outcome: how far the peer got with a delivery (§3.4.1).
            Some(DeliveryState::Received(_)) | None if !disposition.settled => return None,
            Some(state) => state,
            // Settled without a word: taken as accepted, as go-amqp does.
            None => &DeliveryState::Accepted,
        };
        let (session_id, next) = (session.id, session.next_delivery_id);
        let events = &mut self.events;
        session.outgoing.settled_by_peer(first, last, |first, last| {
            events.push_back(Event::Outcome {
                session: session_id,
                first: DeliveryId::new(first),
                last: DeliveryId::new(last),
                state: state.clone(),
            });
        });
        if !disposition.settled
            && let Some(last) = last_sent(first, last, next)
        {
            // rcv-settle-mode second (§2.6.12): the outcome is the peer's, settling is ours, also of what we have
            // forgotten.
            crate::session::confirm(&mut session.confirmations, first, last);
            self.session_is_due(session_index);
        }
        self.events.pop_front()
    }
}

/// The last id of `first..=last` that was sent, if any was. `next` is the id that our next delivery will have.
fn last_sent(first: u32, last: u32, next: u32) -> Option<u32> {
    let is_before = |a: u32, b: u32| a.wrapping_sub(b).cast_signed() < 0;
    let last = if is_before(last, next) { last } else { next.wrapping_sub(1) };
    (!is_before(last, first)).then_some(last)
}

/// One transfer frame on an attached link.
fn take_transfer<'b>(
    session: &mut Session,
    link: &mut Link,
    transfer: &Transfer<'b>,
    payload: &'b [u8],
    strict: bool,
) -> Result<Option<Event<'b>>, Violation> {
    let Some(mut assembly) = link.assembly.take() else {
        return begin_delivery(session, link, transfer, payload, strict);
    };
    // §2.7.5: a later frame names the same delivery or none. The Rust SDK's stack cuts what is larger than our limit, and
    // counts the parts as deliveries of one tag; it gets its outcome for the whole, which is refused in any case.
    if let Some(id) = transfer.delivery_id.filter(|id| id.get() != assembly.id)
        && !(assembly.is_past_bound_with(payload) && transfer.delivery_tag == Some(&*assembly.tag))
    {
        return Err(Violation::DeliveryInterrupted { id: assembly.id, by: id.get() });
    }
    assembly.settled |= transfer.settled.unwrap_or(false);
    if transfer.aborted {
        // An aborted delivery is settled (§2.7.5).
        session.incoming.settled_by_peer(assembly.id, assembly.id, |_, _| {});
        return Ok(Some(Event::DeliveryAborted { link: link.id, id: DeliveryId::new(assembly.id) }));
    }
    assembly.append(payload);
    if transfer.more {
        link.assembly = Some(assembly);
        return Ok(None);
    }
    if assembly.settled {
        session.incoming.settled_by_peer(assembly.id, assembly.id, |_, _| {});
    }
    let id = DeliveryId::new(assembly.id);
    let settled = assembly.settled;
    if assembly.is_too_large() {
        return Ok(Some(Event::DeliveryTooLarge { link: link.id, id, bytes: assembly.received(), settled }));
    }
    Ok(Some(Event::Delivery(Delivery {
        link: link.id,
        id,
        tag: assembly.tag,
        message_format: assembly.message_format,
        settled,
        payload: Payload::Assembled(assembly.into_bytes()),
    })))
}

/// The first frame of a delivery, which is mostly the only one.
fn begin_delivery<'b>(
    session: &mut Session,
    link: &mut Link,
    transfer: &Transfer<'b>,
    payload: &'b [u8],
    strict: bool,
) -> Result<Option<Event<'b>>, Violation> {
    let Credit::Receiver(credit) = &mut link.credit else { return Err(Violation::TransferToSender) };
    let id = transfer.delivery_id.ok_or(Violation::DeliveryIdMissing)?;
    let tag = transfer.delivery_tag.ok_or(Violation::DeliveryTagMissing)?;
    let tag = DeliveryTag::new(tag).ok_or(Violation::DeliveryTagTooLong(tag.len()))?;
    if credit.on_delivery().is_err() && strict {
        return Err(Violation::CreditExceeded);
    }
    let settled = transfer.settled.unwrap_or(false);
    if transfer.aborted {
        return Ok(Some(Event::DeliveryAborted { link: link.id, id }));
    }
    if !settled {
        session.incoming.push(id.get(), link.id.0.index).map_err(|reason| match reason {
            NotTracked::IdReused => Violation::DeliveryIdReused(id.get()),
            NotTracked::Full => Violation::TooManyUnsettled,
        })?;
    }
    let message_format = transfer.message_format.unwrap_or(0);
    if transfer.more {
        let mut assembly = Assembly::new(id.get(), tag, message_format, settled, link.delivery_bytes_max);
        assembly.append(payload);
        link.assembly = Some(assembly);
        return Ok(None);
    }
    let bytes = payload.len() as u64;
    if bytes > link.delivery_bytes_max {
        return Ok(Some(Event::DeliveryTooLarge { link: link.id, id, bytes, settled }));
    }
    let payload = Payload::Borrowed(payload);
    Ok(Some(Event::Delivery(Delivery { link: link.id, id, tag, message_format, settled, payload })))
}
