//! The checker itself: each rule is broken once, and the checker names it; what breaks none passes.

use std::collections::BTreeSet;

use forebay_amqp::types::sections::SectionKind;
use forebay_amqp::wire::{Array, Value};
use forebay_client::net::Tls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::content::{CORRELATION_ID, Message};
use crate::fields::{ACCEPTED, ERROR_CODE, SOURCE_CODE, TARGET_CODE};
use crate::rules::{Broken, Rule, Rules};
use crate::wire::{AMQP_HEADER, Frame, Kind, SASL_HEADER, composite, symbol, text};

/// What the server's side of a connection is made of: the checker, and where it stands.
struct Scene {
    rules: Rules,
}

const READER: &str = "/events/ConsumerGroups/$Default/Partitions/0";
/// The server's channel for our channel 0, and its handle for a link of ours.
const THEIR_CHANNEL: u16 = 9;
const THEIR_HANDLE: u32 = 4;
/// What the reader may get.
const CREDIT: u32 = 3;

impl Scene {
    fn fresh() -> Self {
        Self { rules: Rules::new() }
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let (_, size) = self.rules.server_wrote(bytes)?.expect("whole frames");
            bytes = &bytes[size..];
        }
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), Broken> {
        self.hear(&frame.bytes())
    }

    fn with(mut self, frames: &[Frame]) -> Self {
        for frame in frames {
            self.frame(frame).unwrap_or_else(|broken| panic!("{broken}"));
        }
        self
    }

    fn ours(mut self, frame: &Frame) -> Self {
        self.rules.we_wrote(frame);
        self
    }

    /// Its next frame is the open.
    fn handshaken() -> Self {
        let mut scene = Self::fresh();
        scene.hear(SASL_HEADER).unwrap();
        let mut scene = scene.with(&[mechanisms(), Frame::new(0, Kind::SaslOutcome, outcome_fields())]);
        scene.hear(AMQP_HEADER).unwrap();
        scene
    }

    fn opened() -> Self {
        Self::handshaken().with(&[open()])
    }

    /// Our begin waits on channel 0.
    fn beginning() -> Self {
        let window = Value::Uint(3);
        let fields = vec![
            Value::Null,
            Value::Uint(1),
            window.clone(),
            window,
            Value::Uint(100),
            Value::Null,
            Value::Null,
            Value::Null,
        ];
        Self::opened().ours(&Frame::new(0, Kind::Begin, fields))
    }

    fn begun() -> Self {
        Self::beginning().with(&[begin()])
    }

    /// Our attach waits: handle 0, named "link".
    fn attaching(we_receive: bool, address: &str) -> Self {
        Self::begun().ours(&our_attach(we_receive, address))
    }

    /// A link on which the server may send three events.
    fn reading() -> Self {
        Self::replying(READER)
    }

    /// A link on which the server may send three replies.
    fn replying(node: &str) -> Self {
        let flow = [1, 3, 1, 3, 0, 0, CREDIT, 0].map(Value::Uint);
        let mut fields = flow.to_vec();
        fields.resize(11, Value::Null);
        Self::attaching(true, node).with(&[attach(true, node)]).ours(&Frame::new(0, Kind::Flow, fields))
    }

    /// A link with credit, on which we have sent two deliveries.
    fn writing() -> Self {
        let mut scene = Self::attaching(false, "/events").with(&[attach(false, "/events"), flow(false)]);
        for id in 0..2 {
            let mut fields = vec![Value::Null; 11];
            (fields[0], fields[1]) = (Value::Uint(0), Value::Uint(id));
            fields[2] = Value::Binary(vec![1]);
            scene = scene.ours(&Frame::new(0, Kind::Transfer, fields));
        }
        scene
    }
}

fn mechanisms() -> Frame {
    let offered = Array::of_symbols(["MSSBCBS", "PLAIN", "ANONYMOUS"]);
    Frame::new(0, Kind::SaslMechanisms, vec![Value::Array(offered)])
}

