use azure_messaging_eventhubs::OpenReceiverOptions;
use azure_messaging_eventhubs::error::{ErrorKind, EventHubsError};

use crate::hub::{Hub, bodies, condition, earliest, said, starting};
use crate::reader::Reader;

fn at_level(owner_level: Option<i64>) -> OpenReceiverOptions {
    OpenReceiverOptions { owner_level, ..starting(earliest()) }
}

/// A reader with an owner level, or with none, from the beginning.
async fn reader(hub: &Hub, name: &str, level: Option<i64>) -> Reader {
    Reader::open(hub.consumer_of("$Default", Some(name)).await, "0", at_level(level)).await
}

/// One that is known to be attached: it has received what is there.
async fn reading(hub: &Hub, name: &str, level: Option<i64>) -> Reader {
    let mut reader = reader(hub, name, level).await;
    assert_eq!(bodies(&reader.take(1).await), ["there"]);
    reader
}

/// The error of one that must not be let in, or that was put out.
async fn stolen(mut reader: Reader) -> String {
    let error: EventHubsError = reader.error().await;
    assert!(matches!(error.kind, ErrorKind::ConsumerDisconnected(Some(_))), "{error:?}");
    assert_eq!(condition(&error), "amqp:link:stolen");
    said(&error).and_then(|said| said.description.clone()).expect("a text")
}

async fn goes_on(hub: &Hub, reader: &mut Reader) {
    hub.send("0", &["after"]).await;
    assert_eq!(bodies(&reader.take(1).await), ["after"]);
}

fn names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[tokio::test]
async fn a_higher_or_equal_level_takes_over_and_the_older_reader_is_told() {
    for (old, new) in [(1, 2), (1, 1), (0, 0), (0, 10)] {
        let hub = Hub::new().await;
        hub.send("0", &["there"]).await;
        let loser = reading(&hub, "the-loser", Some(old)).await;
        let mut winner = reading(&hub, "the-winner", Some(new)).await;
        let text = stolen(loser).await;
        assert!(text.contains(&new.to_string()), "the level is named: {text}");
        goes_on(&hub, &mut winner).await;
    }
}

#[tokio::test]
async fn a_lower_level_is_refused_and_the_holder_reads_on() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    let mut holder = reading(&hub, "the-holder", Some(50)).await;
    names(&stolen(reader(&hub, "the-late-one", Some(49)).await).await, &["50", "49"]);
    goes_on(&hub, &mut holder).await;
}

#[tokio::test]
async fn a_reader_without_a_level_is_put_out_by_one_with_a_level() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    let free = reading(&hub, "free", None).await;
    let mut exclusive = reading(&hub, "exclusive", Some(0)).await;
    stolen(free).await;
    goes_on(&hub, &mut exclusive).await;
}

#[tokio::test]
async fn a_reader_without_a_level_is_refused_while_one_with_a_level_reads() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    let mut exclusive = reading(&hub, "exclusive", Some(0)).await;
    stolen(reader(&hub, "free", None).await).await;
    goes_on(&hub, &mut exclusive).await;
}

#[tokio::test]
async fn the_level_ends_with_its_link() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    reading(&hub, "once", Some(9)).await.close().await;
    reading(&hub, "free", None).await.close().await;
    goes_on(&hub, &mut reading(&hub, "lower", Some(1)).await).await;
}

#[tokio::test]
async fn levels_hold_for_one_partition_and_one_group() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    hub.send("1", &["one"]).await;
    let mut holder = reading(&hub, "holder", Some(5)).await;
    let mut neighbour = Reader::open(hub.consumer().await, "1", at_level(Some(1))).await;
    assert_eq!(bodies(&neighbour.take(1).await), ["one"]);
    let mut other_group = Reader::open(hub.consumer_of("other", None).await, "0", at_level(Some(1))).await;
    assert_eq!(bodies(&other_group.take(1).await), ["there"]);
    goes_on(&hub, &mut holder).await;
}

#[tokio::test]
async fn five_readers_without_a_level_are_allowed_and_a_sixth_is_refused() {
    let hub = Hub::new().await;
    hub.send("0", &["there"]).await;
    let mut readers = Vec::new();
    for number in 0..5 {
        readers.push(reading(&hub, &format!("reader-{number}"), None).await);
    }
    let error = reader(&hub, "reader-6", None).await.error().await;
    assert_eq!(condition(&error), "amqp:resource-limit-exceeded", "{error:?}");
    names(&said(&error).and_then(|said| said.description.clone()).expect("a text"), &["5"]);
    hub.send("0", &["after"]).await;
    for reader in &mut readers {
        assert_eq!(bodies(&reader.take(1).await), ["after"]);
    }
}
