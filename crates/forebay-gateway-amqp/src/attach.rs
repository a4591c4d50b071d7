//! Whether a link may be, and what it is for: the address says what, the tokens whether, the broker the rest
//! (`docs/reference/amqp.md` §5.1 to §5.3, §6.1 to §6.6).

use std::sync::Arc;

use forebay_amqp::types::{Attach, Error, Role, Source, condition};
use forebay_amqp::{AttachReply, SessionId};
use forebay_auth::{Address, Rights, TokenSet, UnixSeconds};
use forebay_broker::{
    Broker, Cursor, Hub, MESSAGE_BYTES_MAX, Namespace, Partition, ReaderListener, ReaderWish, StartPosition,
};

use crate::conditions;
use crate::config::REQUEST_BYTES_MAX;
use crate::filter::{self, FilterError};
use crate::grants;
use crate::inbox::Inbox;
use crate::links::{Link, Node, Publisher, Replies};
use crate::reader::{Reader, Waiting, sends_settled};

const EPOCH: &str = "com.microsoft:epoch";
/// The second is a slip that the Rust SDK makes.
const RECEIVER_NAME: [&str; 2] = ["com.microsoft:receiver-name", "com.microsoft.com:receiver-name"];
const RUNTIME_METRICS: &str = "com.microsoft:enable-receiver-runtime-metric";

/// An attach and what is needed to decide it.
pub(crate) struct AttachRequest {
    pub(crate) session: SessionId,
    pub(crate) attach: Attach,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) inbox: Arc<Inbox>,
    /// Who asks, for the line that says what was created for whom.
    pub(crate) client: String,
    pub(crate) client_is_sdk: bool,
    /// The number that a reader on this link gets.
    pub(crate) reader: u64,
}

/// A link that may be.
pub(crate) struct Accepted {
    pub(crate) reply: AttachReply,
    pub(crate) link: Link,
}

/// An attach whose rights have been checked.
pub(crate) struct Authorised {
    request: AttachRequest,
    address: Address,
}

/// The role in which the peer attaches decides what the link is for.
fn is_publishing(attach: &Attach) -> bool {
    attach.role == Role::Sender
}

/// Reads the address and checks the rights: before anything is looked up, so that a refusal tells nothing about what
/// exists.
pub(crate) fn authorise(
    request: AttachRequest,
    tokens: &mut TokenSet,
    host: &str,
    now: UnixSeconds,
) -> Result<Authorised, Error> {
    let publishing = is_publishing(&request.attach);
    let address = address(&request.attach)?;
    let needed = match (&address, publishing) {
        // Tokens come on one, and requests on the other bring theirs.
        (Address::Cbs | Address::Management { .. }, _) => return Ok(Authorised { request, address }),
        (Address::Hub { .. } | Address::HubPartition { .. } | Address::HubPublisher { .. }, true) => {
            Rights::SEND
        }
        (Address::GroupPartition { .. }, false) => Rights::LISTEN,
        (_, true) => {
            return Err(conditions::error(
                condition::NOT_ALLOWED,
                format_args!(
                    "'{address}' can be read, not published to; publish to 'hub' or 'hub/Partitions/0'."
                ),
            ));
        }
        (_, false) => {
            return Err(conditions::error(
                condition::NOT_ALLOWED,
                format_args!(
                    "'{address}' can be published to, not read; read 'hub/ConsumerGroups/$Default/Partitions/0'."
                ),
            ));
        }
    };
    let resource = address.resource();
    let allowed = grants::authorise(tokens, &request.broker, &request.namespace, |tokens| {
        tokens.authorise(&resource, needed, now)
    });
    match allowed {
        Ok(()) => Ok(Authorised { request, address }),
        Err(denied) => {
            tracing::info!(client = request.client, "link refused: {denied}");
            Err(conditions::error(condition::UNAUTHORIZED_ACCESS, denied.wire_text(host)))
        }
    }
}

/// The terminus at our end: the target where the client publishes, the source where it reads. JavaScript leaves our
/// end's address out of neither; a reply link's own end may be empty.
fn address(attach: &Attach) -> Result<Address, Error> {
    let text = if is_publishing(attach) {
        attach.target.as_ref().and_then(|target| target.address.as_deref())
    } else {
        attach.source.as_ref().and_then(|source| source.address.as_deref())
    };
    let text =
        text.ok_or_else(|| conditions::error(condition::INVALID_FIELD, "The link names no address."))?;
    Address::parse(text).map_err(|why| conditions::entity_not_found_because(text, why))
}

impl Authorised {
    /// Does what takes time: makes a hub or a group, claims a reader's place, finds where it begins.
    pub(crate) async fn decide(self) -> Result<Accepted, Error> {
        let publishing = is_publishing(&self.request.attach);
        let node = match &self.address {
            Address::Cbs => Some(Node::Cbs),
            Address::Management { .. } => Some(Node::Management),
            _ => None,
        };
        match (node, publishing) {
            (Some(node), true) => {
                Ok(Accepted { reply: self.reply_to_sender(REQUEST_BYTES_MAX), link: Link::Requests(node) })
            }
            (Some(node), false) => Ok(self.accept_replies(node)),
            (None, true) => self.accept_publisher().await,
            (None, false) => self.accept_reader().await,
        }
    }

    /// The client's limit counts too, but 0 means that it has none (`docs/reference/amqp.md` §5.3).
    fn reply_to_sender(&self, max_message_size: u64) -> AttachReply {
        let asked = self.request.attach.max_message_size.filter(|size| *size > 0).unwrap_or(u64::MAX);
        AttachReply { max_message_size: Some(asked.min(max_message_size)), ..AttachReply::default() }
    }