fn outcome_fields() -> Vec<Value> {
    vec![Value::Ubyte(0), Value::Null]
}

fn open() -> Frame {
    let mut fields = vec![Value::Null; 10];
    fields[0] = text("server");
    fields[2] = Value::Uint(65_536);
    fields[3] = Value::Ushort(100);
    fields[4] = Value::Uint(240_000);
    Frame::new(0, Kind::Open, fields)
}

fn begin() -> Frame {
    let mut fields = vec![Value::Null; 8];
    fields[0] = Value::Ushort(0);
    fields[1] = Value::Uint(1);
    fields[2] = Value::Uint(5_000);
    fields[3] = Value::Uint(5_000);
    fields[4] = Value::Uint(255);
    Frame::new(THEIR_CHANNEL, Kind::Begin, fields)
}

/// Source and target with the node's address at the server's end.
fn termini(server_sends: bool, node: &str) -> (Value, Value) {
    let mut source = vec![Value::Null; 11];
    let mut target = vec![Value::Null; 7];
    if server_sends {
        source[0] = text(node);
        let filter = Value::described(Value::Ulong(1), text("amqp.annotation.x-opt-offset > -1"));
        source[7] = Value::Map(vec![(symbol("filter"), filter)]);
    } else {
        target[0] = text(node);
    }
    (composite(SOURCE_CODE, source), composite(TARGET_CODE, target))
}

fn attach_fields(handle: u32, is_receiver: bool, server_sends: bool, node: &str) -> Vec<Value> {
    let mut fields = vec![Value::Null; 14];
    fields[0] = text("link");
    fields[1] = Value::Uint(handle);
    fields[2] = Value::Boolean(is_receiver);
    fields[3] = Value::Ubyte(u8::from(server_sends));
    (fields[5], fields[6]) = termini(server_sends, node);
    fields[9] = Value::Uint(0);
    fields[10] = Value::Ulong(500);
    fields[13] = Value::Map(vec![(symbol("com.microsoft:timeout"), Value::Uint(7))]);
    fields
}

fn our_attach(we_receive: bool, node: &str) -> Frame {
    Frame::new(0, Kind::Attach, attach_fields(0, we_receive, we_receive, node))
}

/// The server's answer to [`our_attach`].
fn attach(server_sends: bool, node: &str) -> Frame {
    Frame::new(THEIR_CHANNEL, Kind::Attach, attach_fields(THEIR_HANDLE, !server_sends, server_sends, node))
}

fn refusal() -> Frame {
    let frame = attach(true, READER);
    changed(&changed(&frame, 5, Value::Null), 6, Value::Null)
}

fn flow(of_session: bool) -> Frame {
    let mut fields = vec![Value::Null; 11];
    (fields[0], fields[1]) = (Value::Uint(1), Value::Uint(5_000));
    (fields[2], fields[3]) = (Value::Uint(1), Value::Uint(5_000));
    if !of_session {
        (fields[4], fields[5], fields[6]) = (Value::Uint(THEIR_HANDLE), Value::Uint(0), Value::Uint(10));
    }
    Frame::new(THEIR_CHANNEL, Kind::Flow, fields)
}

fn transfer(id: u32, message: &Message) -> Frame {
    let mut fields = vec![Value::Null; 11];
    (fields[0], fields[1]) = (Value::Uint(THEIR_HANDLE), Value::Uint(id));
    (fields[2], fields[3]) = (Value::Binary(vec![0, 0, 0, 1]), Value::Uint(0));
    (fields[4], fields[5]) = (Value::Boolean(true), Value::Boolean(false));
    let mut frame = Frame::new(THEIR_CHANNEL, Kind::Transfer, fields);
    frame.payload = message.encode();
    frame
}

/// A well-formed event with this number.
fn event(number: i64) -> Message {
    let mut event = Message::of("body");
    event.annotations = vec![
        (symbol("x-opt-sequence-number"), Value::Long(number)),
        (symbol("x-opt-offset"), text(&number.to_string())),
        (symbol("x-opt-enqueued-time"), Value::Timestamp(1_000 + number)),
    ];
    event
}

