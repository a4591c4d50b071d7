use azure_messaging_eventhubs::{StartLocation, StartPosition};
use futures::StreamExt;

use crate::hub::{
    Hub, bodies, counted, earliest, numbers, offset, patient, send_batch, starting, to_partition, within,
};
use crate::server::Server;

#[tokio::test]
async fn acknowledged_events_survive_a_restart() {
    for durability in ["disk", "os"] {
        let mut server = Server::durable(&["--durability", durability]).await;
        assert_eq!(server.text("durability"), durability);
        let told = server.connection().to_owned();
        let hub = Hub::at(&server, "orders");
        hub.send("1", &["a", "b"]).await;
        let before = hub.read("1", earliest(), 2).await;
        let asking = async |hub: &Hub| {
            let client = hub.consumer().await;
            within("properties", client.get_eventhub_properties()).await.expect("properties").created_on
        };
        let born = asking(&hub).await;
        server.restart(&[]).await;
        assert_eq!(server.connection(), told);
        let hub = Hub::at(&server, "orders");
        hub.send("1", &["c"]).await;
        let events = hub.read("1", earliest(), 3).await;
        assert_eq!(bodies(&events), ["a", "b", "c"]);
        assert_eq!(numbers(&events), [0, 1, 2]);
        assert_eq!(events[0].enqueued_time(), before[0].enqueued_time());
        assert!(events[1].enqueued_time() <= events[2].enqueued_time(), "time went back");
        assert_eq!(asking(&hub).await, born);
    }
}

#[tokio::test]
async fn many_restarts_count_on() {
    let mut server = Server::durable(&[]).await;
    let mut sent = Vec::new();
    for cycle in 0..4 {
        let mine = counted(&format!("{cycle}."), 2);
        Hub::at(&server, "orders").send("0", &mine).await;
        sent.extend(mine);
        server.restart(&[]).await;
    }
    let events = Hub::at(&server, "orders").read("0", earliest(), 8).await;
    assert_eq!(bodies(&events), sent);
    assert_eq!(numbers(&events), (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_open_sender_goes_on_after_a_restart() {
    let mut server = Server::durable(&[]).await;
    let mut hub = Hub::at(&server, "orders");
    hub.retry = patient();
    let client = hub.producer().await;
    send_batch(&client, to_partition("0"), ["before"]).await.expect("a send");
    server.restart(&[]).await;
    send_batch(&client, to_partition("0"), ["after"]).await.expect("a send");
    let told = within("properties", client.get_partition_properties("0")).await.expect("properties");
    assert_eq!(told.last_enqueued_sequence_number, 1);
    assert_eq!(bodies(&hub.read("0", earliest(), 2).await), ["before", "after"]);
}

/// The SDK does not try again where nobody listens: it gives the error to whoever reads. What it opens again by itself,
/// it opens with the position that it was first given, so a program keeps its own place, as the processor does.
#[tokio::test]
async fn an_open_reader_is_told_when_the_server_is_gone_and_its_client_reads_on_when_it_is_back() {
    let mut server = Server::durable(&[]).await;
    let mut hub = Hub::at(&server, "orders");
    hub.retry = patient();
    hub.send("0", &counted("before ", 2)).await;
    let client = hub.consumer().await;
    let receiver = client
        .open_receiver_on_partition("0".to_owned(), Some(starting(earliest())))
        .await
        .expect("a receiver");
    let mut stream = Box::pin(receiver.stream_events());
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(within("an event", stream.next()).await.expect("an event").expect("an event"));
    }
    assert_eq!(bodies(&found), counted("before ", 2));
    let (lost, ()) = tokio::join!(within("an error", stream.next()), server.stop());
    assert!(lost.expect("an error").is_err(), "an event from a server that is gone");
    server.start(&[]).await;
    hub.send("0", &counted("after ", 2)).await;
    let place = StartPosition { location: StartLocation::Offset(offset(&found[1])), inclusive: false };
    let receiver =
        client.open_receiver_on_partition("0".to_owned(), Some(starting(place))).await.expect("a receiver");
    let events: Vec<_> = within("two events", receiver.stream_events().take(2).collect()).await;
    let events: Vec<_> = events.into_iter().map(|event| event.expect("an event")).collect();
    assert_eq!(bodies(&events), counted("after ", 2));
}
