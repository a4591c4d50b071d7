//! A message as what it means: values with their types, whatever their encoding. Written for the tests alone, so that
//! the mapping is not measured with itself.

use forebay_amqp::wire::{Decode, Encode, Reader, Value, Writer};

/// A value's shortest encoding: equal for equal values of equal types, not-a-number included.
pub(crate) type Canonical = Vec<u8>;
pub(crate) type Pairs = Vec<(Canonical, Canonical)>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Body {
    #[default]
    None,
    Data(Vec<Vec<u8>>),
    Value(Canonical),
    Sequence(Vec<Canonical>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    pub(crate) header: Vec<Canonical>,
    pub(crate) delivery_annotations: Pairs,
    pub(crate) annotations: Pairs,
    pub(crate) properties: Vec<Canonical>,
    pub(crate) application_properties: Pairs,
    pub(crate) body: Body,
    pub(crate) footer: Pairs,
}

pub(crate) fn canonical(value: &Value) -> Canonical {
    let mut out = Vec::new();
    value.encode(&mut Writer::new(&mut out));
    out
}

pub(crate) fn symbol(text: &str) -> Canonical {
    let mut out = Vec::new();
    Writer::new(&mut out).symbol(text);
    out
}

pub(crate) fn string(text: &str) -> Canonical {
    let mut out = Vec::new();
    Writer::new(&mut out).string(text);
    out
}

fn list(value: Value) -> Vec<Canonical> {
    let Value::List(fields) = value else { panic!("a list: {value:?}") };
    let mut fields: Vec<_> = fields.iter().map(canonical).collect();
    // Fields left out at the end are null.
    while fields.last().is_some_and(|field| field == &[0x40]) {
        fields.pop();
    }
    fields
}

fn pairs(value: Value) -> Pairs {
    let Value::Map(pairs) = value else { panic!("a map: {value:?}") };
    pairs.iter().map(|(key, value)| (canonical(key), canonical(value))).collect()
}

/// Reads what the service delivers: sections in the specification's order, descriptors `00 53 xx`.
pub(crate) fn delivered(bytes: &[u8]) -> Message {
    let mut message = Message::default();
    let mut reader = Reader::new(bytes);
    let mut before = 0;
    while !reader.is_empty() {
        let [zero, smallulong, code] = reader.take_array().expect("a descriptor");
        assert_eq!((zero, smallulong), (0, 0x53), "a short descriptor");
        assert!(
            code > before || code == before && matches!(code, 0x75 | 0x76),
            "section {code:02x} in its order"
        );
        before = code;
        let value = Value::decode(&mut reader).expect("a sound value");
        match (code, &mut message.body) {
            (0x70, _) => message.header = list(value),
            (0x71, _) => message.delivery_annotations = pairs(value),
            (0x72, _) => message.annotations = pairs(value),
            (0x73, _) => message.properties = list(value),
            (0x74, _) => message.application_properties = pairs(value),
            (0x75, Body::None) => message.body = Body::Data(vec![binary(value)]),
            (0x75, Body::Data(data)) => data.push(binary(value)),
            (0x76, Body::None) => message.body = Body::Sequence(vec![canonical(&value)]),
            (0x76, Body::Sequence(lists)) => lists.push(canonical(&value)),
            (0x77, Body::None) => message.body = Body::Value(canonical(&value)),
            (0x78, _) => message.footer = pairs(value),
            other => panic!("a section that does not belong here: {other:?}"),
        }
    }
    message
}

fn binary(value: Value) -> Vec<u8> {
    let Value::Binary(bytes) = value else { panic!("a binary: {value:?}") };
    bytes
}
