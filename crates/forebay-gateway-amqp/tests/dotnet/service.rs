//! What the Event Hubs library does over the connection: tokens, senders, receivers, questions
//! (`docs/reference/amqp.md` §3 to §6, the columns .NET).

use forebay_amqp::types::sections::SectionKind;
use forebay_amqp::wire::Value;
use forebay_auth::{Secret, UnixSeconds, sas};
use forebay_broker::{DEFAULT_POLICY, WELL_KNOWN_KEY};
use forebay_client::net::Tls;

use crate::client::{Client, LinkId};
use crate::content::{MESSAGE_ID, Map, Message, PROPERTIES, REPLY_TO, by_text};
use crate::exceptions::Exception;
use crate::fields::{ACCEPTED, REJECTED, SOURCE_CODE, TARGET_CODE};
use crate::wire::{composite, parts, symbol, text};

/// `EntityType` values.
const EVENT_HUB: i32 = 7;
const CONSUMER_GROUP: i32 = 8;
/// The descriptor of .NET's own filter; the other SDKs use two others.
const FILTER: u64 = 0x0000_0013_7000_000A;
const FILTER_NAME: &str = "apache.org:selector-filter:string";
/// The format of a message that holds encoded messages.
pub(crate) const BATCH: u32 = 0x8001_3700;
const MESSAGE: u32 = 0;
/// What the library asks for unless it is told otherwise.
const PREFETCH: u32 = 300;
/// Credit of the reply link of a request pair.
const REPLY_CREDIT: u32 = 50;
const TIMEOUT_MS: u32 = 60_000;

/// A request link, a reply link, and the address that replies go to.
#[derive(Debug)]
pub(crate) struct Pair {
    sender: LinkId,
    receiver: LinkId,
    reply_to: String,
    requests: u32,
}

/// A reply, once the checker has passed it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: i32,
    pub(crate) message: Message,
}

/// What a receiver asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) group: &'static str,
    pub(crate) partition: &'static str,
    /// Behind `amqp.annotation.`, without quotes.
    pub(crate) filter: String,
    pub(crate) epoch: Option<i64>,
    pub(crate) name: Option<&'static str>,
    pub(crate) track_last: bool,
    /// Events that may be on the way or untaken.
    pub(crate) prefetch: u32,
}

impl Wish {
    pub(crate) fn from(partition: &'static str, filter: &str) -> Self {
        Self {
            group: "$Default",
            partition,
            filter: filter.to_owned(),
            epoch: None,
            name: None,
            track_last: false,
            prefetch: PREFETCH,
        }
    }

    pub(crate) fn earliest(partition: &'static str) -> Self {
        Self::from(partition, "x-opt-offset > -1")
    }

    pub(crate) fn owned(self, epoch: i64, name: &'static str) -> Self {
        Self { epoch: Some(epoch), name: Some(name), ..self }
    }
}

/// A connection, and what the library keeps on it.
#[derive(Debug)]
pub(crate) struct EventHubs {
    pub(crate) client: Client,
    cbs: Option<Pair>,
    management: Option<Pair>,
    key: &'static str,
    next_tag: u32,
}

impl EventHubs {
    pub(crate) async fn connect(port: u16) -> Self {
        Self::connect_with(port, &Tls::Off, "events", WELL_KNOWN_KEY).await
    }

    pub(crate) async fn connect_with(port: u16, tls: &Tls, hub: &str, key: &'static str) -> Self {
        let client = Client::connect(port, tls, hub).await;
        Self { client, cbs: None, management: None, key, next_tag: 0 }
    }

    fn hub(&self) -> String {
        self.client.hub.clone()
    }

    // Requests.

    /// Opens both links of a pair in a session of its own, without waiting between them.
    async fn open_pair(&mut self, node: &str) -> Result<Pair, Exception> {
        let channel = self.client.session().await;
        let name = format!("duplex{}", self.client.name());
        let reply_to = format!("{channel:032x}");
        let properties = Value::Map(vec![(symbol("com.microsoft:timeout"), Value::Uint(TIMEOUT_MS))]);
        let settled = Value::Ubyte(1);
        let mut attach = attach_fields(&format!("{name}:sender"), false, settled.clone());
        attach[5] = source(None, None);
        attach[6] = target(Some(node));
        attach[13] = properties.clone();
        let sender = self.client.attach(channel, attach, 0);
        let mut attach = attach_fields(&format!("{name}:receiver"), true, settled);
        attach[5] = source(Some(node), None);
        attach[6] = target(Some(&reply_to));
        attach[13] = properties;
        let receiver = self.client.attach(channel, attach, REPLY_CREDIT);
        self.client.attached(sender).await?;
        self.client.attached(receiver).await?;
        Ok(Pair { sender, receiver, reply_to, requests: 0 })
    }