fn disposition(first: u32, last: Value) -> Frame {
    let accepted = composite(ACCEPTED, Vec::new());
    let fields =
        vec![Value::Boolean(true), Value::Uint(first), last, Value::Boolean(true), accepted, Value::Null];
    Frame::new(THEIR_CHANNEL, Kind::Disposition, fields)
}

fn error(condition: &str) -> Value {
    composite(ERROR_CODE, vec![symbol(condition), text("because"), Value::Null])
}

fn detach(error: Value) -> Frame {
    Frame::new(THEIR_CHANNEL, Kind::Detach, vec![Value::Uint(THEIR_HANDLE), Value::Boolean(true), error])
}

fn changed(frame: &Frame, at: usize, value: Value) -> Frame {
    let mut frame = frame.clone();
    frame.fields[at] = value;
    frame
}

fn on_channel(frame: &Frame, channel: u16) -> Frame {
    Frame { channel, ..frame.clone() }
}

/// A reply with this status and body, to the request "1".
fn reply(status: Value, body: Value) -> Message {
    Message {
        application: vec![(text("status-code"), status), (text("status-description"), text("words"))],
        body: vec![(SectionKind::AmqpValue, body)],
        ..Message::default()
    }
    .with_property(CORRELATION_ID, text("1"))
}

/// What the checker says to a reply.
fn hear_reply(message: &Message) -> Result<(), Broken> {
    let mut scene = Scene::replying("$management");
    let link = scene.rules.sessions.get_mut(&0).unwrap().links.get_mut(&0).unwrap();
    link.expect_reply(&text("1"));
    scene.frame(&transfer(0, message))
}

fn hub_info() -> Vec<(Value, Value)> {
    vec![
        (text("name"), text("events")),
        (text("type"), text("com.microsoft:eventhub")),
        (text("created_at"), Value::Timestamp(1)),
        (text("partition_count"), Value::Int(2)),
        (text("partition_ids"), Value::Array(Array::of_strings(["0", "1"]))),
        (text("georeplication_factor"), Value::Int(1)),
    ]
}

fn partition_info() -> Vec<(Value, Value)> {
    vec![
        (text("name"), text("events")),
        (text("type"), text("com.microsoft:partition")),
        (text("partition"), text("0")),
        (text("begin_sequence_number"), Value::Long(0)),
        (text("last_enqueued_sequence_number"), Value::Long(-1)),
        (text("last_enqueued_offset"), text("-1")),
        (text("last_enqueued_time_utc"), Value::Timestamp(0)),
        (text("is_partition_empty"), Value::Boolean(true)),
        (text("begin_sequence_number_epoch"), Value::Int(-1)),
        (text("last_enqueued_sequence_number_epoch"), Value::Int(-1)),
        (text("runtime_info_retrieval_time_utc"), Value::Timestamp(1)),
    ]
}

/// The same map with another value under one of its keys, or without the key.
fn with_key(mut map: Vec<(Value, Value)>, key: &str, value: Option<Value>) -> Value {
    let at = map.iter().position(|(name, _)| *name == text(key)).unwrap();
    match value {
        Some(value) => map[at].1 = value,
        None => drop(map.remove(at)),
    }
    Value::Map(map)
}

type Planted = (Rule, Result<(), Broken>);

