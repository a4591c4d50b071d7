use std::collections::{BTreeMap, BTreeSet};

use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{EventDataBatchOptions, SendEventOptions};

use crate::hub::{
    Hub, LIMIT, PARTITIONS, bodies, body, counted, earliest, number, numbers, offset, send_batch,
    to_partition, with_key, within,
};

pub fn to(partition: &str) -> Option<SendEventOptions> {
    Some(SendEventOptions { partition_id: Some(partition.to_owned()) })
}

#[tokio::test]
async fn a_single_event_is_read_back() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    within("a send", client.send_event("one", to("2"))).await.expect("a send");
    let event = hub.read("2", earliest(), 1).await.remove(0);
    assert_eq!(body(&event), b"one");
    assert_eq!(number(&event), 0);
    assert_eq!(offset(&event), "0");
}

#[tokio::test]
async fn single_events_without_a_partition_reach_every_one_and_none_is_lost() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let sent = counted("event ", 16);
    for text in &sent {
        within("a send", client.send_event(text.as_str(), None)).await.expect("a send");
    }
    let all = hub.read_all().await;
    for (partition, events) in &all {
        assert!(!events.is_empty(), "partition {partition} got nothing");
    }
    let found: BTreeSet<String> = all.values().flat_map(|events| bodies(events)).collect();
    assert_eq!(found, sent.into_iter().collect());
}

#[tokio::test]
async fn a_batch_is_read_back_in_order() {
    let hub = Hub::new().await;
    let sent = counted("event ", 250);
    hub.send("3", &sent).await;
    let events = hub.read("3", earliest(), 250).await;
    assert_eq!(bodies(&events), sent);
    assert_eq!(numbers(&events), (0..250).collect::<Vec<i64>>());
}

#[tokio::test]
async fn one_client_sends_to_every_partition_that_is_named() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    for partition in PARTITIONS {
        let event = format!("{partition}-single");
        within("a send", client.send_event(event, to(partition))).await.expect("a send");
        send_batch(&client, to_partition(partition), counted(&format!("{partition}-"), 3))
            .await
            .expect("a send");
    }
    for (partition, events) in hub.read_all().await {
        let expected = [vec![format!("{partition}-single")], counted(&format!("{partition}-"), 3)].concat();
        assert_eq!(bodies(&events), expected);
    }
}

#[tokio::test]
async fn a_full_batch_says_no_and_is_accepted_whole() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let batch = within("a batch", client.create_batch(Some(to_partition("0")))).await.expect("a batch");
    let mut sent = Vec::new();
    loop {
        let body = vec![u8::try_from(sent.len() % 256).expect("a byte"); 1000];
        if !batch.try_add_event_data(body.clone(), None).expect("an answer") {
            break;
        }
        sent.push(body);
    }
    let size = usize::try_from(batch.size()).expect("a size");
    assert!(size > LIMIT - 1200 && size <= LIMIT, "{size} bytes");
    assert_eq!(batch.len(), sent.len());
    within("a send", client.send_batch(batch, None)).await.expect("a send");
    let events = hub.read("0", earliest(), sent.len()).await;
    for (number, event) in events.iter().enumerate() {
        assert!(body(event) == sent[number], "event {number} is another");
    }
}

/// Partitions of four, from the vectors of docs/reference/amqp.md §9.1.
const KEYS: [(&str, &str); 15] = [
    ("7", "3"),
    ("131", "2"),
    ("7149583486996073602", "1"),
    ("FWfAT", "1"),
    ("sOdeEAsyQoEuEFPGerWO", "3"),
    ("a", "0"),
    ("abc", "1"),
    ("device-42", "0"),
    ("123456789012", "1"),
    ("1234567890123", "2"),
    ("order-0001-long-partition-key-value", "1"),
    ("contoso", "0"),
    ("Straße", "2"),
    ("sensor/北京", "1"),
    ("PartitionKey", "0"),
];

