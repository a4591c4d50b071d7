//! Events that come in: from a delivery to a partition's batch, and back to a disposition.

use std::sync::Arc;

use forebay_amqp::types::{DeliveryId, DeliveryState, condition};
use forebay_amqp::wire::Symbol;
use forebay_amqp::{Connection as Core, Delivery, LinkId};
use forebay_broker::{MESSAGE_BYTES_MAX, Partition};
use forebay_event::amqp::{Incoming, Refusal};
use forebay_log::{LogError, LogId};

use crate::conditions;
use crate::config::{PUBLISH_CREDIT, REQUEST_BYTES_MAX};
use crate::handler::{Handler, settle};
use crate::in_flight::Range;
use crate::links::{Link, Publisher};

impl Handler {
    /// One message: validated as a whole first, so a refusal touches no neighbour, then written into the batch of its
    /// partition. It is answered when the batch is durable.
    pub(crate) fn publish(&mut self, core: &mut Core, delivery: &Delivery<'_>, rest: usize) {
        let Some(Link::Publisher(publisher)) = self.links.get_mut(&delivery.link) else { return };
        if publisher.hub.is_gone() {
            let gone = conditions::hub_deleted(&publisher.hub.name);
            settle(core, delivery, DeliveryState::Rejected(Some(gone.clone())));
            self.close_link(core, delivery.link, gone);
            return;
        }
        let message: &[u8] = &delivery.payload;
        let to_partition = publisher.partition.is_some();
        let context = self.broker.event_context(&publisher.hub, publisher.publisher.as_deref(), to_partition);
        match Incoming::parse(message, delivery.message_format, &context) {
            Ok(incoming) if incoming.event_count() == 0 => settle(core, delivery, DeliveryState::Accepted),
            Ok(incoming) => {
                let (partition, alone) = choose(publisher, &incoming, &mut self.burst_route);
                // What follows in the input goes to the same batch only where nothing else decides.
                let capacity = message.len() + if alone { rest } else { 0 };
                let group = self.burst.write(&partition, &incoming, capacity, &mut self.in_flight.next);
                let id = (!delivery.settled).then_some(delivery.id);
                publisher.open += u32::from(id.is_some());
                self.in_flight.add(group, message.len() as u64, delivery.link, id);
            }
            Err(refusal) => settle(core, delivery, rejected(&refusal)),
        }
        self.give_credit(core, delivery.link);
    }

    /// Brings a link's credit back to what it may have beside its unanswered deliveries, once that makes a difference.
    /// Withheld while too much waits.
    pub(crate) fn give_credit(&mut self, core: &mut Core, link: LinkId) {
        let Some(Link::Publisher(publisher)) = self.links.get(&link) else { return };
        let room = PUBLISH_CREDIT.saturating_sub(publisher.open);
        let Some(mut receiver) = core.receiver(link) else { return };
        if room.saturating_sub(receiver.credit()) < PUBLISH_CREDIT / 2 {
            return;
        }
        if self.is_stopping() || self.has_too_much_in_flight() || self.budget_is_used_up() {
            self.credit_withheld = true;
        } else {
            receiver.set_credit(room);
        }
    }

    /// A delivery over the limit: the core counted its bytes and kept none.
    pub(crate) fn on_too_large(
        &mut self,
        core: &mut Core,
        link: LinkId,
        id: DeliveryId,
        bytes: u64,
        settled: bool,
    ) {
        if !settled {
            let limit = match self.links.get(&link) {
                Some(Link::Requests(_)) => REQUEST_BYTES_MAX,
                _ => MESSAGE_BYTES_MAX as u64,
            };
            let text = format!(
                "The received message (delivery-id:{}, size:{bytes} bytes) exceeds the limit ({limit} bytes) currently \
                 allowed on the link.",
                id.get()
            );
            let error = conditions::error(condition::MESSAGE_SIZE_EXCEEDED, text);
            core.settle(link, id, id, DeliveryState::Rejected(Some(error)));
        }
        self.give_credit(core, link);
    }

    /// A batch has its outcome: answer what this connection had in it.
    pub(crate) fn on_published(&mut self, core: &mut Core, group: u64, failure: Option<LogError>) {
        let mut answered = std::mem::take(&mut self.answered);
        self.in_flight.finish(group, |range| answered.push(range));
        for range in answered.drain(..) {
            self.answer_range(core, range, failure.as_ref());
        }
        self.answered = answered;
        if self.credit_withheld && !self.has_too_much_in_flight() && !self.budget_is_used_up() {
            self.credit_withheld = false;
            let publishers = self.links.iter().filter(|(_, link)| matches!(link, Link::Publisher(_)));
            let publishers: Vec<LinkId> = publishers.map(|(link, _)| *link).collect();
            for link in publishers {
                self.give_credit(core, link);
            }
        }
        self.close_if_stopped(core);
    }

    /// A definite failure is a rejection, and where the hub was deleted the link's end as well. Where nobody knows
    /// whether the events were stored, nobody is told either: the link closes with the deliveries open, and the client
    /// decides whether to send again.
    fn answer_range(&mut self, core: &mut Core, range: Range, failure: Option<&LogError>) {
        if let Some(Link::Publisher(publisher)) = self.links.get_mut(&range.link) {
            publisher.open -= range.count();
        }
        match failure {
            None => core.settle(range.link, range.first, range.last, DeliveryState::Accepted),
            Some(LogError::NotFound) => self.refuse_for_deleted_hub(core, range),
            Some(failure) if conditions::is_definite(failure) => {
                let state = DeliveryState::Rejected(Some(conditions::from_log(failure)));
                core.settle(range.link, range.first, range.last, state);
            }
            Some(failure) => self.close_link(core, range.link, conditions::from_log(failure)),
        }
        self.give_credit(core, range.link);
    }

    fn refuse_for_deleted_hub(&mut self, core: &mut Core, range: Range) {
        // The link is closed already, if an earlier answer has said so.
        let Some(Link::Publisher(publisher)) = self.links.get(&range.link) else { return };
        let gone = conditions::hub_deleted(&publisher.hub.name);
        core.settle(range.link, range.first, range.last, DeliveryState::Rejected(Some(gone.clone())));
        self.close_link(core, range.link, gone);
    }
}

/// The target partition, else the key's, else the one whose turn it is. Says too whether all that the link sends in
/// this burst goes there.
fn choose(
    publisher: &Publisher,
    incoming: &Incoming<'_>,
    route: &mut Option<(LogId, Arc<Partition>)>,
) -> (Arc<Partition>, bool) {
    if let Some(partition) = &publisher.partition {
        return (Arc::clone(partition), true);
    }
    if let Some(key) = incoming.partition_key() {
        return (Arc::clone(publisher.hub.partition_for_key(key)), false);
    }
    match route {
        Some((hub, partition)) if *hub == publisher.hub.id => (Arc::clone(partition), true),
        _ => {
            let partition = publisher.hub.next_partition();
            *route = Some((publisher.hub.id, Arc::clone(partition)));
            (Arc::clone(partition), true)
        }
    }
}

fn rejected(refusal: &Refusal) -> DeliveryState {
    DeliveryState::Rejected(Some(conditions::error(Symbol::from_static(refusal.condition()), refusal)))
}