    fn accept_replies(self, node: Node) -> Accepted {
        let attach = self.request.attach;
        let replies = Replies {
            node,
            session: self.request.session,
            target: attach.target.and_then(|target| target.address),
            name: attach.name,
            waiting: std::collections::VecDeque::new(),
            next_tag: 0,
            queued: false,
        };
        Accepted { reply: AttachReply::default(), link: Link::Replies(Box::new(replies)) }
    }

    async fn hub(&self, name: &str) -> Result<Arc<Hub>, Error> {
        let AttachRequest { broker, namespace, client, .. } = &self.request;
        broker.hub(namespace, name, client).await.map_err(|why| conditions::entity(&why))
    }

    async fn accept_publisher(self) -> Result<Accepted, Error> {
        let (name, partition, publisher) = match &self.address {
            Address::HubPartition { hub, partition } => (hub, Some(partition), None),
            Address::HubPublisher { hub, publisher } => (hub, None, Some(publisher.clone())),
            Address::Hub { hub } => (hub, None, None),
            // `authorise` let nothing else through.
            _ => {
                return Err(conditions::error(
                    condition::NOT_ALLOWED,
                    "This address cannot be published to.",
                ));
            }
        };
        let hub = self.hub(name).await?;
        let partition = partition.map(|partition| find_partition(&hub, partition)).transpose()?;
        let reply = self.reply_to_sender(MESSAGE_BYTES_MAX as u64);
        let publisher = Publisher { hub, partition, publisher, open: 0 };
        Ok(Accepted { reply, link: Link::Publisher(Box::new(publisher)) })
    }

    async fn accept_reader(self) -> Result<Accepted, Error> {
        let Address::GroupPartition { hub, group, partition } = &self.address else {
            return Err(conditions::error(condition::NOT_ALLOWED, "This address cannot be read."));
        };
        let AttachRequest { broker, namespace, client, attach, .. } = &self.request;
        let position = start_position(attach.source.as_ref())?;
        let epoch = epoch(attach)?;
        let hub = self.hub(hub).await?;
        let group =
            broker.group(namespace, &hub, group, client).await.map_err(|why| conditions::entity(&why))?;
        let partition = find_partition(&hub, partition)?;
        let name =
            RECEIVER_NAME.iter().find_map(|key| attach.properties.get(key)?.as_text()).map(str::to_owned);
        let listener: Arc<dyn ReaderListener> = Arc::clone(&self.request.inbox) as Arc<dyn ReaderListener>;
        let wish = ReaderWish { hub: &hub, group: &group, partition: &partition, epoch, name };
        let claim = broker
            .claim_reader(wish, listener, self.request.reader)
            .await
            .map_err(|why| conditions::reader(&why))?;
        // After the claim: a reader that takes over begins after whatever was committed before it did.
        let start = broker.start(&partition, position).await.map_err(|why| conditions::start(&why))?;
        if start.restarted {
            tracing::warn!(
                "reader of '{}' partition {} asked for {position:?}, which is beyond the end: it begins at the oldest \
                 event, {} (events were lost: durability is {})",
                hub.name,
                partition.index(),
                start.from,
                broker.durability()
            );
        }
        let metrics = attach.desired_capabilities.contains(RUNTIME_METRICS);
        let reader = Reader {
            token: self.request.reader,
            cursor: Cursor::new(partition, start.from),
            claim,
            metrics,
            settled: sends_settled(attach.snd_settle_mode, self.request.client_is_sdk),
            waiting: Waiting::No,
            draining: false,
            next_tag: 0,
            queued: false,
            inbox: Arc::clone(&self.request.inbox),
        };
        // The SDKs state the service's limit, which is for events as sent; what we add must not push one over it.
        let limit = attach.max_message_size.unwrap_or(0);
        let outgoing_bytes_max = (limit >= MESSAGE_BYTES_MAX as u64).then_some(u64::MAX);
        let reply = AttachReply { outgoing_bytes_max, ..AttachReply::default() };
        Ok(Accepted { reply, link: Link::Reader(Box::new(reader)) })
    }
}

/// Partition ids are decimal numbers in one spelling only.
pub(crate) fn partition_of<'a>(hub: &'a Hub, id: &str) -> Option<&'a Arc<Partition>> {
    let index = id.parse::<u32>().ok().filter(|index| index.to_string() == id)?;
    hub.partition(index)
}

fn find_partition(hub: &Hub, id: &str) -> Result<Arc<Partition>, Error> {
    partition_of(hub, id).cloned().ok_or_else(|| {
        conditions::error(
            condition::ARGUMENT_OUT_OF_RANGE,
            format_args!(
                "The specified partition '{}' is invalid for an EventHub partition: hub '{}' has partitions 0 to {}.",
                id.chars().take(40).collect::<String>(),
                hub.name,
                hub.partition_count() - 1
            ),
        )
    })
}

fn start_position(source: Option<&Source>) -> Result<StartPosition, Error> {
    let Some(source) = source else { return Ok(StartPosition::Earliest) };
    filter::start_position(&source.filter).map_err(|why| match why {
        FilterError::Unsupported(_) => conditions::error(condition::NOT_IMPLEMENTED, why),
        _ => conditions::error(condition::ARGUMENT_ERROR, why),
    })
}

fn epoch(attach: &Attach) -> Result<Option<i64>, Error> {
    let Some(value) = attach.properties.get(EPOCH) else {
        return Ok(None);
    };
    match value.as_i64() {
        Some(epoch) if epoch >= 0 => Ok(Some(epoch)),
        _ => Err(conditions::error(
            condition::INVALID_FIELD,
            format_args!("The link property '{EPOCH}' must be a whole number from 0."),
        )),
    }
}
