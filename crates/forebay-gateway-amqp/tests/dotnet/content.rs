//! What stands in messages: replies of `$cbs` and `$management`, events (`docs/reference/amqp.md` §3.3, §4.3, §6.7).

use forebay_amqp::types::sections::{SectionKind, Sections};
use forebay_amqp::wire::{Decode, Encode, Value, ValueRef, Writer};

use crate::rules::{Broken, Rule};

/// A message by its sections, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Message {
    pub(crate) header: Option<Value>,
    pub(crate) delivery_annotations: Map,
    pub(crate) annotations: Map,
    /// The thirteen fields, or as many as were given.
    pub(crate) properties: Vec<Value>,
    pub(crate) application: Map,
    /// Data, sequence or value sections.
    pub(crate) body: Vec<(SectionKind, Value)>,
    pub(crate) footer: Map,
}

/// A map in its order.
pub(crate) type Map = Vec<(Value, Value)>;

/// Places of the properties (§3.2.4).
pub(crate) const MESSAGE_ID: usize = 0;
pub(crate) const REPLY_TO: usize = 4;
pub(crate) const CORRELATION_ID: usize = 5;
pub(crate) const PROPERTIES: usize = 13;

impl Message {
    /// An event with these bytes as its body.
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self { body: vec![(SectionKind::Data, Value::Binary(body.into()))], ..Self::default() }
    }

    /// As another, with a partition key.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.annotations.push((crate::wire::symbol("x-opt-partition-key"), crate::wire::text(key)));
        self
    }

    pub(crate) fn with_property(mut self, at: usize, value: Value) -> Self {
        self.properties.resize(PROPERTIES, Value::Null);
        self.properties[at] = value;
        self
    }

    /// The bytes of the first data section.
    pub(crate) fn data(&self) -> &[u8] {
        match self.body.first() {
            Some((SectionKind::Data, Value::Binary(bytes))) => bytes,
            other => panic!("the body is {other:?}"),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut section = |kind: SectionKind, value: &Value| {
            let mut writer = Writer::new(&mut out);
            writer.descriptor(kind.descriptor().0);
            value.encode(&mut writer);
        };
        let map = |entries: &Map| (!entries.is_empty()).then(|| Value::Map(entries.clone()));
        if let Some(header) = &self.header {
            section(SectionKind::Header, header);
        }
        if let Some(annotations) = map(&self.annotations) {
            section(SectionKind::MessageAnnotations, &annotations);
        }
        if !self.properties.is_empty() {
            section(SectionKind::Properties, &Value::List(self.properties.clone()));
        }
        if let Some(application) = map(&self.application) {
            section(SectionKind::ApplicationProperties, &application);
        }
        for (kind, value) in &self.body {
            section(*kind, value);
        }
        if let Some(footer) = map(&self.footer) {
            section(SectionKind::Footer, &footer);
        }
        out
    }
}

/// Reads a message's sections.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, Broken> {
    let mut message = Message::default();
    for section in Sections::new(bytes) {
        let section = section.map_err(|error| Rule::Message.broken(error))?;
        let value = Value::decode(&mut section.reader()).map_err(|error| Rule::Message.broken(error))?;
        match (section.kind, value) {
            (SectionKind::Header, header) => message.header = Some(header),
            (SectionKind::DeliveryAnnotations, Value::Map(map)) => message.delivery_annotations = map,
            (SectionKind::MessageAnnotations, Value::Map(map)) => message.annotations = map,
            (SectionKind::Properties, Value::List(fields)) => message.properties = fields,
            (SectionKind::ApplicationProperties, Value::Map(map)) => message.application = map,
            (SectionKind::Footer, Value::Map(map)) => message.footer = map,
            (kind, value) => message.body.push((kind, value)),
        }
    }
    Ok(message)
}

/// The value under a string key; .NET finds none under a symbol.
pub(crate) fn by_text<'m>(map: &'m Map, key: &str) -> Option<&'m Value> {
    map.iter().find(|(name, _)| matches!(name, Value::String(name) if name == key)).map(|(_, value)| value)
}

