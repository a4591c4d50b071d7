//! Requests and replies over a pair of links: `$cbs` and `$management` (docs/reference/amqp.md §3, §4).

use forebay_amqp::types::sections::{SectionKind, Sections, write_application_properties, write_value};
use forebay_amqp::types::{Attach, Composite, Handle, Properties, Role, Source, Target};
use forebay_amqp::wire::{Decode, Encode, MapRef, Value, Writer};

use crate::client::Client;
use crate::error::Error;
use crate::event::MESSAGE_FORMAT;
use crate::links::{Kind, LinkIndex};

/// Replies the server may send ahead.
const REPLY_CREDIT: u32 = 100;

/// The node of runtime information.
const MANAGEMENT: &str = "$management";

/// The two links of a node that answers requests, on one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestPair {
    pub(crate) requests: LinkIndex,
    pub(crate) replies: LinkIndex,
    /// Message id of the next request.
    pub(crate) next_id: u64,
}

/// A hub as `$management` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubProperties {
    /// Its name.
    pub name: String,
    /// Milliseconds since 1970 UTC.
    pub created_millis: i64,
    /// The ids of its partitions, in order.
    pub partitions: Vec<String>,
}

/// A partition as `$management` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProperties {
    /// Its hub.
    pub hub: String,
    /// Its id.
    pub id: String,
    /// The number of the oldest event, or of the next one if there is none.
    pub begin_sequence: i64,
    /// The number of the newest event; -1 if there never was one.
    pub last_sequence: i64,
    /// Its offset; "-1" if there never was one.
    pub last_offset: String,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub last_enqueued_millis: i64,
    /// Whether there is no event.
    pub is_empty: bool,
}

/// A reply of a request node.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The message id of its request.
    id: Option<i64>,
    status: i64,
    description: String,
    condition: Option<String>,
    body: Value,
}

impl Client {
    /// Reads a hub's name and partitions.
    ///
    /// # Errors
    /// [`Error::Request`] with the server's status, or the connection ends, or no answer comes in time.
    pub async fn hub_properties(&mut self, hub: &str) -> Result<HubProperties, Error> {
        let body = self.management_read("com.microsoft:eventhub", hub, None).await?;
        let partitions = match field(&body, "partition_ids")? {
            Value::Array(ids) => ids
                .iter()
                .map(|id| id.map(|id| id.as_text().map(str::to_owned)))
                .collect::<Result<Option<Vec<_>>, _>>()?,
            _ => None,
        };
        Ok(HubProperties {
            name: text(&body, "name")?,
            created_millis: millis(&body, "created_at")?,
            partitions: partitions.ok_or_else(|| odd("'partition_ids' is no array of strings"))?,
        })
    }

    /// Reads what a partition holds.
    ///
    /// # Errors
    /// As [`Client::hub_properties`].
    pub async fn partition_properties(
        &mut self,
        hub: &str,
        partition: &str,
    ) -> Result<PartitionProperties, Error> {
        let body = self.management_read("com.microsoft:partition", hub, Some(partition)).await?;
        Ok(PartitionProperties {
            hub: text(&body, "name")?,
            id: text(&body, "partition")?,
            begin_sequence: number(&body, "begin_sequence_number")?,
            last_sequence: number(&body, "last_enqueued_sequence_number")?,
            last_offset: text(&body, "last_enqueued_offset")?,
            last_enqueued_millis: millis(&body, "last_enqueued_time_utc")?,
            is_empty: match field(&body, "is_partition_empty")? {
                Value::Boolean(empty) => *empty,
                _ => return Err(odd("'is_partition_empty' is no boolean")),
            },
        })
    }

    async fn management_read(
        &mut self,
        kind: &str,
        hub: &str,
        partition: Option<&str>,
    ) -> Result<Value, Error> {
        self.authorise(hub).await?;
        let mut pair = match self.tokens.management {
            Some(pair) if self.links.usable(pair.requests).is_ok() => pair,
            _ => self.open_pair(MANAGEMENT).await?,
        };
        let mut properties = vec![("operation", "READ"), ("type", kind), ("name", hub)];
        properties.extend(partition.map(|partition| ("partition", partition)));
        let request = encode_request(pair.next_id, MANAGEMENT, &properties, &Value::Null);
        let id = self.request(&mut pair, &request, MANAGEMENT).await?;
        self.tokens.management = Some(pair);
        let reply = self.reply(pair, id, MANAGEMENT).await?;
        let subject = partition.map_or_else(|| hub.to_owned(), |partition| format!("{hub}/{partition}"));
        reply.success("READ", &subject)
    }

    /// Attaches both links of a request node.
    pub(crate) async fn open_pair(&mut self, node: &str) -> Result<RequestPair, Error> {
        let reply_to = self.new_name();
        let mut attach = Attach::new(self.new_name(), Handle(0), Role::Receiver);
        attach.source = Some(Source::new(node));
        attach.target = Some(Target::new(reply_to));
        let replies = self.attach(attach, Kind::Replies(Default::default()), node, None).await?;
        let link = self.links.get(replies).ok_or(Error::Closed)?;
        let session = link.session;
        if let Some(mut receiver) = self.driver.core.receiver(link.id) {
            receiver.set_credit(REPLY_CREDIT);
        }
        let requests = self.attach_sender(node, Kind::Requests, Some(session)).await?;
        Ok(RequestPair { requests, replies, next_id: 1 })
    }