fn of_frames() -> Vec<Planted> {
    let raw = |bytes: &[u8]| Scene::opened().hear(bytes);
    // The end of a session: the shortest frame.
    let end = on_channel(&Frame::new(0, Kind::End, vec![Value::Null]), THEIR_CHANNEL).bytes();
    let with_byte = |at: usize, byte: u8| {
        let mut bytes = end.clone();
        bytes[at] = byte;
        Scene::begun().hear(&bytes)
    };
    let mut longer = end.clone();
    longer[3] += 1;
    let mut begins = Scene::beginning();
    let mut shorter = begin();
    shorter.fields.truncate(5);
    vec![
        (Rule::ProtocolHeader, Scene::fresh().hear(AMQP_HEADER)),
        (Rule::ProtocolHeader, Scene::fresh().hear(b"AMQP\x03\x01\x01\x00")),
        (Rule::FrameHeader, raw(&[0, 0, 0, 4, 2, 0, 0, 0])),
        (Rule::FrameHeader, raw(&[0, 1, 0, 1, 2, 0, 0, 0])),
        (Rule::FrameHeader, with_byte(4, 3)),
        (Rule::FrameHeader, with_byte(5, 1)),
        (Rule::Descriptor, with_byte(9, 0x80)),
        (Rule::Descriptor, with_byte(10, 0x77)),
        (Rule::ListForm, raw(&[0, 0, 0, 12, 2, 0, 0, 9, 0x00, 0x53, 0x17, 0x45])),
        (Rule::ListForm, Scene::begun().hear(&[&longer[..], &[0x40]].concat())),
        (Rule::FieldCount, begins.frame(&shorter)),
        (Rule::FieldMissing, Scene::beginning().frame(&changed(&begin(), 0, Value::Null))),
        (Rule::FieldMissing, Scene::beginning().frame(&changed(&begin(), 4, Value::Null))),
        (Rule::FieldMissing, Scene::handshaken().frame(&changed(&open(), 2, Value::Null))),
        (Rule::FieldMissing, Scene::reading().frame(&changed(&flow(false), 0, Value::Null))),
        (Rule::FieldType, Scene::beginning().frame(&changed(&begin(), 0, Value::Uint(0)))),
        (Rule::FieldType, Scene::handshaken().frame(&changed(&open(), 4, Value::Ulong(240_000)))),
        (Rule::FieldType, Scene::reading().frame(&detach(composite(SOURCE_CODE, vec![])))),
        (Rule::OutOfTurn, Scene::handshaken().frame(&begin())),
        (Rule::OutOfTurn, Scene::opened().frame(&open())),
        (Rule::OutOfTurn, Scene::handshaken().hear(&[0, 0, 0, 8, 2, 0, 0, 0])),
        (Rule::OutOfTurn, {
            let close = Frame::new(0, Kind::Close, vec![Value::Null]);
            Scene::opened().with(std::slice::from_ref(&close)).frame(&close)
        }),
    ]
}

fn of_connections() -> Vec<Planted> {
    let mut scene = Scene::fresh();
    scene.hear(SASL_HEADER).unwrap();
    let anonymous = Value::Array(Array::of_symbols(["ANONYMOUS", "PLAIN"]));
    let offered = scene.frame(&changed(&mechanisms(), 0, anonymous));
    let mut scene = Scene::fresh();
    scene.hear(SASL_HEADER).unwrap();
    let refused = scene.with(&[mechanisms()]).frame(&Frame::new(
        0,
        Kind::SaslOutcome,
        vec![Value::Ubyte(1), Value::Null],
    ));
    let open_error = Value::Map(vec![(symbol("com.microsoft:open-error"), error("amqp:not-found"))]);
    vec![
        (Rule::MechanismOffered, offered),
        (Rule::SaslOutcome, refused),
        (Rule::IdleTimeout, Scene::handshaken().frame(&changed(&open(), 4, Value::Uint(4_999)))),
        (Rule::OpenError, Scene::handshaken().frame(&changed(&open(), 9, open_error))),
        (Rule::MaxFrameSize, Scene::handshaken().frame(&changed(&open(), 2, Value::Uint(511)))),
    ]
}

