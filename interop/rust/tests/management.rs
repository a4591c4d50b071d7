use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_messaging_eventhubs::models::{EventHubPartitionProperties, EventHubProperties};

use crate::hub::{Hub, PARTITIONS, counted, earliest, offset, within};

/// What both clients say about the hub.
async fn hub_properties(hub: &Hub) -> [EventHubProperties; 2] {
    let (producer, consumer) = (hub.producer().await, hub.consumer().await);
    let from_producer = within("properties", producer.get_eventhub_properties()).await.expect("properties");
    let from_consumer = within("properties", consumer.get_eventhub_properties()).await.expect("properties");
    [from_producer, from_consumer]
}

/// What both clients say about a partition.
async fn partition_properties(hub: &Hub, partition: &str) -> [EventHubPartitionProperties; 2] {
    let (producer, consumer) = (hub.producer().await, hub.consumer().await);
    let from_producer =
        within("properties", producer.get_partition_properties(partition)).await.expect("properties");
    let from_consumer =
        within("properties", consumer.get_partition_properties(partition)).await.expect("properties");
    [from_producer, from_consumer]
}

#[tokio::test]
async fn a_hub_has_a_name_a_birthday_and_four_partitions() {
    let hub = Hub::new().await;
    let found = hub_properties(&hub).await;
    for properties in &found {
        assert_eq!(properties.name, hub.name);
        assert_eq!(properties.partition_ids, PARTITIONS);
        let age =
            SystemTime::now().duration_since(properties.created_on.expect("a birthday")).unwrap_or_default();
        assert!(age < Duration::from_secs(600), "{age:?} old");
    }
    assert_eq!(found[0].created_on, found[1].created_on);
}

#[tokio::test]
async fn a_partition_that_was_never_written_is_empty() {
    let hub = Hub::new().await;
    for found in partition_properties(&hub, "2").await {
        assert_eq!((found.id.as_str(), found.eventhub.as_str()), ("2", hub.name.as_str()));
        assert_eq!((found.beginning_sequence_number, found.last_enqueued_sequence_number), (0, -1));
        assert_eq!(found.last_enqueued_offset, "-1");
        // 1970, which every SDK can read, or the year 1, which this one reads as none.
        assert!(found.last_enqueued_time_utc.is_none_or(|time| time == UNIX_EPOCH), "{found:?}");
        assert!(found.is_empty);
    }
}

#[tokio::test]
async fn a_written_partition_shows_its_last_event_and_its_neighbour_stays_empty() {
    let hub = Hub::new().await;
    hub.send("1", &counted("", 12)).await;
    let last = hub.read("1", earliest(), 12).await.pop().expect("an event");
    for found in partition_properties(&hub, "1").await {
        assert_eq!((found.beginning_sequence_number, found.last_enqueued_sequence_number), (0, 11));
        assert_eq!(found.last_enqueued_offset, offset(&last));
        assert_eq!(found.last_enqueued_time_utc, last.enqueued_time());
        assert!(!found.is_empty);
    }
    for neighbour in partition_properties(&hub, "0").await {
        assert!(neighbour.is_empty);
    }
}

#[tokio::test]
async fn an_acknowledged_event_is_counted_at_once() {
    let hub = Hub::new().await;
    let client = hub.consumer().await;
    for number in 0..5 {
        hub.send("0", &["x"]).await;
        let found = within("properties", client.get_partition_properties("0")).await.expect("properties");
        assert_eq!(found.last_enqueued_sequence_number, number);
    }
}
