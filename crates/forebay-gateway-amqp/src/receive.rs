//! Events that come in: from a delivery to a partition's batch, and back to a disposition.

use std::sync::Arc;

use forebay_amqp::types::{DeliveryId, DeliveryState, condition};
use forebay_amqp::wire::Symbol;
use forebay_amqp::{Connection as Core, Delivery, LinkId};
use forebay_broker::{MESSAGE_BYTES_MAX, Partition};
use forebay_event::amqp::{Incoming, Refusal};
use forebay_log::{LogError, LogId};

use crate::conditions;
use crate::config::PUBLISH_CREDIT;
use crate::handler::{Handler, settle};
use crate::links::{Link, Publisher};

impl Handler {
    /// One message: validated as a whole first, so a refusal touches no neighbour, then written into the batch of its
    /// partition. It is answered when the batch is durable.
    pub(crate) fn publish(&mut self, core: &mut Core, delivery: &Delivery<'_>, rest: usize) {
        let Some(Link::Publisher(publisher)) = self.links.get(&delivery.link) else { return };
        let message: &[u8] = &delivery.payload;
        let context = self.broker.event_context(
            &publisher.hub,
            publisher.publisher.as_deref(),
            publisher.partition.is_some(),
        );
        match Incoming::parse(message, delivery.message_format, &context) {
            Ok(incoming) if incoming.event_count() == 0 => settle(core, delivery, DeliveryState::Accepted),
            Ok(incoming) => {
                let partition = choose(publisher, &incoming, &mut self.burst_route);
                let group =
                    self.burst.write(&partition, &incoming, message.len() + rest, &mut self.in_flight.next);
                let id = (!delivery.settled).then_some(delivery.id);
                self.in_flight.add(group, message.len() as u64, delivery.link, id);
            }
            Err(refusal) => settle(core, delivery, rejected(&refusal)),
        }
        self.give_credit(core, delivery.link);
    }

    fn give_credit(&mut self, core: &mut Core, link: LinkId) {
        let Some(Link::Publisher(publisher)) = self.links.get_mut(&link) else { return };
        publisher.since_credit += 1;
        if publisher.since_credit < PUBLISH_CREDIT / 2 {
            return;
        }
        // Withheld while too much waits; given again as answers go out.
        let room = !self.stopping_or_full();
        let Some(Link::Publisher(publisher)) = self.links.get_mut(&link) else { return };
        if let (true, Some(mut receiver)) = (room, core.receiver(link)) {
            receiver.set_credit(PUBLISH_CREDIT);
            publisher.since_credit = 0;
        }
    }

    fn stopping_or_full(&self) -> bool {
        self.is_stopping() || self.has_too_much_in_flight() || self.budget_is_used_up()
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
            let text = format!(
                "The received message (delivery-id:{}, size:{bytes} bytes) exceeds the limit ({} bytes) currently \
                 allowed on the link.",
                id.get(),
                MESSAGE_BYTES_MAX
            );
            let error = conditions::error(condition::MESSAGE_SIZE_EXCEEDED, text);
            core.settle(link, id, id, DeliveryState::Rejected(Some(error)));
        }
        self.give_credit(core, link);
    }

    /// A batch has its outcome: answer what this connection had in it.
    pub(crate) fn on_published(&mut self, core: &mut Core, group: u64, failure: Option<LogError>) {
        let was_full = self.stopping_or_full();
        match failure {
            None => self.in_flight.finish(group, |range| {
                core.settle(range.link, range.first, range.last, DeliveryState::Accepted);
            }),
            Some(error) => self.on_publish_failed(core, group, &error),
        }
        if was_full && !self.stopping_or_full() {
            self.give_credit_again(core);
        }
        self.close_if_stopped(core);
    }

    /// A definite failure is a rejection. Where nobody knows whether the events were stored, nobody is told either:
    /// the link closes with the deliveries open, and the client decides whether to send again.
    fn on_publish_failed(&mut self, core: &mut Core, group: u64, failure: &LogError) {
        let mut unknown: Vec<LinkId> = Vec::new();
        self.in_flight.finish(group, |range| {
            if conditions::is_definite(failure) {
                let state = DeliveryState::Rejected(Some(conditions::from_log(failure)));
                core.settle(range.link, range.first, range.last, state);
            } else if !unknown.contains(&range.link) {
                unknown.push(range.link);
            }
        });
        for link in unknown {
            self.close_link(core, link, conditions::from_log(failure));
        }
    }

    fn give_credit_again(&mut self, core: &mut Core) {
        for (link, state) in &mut self.links {
            if let Link::Publisher(publisher) = state
                && publisher.since_credit >= PUBLISH_CREDIT / 2
                && let Some(mut receiver) = core.receiver(*link)
            {
                receiver.set_credit(PUBLISH_CREDIT);
                publisher.since_credit = 0;
            }
        }
    }
}

/// The target partition, else the key's, else the one whose turn it is.
fn choose(
    publisher: &Publisher,
    incoming: &Incoming<'_>,
    route: &mut Option<(LogId, Arc<Partition>)>,
) -> Arc<Partition> {
    if let Some(partition) = &publisher.partition {
        return Arc::clone(partition);
    }
    if let Some(key) = incoming.partition_key() {
        return Arc::clone(publisher.hub.partition_for_key(key));
    }
    match route {
        Some((hub, partition)) if *hub == publisher.hub.id => Arc::clone(partition),
        _ => {
            let partition = publisher.hub.next_partition();
            *route = Some((publisher.hub.id, Arc::clone(partition)));
            Arc::clone(partition)
        }
    }
}

fn rejected(refusal: &Refusal) -> DeliveryState {
    DeliveryState::Rejected(Some(conditions::error(Symbol::from_static(refusal.condition()), refusal)))
}
