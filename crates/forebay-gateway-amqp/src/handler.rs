//! What Event Hubs makes of a connection's events. No IO: commands go to the core, decisions that must wait are
//! futures that [`Connection`](crate::connection::Connection) polls.
//!
//! While a decision is pending the connection's input rests, so what a client pipelined keeps its order, and an
//! attach never overtakes the open or the token before it.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use forebay_amqp::types::{Attach, DeliveryState, Error, condition};
use forebay_amqp::{Connection as Core, Delivery, Event, LinkId};
use forebay_auth::{Grant, TokenSet, UnixSeconds};
use forebay_broker::{Broker, Burst, Namespace, Partition, PublishListener};
use forebay_log::LogId;

use crate::attach::{self, Accepted, AttachRequest};
use crate::buffers::OUTPUT_BYTES_HIGH;
use crate::conditions;
use crate::config::{
    IN_FLIGHT_BYTES_MAX, IN_FLIGHT_DELIVERIES_MAX, LINKS_MAX, NODE_LINKS_MAX, PUBLISH_CREDIT, REQUEST_CREDIT,
};
use crate::in_flight::{InFlight, Range};
use crate::inbox::{Inbox, Note};
use crate::links::{Link, Node};
use crate::management::ManagementReply;
use crate::peer::Peer;
use crate::reader::Ran;
use crate::requests::send_replies;

/// A decision that takes its time: a hub is made, a place is claimed, a position looked up.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Decided> + Send>>;

/// What came of a decision.
pub(crate) enum Decided {
    /// Whether a link may be.
    Attach(LinkId, Result<Box<Accepted>, Error>),
    /// The answer to a request for runtime information.
    Managed(ManagementReply),
}

/// The state of one connection, as Event Hubs sees it.
pub(crate) struct Handler {
    pub(crate) broker: Arc<Broker>,
    pub(crate) peer: Peer,
    pub(crate) inbox: Arc<Inbox>,
    /// Set once the open was accepted.
    pub(crate) namespace: Option<Arc<Namespace>>,
    /// The name by which the client addressed us, for error texts.
    pub(crate) host: String,
    pub(crate) tokens: TokenSet,
    /// What SASL PLAIN proved, until the open says in which namespace.
    pub(crate) password: Option<(String, Grant)>,
    pub(crate) links: HashMap<LinkId, Link>,
    /// Readers by the number in their notes.
    readers: HashMap<u64, LinkId>,
    next_reader: u64,
    /// Links that may have something to write.
    runnable: VecDeque<LinkId>,
    pub(crate) deciding: Option<Deciding>,
    pub(crate) in_flight: InFlight,
    /// Empty; kept so that answering allocates nothing.
    pub(crate) answered: Vec<Range>,
    /// Some publisher has less credit than it may have, because too much waited.
    pub(crate) credit_withheld: bool,
    pub(crate) burst: Burst,
    /// Where the present burst's events without a key go: the turn moves once a burst, not with each event.
    pub(crate) burst_route: Option<(LogId, Arc<Partition>)>,
    /// Why the connection is refused as soon as it opens: there is no room for it.
    refusal: Option<Error>,
    stopping: bool,
    closed: bool,
}

