//! Where a reader begins, and what it gets.

use forebay_amqp::types::sections::SectionKind;
use forebay_amqp::wire::{Array, Value};

use crate::client::WINDOW;
use crate::content::{Map, Message, PROPERTIES, by_symbol};
use crate::service::{EventHubs, Wish};
use crate::support::soon;
use crate::wire::{symbol, text};
use crate::{Folder, server, stop};

/// Ten events, "0" to "9", in partition 0.
async fn ten_events(hubs: &mut EventHubs) {
    let sender = hubs.sender(Some("0")).await.unwrap();
    for number in 0..10 {
        hubs.send(sender, &[Message::of(number.to_string())]).await.unwrap();
    }
}

/// The body of the first event behind a filter.
async fn first_behind(hubs: &mut EventHubs, filter: &str) -> String {
    let receiver = hubs.receiver(&Wish::from("0", filter)).await.unwrap();
    let first = hubs.bodies(receiver, 1).await.remove(0);
    hubs.client.close_link(receiver).await;
    first
}

#[tokio::test]
async fn the_earliest_position_is_the_first_event() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        assert_eq!(first_behind(&mut hubs, "x-opt-offset > -1").await, "0");
        assert_eq!(first_behind(&mut hubs, "x-opt-offset >= -1").await, "0");
    })
    .await;
}

#[tokio::test]
async fn the_latest_position_waits_for_the_next_event() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        let receiver = hubs.receiver(&Wish::from("0", "x-opt-offset > @latest")).await.unwrap();
        let sender = hubs.sender(Some("0")).await.unwrap();
        hubs.send(sender, &[Message::of("new")]).await.unwrap();
        assert_eq!(hubs.bodies(receiver, 1).await, ["new"]);
    })
    .await;
}

#[tokio::test]
async fn an_offset_is_exclusive_or_inclusive_as_asked() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let mut offsets = Vec::new();
        for _ in 0..10 {
            let event = hubs.receive(receiver).await.unwrap();
            let offset = by_symbol(&event.annotations, "x-opt-offset").and_then(Value::as_text);
            offsets.push(offset.unwrap().to_owned());
        }
        assert_eq!(first_behind(&mut hubs, &format!("x-opt-offset > {}", offsets[4])).await, "5");
        assert_eq!(first_behind(&mut hubs, &format!("x-opt-offset >= {}", offsets[4])).await, "4");
    })
    .await;
}

#[tokio::test]
async fn a_sequence_number_is_exclusive_or_inclusive_as_asked() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        assert_eq!(first_behind(&mut hubs, "x-opt-sequence-number > 6").await, "7");
        assert_eq!(first_behind(&mut hubs, "x-opt-sequence-number >= 6").await, "6");
    })
    .await;
}

#[tokio::test]
async fn a_time_is_the_first_event_behind_it() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        hubs.send(sender, &[Message::of("before")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let before = hubs.receive(receiver).await.unwrap();
        let Some(Value::Timestamp(time)) = by_symbol(&before.annotations, "x-opt-enqueued-time") else {
            panic!("checked")
        };
        // Times are whole milliseconds.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        hubs.send(sender, &[Message::of("after")]).await.unwrap();
        assert_eq!(first_behind(&mut hubs, &format!("x-opt-enqueued-time > {time}")).await, "after");
        assert_eq!(first_behind(&mut hubs, &format!("x-opt-enqueued-time > {}", time - 1)).await, "before");
    })
    .await;
}

#[tokio::test]
async fn a_reader_goes_on_behind_its_checkpoint() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let mut offset = String::new();
        for _ in 0..4 {
            let event = hubs.receive(receiver).await.unwrap();
            let found = by_symbol(&event.annotations, "x-opt-offset").and_then(Value::as_text);
            offset = found.unwrap().to_owned();
        }
        hubs.client.close().await;
        let mut later = EventHubs::connect(server.port).await;
        let receiver = later.receiver(&Wish::from("0", &format!("x-opt-offset > {offset}"))).await.unwrap();
        assert_eq!(later.bodies(receiver, 6).await, ["4", "5", "6", "7", "8", "9"]);
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_every_event_and_the_client_goes_on() {
    let folder = Folder::new();
    soon(async {
        let server = folder.server(true).await;
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        tokio::join!(hubs.client.closed(), stop(server));
        let server = folder.server(true).await;
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        hubs.send(sender, &[Message::of("10")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let expected: Vec<String> = (0..=10).map(|number| number.to_string()).collect();
        assert_eq!(hubs.bodies(receiver, 11).await, expected);
        tokio::join!(hubs.client.close(), stop(server));
    })
    .await;
}

#[tokio::test]
async fn an_event_tells_its_number_offset_time_and_key() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        let now = server.broker.wall().0;
        hubs.send(sender, &[Message::of("x").with_key("contoso")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let event = hubs.receive(receiver).await.unwrap();
        let annotation = |key| by_symbol(&event.annotations, key);
        assert_eq!(annotation("x-opt-sequence-number"), Some(&Value::Long(0)));
        assert_eq!(annotation("x-opt-offset"), Some(&text("0")));
        assert_eq!(annotation("x-opt-partition-key"), Some(&text("contoso")));
        let Some(Value::Timestamp(time)) = annotation("x-opt-enqueued-time") else { panic!("checked") };
        assert!((now..now + 10_000).contains(time), "{time}, sent at {now}");
        assert_eq!(event.delivery_annotations, [], "nobody asked for them");
    })
    .await;
}

#[tokio::test]
async fn the_partitions_last_event_comes_with_each_event_when_asked_for() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        ten_events(&mut hubs).await;
        let wish = Wish { track_last: true, ..Wish::earliest("0") };
        let receiver = hubs.receiver(&wish).await.unwrap();
        for _ in 0..10 {
            let event = hubs.receive(receiver).await.unwrap();
            let last = |key| by_symbol(&event.delivery_annotations, key);
            assert_eq!(last("last_enqueued_sequence_number"), Some(&Value::Long(9)));
            assert_eq!(last("last_enqueued_offset"), Some(&text("9")));
        }
    })
    .await;
}