    /// Sends a request settled, under an empty tag, and waits for its reply.
    async fn request(
        &mut self,
        pair: &mut Pair,
        id: Option<Value>,
        mut message: Message,
    ) -> Result<Reply, Exception> {
        pair.requests += 1;
        let id = id.unwrap_or_else(|| text(&format!("{}{}", pair.reply_to, pair.requests)));
        message.properties.resize(PROPERTIES, Value::Null);
        message.properties[MESSAGE_ID] = id.clone();
        message.properties[REPLY_TO] = text(&pair.reply_to);
        let (channel, handle) = (pair.receiver.channel, pair.receiver.handle);
        let session = self.client.rules().sessions.get_mut(&channel).expect("begun");
        session.links.get_mut(&handle).expect("attached").expect_reply(&id);
        self.client.transfer(pair.sender, &[], MESSAGE, true, &message.encode()).await?;
        let message = self.client.take(pair.receiver).await?;
        let Some(Value::Int(status)) = by_text(&message.application, "status-code") else {
            panic!("checked")
        };
        Ok(Reply { status: *status, message })
    }

    /// The token that is put for a resource, and when it ends.
    pub(crate) fn token(&self, resource: &str, key: &str) -> (Secret, UnixSeconds) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let expiry = UnixSeconds::from_millis(i64::try_from(now.as_millis()).unwrap()).plus(30 * 60);
        (sas::create(resource, DEFAULT_POLICY, &Secret::new(key), expiry), expiry)
    }

    /// Puts a token for an endpoint. .NET takes 200 and 202 for success.
    pub(crate) async fn put_token(&mut self, path: &str, id: Option<Value>) -> Result<Reply, Exception> {
        let resource = format!("amqps://localhost/{}", self.hub());
        let (token, expiry) = self.token(&resource, self.key);
        let mut pair = match self.cbs.take() {
            Some(pair) => pair,
            None => self.open_pair("$cbs").await?,
        };
        let message = Message {
            application: vec![
                (text("operation"), text("put-token")),
                (text("type"), text("servicebus.windows.net:sastoken")),
                (text("name"), text(&format!("amqps://localhost{path}"))),
                (text("expiration"), Value::Timestamp(i64::try_from(expiry.0).unwrap() * 1_000)),
            ],
            body: vec![(SectionKind::AmqpValue, text(token.expose()))],
            ..Message::default()
        };
        let reply = self.request(&mut pair, id, message).await;
        self.cbs = Some(pair);
        succeeded(reply?, &[200, 202])
    }

    /// READ, with the token in the request and none put before.
    pub(crate) async fn read(&mut self, partition: Option<&str>) -> Result<Map, Exception> {
        let resource = format!("amqps://localhost/{}", self.hub());
        let (token, _) = self.token(&resource, self.key);
        let mut pair = match self.management.take() {
            Some(pair) => pair,
            None => self.open_pair("$management").await?,
        };
        let kind = if partition.is_some() { "com.microsoft:partition" } else { "com.microsoft:eventhub" };
        let mut application = vec![
            (text("operation"), text("READ")),
            (text("name"), text(&self.hub())),
            (text("type"), text(kind)),
            (text("security_token"), text(token.expose())),
        ];
        if let Some(partition) = partition {
            application.push((text("partition"), text(partition)));
        }
        let reply = self.request(&mut pair, None, Message { application, ..Message::default() }).await;
        self.management = Some(pair);
        let reply = succeeded(reply?, &[200, 202])?;
        match reply.message.body.into_iter().next() {
            Some((SectionKind::AmqpValue, Value::Map(info))) => Ok(info),
            other => panic!("the answer is {other:?}"),
        }
    }

    // Senders.

    /// Opens a sender to the hub or to one of its partitions, after putting a token for it.
    pub(crate) async fn sender(&mut self, partition: Option<&str>) -> Result<LinkId, Exception> {
        let path = match partition {
            Some(id) => format!("/{}/Partitions/{id}", self.hub()),
            None => format!("/{}", self.hub()),
        };
        self.put_token(&path, None).await?;
        let channel = self.client.session().await;
        let name = self.client.name();
        let mut attach = attach_fields(&name, false, Value::Null);
        attach[5] = source(Some(&name), None);
        attach[6] = target(Some(&path));
        attach[13] = Value::Map(vec![
            (symbol("com.microsoft:timeout"), Value::Uint(TIMEOUT_MS)),
            (symbol("com.microsoft:entity-type"), Value::Int(EVENT_HUB)),
        ]);
        let link = self.client.attach(channel, attach, 0);
        self.client.attached(link).await?;
        Ok(link)
    }

    /// The largest message that a sender's link takes: from it comes the limit of a batch.
    pub(crate) fn message_bytes_max(&mut self, link: LinkId) -> usize {
        let link = self.client.rules().link(link.channel, link.handle).expect("attached");
        usize::try_from(link.max_message_size).unwrap()
    }

    /// Sends events as the library does, without waiting: one as it is, several as a batch.
    pub(crate) async fn begin_send(&mut self, link: LinkId, events: &[Message]) -> Result<u32, Exception> {
        let (format, message) = match events {
            [event] => (MESSAGE, event.encode()),
            _ => (BATCH, batch(events)),
        };
        self.next_tag += 1;
        let tag = self.next_tag.to_le_bytes();
        self.client.transfer(link, &tag, format, false, &message).await
    }

    /// Waits for the outcome: nothing but accepted is success.
    pub(crate) async fn end_send(&mut self, link: LinkId, id: u32) -> Result<(), Exception> {
        let outcome = self.client.outcome(link, id).await?;
        match parts(&outcome) {
            Some((ACCEPTED, _)) => Ok(()),
            Some((REJECTED, [error])) => Err(Exception::of(error)),
            _ => Err(Exception::new("", &format!("the outcome is {outcome:?}"))),
        }
    }

    pub(crate) async fn send(&mut self, link: LinkId, events: &[Message]) -> Result<(), Exception> {
        let id = self.begin_send(link, events).await?;
        self.end_send(link, id).await
    }

    // Receivers.

    /// Opens a receiver, after putting a token for it; its credit leaves with its attach.
    pub(crate) async fn receiver(&mut self, wish: &Wish) -> Result<LinkId, Exception> {
        let path = format!("/{}/ConsumerGroups/{}/Partitions/{}", self.hub(), wish.group, wish.partition);
        self.put_token(&path, None).await?;
        let channel = self.client.session().await;
        let name = self.client.name();
        // Settled: this client answers no delivery.
        let mut attach = attach_fields(&name, true, Value::Ubyte(1));
        attach[5] = source(Some(&path), Some(&format!("amqp.annotation.{}", wish.filter)));
        attach[6] = target(Some(wish.name.unwrap_or(&name)));
        if wish.track_last {
            attach[12] = symbol("com.microsoft:enable-receiver-runtime-metric");
        }
        let mut properties = vec![(symbol("com.microsoft:entity-type"), Value::Int(CONSUMER_GROUP))];
        if let Some(epoch) = wish.epoch {
            properties.push((symbol("com.microsoft:epoch"), Value::Long(epoch)));
        }
        if let Some(name) = wish.name {
            properties.push((symbol("com.microsoft:receiver-name"), text(name)));
        }
        attach[13] = Value::Map(properties);
        let link = self.client.attach(channel, attach, wish.prefetch);
        self.client.attached(link).await?;
        Ok(link)
    }

    pub(crate) async fn receive(&mut self, link: LinkId) -> Result<Message, Exception> {
        self.client.take(link).await
    }

    /// The bodies of the next events, as text.
    pub(crate) async fn bodies(&mut self, link: LinkId, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        for _ in 0..count {
            let event = self.receive(link).await.expect("an event");
            bodies.push(String::from_utf8(event.data().to_vec()).unwrap());
        }
        bodies
    }
}

