use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use azure_core::time::Duration;
use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{BufferedProducerClient, EnqueueEventOptions, RetryOptions};

use crate::hub::{
    Hub, LIMIT, PARTITIONS, bodies, body, counted, patient, send_batch, until, with_key, within,
};
use crate::server::Server;

/// What the handlers were told: partition and number of events of each batch.
#[derive(Clone, Default)]
struct Told {
    succeeded: Arc<Mutex<Vec<(String, usize)>>>,
    failed: Arc<Mutex<Vec<(String, usize, String)>>>,
}

impl Told {
    fn sent(&self) -> usize {
        self.succeeded.lock().expect("the notes").iter().map(|(_, count)| count).sum()
    }

    fn failures(&self) -> Vec<(String, usize, String)> {
        self.failed.lock().expect("the notes").clone()
    }
}

async fn buffered(hub: &Hub, wait: Duration) -> (BufferedProducerClient, Told) {
    let told = Told::default();
    let (succeeded, failed) = (told.clone(), told.clone());
    let opening = BufferedProducerClient::builder()
        .with_custom_endpoint(hub.endpoint.clone())
        .with_retry_options(hub.retry.clone())
        .with_max_wait_time(wait)
        .with_on_send_succeeded(move |batch| {
            succeeded.succeeded.lock().expect("the notes").push((batch.partition_id, batch.events.len()));
            async {}
        })
        .with_on_send_failed(move |batch| {
            let note = (batch.partition_id, batch.events.len(), format!("{:?}", batch.error));
            failed.failed.lock().expect("the notes").push(note);
            async {}
        })
        .open_with_connection_string(&hub.connection, Some(&hub.name));
    (within("a producer", opening).await.expect("a producer"), told)
}

fn long() -> Duration {
    Duration::seconds(600)
}

#[tokio::test]
async fn a_flush_sends_what_is_buffered_and_every_event_is_read_in_order() {
    let hub = Hub::new().await;
    let (client, told) = buffered(&hub, long()).await;
    for partition in PARTITIONS {
        let options = EnqueueEventOptions { partition_id: Some(partition.to_owned()), ..Default::default() };
        let events = counted(&format!("{partition}."), 500);
        within("a place in the buffer", client.enqueue_events(events, Some(options))).await.expect("a place");
    }
    assert_eq!(told.sent() + client.total_buffered_event_count(), 4 * 500);
    within("the flush", client.flush()).await.expect("a flush");
    assert_eq!((told.sent(), client.total_buffered_event_count()), (2000, 0));
    for (partition, events) in hub.read_all().await {
        assert_eq!(bodies(&events), counted(&format!("{partition}."), 500));
    }
    within("the close", client.close()).await.expect("a clean close");
    assert_eq!(told.failures(), []);
}

#[tokio::test]
async fn what_is_buffered_is_sent_after_its_time_and_when_the_client_closes() {
    let hub = Hub::new().await;
    let (soon, told) = buffered(&hub, Duration::milliseconds(100)).await;
    within("a place in the buffer", soon.enqueue_event("by its time", None)).await.expect("a place");
    until("the time to pass", || told.sent() == 1).await;
    within("the close", soon.close()).await.expect("a clean close");
    let (late, told) = buffered(&hub, long()).await;
    within("a place in the buffer", late.enqueue_event("by the close", None)).await.expect("a place");
    within("the close", late.close()).await.expect("a clean close");
    assert_eq!(told.sent(), 1);
    let mut found: Vec<String> = hub.read_all().await.values().flat_map(|events| bodies(events)).collect();
    found.sort();
    assert_eq!(found, ["by its time", "by the close"]);
}

/// The SDK hashes the key and sends to the partition that it finds; a batch with the key goes where the server's hash says.
#[tokio::test]
async fn a_buffered_key_goes_where_the_server_puts_the_same_key() {
    let hub = Hub::new().await;
    let keys = [
        "7",
        "131",
        "FWfAT",
        "device-42",
        "Straße",
        "sensor/北京",
        "order-0001-long-partition-key-value",
        "contoso",
    ];
    let (client, told) = buffered(&hub, long()).await;
    for key in keys {
        let options = EnqueueEventOptions { partition_key: Some(key.to_owned()), ..Default::default() };
        within("a place in the buffer", client.enqueue_event(key, Some(options))).await.expect("a place");
        send_batch(hub.sender().await, with_key(key), [key]).await.expect("a send");
    }
    within("the close", client.close()).await.expect("a clean close");
    assert_eq!((told.sent(), told.failures()), (keys.len(), vec![]));
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for (partition, events) in hub.read_all().await {
        for event in &events {
            let key = event.partition_key().clone().expect("a key");
            assert_eq!(body(event), key.as_bytes());
            places.entry(key).or_default().push(partition.clone());
        }
    }
    for key in keys {
        assert_eq!(places[key].len(), 2, "{key}");
        assert_eq!(places[key][0], places[key][1], "{key}");
    }
}

#[tokio::test]
async fn an_event_that_never_fits_fails_alone_and_the_others_are_sent() {
    let hub = Hub::new().await;
    let (client, told) = buffered(&hub, long()).await;
    let options = || Some(EnqueueEventOptions { partition_id: Some("0".to_owned()), ..Default::default() });
    for event in [EventData::from("before"), EventData::from(vec![b'x'; LIMIT]), EventData::from("after")] {
        within("a place in the buffer", client.enqueue_event(event, options())).await.expect("a place");
    }
    within("the close", client.close()).await.expect("a clean close");
    let failures = told.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!((failures[0].0.as_str(), failures[0].1), ("0", 1));
    let all = hub.read_all().await;
    assert_eq!(bodies(&all["0"]), ["before", "after"]);
}

#[tokio::test]
async fn a_buffered_producer_is_told_when_the_server_is_gone_and_goes_on_when_it_is_back() {
    let mut server = Server::durable(&[]).await;
    let mut hub = Hub::at(&server, "orders");
    hub.retry = RetryOptions { max_retries: 3, ..patient() };
    let (client, told) = buffered(&hub, Duration::milliseconds(50)).await;
    let options = || Some(EnqueueEventOptions { partition_id: Some("0".to_owned()), ..Default::default() });
    within("a place in the buffer", client.enqueue_event("before", options())).await.expect("a place");
    until("the first", || told.sent() == 1).await;
    server.stop().await;
    within("a place in the buffer", client.enqueue_event("meanwhile", options())).await.expect("a place");
    until("a failure", || told.failures().len() == 1).await;
    server.start(&[]).await;
    within("a place in the buffer", client.enqueue_event("after", options())).await.expect("a place");
    until("the last", || told.sent() == 2).await;
    within("the close", client.close()).await.expect("a clean close");
    let all = hub.read_all().await;
    assert_eq!(bodies(&all["0"]), ["before", "after"]);
}