impl Handler {
    pub(crate) fn new(broker: Arc<Broker>, peer: Peer, inbox: Arc<Inbox>, refusal: Option<Error>) -> Self {
        let listener: Arc<dyn PublishListener> = Arc::clone(&inbox) as Arc<dyn PublishListener>;
        Self {
            broker,
            peer,
            inbox,
            namespace: None,
            host: String::new(),
            tokens: TokenSet::default(),
            password: None,
            links: HashMap::new(),
            readers: HashMap::new(),
            next_reader: 0,
            runnable: VecDeque::new(),
            deciding: None,
            in_flight: InFlight::default(),
            answered: Vec::new(),
            credit_withheld: false,
            burst: Burst::new(listener),
            burst_route: None,
            refusal,
            stopping: false,
            closed: false,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn now(&self) -> UnixSeconds {
        UnixSeconds::from_millis(self.broker.wall().0)
    }

    // What the driver asks.

    pub(crate) fn is_deciding(&self) -> bool {
        self.deciding.is_some()
    }

    pub(crate) fn has_too_much_in_flight(&self) -> bool {
        self.in_flight.bytes() >= IN_FLIGHT_BYTES_MAX
            || self.in_flight.deliveries() >= IN_FLIGHT_DELIVERIES_MAX
    }

    pub(crate) fn budget_is_used_up(&self) -> bool {
        // What this connection waits for will give room back; whoever waits for nothing reads on, or all would stop.
        !self.in_flight.is_empty() && self.budget_bound_is_reached()
    }

    fn budget_bound_is_reached(&self) -> bool {
        let budget = self.broker.budget();
        budget.used() >= budget.limit()
    }

    /// What was taken is still answered, and nothing more is taken.
    pub(crate) fn takes_input(&self) -> bool {
        self.closed || !self.stopping
    }

    /// What one read brought has been handled: hand it over.
    pub(crate) fn end_of_burst(&mut self) {
        self.burst.finish();
        self.burst_route = None;
    }

    // What happens.

    /// One event. `rest` is how many bytes of input follow it: as much may come for the same batch.
    pub(crate) fn on_event(&mut self, core: &mut Core, event: Event<'_>, rest: usize) {
        match event {
            Event::Delivery(delivery) => self.on_delivery(core, delivery, rest),
            Event::Credit { link, drain, .. } => self.on_credit(link, drain),
            Event::SessionWindow { .. } => self.queue_all(),
            Event::DeliveryTooLarge { link, id, bytes, settled } => {
                self.on_too_large(core, link, id, bytes, settled);
            }
            Event::AttachReceived { link, attach } => self.on_attach(core, link, *attach),
            Event::Detached { link, error, .. } => {
                if let Some(error) = error {
                    tracing::debug!(peer = %self.peer, condition = %error.condition, "link closed");
                }
                self.drop_link(link);
            }
            Event::Ended { .. } => self.drop_dead_links(core),
            Event::SaslInit { mechanism, initial_response, hostname } => {
                self.on_sasl_init(core, mechanism, initial_response, hostname);
            }
            Event::Opened => self.on_open(core),
            Event::Closed { error, initiator } => {
                tracing::debug!(peer = %self.peer, ?initiator, error = ?error.map(|error| error.condition), "closed");
                self.gone();
            }
            Event::DeliveryAborted { link, .. } => self.give_credit(core, link),
            // We settle what we send, so there are no outcomes; the core answers a begin by itself; the rest is
            // for clients.
            Event::SessionBegun { .. }
            | Event::Outcome { .. }
            | Event::Attached { .. }
            | Event::SaslRefused { .. } => {}
        }
    }

    pub(crate) fn on_note(&mut self, core: &mut Core, note: Note) {
        match note {
            Note::Published { group, failure } => self.on_published(core, group, failure),
            Note::Readable { reader } => self.wake_reader(reader),
            Note::Loaded { reader, batches } => {
                let Some(link) = self.readers.get(&reader).copied() else { return };
                let Some(Link::Reader(reader)) = self.links.get_mut(&link) else { return };
                match reader.loaded(batches) {
                    Ok(()) => self.queue(link),
                    Err(error) => self.close_link(core, link, conditions::from_log(&error)),
                }
            }
            Note::Lost { reader, lost } => {
                if let Some(link) = self.readers.get(&reader).copied() {
                    self.close_link(core, link, conditions::lost(&lost));
                }
            }
            Note::Stop => {
                self.stopping = true;
                self.close_if_stopped(core);
            }
        }
    }

    /// Polls the pending decision. Says whether it came out.
    pub(crate) fn poll_pending(&mut self, core: &mut Core, context: &mut Context<'_>) -> bool {
        let Some(deciding) = &mut self.deciding else { return false };
        let Poll::Ready(decided) = deciding.as_mut().poll(context) else { return false };
        self.deciding = None;
        match decided {
            Decided::Attach(link, Ok(_)) if self.stopping => {
                self.links.remove(&link);
                core.refuse_attach(link, conditions::stopping());
            }
            Decided::Attach(link, Ok(accepted)) => self.accept(core, link, *accepted),
            Decided::Attach(link, Err(error)) => {
                tracing::debug!(peer = %self.peer, condition = %error.condition, "link refused");
                self.links.remove(&link);
                core.refuse_attach(link, error);
            }
            Decided::Managed(reply) => {
                let (session, reply_to) = (reply.session, reply.reply_to.as_deref());
                self.reply(core, &Node::Management, session, reply_to, reply.message);
            }
        }
        self.close_if_stopped(core);
        true
    }

    /// Lets readers and replies write, each in turn, until the output is full or none has anything to do.
    pub(crate) fn pump(&mut self, core: &mut Core, out: &mut Vec<u8>) -> bool {
        if self.runnable.is_empty() {
            return false;
        }
        let (before, now_ms) = (out.len(), self.broker.wall().0);
        while let Some(link) = self.runnable.pop_front() {
            match self.links.get_mut(&link) {
                Some(Link::Reader(reader)) if !self.stopping => {
                    reader.queued = false;
                    match reader.run(link, core, now_ms, out) {
                        Ran::Rests => {}
                        Ran::OutputFull => self.queue(link),
                        Ran::Failed(error) => self.close_link(core, link, conditions::from_log(&error)),
                        Ran::TooLarge { bytes, max } => {
                            let text = format!(
                                "The next event ({bytes} bytes) exceeds the limit ({max} bytes) that the link was \
                                 attached with; attach with a larger max-message-size."
                            );
                            let error = conditions::error(condition::MESSAGE_SIZE_EXCEEDED, text);
                            self.close_link(core, link, error);
                        }
                    }
                }
                Some(Link::Replies(replies)) => {
                    replies.queued = false;
                    if !send_replies(replies, link, core, out) {
                        self.queue(link);
                    }
                }
                _ => {}
            }
            if out.len() >= OUTPUT_BYTES_HIGH {
                break;
            }
        }
        out.len() > before
    }

    /// Puts a link in line to write, once.
    pub(crate) fn queue(&mut self, link: LinkId) {
        let queued = match self.links.get_mut(&link) {
            Some(Link::Reader(reader)) => &mut reader.queued,
            Some(Link::Replies(replies)) => &mut replies.queued,
            _ => return,
        };
        if !std::mem::replace(queued, true) {
            self.runnable.push_back(link);
        }
    }

    fn queue_all(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.queue(link);
        }
    }

    /// The connection is over: give up every place.
    pub(crate) fn gone(&mut self) {
        self.closed = true;
        self.deciding = None;
        self.links.clear();
        self.readers.clear();
        self.runnable.clear();
    }

    // Attach, detach.

    fn on_attach(&mut self, core: &mut Core, link: LinkId, attach: Attach) {
        if let Some(error) = self.in_the_way_of_attach() {
            core.refuse_attach(link, error);
            return;
        }
        let Some(namespace) = self.namespace.clone() else { return };
        let Some(session) = core.link(link).map(|link| link.session) else { return };
        self.next_reader += 1;
        let request = AttachRequest {
            session,
            attach,
            namespace,
            broker: Arc::clone(&self.broker),
            inbox: Arc::clone(&self.inbox),
            client: self.peer.to_string(),
            client_is_sdk: self.peer.is_sdk,
            reader: self.next_reader,
        };
        let now = self.now();
        match attach::authorise(request, &mut self.tokens, &self.host, now) {
            Ok(work) => {
                self.links.insert(link, Link::Deciding);
                self.deciding =
                    Some(Box::pin(async move { Decided::Attach(link, work.decide().await.map(Box::new)) }));
            }
            Err(error) => core.refuse_attach(link, error),
        }
    }

    /// Why no link at all may be attached now.
    fn in_the_way_of_attach(&self) -> Option<Error> {
        let too_many = |text: String| Some(conditions::error(condition::RESOURCE_LIMIT_EXCEEDED, text));
        if self.namespace.is_none() {
            return Some(conditions::error(condition::NOT_ALLOWED, "The connection is not open."));
        }
        if self.stopping {
            return Some(conditions::stopping());
        }
        if self.links.len() >= LINKS_MAX {
            return too_many(format!("A connection can have at most {LINKS_MAX} links."));
        }
        let nodes = self.links.values().filter(|link| matches!(link, Link::Requests(_) | Link::Replies(_)));
        if nodes.count() > NODE_LINKS_MAX {
            return too_many(format!(
                "A connection can have at most {NODE_LINKS_MAX} links to $cbs and $management."
            ));
        }
        self.budget_bound_is_reached().then(conditions::out_of_memory)
    }

    fn accept(&mut self, core: &mut Core, link: LinkId, accepted: Accepted) {
        // The peer may have given up meanwhile.
        if self.links.remove(&link).is_none() {
            return;
        }
        // Another reader may have come between the claim and this moment; its note found nobody.
        if let Link::Reader(reader) = &accepted.link
            && let Some(lost) = reader.claim.lost()
        {
            core.refuse_attach(link, conditions::lost(lost));
            return;
        }
        core.accept_attach(link, accepted.reply);
        let credit = match &accepted.link {
            Link::Requests(_) => REQUEST_CREDIT,
            Link::Publisher(_) => PUBLISH_CREDIT,
            Link::Reader(reader) => {
                self.readers.insert(reader.token, link);
                0
            }
            Link::Replies(_) | Link::Deciding => 0,
        };
        if let (true, Some(mut receiver)) = (credit > 0, core.receiver(link)) {
            // At once: some clients count a link as open only when its first credit is there.
            receiver.set_credit(credit);
        }
        self.links.insert(link, accepted.link);
        self.queue(link);
    }

    pub(crate) fn close_link(&mut self, core: &mut Core, link: LinkId, error: Error) {
        core.detach(link, Some(error));
        self.drop_link(link);
    }

    fn drop_link(&mut self, link: LinkId) {
        if let Some(Link::Reader(reader)) = self.links.remove(&link) {
            self.readers.remove(&reader.token);
        }
    }

    /// After a session ended: its links are gone without a word each.
    fn drop_dead_links(&mut self, core: &Core) {
        let dead: Vec<LinkId> =
            self.links.keys().copied().filter(|link| core.link(*link).is_none()).collect();
        for link in dead {
            self.drop_link(link);
        }
    }

    // Credit.

    fn on_credit(&mut self, link: LinkId, drain: bool) {
        if let Some(Link::Reader(reader)) = self.links.get_mut(&link) {
            reader.draining = drain;
        }
        self.queue(link);
    }

    fn wake_reader(&mut self, token: u64) {
        let Some(link) = self.readers.get(&token).copied() else { return };
        if let Some(Link::Reader(reader)) = self.links.get_mut(&link) {
            reader.woken();
        }
        self.queue(link);
    }

    // Deliveries.

    fn on_delivery(&mut self, core: &mut Core, delivery: Delivery<'_>, rest: usize) {
        match self.links.get(&delivery.link) {
            Some(Link::Publisher(_)) => self.publish(core, &delivery, rest),
            Some(Link::Requests(node)) => {
                let node = node.clone();
                self.on_request(core, &node, &delivery);
            }
            // Detached meanwhile: nobody waits for an answer.
            _ => {}
        }
    }

    // Stopping.

    pub(crate) fn close_if_stopped(&mut self, core: &mut Core) {
        if self.stopping && !self.closed && self.in_flight.is_empty() && self.deciding.is_none() {
            core.close(Some(conditions::stopping()));
            self.gone();
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping
    }

    pub(crate) fn take_refusal(&mut self) -> Option<Error> {
        self.refusal.take()
    }
}

/// Answers a delivery, unless its sender wants no answer.
pub(crate) fn settle(core: &mut Core, delivery: &Delivery<'_>, state: DeliveryState) {
    if !delivery.settled {
        core.settle(delivery.link, delivery.id, delivery.id, state);
    }
}