/// The value under a symbol key.
pub(crate) fn by_symbol<'m>(map: &'m Map, key: &str) -> Option<&'m Value> {
    map.iter()
        .find(|(name, _)| matches!(name, Value::Symbol(name) if name.as_str() == key))
        .map(|(_, value)| value)
}

/// What the deliveries of a link must be.
#[derive(Debug)]
pub(crate) enum Content {
    /// Replies to requests with these message ids.
    Replies { waiting: Vec<Value> },
    /// Events of one partition; number and time of the last.
    Events { last: Option<(i64, i64)> },
}

impl Content {
    /// By the address of the node at the server's end.
    pub(crate) fn of(address: &str) -> Self {
        match address {
            "$cbs" | "$management" => Self::Replies { waiting: Vec::new() },
            _ => Self::Events { last: None },
        }
    }

    pub(crate) fn expect_reply(&mut self, message_id: &Value) {
        let Self::Replies { waiting } = self else { panic!("no replies come on this link") };
        waiting.push(message_id.clone());
    }

    pub(crate) fn check(&mut self, message: &Message) -> Result<(), Broken> {
        match self {
            Self::Replies { waiting } => check_reply(waiting, message),
            Self::Events { last } => check_event(last, message),
        }
    }
}

fn check_reply(waiting: &mut Vec<Value>, message: &Message) -> Result<(), Broken> {
    let id = message.properties.get(CORRELATION_ID).cloned().unwrap_or_default();
    let Some(found) = waiting.iter().position(|asked| *asked == id) else {
        return Err(Rule::CorrelationId.broken(format!("{id:?}, where {waiting:?} wait")));
    };
    waiting.remove(found);
    let status = by_text(&message.application, "status-code");
    let description = by_text(&message.application, "status-description");
    let condition = by_text(&message.application, "error-condition").unwrap_or(&Value::Null);
    let (Some(Value::Int(status)), Some(Value::String(_))) = (status, description) else {
        return Err(Rule::ReplyStatus.broken(format!("{:?}", message.application)));
    };
    match condition {
        Value::Null => {}
        // Python takes any condition for a failure.
        Value::Symbol(condition) if !(200..300).contains(status) => check_condition(condition.as_str())?,
        other => return Err(Rule::ReplyStatus.broken(format!("status {status} with condition {other:?}"))),
    }
    match message.body.first() {
        Some((SectionKind::AmqpValue, Value::Map(info))) if *status == 200 => check_info(info),
        _ => Ok(()),
    }
}

type IsType = fn(&Value) -> bool;

const TEXT: IsType = |value| matches!(value, Value::String(_));
const INT: IsType = |value| matches!(value, Value::Int(_));
const LONG: IsType = |value| matches!(value, Value::Long(_));
const TIME: IsType = |value| matches!(value, Value::Timestamp(_));
const BOOLEAN: IsType = |value| matches!(value, Value::Boolean(_));
/// .NET casts to `string[]`.
const TEXTS: IsType = |value| match value {
    Value::Array(array) => {
        !array.is_empty() && array.iter().all(|item| matches!(item, Ok(ValueRef::String(_))))
    }
    _ => false,
};

const HUB_INFO: [(&str, IsType); 6] = [
    ("name", TEXT),
    ("type", TEXT),
    ("created_at", TIME),
    ("partition_count", INT),
    ("partition_ids", TEXTS),
    ("georeplication_factor", INT),
];

const PARTITION_INFO: [(&str, IsType); 11] = [
    ("name", TEXT),
    ("partition", TEXT),
    ("type", TEXT),
    ("begin_sequence_number", LONG),
    ("last_enqueued_sequence_number", LONG),
    ("last_enqueued_offset", TEXT),
    ("last_enqueued_time_utc", TIME),
    ("is_partition_empty", BOOLEAN),
    ("begin_sequence_number_epoch", INT),
    ("last_enqueued_sequence_number_epoch", INT),
    ("runtime_info_retrieval_time_utc", TIME),
];