#[tokio::test]
async fn a_prefetch_beyond_the_sessions_window_is_held_to_the_window() {
    const EVENTS: usize = 8_000;
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        for thousand in 0..EVENTS / 1_000 {
            let events: Vec<Message> =
                (0..1_000).map(|at| Message::of((thousand * 1_000 + at).to_string())).collect();
            hubs.send(sender, &events).await.unwrap();
        }
        let wish = Wish { prefetch: 20_000, ..Wish::earliest("0") };
        let receiver = hubs.receiver(&wish).await.unwrap();
        // The checker counts: one event more than the window is a broken rule.
        hubs.client.waiting(receiver, WINDOW as usize).await;
        let expected: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
        assert_eq!(hubs.bodies(receiver, EVENTS).await, expected);
    })
    .await;
}

/// Every type that .NET writes in application properties, its own described ones among them (§10).
fn every_type() -> Map {
    let described = |name: &str, value| Value::described(symbol(name), value);
    let values = [
        ("null", Value::Null),
        ("true", Value::Boolean(true)),
        ("byte", Value::Ubyte(255)),
        ("sbyte", Value::Byte(-128)),
        ("ushort", Value::Ushort(65_535)),
        ("short", Value::Short(-32_768)),
        ("uint", Value::Uint(u32::MAX)),
        ("int", Value::Int(i32::MIN)),
        ("int of one byte", Value::Int(-7)),
        ("ulong", Value::Ulong(u64::MAX)),
        ("long", Value::Long(i64::MIN)),
        ("long of one byte", Value::Long(7)),
        ("float", Value::Float(1.5)),
        ("double", Value::Double(-2.25)),
        ("decimal", Value::Decimal128(*b"sixteen bytes.. ")),
        ("char", Value::Char('京')),
        ("DateTime", Value::Timestamp(1_700_000_000_123)),
        ("Guid", Value::Uuid([9; 16])),
        ("string", text("Straße")),
        ("empty string", text("")),
        ("bytes", Value::Binary(vec![0, 1, 255])),
        ("TimeSpan", described("com.microsoft:timespan", Value::Long(864_000_000_000))),
        ("Uri", described("com.microsoft:uri", text("https://example.com/a?b=c"))),
        ("DateTimeOffset", described("com.microsoft:datetime-offset", Value::Long(638_000_000_000_000_000))),
    ];
    values.into_iter().map(|(name, value)| (text(name), value)).collect()
}

#[tokio::test]
async fn what_an_event_carries_comes_back_in_its_types() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let mut properties = vec![Value::Null; PROPERTIES];
        properties[0] = Value::Uuid([3; 16]);
        properties[1] = Value::Binary(b"user".to_vec());
        for (at, value) in [(2, "to"), (3, "subject"), (4, "reply"), (10, "group"), (12, "reply group")] {
            properties[at] = text(value);
        }
        properties[5] = Value::Ulong(77);
        properties[6] = symbol("application/json");
        properties[7] = symbol("gzip");
        properties[8] = Value::Timestamp(1_800_000_000_000);
        properties[9] = Value::Timestamp(1_700_000_000_000);
        properties[11] = Value::Uint(5);
        let bodies = [
            vec![(SectionKind::Data, Value::Binary(b"data".to_vec()))],
            vec![(SectionKind::Data, Value::Binary(vec![])), (SectionKind::Data, Value::Binary(vec![1]))],
            vec![(SectionKind::AmqpValue, text("a value"))],
            vec![(SectionKind::AmqpValue, Value::Array(Array::of_strings(["a", "b"])))],
            vec![
                (SectionKind::AmqpSequence, Value::List(vec![Value::Int(1), text("two")])),
                (SectionKind::AmqpSequence, Value::List(vec![Value::Null])),
            ],
        ];
        let events: Vec<Message> = bodies
            .into_iter()
            .map(|body| Message {
                header: Some(Value::List(vec![
                    Value::Boolean(true),
                    Value::Ubyte(7),
                    Value::Uint(60_000),
                    Value::Boolean(false),
                    Value::Uint(0),
                ])),
                annotations: vec![(symbol("x-opt-of-the-user"), text("kept"))],
                properties: properties.clone(),
                application: every_type(),
                body,
                footer: vec![(symbol("checksum"), Value::Uint(1))],
                ..Message::default()
            })
            .collect();
        hubs.send(sender, &events).await.unwrap();
        hubs.send(sender, &events[..1]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        for event in events.iter().chain(&events[..1]) {
            let mut read = hubs.receive(receiver).await.unwrap();
            let system = ["x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time"];
            read.annotations.retain(|(key, _)| !system.contains(&key.as_text().unwrap()));
            assert_eq!(read, *event);
        }
    })
    .await;
}