    /// Sends a request once there is credit; returns its id.
    pub(crate) async fn request(
        &mut self,
        pair: &mut RequestPair,
        request: &[u8],
        node: &str,
    ) -> Result<u64, Error> {
        let deadline = self.deadline();
        loop {
            self.links.usable(pair.requests)?;
            if self.transfer(pair.requests, MESSAGE_FORMAT, request)?.is_some() {
                pair.next_id += 1;
                return Ok(pair.next_id - 1);
            }
            self.exchange_before(deadline, || format!("the request to {node}: it grants no credit")).await?;
        }
    }

    /// Waits for the reply to a request.
    pub(crate) async fn reply(&mut self, pair: RequestPair, id: u64, node: &str) -> Result<Reply, Error> {
        let deadline = self.deadline();
        loop {
            if let Some(reply) = self.take_reply(pair, id)? {
                return Ok(reply);
            }
            self.links.usable(pair.replies)?;
            self.exchange_before(deadline, || format!("the request to {node}")).await?;
        }
    }

    /// The reply to a request, if it is here already. The credit it used is given back. Replies whose request was
    /// given up stay until the connection ends; there is one for each time-out.
    pub(crate) fn take_reply(&mut self, pair: RequestPair, id: u64) -> Result<Option<Reply>, Error> {
        let Some(link) = self.links.get_mut(pair.replies) else { return Ok(None) };
        let Kind::Replies(replies) = &mut link.kind else { return Ok(None) };
        for at in 0..replies.len() {
            let reply = Reply::decode(&replies[at])?;
            if reply.id.and_then(|found| u64::try_from(found).ok()) == Some(id) {
                replies.remove(at);
                if let Some(mut receiver) = self.driver.core.receiver(link.id) {
                    receiver.set_credit(REPLY_CREDIT);
                }
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }
}

/// A request: properties, application properties of strings, one value.
pub(crate) fn encode_request(id: u64, node: &str, properties: &[(&str, &str)], body: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let mut head = Properties::new();
    head.message_id = Some(Value::Ulong(id));
    head.to = Some(node);
    head.encode(&mut writer);
    let values: Vec<_> =
        properties.iter().map(|(name, value)| (*name, Value::String((*value).to_owned()))).collect();
    write_application_properties(&mut writer, values.iter().map(|(name, value)| (*name, value)));
    write_value(&mut writer, body);
    out
}

impl Reply {
    fn decode(message: &[u8]) -> Result<Self, Error> {
        let mut reply =
            Self { id: None, status: 0, description: String::new(), condition: None, body: Value::Null };
        for section in Sections::new(message) {
            let section = section?;
            match section.kind {
                SectionKind::Properties => {
                    let properties = Properties::decode_list(&mut section.reader())?;
                    reply.id = properties.correlation_id.and_then(|id| id.as_i64());
                }
                SectionKind::ApplicationProperties => {
                    for entry in MapRef::decode(&mut section.reader())?.iter() {
                        let (name, value) = entry?;
                        let text = || value.as_text().map(str::to_owned);
                        match name.as_text() {
                            Some("status-code") => reply.status = value.as_i64().unwrap_or_default(),
                            Some("status-description") => reply.description = text().unwrap_or_default(),
                            Some("error-condition") => reply.condition = text(),
                            _ => {}
                        }
                    }
                }
                SectionKind::AmqpValue => reply.body = Value::decode(&mut section.reader())?,
                _ => {}
            }
        }
        Ok(reply)
    }

    /// The body of a reply whose status is a success.
    pub(crate) fn success(self, operation: &'static str, subject: &str) -> Result<Value, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(Error::Request {
            operation,
            subject: subject.to_owned(),
            status: self.status,
            description: self.description,
            condition: self.condition,
        })
    }
}

fn odd(problem: &'static str) -> Error {
    Error::Answer { what: "READ", problem }
}

fn field<'v>(body: &'v Value, name: &'static str) -> Result<&'v Value, Error> {
    body.get(name).ok_or_else(|| odd("a key is missing"))
}

fn text(body: &Value, name: &'static str) -> Result<String, Error> {
    field(body, name)?.as_text().map(str::to_owned).ok_or_else(|| odd("a value that should be text is not"))
}

fn number(body: &Value, name: &'static str) -> Result<i64, Error> {
    field(body, name)?.as_i64().ok_or_else(|| odd("a value that should be a number is not"))
}

fn millis(body: &Value, name: &'static str) -> Result<i64, Error> {
    match field(body, name)? {
        Value::Timestamp(millis) => Ok(*millis),
        _ => Err(odd("a value that should be a timestamp is not")),
    }
}
