use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{OpenReceiverOptions, StartLocation, StartPosition};
use futures::future::join_all;

use crate::hub::{
    Hub, PARTITIONS, bodies, condition, counted, earliest, number, numbers, offset, said, starting, until,
    within,
};
use crate::reader::Reader;

fn at(location: StartLocation, inclusive: bool) -> StartPosition {
    StartPosition { location, inclusive }
}

fn at_number(number: i64, inclusive: bool) -> StartPosition {
    at(StartLocation::SequenceNumber(number), inclusive)
}

fn at_offset(offset: &str, inclusive: bool) -> StartPosition {
    at(StartLocation::Offset(offset.to_owned()), inclusive)
}

fn at_time(time: SystemTime, inclusive: bool) -> StartPosition {
    at(StartLocation::EnqueuedTime(time), inclusive)
}

fn time(event: &ReceivedEventData) -> SystemTime {
    event.enqueued_time().expect("an enqueued time")
}

/// Sends events whose enqueued times differ, and returns what the server says about each.
async fn send_apart(hub: &Hub, texts: &[&str]) -> Vec<ReceivedEventData> {
    for text in texts {
        hub.send("0", &[text]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.read("0", earliest(), texts.len()).await
}

async fn read(hub: &Hub, from: StartPosition, count: usize) -> Vec<String> {
    bodies(&hub.read("0", from, count).await)
}

#[tokio::test]
async fn earliest_gives_everything() {
    let hub = Hub::new().await;
    hub.send("0", &["a", "b", "c"]).await;
    assert_eq!(read(&hub, earliest(), 3).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_offset_starts_after_it_or_with_it() {
    let hub = Hub::new().await;
    let events = send_apart(&hub, &["a", "b", "c", "d"]).await;
    assert_eq!(read(&hub, at_offset(&offset(&events[1]), false), 2).await, ["c", "d"]);
    assert_eq!(read(&hub, at_offset(&offset(&events[1]), true), 3).await, ["b", "c", "d"]);
}

#[tokio::test]
async fn a_sequence_number_starts_after_it_or_with_it() {
    let hub = Hub::new().await;
    hub.send("0", &["a", "b", "c", "d"]).await;
    assert_eq!(read(&hub, at_number(1, false), 2).await, ["c", "d"]);
    assert_eq!(read(&hub, at_number(1, true), 3).await, ["b", "c", "d"]);
    assert_eq!(read(&hub, at_number(0, false), 3).await, ["b", "c", "d"]);
    assert_eq!(read(&hub, at_number(0, true), 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_time_starts_after_it_or_with_it() {
    let hub = Hub::new().await;
    let events = send_apart(&hub, &["a", "b", "c", "d"]).await;
    let second = time(&events[1]);
    assert!(time(&events[0]) < second && second < time(&events[2]), "sent apart");
    assert_eq!(read(&hub, at_time(second, false), 2).await, ["c", "d"]);
    assert_eq!(read(&hub, at_time(second, true), 3).await, ["b", "c", "d"]);
    let long_before = UNIX_EPOCH + Duration::from_secs(1);
    assert_eq!(read(&hub, at_time(long_before, false), 4).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_time_after_everything_gives_what_comes() {
    let hub = Hub::new().await;
    let old = send_apart(&hub, &["old"]).await.remove(0);
    let from = at_time(time(&old) + Duration::from_millis(1), false);
    let mut reader = hub.reader("0", starting(from)).await;
    hub.send("0", &["new"]).await;
    assert_eq!(bodies(&reader.take(1).await), ["new"]);
}

#[tokio::test]
async fn a_position_inside_a_batch_lands_on_its_event() {
    let hub = Hub::new().await;
    let sent = counted("", 50);
    hub.send("0", &sent).await;
    assert_eq!(read(&hub, at_number(39, false), 10).await, sent[40..]);
    assert_eq!(read(&hub, at_offset("39", true), 11).await, sent[39..]);
}

/// The SDK opens its link with the first receive: only an event that arrives shows that it is open.
async fn gives_nothing_old_and_misses_nothing(options: OpenReceiverOptions) {
    let hub = Hub::new().await;
    hub.send("0", &["before 0", "before 1"]).await;
    let mut reader = hub.reader("0", options).await;
    let mut probes = 0;
    within("an event that was sent after the reader had attached", async {
        while !reader.has_more() {
            hub.send("0", &[format!("probe {probes}")]).await;
            probes += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let first = reader.take(1).await.remove(0);
    let start = number(&first);
    assert!(start >= 2, "number {start} is old");
    assert_eq!(bodies(&[first]), [format!("probe {}", start - 2)]);
    hub.send("0", &counted("after ", 100)).await;
    let left = usize::try_from(probes - (start - 2) - 1).expect("a count") + 100;
    let rest = reader.take(left).await;
    assert_eq!(numbers(&rest), (start + 1..start + 1 + left as i64).collect::<Vec<_>>());
    assert_eq!(bodies(&rest[left - 100..]), counted("after ", 100));
}

#[tokio::test]
async fn latest_gives_nothing_old_and_misses_nothing_once_attached() {
    gives_nothing_old_and_misses_nothing(starting(at(StartLocation::Latest, false))).await;
}

#[tokio::test]
async fn without_a_position_a_reader_starts_at_the_latest() {
    gives_nothing_old_and_misses_nothing(OpenReceiverOptions::default()).await;
}

#[tokio::test]
async fn a_reader_of_an_empty_partition_gets_its_first_event() {
    let hub = Hub::new().await;
    let mut reader = hub.reader("1", starting(earliest())).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    hub.send("1", &["first"]).await;
    assert_eq!(bodies(&reader.take(1).await), ["first"]);
}

#[tokio::test]
async fn a_number_that_comes_next_waits_for_its_event() {
    let hub = Hub::new().await;
    hub.send("0", &["a", "b"]).await;
    let mut reader = hub.reader("0", starting(at_number(2, true))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    hub.send("0", &["c"]).await;
    assert_eq!(bodies(&reader.take(1).await), ["c"]);
}

#[tokio::test]
async fn a_position_beyond_the_end_is_refused_and_the_text_gives_both_numbers() {
    let hub = Hub::new().await;
    hub.send("0", &["a", "b"]).await; // the last number is 1
    for (named, from) in [
        ("2", at_number(2, false)),
        ("3", at_number(3, true)),
        ("1000", at_number(1000, false)),
        ("2", at_offset("2", false)),
        ("1000", at_offset("1000", true)),
    ] {
        let error = hub.reader("0", starting(from)).await.error().await;
        assert_eq!(condition(&error), "com.microsoft:argument-error", "{error:?}");
        let text = said(&error).and_then(|said| said.description.clone()).expect("a text");
        assert!(text.contains(named) && text.contains('1'), "{text}");
    }
}

#[tokio::test]
async fn an_offset_that_is_no_number_is_refused() {
    let hub = Hub::new().await;
    hub.send("0", &["a"]).await;
    let error = hub.reader("0", starting(at_offset("not-a-number", false))).await.error().await;
    assert_eq!(condition(&error), "com.microsoft:argument-error", "{error:?}");
}

#[tokio::test]
async fn any_prefetch_gives_everything_in_order() {
    let hub = Hub::new().await;
    let sent = counted("", 60);
    hub.send("0", &sent).await;
    for prefetch in [1, 7, 5000] {
        let options = OpenReceiverOptions { prefetch: Some(prefetch), ..starting(earliest()) };
        let mut reader = hub.reader("0", options).await;
        assert_eq!(bodies(&reader.take(60).await), sent, "prefetch {prefetch}");
    }
}

#[tokio::test]
async fn a_receive_that_times_out_loses_nothing_for_the_next_reader() {
    let hub = Hub::new().await;
    hub.send("0", &["a"]).await;
    let timeout = Some(azure_core::time::Duration::milliseconds(200));
    let mut reader =
        hub.reader("0", OpenReceiverOptions { receive_timeout: timeout, ..starting(earliest()) }).await;
    let last = reader.take(1).await.remove(0);
    let text = format!("{:?}", reader.error().await);
    assert!(text.contains("TimedOut") || text.contains("timed out"), "{text}");
    reader.close().await;
    hub.send("0", &["b"]).await;
    assert_eq!(read(&hub, at_offset(&offset(&last), false), 1).await, ["b"]);
}

#[tokio::test]
async fn two_groups_read_the_same_events_and_the_default_one_is_found_in_any_case() {
    let hub = Hub::new().await;
    hub.send("0", &["a", "b"]).await;
    for group in ["billing", "$Default", "$default"] {
        let consumer = hub.consumer_of(group, None).await;
        let mut reader = Reader::open(consumer, "0", starting(earliest())).await;
        assert_eq!(bodies(&reader.take(2).await), ["a", "b"], "{group}");
    }
}

#[tokio::test]
async fn a_hub_is_found_in_any_case() {
    let hub = Hub::new().await;
    hub.send("0", &["a"]).await;
    let mut upper = hub.through(hub.connection.clone());
    upper.name = hub.name.to_uppercase();
    upper.send("0", &["b"]).await;
    assert_eq!(read(&hub, earliest(), 2).await, ["a", "b"]);
    assert_eq!(read(&upper, earliest(), 2).await, ["a", "b"]);
}

#[tokio::test]
async fn one_consumer_reads_every_partition_at_once() {
    use futures::StreamExt;
    let hub = Hub::new().await;
    for partition in PARTITIONS {
        hub.send(partition, &counted(&format!("{partition}."), 40)).await;
    }
    let consumer = hub.consumer().await;
    let found = join_all(PARTITIONS.map(async |partition| {
        let opening = consumer.open_receiver_on_partition(partition.to_owned(), Some(starting(earliest())));
        let receiver = opening.await.expect("a receiver");
        let events: Vec<_> = within("40 events", receiver.stream_events().take(40).collect()).await;
        let events: Vec<_> = events.into_iter().map(|event| event.expect("an event")).collect();
        bodies(&events)
    }))
    .await;
    assert_eq!(found, PARTITIONS.map(|partition| counted(&format!("{partition}."), 40)));
    within("the close", consumer.close()).await.expect("a clean close");
}

#[tokio::test]
async fn a_reader_that_closes_and_opens_again_reads_on_from_where_it_is_told() {
    let hub = Hub::new().await;
    hub.send("0", &counted("", 10)).await;
    let mut found = Vec::new();
    let mut from = earliest();
    for _ in 0..5 {
        let events = hub.read("0", from, 2).await;
        from = at_offset(&offset(&events[1]), false);
        found.extend(bodies(&events));
    }
    assert_eq!(found, counted("", 10));
    let mut reader = hub.reader("0", starting(from)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!reader.has_more(), "there is no eleventh");
    hub.send("0", &["the eleventh"]).await;
    until("the eleventh", || reader.has_more()).await;
    assert_eq!(bodies(&reader.take(1).await), ["the eleventh"]);
}
