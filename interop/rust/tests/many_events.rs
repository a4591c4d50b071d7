use futures::future::join_all;

use crate::hub::{Hub, PARTITIONS, bodies, counted, earliest, numbers, send_batch, to_partition};

#[tokio::test]
async fn many_events_of_many_frames_keep_their_order_on_each_partition() {
    const BATCHES: usize = 8;
    const EACH: usize = 200;
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let padding = ".".repeat(500); // a batch is more than 100 KB: several frames
    join_all(PARTITIONS.map(async |partition| {
        for batch in 0..BATCHES {
            let numbers = batch * EACH..(batch + 1) * EACH;
            let events = numbers.map(|number| format!("{partition}/{number:05}{padding}"));
            send_batch(&client, to_partition(partition), events).await.expect("a send");
        }
    }))
    .await;
    for (partition, events) in hub.read_all().await {
        assert_eq!(events.len(), BATCHES * EACH);
        for (number, text) in bodies(&events).into_iter().enumerate() {
            assert!(text == format!("{partition}/{number:05}{padding}"), "{number} is {text:.20}");
        }
    }
}

#[tokio::test]
async fn many_senders_at_once_lose_nothing_and_keep_their_own_order() {
    const SENDERS: usize = 6;
    const EACH: usize = 25;
    let hub = Hub::new().await;
    let hub = &hub;
    join_all((0..SENDERS).map(async |sender| {
        let client = hub.producer().await;
        for event in counted(&format!("{sender}/"), EACH) {
            send_batch(&client, to_partition("0"), [event]).await.expect("a send");
        }
    }))
    .await;
    let events = hub.read("0", earliest(), SENDERS * EACH).await;
    assert_eq!(numbers(&events), (0..events.len() as i64).collect::<Vec<_>>());
    for sender in 0..SENDERS {
        let prefix = format!("{sender}/");
        let mine: Vec<String> =
            bodies(&events).into_iter().filter(|text| text.starts_with(&prefix)).collect();
        assert_eq!(mine, counted(&prefix, EACH));
    }
}
