//! `$management`: runtime information of hubs and partitions (`docs/reference/amqp.md` §4).

use std::sync::Arc;

use forebay_amqp::SessionId;
use forebay_amqp::wire::Writer;
use forebay_auth::{Address, Grant, ResourcePath, TokenSet, UnixSeconds};
use forebay_broker::{Broker, Hub, Namespace};
use forebay_log::Bounds;

use crate::attach::partition_of;
use crate::conditions;
use crate::grants;
use crate::peer::Peer;
use crate::request::{Request, Status, write_reply};
use forebay_broker::LogLimit;

const EVENT_HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

/// A question that outlives its message, because its answer may have to make the hub.
#[derive(Debug)]
pub(crate) struct Question {
    session: SessionId,
    message_id: Option<Vec<u8>>,
    reply_to: Option<String>,
    operation: Option<String>,
    kind: Option<String>,
    hub: String,
    partition: Option<String>,
    token: Option<String>,
}

/// The encoded answer and where it goes.
#[derive(Debug)]
pub(crate) struct ManagementReply {
    pub(crate) session: SessionId,
    pub(crate) reply_to: Option<String>,
    pub(crate) message: Vec<u8>,
}

/// What a partition tells of itself.
struct PartitionInfo<'a> {
    hub: &'a Hub,
    id: &'a str,
    bounds: Bounds,
    now_ms: i64,
}

impl Question {
    pub(crate) fn new(request: &Request<'_>, session: SessionId) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            session,
            message_id: request.message_id.map(<[u8]>::to_vec),
            reply_to: owned(request.reply_to),
            operation: owned(request.operation),
            kind: owned(request.kind),
            // Some clients write an address here, with a slash in front.
            hub: request.name.unwrap_or_default().trim_matches('/').to_owned(),
            partition: owned(request.partition),
            token: owned(request.security_token),
        }
    }

    /// Any right on the hub will do, by the request's own token or by one of the connection's: .NET sends the first
    /// and nothing on `$cbs`.
    pub(crate) fn authorise(
        &self,
        broker: &Broker,
        namespace: &Namespace,
        tokens: &mut TokenSet,
        peer: &Peer,
        host: &str,
        now: UnixSeconds,
    ) -> Result<(), Status> {
        // JavaScript and Go sign for this very node; a token for hub or namespace covers it as well.
        let resource = Address::Management { hub: Some(self.hub.clone()) }.resource();
        let allowed =
            grants::authorise(tokens, broker, namespace, |tokens| tokens.authorise_any(&resource, now));
        let Err(denied) = allowed else { return Ok(()) };
        let unauthorised = |text: &str| status(401, "amqp:unauthorized-access", text);
        match &self.token {
            None => {
                tracing::info!(%peer, "runtime information refused: {denied}");
                Err(unauthorised(&denied.wire_text(host)))
            }
            Some(token) => match broker.verify_token(namespace, token, now) {
                Ok((_, grant)) if covers(&grant, &resource) => Ok(()),
                Ok(_) => Err(unauthorised(&denied.wire_text(host))),
                Err(why) => {
                    static LIMIT: LogLimit = LogLimit::new();
                    LIMIT.warn(|| format!("token refused: {why} (from {peer})"));
                    Err(unauthorised(why.wire_text()))
                }
            },
        }
    }

    /// Looks the answer up. A hub may be made on the way, as by any other first use.
    pub(crate) async fn answer(
        self,
        broker: &Broker,
        namespace: &Arc<Namespace>,
        client: &str,
        allowed: Result<(), Status>,
    ) -> ManagementReply {
        let mut message = Vec::new();
        let id = self.message_id.as_deref();
        let looked_up = match allowed {
            Ok(()) => self.look_up(broker, namespace, client).await,
            Err(refused) => Err(refused),
        };
        match looked_up {
            Ok(hub) => match self.partition_info(&hub, broker) {
                Ok(None) => write_reply(id, &ok(), &mut message, |body| write_hub(&hub, body)),
                Ok(Some(info)) => write_reply(id, &ok(), &mut message, |body| write_partition(&info, body)),
                Err(refused) => write_reply(id, &refused, &mut message, |body| body.null()),
            },
            Err(refused) => write_reply(id, &refused, &mut message, |body| body.null()),
        }
        ManagementReply { session: self.session, reply_to: self.reply_to, message }
    }

    async fn look_up(
        &self,
        broker: &Broker,
        namespace: &Arc<Namespace>,
        client: &str,
    ) -> Result<Arc<Hub>, Status> {
        if self.operation.as_deref() != Some("READ") {
            return Err(status(501, "amqp:not-implemented", "The operation must be 'READ'."));
        }
        if !matches!(self.kind.as_deref(), Some(EVENT_HUB | PARTITION)) {
            let text = format!("The type must be '{EVENT_HUB}' or '{PARTITION}'.");
            return Err(status(400, "amqp:invalid-field", &text));
        }
        broker.hub(namespace, &self.hub, client).await.map_err(|why| {
            let error = conditions::entity(&why);
            let (code, condition) = match error.condition.as_str() {
                "amqp:not-found" => (404, "amqp:not-found"),
                "amqp:resource-limit-exceeded" => (403, "amqp:resource-limit-exceeded"),
                _ => (503, "com.microsoft:server-busy"),
            };
            Status { code, description: error.description.unwrap_or_default(), condition: Some(condition) }
        })
    }

    fn partition_info<'a>(
        &'a self,
        hub: &'a Hub,
        broker: &Broker,
    ) -> Result<Option<PartitionInfo<'a>>, Status> {
        if self.kind.as_deref() == Some(EVENT_HUB) {
            return Ok(None);
        }
        let id = self.partition.as_deref().unwrap_or_default();
        let partition = partition_of(hub, id).ok_or_else(|| {
            let entity = format!("{}|{}", hub.name, id.chars().take(40).collect::<String>());
            let error = conditions::entity_not_found(&entity);
            status(404, "amqp:not-found", &error.description.unwrap_or_default())
        })?;
        let bounds = partition.log().bounds();
        Ok(Some(PartitionInfo { hub, id, bounds, now_ms: broker.wall().0 }))
    }
}

