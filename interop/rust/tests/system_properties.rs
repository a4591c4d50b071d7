use std::time::{Duration, SystemTime};

use crate::hub::{Hub, earliest, numbers, offset, send_batch, to_partition, with_key};

#[tokio::test]
async fn the_service_adds_number_offset_and_time() {
    let hub = Hub::new().await;
    let before = SystemTime::now() - Duration::from_millis(1);
    hub.send("0", &["a", "b"]).await;
    hub.send("0", &["c"]).await;
    let after = SystemTime::now();
    let events = hub.read("0", earliest(), 3).await;
    assert_eq!(numbers(&events), [0, 1, 2]);
    let times: Vec<SystemTime> = events.iter().map(|event| event.enqueued_time().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(before <= times[0] && times[2] <= after, "{times:?} is not between {before:?} and {after:?}");
    let offsets: Vec<i64> = events.iter().map(|event| offset(event).parse().expect("a number")).collect();
    assert!(offsets.is_sorted_by(|one, next| one < next), "{offsets:?}");
    for event in &events {
        assert_eq!(event.partition_key(), &None);
        assert!(event.system_properties().is_empty(), "{:?}", event.system_properties());
    }
}

#[tokio::test]
async fn the_key_of_a_batch_is_on_each_of_its_events_and_no_key_is_none() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    // The hash of this key leads to partition 3 of 4.
    send_batch(&client, with_key("7"), ["a", "b"]).await.expect("a send");
    send_batch(&client, to_partition("3"), ["c"]).await.expect("a send");
    let events = hub.read("3", earliest(), 3).await;
    let keys: Vec<Option<&str>> = events.iter().map(|event| event.partition_key().as_deref()).collect();
    assert_eq!(keys, [Some("7"), Some("7"), None]);
}