#[tokio::test]
async fn a_batch_goes_where_the_hash_of_its_key_says_and_carries_the_key() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    for (key, _) in KEYS {
        send_batch(&client, with_key(key), [format!("{key}|1"), format!("{key}|2")]).await.expect("a send");
    }
    let mut places = BTreeMap::new();
    for (partition, events) in hub.read_all().await {
        for event in &events {
            let text = String::from_utf8(body(event).to_vec()).expect("a text");
            let (key, _) = text.split_once('|').expect("a key");
            assert_eq!(event.partition_key().as_deref(), Some(key));
            places.insert(text.clone(), partition.clone());
        }
    }
    assert_eq!(places.len(), 2 * KEYS.len());
    for (key, partition) in KEYS {
        assert_eq!(places[&format!("{key}|1")], partition, "{key}");
        assert_eq!(places[&format!("{key}|2")], partition, "{key}");
    }
}

#[tokio::test]
async fn events_of_one_key_stay_in_order_on_one_partition() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let names = ["alpha", "beta", "gamma", "delta", "epsilon"];
    for number in 0..10 {
        for key in names {
            send_batch(&client, with_key(key), [format!("{key} {number}")]).await.expect("a send");
        }
    }
    let all = hub.read_all().await;
    for key in names {
        let of_key: Vec<Vec<String>> = all
            .values()
            .map(|events| bodies(events).into_iter().filter(|text| text.starts_with(key)).collect())
            .filter(|texts: &Vec<String>| !texts.is_empty())
            .collect();
        assert_eq!(of_key, [counted(&format!("{key} "), 10)], "{key}");
    }
}

#[tokio::test]
async fn batches_without_a_key_reach_every_partition_and_stay_whole() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    for number in 0..16 {
        let events = counted(&format!("{number:02}."), 3);
        send_batch(&client, EventDataBatchOptions::default(), events).await.expect("a send");
    }
    let mut found = Vec::new();
    for (partition, events) in hub.read_all().await {
        assert!(!events.is_empty(), "partition {partition} got nothing");
        for batch in bodies(&events).chunks(3) {
            let (number, _) = batch[0].split_once('.').expect("a number");
            assert_eq!(batch, counted(&format!("{number}."), 3), "a batch in one piece");
            found.push(number.to_owned());
        }
    }
    found.sort();
    assert_eq!(found, (0..16).map(|number| format!("{number:02}")).collect::<Vec<_>>());
}

/// The SDK makes the batch's envelope from its first event.
#[tokio::test]
async fn the_first_event_of_a_batch_lends_its_properties_to_no_other() {
    let hub = Hub::new().await;
    let first = EventData::builder()
        .with_body("first")
        .with_content_type("text/plain".to_owned())
        .add_property("mine".to_owned(), "alone")
        .build();
    let client = hub.producer().await;
    send_batch(&client, to_partition("0"), [first.clone(), EventData::from("second")]).await.expect("a send");
    let events = hub.read("0", earliest(), 2).await;
    let [one, two] = [events[0].event_data(), events[1].event_data()];
    assert_eq!((one.properties(), one.content_type()), (first.properties(), Some("text/plain")));
    assert_eq!((two.properties(), two.content_type()), (None, None));
    assert!(
        one.message_id().is_some() && one.message_id() != two.message_id(),
        "the SDK gives each an id of its own"
    );
}

#[tokio::test]
async fn an_empty_body_and_a_large_one_are_read_back_as_sent() {
    let hub = Hub::new().await;
    let large = "0123456789abcdef".repeat(32 * 1024); // 512 KiB: several frames each way
    let client = hub.producer().await;
    for body in ["", &large, "after"] {
        within("a send", client.send_event(body, to("0"))).await.expect("a send");
    }
    assert!(bodies(&hub.read("0", earliest(), 3).await) == ["", &large, "after"], "other bodies");
}
