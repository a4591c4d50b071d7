use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core::Uuid;
use azure_core_amqp::message::{
    AmqpAnnotations, AmqpMessageBody, AmqpMessageHeader, AmqpMessageId, AmqpMessageProperties,
};
use azure_core_amqp::{
    AmqpDescribed, AmqpList, AmqpMessage, AmqpSimpleValue, AmqpSymbol, AmqpTimestamp, AmqpValue,
};
use azure_messaging_eventhubs::models::{EventData, MessageId};
use azure_messaging_eventhubs::{SendEventOptions, SendMessageOptions};

use crate::hub::{Hub, body, condition, earliest, send_batch, to_partition, within};

fn moment() -> AmqpTimestamp {
    AmqpTimestamp(Some(UNIX_EPOCH + Duration::from_millis(1_795_249_815_123)))
}

const ID: Uuid = Uuid::from_u128(0x1234_5678_1234_5678_1234_5678_1234_5678);

fn symbol(text: &str) -> AmqpSymbol {
    AmqpSymbol::from(text)
}

/// Values of each AMQP type that may stand in application properties, as one of the SDK's two types for them.
macro_rules! simple_values {
    ($type:ident) => {{
        use $type::*;
        vec![
            Null,
            Boolean(true),
            Boolean(false),
            UByte(255),
            UShort(65_535),
            UInt(0),
            UInt(7),
            UInt(u32::MAX),
            ULong(0),
            ULong(7),
            ULong(u64::MAX),
            Byte(-128),
            Short(-32_768),
            Int(-1),
            Int(i32::MIN),
            Long(-1),
            Long(i64::MIN),
            Float(1.5),
            Double(-2.75),
            Double(5e-324),
            Char('ß'),
            Char('\u{1F600}'),
            Decimal32([0x22, 1, 2, 3]),
            Decimal64([0x22, 1, 2, 3, 4, 5, 6, 7]),
            Decimal128([0x22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            TimeStamp(moment()),
            TimeStamp(AmqpTimestamp(Some(UNIX_EPOCH))),
            TimeStamp(AmqpTimestamp(None)), // the first day of the year 1, for "not set"
            Uuid(ID),
            Uuid(azure_core::Uuid::nil()),
            String(std::string::String::new()),
            String("Grüße, 北京".to_owned()),
            String("x".repeat(1000)),
            Symbol(symbol("a-symbol")),
            Binary(vec![]),
            Binary(vec![0, 255]),
            Binary(vec![7; 300]),
        ]
    }};
}

fn named(values: Vec<AmqpSimpleValue>) -> HashMap<String, AmqpSimpleValue> {
    values.into_iter().enumerate().map(|(number, value)| (format!("{number}: {value:.40?}"), value)).collect()
}

fn list(values: &[AmqpValue]) -> AmqpList {
    values.iter().cloned().collect()
}

fn map(entries: &[(AmqpValue, AmqpValue)]) -> AmqpValue {
    AmqpValue::Map(entries.iter().cloned().collect())
}

fn text(text: &str) -> AmqpValue {
    AmqpValue::from(text)
}

/// Values that may be a body, and hold others.
fn nested_values() -> Vec<AmqpValue> {
    use AmqpValue::*;
    let described = AmqpDescribed::new(symbol("com.microsoft:timespan"), Long(36_000_000_000));
    let numbered = AmqpDescribed::new(0x1234_5678_9abc_u64, text("by number"));
    let everything =
        [Null, Boolean(true), UByte(1), TimeStamp(moment()), Uuid(ID), Symbol(symbol("s")), Binary(vec![1])];
    vec![
        List(list(&[])),
        List(list(&[text("a"), Long(1), List(list(&[Boolean(true)])), Null])),
        List(list(&everything)),
        map(&[]),
        map(&[(text("a"), map(&[(text("b"), Long(1))]))]),
        map(&[(Long(1), text("one")), (Symbol(symbol("two")), Int(2)), (Uuid(ID), Null)]),
        Array(vec![Long(1), Long(-2), Long(1 << 40)]),
        Array(vec![Int(1), Int(-2), Int(1 << 30)]),
        // The SDK counts characters where an array of strings wants bytes: what is not ASCII leaves it malformed.
        Array(vec![text("a"), text("longer")]),
        Array(vec![Symbol(symbol("a")), Symbol(symbol("b"))]),
        Array(vec![Boolean(true), Boolean(false)]),
        Array(vec![Double(1.5), Double(-2.0)]),
        Array(vec![TimeStamp(moment()), TimeStamp(AmqpTimestamp(Some(UNIX_EPOCH)))]),
        Array(vec![Uuid(ID), Uuid(azure_core::Uuid::nil())]),
        Array(vec![ULong(0), ULong(1 << 63)]),
        Described(Box::new(described)),
        Described(Box::new(numbered)),
    ]
}

async fn send_message(hub: &Hub, message: AmqpMessage) {
    let to = SendMessageOptions { partition_id: Some("0".to_owned()) };
    within("a send", hub.sender().await.send_message(message, Some(to))).await.expect("a send");
}

/// Sends each message alone and all once more in a batch, and reads them back twice.
async fn round_trip(sent: &[AmqpMessage]) -> Vec<AmqpMessage> {
    let hub = Hub::new().await;
    for message in sent {
        send_message(&hub, message.clone()).await;
    }
    let client = hub.sender().await;
    let batch = within("a batch", client.create_batch(Some(to_partition("0")))).await.expect("a batch");
    for message in sent {
        assert!(batch.try_add_amqp_message(message.clone(), None).expect("an answer"), "the batch is full");
    }
    within("a send", client.send_batch(batch, None)).await.expect("a send");
    let events = hub.read("0", earliest(), 2 * sent.len()).await;
    events.iter().map(|event| event.raw_amqp_message().clone()).collect()
}

fn with_body(body: impl Into<AmqpMessageBody>) -> AmqpMessage {
    AmqpMessage::builder().with_body(body).build()
}

async fn bodies_come_back(sent: Vec<AmqpMessageBody>) {
    let messages: Vec<AmqpMessage> = sent.iter().cloned().map(with_body).collect();
    let found: Vec<AmqpMessageBody> =
        round_trip(&messages).await.into_iter().map(|message| message.body).collect();
    assert_eq!(found.len(), 2 * sent.len());
    for (number, body) in found.iter().enumerate() {
        assert_eq!(body, &sent[number % sent.len()]);
    }
}

#[tokio::test]
async fn application_properties_of_every_type_come_back() {
    let hub = Hub::new().await;
    let values = named(simple_values!(AmqpSimpleValue));
    let mut event = EventData::builder().with_body("with properties");
    for (name, value) in &values {
        event = event.add_property(name.clone(), value.clone());
    }
    let event = event.build();
    let client = hub.producer().await;
    let to = SendEventOptions { partition_id: Some("0".to_owned()) };
    within("a send", client.send_event(event.clone(), Some(to))).await.expect("a send");
    send_batch(&client, to_partition("0"), [event]).await.expect("a send");
    for found in hub.read("0", earliest(), 2).await {
        let properties = found.event_data().properties().expect("properties");
        assert_eq!(properties.len(), values.len());
        for (name, value) in &values {
            assert_eq!(&properties[name], value, "{name}");
        }
        assert_eq!(body(&found), b"with properties");
    }
}

#[tokio::test]
async fn content_type_message_and_correlation_id_come_back_with_their_types() {
    let hub = Hub::new().await;
    let ids = [
        MessageId::from("m-1"),
        MessageId::from(u64::MAX),
        MessageId::from(7),
        MessageId::from(ID),
        MessageId::from(vec![0, 1]),
    ];
    let sent = ids.clone().map(|id| {
        let event = EventData::builder().with_body("x").with_content_type("application/json".to_owned());
        event.with_message_id(id.clone()).with_correlation_id(id).build()
    });
    send_batch(&hub.producer().await, to_partition("0"), sent.clone()).await.expect("a send");
    for (found, sent) in hub.read("0", earliest(), sent.len()).await.iter().zip(&sent) {
        assert_eq!(found.event_data(), sent);
    }
}

#[tokio::test]
async fn every_field_of_the_properties_section_comes_back() {
    let properties = AmqpMessageProperties {
        message_id: Some(AmqpMessageId::String("m".to_owned())),
        user_id: Some(vec![0, 255, 7]),
        to: Some("somewhere".to_owned()),
        subject: Some("what it is".to_owned()),
        reply_to: Some("back".to_owned()),
        correlation_id: Some(AmqpMessageId::Ulong(1 << 63)),
        content_type: Some(symbol("text/plain")),
        content_encoding: Some(symbol("gzip")),
        absolute_expiry_time: Some(moment()),
        creation_time: Some(AmqpTimestamp(Some(UNIX_EPOCH))),
        group_id: Some("group".to_owned()),
        group_sequence: Some(u32::MAX),
        reply_to_group_id: Some("their group".to_owned()),
    };
    let sent = AmqpMessage::builder().with_properties(properties.clone()).with_body(vec![1]).build();
    for found in round_trip(&[sent]).await {
        assert_eq!(found.properties, Some(properties.clone()));
    }
}

#[tokio::test]
async fn the_header_comes_back() {
    let header = AmqpMessageHeader {
        durable: true,
        priority: 9,
        time_to_live: Some(azure_core::time::Duration::milliseconds(86_400_000)),
        first_acquirer: true,
        delivery_count: 3,
    };
    let sent = AmqpMessage::builder().with_header(header.clone()).with_body(vec![1]).build();
    for found in round_trip(&[sent]).await {
        assert_eq!(found.header, Some(header.clone()));
    }
}

#[tokio::test]
async fn several_data_sections_stay_several() {
    let sections = AmqpMessageBody::Binary(vec![b"one".to_vec(), vec![], b"three".to_vec()]);
    bodies_come_back(vec![sections]).await;
}

#[tokio::test]
async fn a_value_body_of_every_type_comes_back() {
    let values = [simple_values!(AmqpValue), nested_values()].concat();
    bodies_come_back(values.into_iter().map(AmqpMessageBody::Value).collect()).await;
}

#[tokio::test]
async fn sequence_bodies_come_back() {
    let one = list(&[text("a"), AmqpValue::Int(1), AmqpValue::Null]);
    let other = list(&nested_values());
    bodies_come_back(vec![
        AmqpMessageBody::Sequence(vec![one.clone()]),
        AmqpMessageBody::Sequence(vec![one, other, list(&[])]),
    ])
    .await;
}

/// AMQP knows no message without a body (§3.2): the SDK writes one as a value of null.
#[tokio::test]
async fn an_event_without_a_body_comes_back_with_nothing_in_it() {
    for found in round_trip(&[with_body(AmqpMessageBody::Empty)]).await {
        assert_eq!(found.body, AmqpMessageBody::Value(AmqpValue::Null));
    }
}

#[tokio::test]
async fn an_event_that_the_sdk_encodes_wrongly_is_refused_and_the_sender_goes_on() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let malformed = with_body(AmqpMessageBody::Value(AmqpValue::Array(vec![text("Grüße")])));
    let to = || Some(SendMessageOptions { partition_id: Some("0".to_owned()) });
    let error = within("an answer", client.send_message(malformed, to())).await.expect_err("it was accepted");
    assert_eq!(condition(&error), "amqp:decode-error", "{error:?}");
    within("a send", client.send_message(with_body(vec![1]), to())).await.expect("a send");
    assert_eq!(body(&hub.read("0", earliest(), 1).await[0]), [1]);
}

#[tokio::test]
async fn annotations_of_the_user_come_back_and_those_of_the_service_are_replaced() {
    let mut annotations = AmqpAnnotations::new();
    annotations.insert(symbol("x-opt-mine"), text("kept"));
    annotations.insert(symbol("x-opt-list"), AmqpValue::List(list(&nested_values())));
    annotations.insert(symbol("x-opt-sequence-number"), text("a lie"));
    annotations.insert(symbol("x-opt-offset"), AmqpValue::Long(-5));
    annotations.insert(symbol("x-opt-enqueued-time"), AmqpValue::TimeStamp(AmqpTimestamp(Some(UNIX_EPOCH))));
    let sent = AmqpMessage::builder().with_message_annotations(annotations).with_body(vec![1]).build();
    let hub = Hub::new().await;
    send_message(&hub, sent).await;
    let event = hub.read("0", earliest(), 1).await.remove(0);
    assert_eq!((event.sequence_number(), event.offset().as_deref()), (Some(0), Some("0")));
    let age = SystemTime::now().duration_since(event.enqueued_time().expect("a time")).unwrap_or_default();
    assert!(age < Duration::from_secs(600), "{age:?} old");
    let expected = [("x-opt-mine", text("kept")), ("x-opt-list", AmqpValue::List(list(&nested_values())))];
    let expected: HashMap<String, AmqpValue> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(event.system_properties(), &expected);
}

#[tokio::test]
async fn everything_at_once_comes_back() {
    let mut footer = AmqpAnnotations::new();
    footer.insert(symbol("x-opt-signature"), AmqpValue::Binary(vec![9; 20]));
    let mut annotations = AmqpAnnotations::new();
    annotations.insert(symbol("x-opt-mine"), AmqpValue::Int(-1));
    let header = AmqpMessageHeader { durable: true, ..AmqpMessageHeader::default() };
    let properties = AmqpMessageProperties {
        message_id: Some(AmqpMessageId::Uuid(ID)),
        subject: Some("all".to_owned()),
        ..AmqpMessageProperties::default()
    };
    let sent = AmqpMessage::builder()
        .with_header(header.clone())
        .with_message_annotations(annotations.clone())
        .with_properties(properties.clone())
        .add_application_property("one".to_owned(), 1i64)
        .add_application_property("two".to_owned(), "2")
        .with_body(AmqpMessageBody::Binary(vec![b"first".to_vec(), b"second".to_vec()]))
        .with_footer(footer.clone())
        .build();
    for found in round_trip(std::slice::from_ref(&sent)).await {
        assert_eq!(found.header.as_ref(), Some(&header));
        assert_eq!(found.properties.as_ref(), Some(&properties));
        assert_eq!(found.application_properties, sent.application_properties);
        assert_eq!(found.body, sent.body);
        assert_eq!(found.footer.as_ref(), Some(&footer));
        let found = found.message_annotations.expect("annotations");
        let mine = found.0.iter().find(|(name, _)| **name == "x-opt-mine").map(|(_, value)| value);
        assert_eq!(mine, Some(&AmqpValue::Int(-1)));
    }
}