fn of_sessions() -> Vec<Planted> {
    let mut beyond = Scene::reading().with(&[transfer(0, &event(0)), transfer(1, &event(1))]);
    beyond.frame(&transfer(2, &event(2))).unwrap();
    vec![
        (Rule::RemoteChannel, Scene::opened().frame(&begin())),
        (Rule::RemoteChannel, Scene::begun().frame(&on_channel(&begin(), 10))),
        (Rule::ChannelNumber, Scene::begun().frame(&begin())),
        (Rule::ChannelNumber, Scene::beginning().frame(&on_channel(&begin(), 101))),
        (Rule::UnknownChannel, Scene::begun().frame(&on_channel(&flow(true), 0))),
        (Rule::SessionWindow, beyond.frame(&transfer(3, &event(3)))),
        (Rule::TransferIds, Scene::begun().frame(&changed(&flow(true), 2, Value::Uint(2)))),
        (Rule::TransferIds, Scene::begun().frame(&changed(&flow(true), 0, Value::Uint(2)))),
    ]
}

fn of_links() -> Vec<Planted> {
    let reader = attach(true, READER);
    let answer = |at: usize, value: Value| Scene::attaching(true, READER).frame(&changed(&reader, at, value));
    let writer = |at: usize, value: Value| {
        Scene::attaching(false, "/events").frame(&changed(&attach(false, "/events"), at, value))
    };
    let (_, other_target) = termini(false, "events");
    let (without_filter, _) = termini(true, READER);
    let Value::Described(mut without_filter) = without_filter else { panic!() };
    let Value::List(fields) = &mut without_filter.value else { panic!() };
    fields[7] = Value::Null;
    let mut second = our_attach(true, READER);
    (second.fields[0], second.fields[1]) = (text("second"), Value::Uint(1));
    let mut taken = Scene::reading().ours(&second);
    let mut refused = Scene::attaching(true, READER).with(&[refusal()]);
    let mut unreasoned = Scene::attaching(true, READER).with(&[refusal()]);
    vec![
        (Rule::LinkName, answer(0, text("LINK"))),
        (Rule::LinkRole, answer(2, Value::Boolean(true))),
        (Rule::LinkHandle, answer(1, Value::Uint(101))),
        (Rule::LinkHandle, taken.frame(&changed(&reader, 0, text("second")))),
        (Rule::InitialDeliveryCount, answer(9, Value::Null)),
        (Rule::SettleModes, answer(3, Value::Ubyte(2))),
        (Rule::Echo, answer(5, Value::Described(without_filter))),
        (Rule::Echo, answer(13, Value::Null)),
        (Rule::Echo, writer(6, other_target)),
        (Rule::MaxMessageSize, writer(10, Value::Null)),
        (Rule::MaxMessageSize, writer(10, Value::Ulong(0))),
        (Rule::Refusal, refused.frame(&flow(false))),
        (Rule::Refusal, unreasoned.frame(&detach(Value::Null))),
        (Rule::UnattachedHandle, Scene::begun().frame(&flow(false))),
        (Rule::UnattachedHandle, Scene::begun().frame(&transfer(0, &event(0)))),
        (Rule::LinkFlow, Scene::reading().frame(&changed(&flow(false), 6, Value::Null))),
        (Rule::LinkFlow, Scene::reading().frame(&changed(&flow(false), 5, Value::Null))),
        (Rule::DeliveryCount, Scene::reading().frame(&changed(&flow(false), 5, Value::Uint(1)))),
    ]
}