fn check_info(info: &Map) -> Result<(), Broken> {
    let (rule, table): (Rule, &[(&str, IsType)]) = match by_text(info, "partition") {
        Some(_) => (Rule::PartitionInfo, &PARTITION_INFO),
        None => (Rule::HubInfo, &HUB_INFO),
    };
    for (key, is_type) in table {
        let value = by_text(info, key);
        rule.holds(value.is_some_and(is_type), || format!("{key} is {value:?}"))?;
    }
    Ok(())
}

/// What the delivery annotations hold when the runtime metric was asked for.
const METRICS: [(&str, IsType); 4] = [
    ("last_enqueued_sequence_number", LONG),
    ("last_enqueued_offset", TEXT),
    ("last_enqueued_time_utc", TIME),
    ("runtime_info_retrieval_time_utc", TIME),
];

fn check_event(last: &mut Option<(i64, i64)>, message: &Message) -> Result<(), Broken> {
    let annotation = |key| by_symbol(&message.annotations, key);
    let found =
        (annotation("x-opt-sequence-number"), annotation("x-opt-offset"), annotation("x-opt-enqueued-time"));
    let (Some(&Value::Long(number)), Some(Value::String(_)), Some(&Value::Timestamp(time))) = found else {
        return Err(Rule::EventAnnotations.broken(format!("{found:?}")));
    };
    let key = annotation("x-opt-partition-key");
    Rule::EventAnnotations.holds(key.is_none_or(TEXT), || format!("the partition key is {key:?}"))?;
    if !message.delivery_annotations.is_empty() {
        for (key, is_type) in METRICS {
            let value = by_symbol(&message.delivery_annotations, key);
            Rule::EventAnnotations.holds(value.is_some_and(is_type), || format!("{key} is {value:?}"))?;
        }
    }
    let follows = last.is_none_or(|(before, then)| number == before + 1 && time >= then);
    Rule::EventOrder.holds(follows, || format!("({number}, {time}) follows {last:?}"))?;
    *last = Some((number, time));
    Ok(())
}

/// The table of §7.2: Java takes any other condition for fatal, JavaScript for one to retry.
const CONDITIONS: [&str; 37] = [
    "amqp:not-found",
    "amqp:unauthorized-access",
    "amqp:not-allowed",
    "amqp:not-implemented",
    "amqp:internal-error",
    "amqp:resource-limit-exceeded",
    "amqp:decode-error",
    "amqp:invalid-field",
    "amqp:precondition-failed",
    "amqp:illegal-state",
    "amqp:resource-locked",
    "amqp:resource-deleted",
    "amqp:frame-size-too-small",
    "amqp:link:detach-forced",
    "amqp:link:stolen",
    "amqp:link:message-size-exceeded",
    "amqp:link:transfer-limit-exceeded",
    "amqp:connection:forced",
    "amqp:connection:framing-error",
    "amqp:session:window-violation",
    "amqp:session:errant-link",
    "amqp:session:handle-in-use",
    "amqp:session:unattached-handle",
    "com.microsoft:server-busy",
    "com.microsoft:timeout",
    "com.microsoft:operation-cancelled",
    "com.microsoft:container-close",
    "com.microsoft:entity-disabled",
    "com.microsoft:argument-error",
    "com.microsoft:argument-out-of-range",
    "com.microsoft:publisher-revoked",
    "com.microsoft:partition-not-owned",
    "com.microsoft:store-lock-lost",
    "com.microsoft:auth-failed",
    "com.microsoft:out-of-order-sequence",
    "com.microsoft:producer-epoch-stolen",
    "com.microsoft:georeplication:invalid-offset",
];

pub(crate) fn check_condition(condition: &str) -> Result<(), Broken> {
    Rule::Condition.holds(CONDITIONS.contains(&condition), || format!("'{condition}'"))
}