fn succeeded(reply: Reply, successes: &[i32]) -> Result<Reply, Exception> {
    if successes.contains(&reply.status) {
        return Ok(reply);
    }
    let application = &reply.message.application;
    let description = by_text(application, "status-description").and_then(Value::as_text).unwrap_or_default();
    let condition = by_text(application, "error-condition").unwrap_or(&Value::Null);
    Err(Exception::of_status(reply.status, condition, description))
}

/// The fields of an attach that do not depend on what it is for.
fn attach_fields(name: &str, we_receive: bool, snd_settle_mode: Value) -> Vec<Value> {
    let mut fields = vec![Value::Null; 14];
    fields[0] = text(name);
    fields[2] = Value::Boolean(we_receive);
    fields[3] = snd_settle_mode;
    if !we_receive {
        fields[9] = Value::Uint(0);
    }
    fields[10] = Value::Ulong(u64::MAX);
    fields
}

fn source(address: Option<&str>, filter: Option<&str>) -> Value {
    let mut fields = vec![Value::Null; 11];
    fields[0] = address.map_or(Value::Null, text);
    if let Some(filter) = filter {
        let filter = Value::described(Value::Ulong(FILTER), text(filter));
        fields[7] = Value::Map(vec![(symbol(FILTER_NAME), filter)]);
    }
    composite(SOURCE_CODE, fields)
}

fn target(address: Option<&str>) -> Value {
    let mut fields = vec![Value::Null; 7];
    fields[0] = address.map_or(Value::Null, text);
    composite(TARGET_CODE, fields)
}

/// A clone of the first event whose body is every event, encoded.
pub(crate) fn batch(events: &[Message]) -> Vec<u8> {
    let data = events.iter().map(|event| (SectionKind::Data, Value::Binary(event.encode())));
    let first = events.first().cloned().unwrap_or_default();
    Message { body: data.collect(), ..first }.encode()
}