fn of_deliveries() -> Vec<Planted> {
    let first = transfer(7, &event(0));
    let reading = |frame: &Frame| Scene::reading().frame(frame);
    let begun = || Scene::reading().with(&[changed(&first, 5, Value::Boolean(true))]);
    let large = transfer(7, &Message::of(vec![0; 501]));
    let over_credit = {
        // The window grows, the credit does not.
        let mut fields = [1, 10, 1, 10].map(Value::Uint).to_vec();
        fields.resize(11, Value::Null);
        let scene = Scene::reading().ours(&Frame::new(0, Kind::Flow, fields));
        let events = [0, 1, 2].map(|id| transfer(id, &event(id.into())));
        scene.with(&events).frame(&transfer(3, &event(3)))
    };
    vec![
        (Rule::TransferRole, Scene::writing().frame(&first)),
        (Rule::FirstTransfer, reading(&changed(&first, 1, Value::Null))),
        (Rule::FirstTransfer, reading(&changed(&first, 2, Value::Null))),
        (Rule::FirstTransfer, reading(&changed(&first, 3, Value::Null))),
        (Rule::FirstTransfer, reading(&changed(&first, 2, Value::Binary(vec![0; 33])))),
        (
            Rule::DeliveryIds,
            Scene::reading().with(std::slice::from_ref(&first)).frame(&transfer(9, &event(1))),
        ),
        (Rule::Interrupted, begun().frame(&transfer(8, &event(1)))),
        (Rule::LinkCredit, over_credit),
        (Rule::Settled, reading(&changed(&first, 4, Value::Boolean(false)))),
        (Rule::MessageSize, reading(&large)),
        (Rule::Disposition, Scene::writing().frame(&disposition(2, Value::Null))),
        (Rule::Disposition, Scene::writing().frame(&disposition(0, Value::Uint(2)))),
        (Rule::Disposition, Scene::writing().frame(&disposition(1, Value::Uint(0)))),
        (
            Rule::Disposition,
            Scene::writing().frame(&changed(&disposition(0, Value::Null), 3, Value::Boolean(false))),
        ),
        (Rule::Disposition, Scene::writing().frame(&changed(&disposition(0, Value::Null), 4, Value::Null))),
        (Rule::Disposition, {
            let settled = disposition(0, Value::Null);
            Scene::writing().with(std::slice::from_ref(&settled)).frame(&settled)
        }),
        (
            Rule::DetachClosed,
            Scene::reading().frame(&changed(&detach(Value::Null), 1, Value::Boolean(false))),
        ),
        (Rule::DetachTwice, Scene::reading().with(&[detach(Value::Null)]).frame(&detach(Value::Null))),
        (Rule::Condition, Scene::reading().frame(&detach(error("forebay:of-our-own")))),
    ]
}

fn of_messages() -> Vec<Planted> {
    let mut garbage = transfer(0, &event(0));
    garbage.payload = b"no section".to_vec();
    let ok = |body: Value| hear_reply(&reply(Value::Int(200), body));
    let other_id = reply(Value::Int(200), Value::Null)
        .with_property(CORRELATION_ID, Value::Symbol(forebay_amqp::wire::Symbol::from_static("1")));
    let mut under_symbols = reply(Value::Int(200), Value::Null);
    under_symbols.application[0].0 = symbol("status-code");
    let mut of_failure = reply(Value::Int(202), Value::Null);
    of_failure.application.push((text("error-condition"), symbol("amqp:not-found")));
    let mut as_text = reply(Value::Int(404), Value::Null);
    as_text.application.push((text("error-condition"), text("amqp:not-found")));
    let annotated = |at: usize, value: Value| {
        let mut event = event(0);
        event.annotations[at].1 = value;
        Scene::reading().frame(&transfer(0, &event))
    };
    let mut under_text = event(0);
    under_text.annotations[1].0 = text("x-opt-offset");
    let after = |number: i64, time: i64| {
        let mut next = event(number);
        next.annotations[2].1 = Value::Timestamp(time);
        Scene::reading().with(&[transfer(0, &event(0))]).frame(&transfer(1, &next))
    };
    let ids = Value::List(vec![text("0")]);
    vec![
        (Rule::Message, Scene::reading().frame(&garbage)),
        (Rule::CorrelationId, hear_reply(&other_id)),
        (Rule::CorrelationId, hear_reply(&Message { properties: Vec::new(), ..other_id.clone() })),
        (Rule::ReplyStatus, hear_reply(&reply(Value::Uint(200), Value::Null))),
        (Rule::ReplyStatus, hear_reply(&reply(Value::Long(200), Value::Null))),
        (Rule::ReplyStatus, hear_reply(&under_symbols)),
        (Rule::ReplyStatus, hear_reply(&of_failure)),
        (Rule::ReplyStatus, hear_reply(&as_text)),
        (Rule::HubInfo, ok(with_key(hub_info(), "partition_ids", Some(ids)))),
        (Rule::HubInfo, ok(with_key(hub_info(), "created_at", Some(Value::Long(1))))),
        (Rule::HubInfo, ok(with_key(hub_info(), "georeplication_factor", None))),
        (Rule::PartitionInfo, ok(with_key(partition_info(), "last_enqueued_offset", Some(Value::Long(1))))),
        (Rule::PartitionInfo, ok(with_key(partition_info(), "begin_sequence_number", Some(Value::Int(1))))),
        (Rule::PartitionInfo, ok(with_key(partition_info(), "is_partition_empty", None))),
        (Rule::EventAnnotations, annotated(0, Value::Ulong(0))),
        (Rule::EventAnnotations, annotated(1, Value::Long(0))),
        (Rule::EventAnnotations, annotated(2, Value::Long(0))),
        (Rule::EventAnnotations, Scene::reading().frame(&transfer(0, &under_text))),
        (Rule::EventOrder, after(2, 1_001)),
        (Rule::EventOrder, after(0, 1_001)),
        (Rule::EventOrder, after(1, 999)),
    ]
}