fn covers(grant: &Grant, resource: &ResourcePath) -> bool {
    grant.scope.covers(resource)
}

fn ok() -> Status {
    Status { code: 200, description: "OK".to_owned(), condition: None }
}

fn status(code: i32, condition: &'static str, text: &str) -> Status {
    Status { code, description: text.to_owned(), condition: Some(condition) }
}

fn write_hub(hub: &Hub, body: &mut Writer<'_>) {
    let ids: Vec<String> = (0..hub.partition_count()).map(|index| index.to_string()).collect();
    body.map(6, |map| {
        map.string("name");
        map.string(&hub.name);
        map.string("type");
        map.string(EVENT_HUB);
        map.string("created_at");
        map.timestamp(hub.created_at_ms);
        map.string("partition_count");
        map.int(i32::try_from(ids.len()).unwrap_or(i32::MAX));
        // An array, not a list: Go, .NET and Java insist.
        map.string("partition_ids");
        map.string_array(ids.iter().map(String::as_str));
        map.string("georeplication_factor");
        map.int(1);
    });
}

/// Never written: begin 0, last -1, offset "-1", empty. All expired: begin = next, last = the last one written, empty.
fn write_partition(info: &PartitionInfo<'_>, body: &mut Writer<'_>) {
    let number = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
    let Bounds { first, next, last_append_time, .. } = info.bounds;
    let last = number(next.0) - 1;
    body.map(11, |map| {
        map.string("name");
        map.string(&info.hub.name);
        map.string("type");
        map.string(PARTITION);
        map.string("partition");
        map.string(info.id);
        map.string("begin_sequence_number");
        map.long(number(first.0));
        map.string("last_enqueued_sequence_number");
        map.long(last);
        map.string("last_enqueued_offset");
        map.string(&last.to_string());
        map.string("last_enqueued_time_utc");
        map.timestamp(last_append_time.map_or(0, |time| time.0));
        map.string("is_partition_empty");
        map.boolean(first == next);
        map.string("begin_sequence_number_epoch");
        map.int(-1);
        map.string("last_enqueued_sequence_number_epoch");
        map.int(-1);
        map.string("runtime_info_retrieval_time_utc");
        map.timestamp(info.now_ms);
    });
}