#[test]
fn each_broken_rule_is_seen_and_named() {
    let planted =
        [of_frames(), of_connections(), of_sessions(), of_links(), of_deliveries(), of_messages()].concat();
    for (at, (rule, seen)) in planted.iter().enumerate() {
        let found = seen.as_ref().err().map(|broken| broken.rule);
        assert_eq!(found, Some(*rule), "row {at}: {seen:?}");
    }
    let rows: BTreeSet<Rule> = planted.into_iter().map(|(rule, _)| rule).collect();
    let missing: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !rows.contains(rule)).collect();
    assert!(missing.is_empty(), "no row breaks {missing:?}");
}

#[test]
fn what_breaks_no_rule_passes() {
    let end = on_channel(&Frame::new(0, Kind::End, vec![Value::Null]), THEIR_CHANNEL);
    let mut reading = Scene::reading().with(&[
        transfer(7, &event(0)),
        flow(true).clone_with(2, Value::Uint(2)),
        transfer(8, &event(1)),
        detach(error("amqp:link:stolen")),
        end,
        Frame::new(0, Kind::Close, vec![error("amqp:connection:forced")]),
    ]);
    assert!(reading.rules.is_closed());
    assert!(reading.frame(&open()).is_err());
    let written = flow(false).clone_with(0, Value::Uint(3)).clone_with(5, Value::Uint(2));
    Scene::writing().with(&[disposition(0, Value::Uint(1)), written]);
    Scene::attaching(true, READER).with(&[refusal(), detach(error("amqp:not-found"))]);
    for info in [hub_info(), partition_info()] {
        hear_reply(&reply(Value::Int(200), Value::Map(info))).unwrap();
    }
    // A late end and a late detach are passed over.
    Scene::opened().with(&[on_channel(&detach(Value::Null), 50)]);
}

impl Frame {
    fn clone_with(&self, at: usize, value: Value) -> Self {
        changed(self, at, value)
    }
}

#[tokio::test]
#[should_panic(expected = "the server broke the rule MechanismOffered")]
async fn the_client_stops_at_the_first_broken_rule_and_names_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_exact(&mut [0; 8]).await.unwrap();
        let anonymous = Value::Array(Array::of_symbols(["ANONYMOUS"]));
        let offer = changed(&mechanisms(), 0, anonymous).bytes();
        socket.write_all(&[&SASL_HEADER[..], &offer].concat()).await.unwrap();
        // Held open until the client is gone.
        let _gone = socket.read(&mut [0; 1]).await;
    });
    Client::connect(port, &Tls::Off, "events").await;
}
