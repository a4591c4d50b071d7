//! The client against a scripted server: what it sends, and what it makes of every kind of answer.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod scripted;

use std::time::Duration;

use forebay_amqp::wire::Symbol;
use forebay_auth::Secret;
use forebay_client::{
    Auth, Batch, Client, Destination, Error, EventData, MESSAGE_FORMAT, Options, Outcome, Position, Reach,
    Settled, Subscription, Target,
};
use scripted::{Script, source, start, target};
use tokio::net::TcpListener;

fn key_auth() -> Auth {
    Auth::Sas { policy: "root".to_owned(), key: Secret::new("key") }
}

async fn connect(port: u16) -> Client {
    Client::connect(&Target::new("127.0.0.1", port, key_auth()), Options::default()).await.unwrap()
}

fn body(number: u64) -> Vec<u8> {
    EventData::new(number.to_string()).encoded()
}

#[tokio::test]
async fn many_sends_are_in_flight_and_outcomes_come_in_the_order_sent() {
    let (port, serving) = start(Script { settle_in_reverse_after: Some(50), ..Script::default() }).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::hub("events"), 50).await.unwrap();
    for number in 0..50 {
        assert_eq!(client.send(producer, MESSAGE_FORMAT, &body(number)).await.unwrap(), number);
    }
    assert_eq!(client.in_flight(producer), 50);
    assert_eq!(client.try_settled(producer), None);
    for number in 0..50 {
        let settled = client.settled(producer).await.unwrap();
        assert_eq!(settled, Settled { number, outcome: Outcome::Accepted });
    }
    client.close().await.unwrap();
    let seen = serving.await.unwrap();
    assert!(seen.closed_cleanly);
    let expected: Vec<_> = (0..50).map(|number| (MESSAGE_FORMAT, body(number))).collect();
    assert_eq!(seen.deliveries, expected);
}

#[tokio::test]
async fn a_window_smaller_than_the_load_holds_senders_back_without_losing_any() {
    let (port, serving) = start(Script { credit: 7, ..Script::default() }).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::partition("events", "1"), 5).await.unwrap();
    for number in 0..1_000 {
        client.send(producer, MESSAGE_FORMAT, &body(number)).await.unwrap();
        assert!(client.in_flight(producer) <= 5);
    }
    assert_eq!(client.all_accepted(producer).await.unwrap(), 1_000);
    client.close().await.unwrap();
    let seen = serving.await.unwrap();
    assert_eq!(seen.deliveries.len(), 1_000);
    let last = seen.attaches.last().unwrap();
    assert_eq!(target(last).address.as_deref(), Some("events/Partitions/1"));
}

#[tokio::test]
async fn a_batch_larger_than_a_frame_arrives_whole() {
    let (port, serving) = start(Script::default()).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::hub("events"), 2).await.unwrap();
    let max = client.message_bytes_max(producer).unwrap() as usize;
    let mut batch = Batch::new(max, Some("key"));
    let event = EventData::new(vec![b'x'; 10_000]).encoded();
    while batch.push(&event) {}
    client.send_batch(producer, &batch).await.unwrap();
    client.all_accepted(producer).await.unwrap();
    client.close().await.unwrap();
    let seen = serving.await.unwrap();
    assert_eq!(seen.deliveries, [(0x8001_3700, batch.message().to_vec())]);
}

#[tokio::test]
async fn a_rejected_delivery_tells_the_servers_words_and_spares_its_neighbours() {
    let (port, _serving) = start(Script { reject: vec![1], ..Script::default() }).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
    for number in 0..3 {
        client.send(producer, MESSAGE_FORMAT, &body(number)).await.unwrap();
    }
    assert!(client.settled(producer).await.unwrap().outcome.is_accepted());
    let Outcome::Rejected(Some(error)) = client.settled(producer).await.unwrap().outcome else {
        panic!("the second is rejected");
    };
    assert_eq!(error.condition, "com.microsoft:argument-error");
    assert_eq!(error.description.as_deref(), Some("this one is no good"));
    assert!(client.settled(producer).await.unwrap().outcome.is_accepted());
}

#[tokio::test]
async fn waiting_for_all_fails_with_the_first_that_is_not_accepted() {
    let (port, _serving) = start(Script { reject: vec![1], ..Script::default() }).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
    for number in 0..3 {
        client.send(producer, MESSAGE_FORMAT, &body(number)).await.unwrap();
    }
    let error = client.all_accepted(producer).await.unwrap_err();
    assert_eq!(error.condition(), Some("com.microsoft:argument-error"));
    assert!(error.to_string().contains("message 1"), "{error}");
}

#[tokio::test]
async fn a_message_over_the_links_limit_is_refused_before_it_is_sent() {
    let (port, serving) = start(Script { message_bytes_max: 1_000, ..Script::default() }).await;
    // The request nodes state the same small limit here, so nothing is claimed.
    let target = Target::new("127.0.0.1", port, Auth::Anonymous);
    let mut client = Client::connect(&target, Options::default()).await.unwrap();
    let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
    let error = client.send(producer, MESSAGE_FORMAT, &[0; 1_001]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { bytes: 1_001, max: 1_000, .. }), "{error}");
    client.send(producer, MESSAGE_FORMAT, &body(1)).await.unwrap();
    client.all_accepted(producer).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(serving.await.unwrap().deliveries.len(), 1);
}

#[tokio::test]
async fn what_was_settled_before_a_lost_connection_is_still_told() {
    let (port, _serving) = start(Script { drop_after: Some(3), ..Script::default() }).await;
    let mut client = connect(port).await;
    let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
    for number in 0..5 {
        client.send(producer, MESSAGE_FORMAT, &body(number)).await.unwrap();
    }
    for number in 0..3 {
        assert_eq!(client.settled(producer).await.unwrap().number, number);
    }
    let error = client.settled(producer).await.unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert!(error.ends_connection());
    assert!(
        client.send(producer, MESSAGE_FORMAT, &body(9)).await.is_err(),
        "nothing is resent or reconnected"
    );
}

#[tokio::test]
async fn a_refused_link_tells_condition_and_words_and_leaves_the_connection() {
    let not_found = Symbol::from_static("amqp:not-found");
    let refuse = Some(("missing", not_found, "no such hub"));
    let (port, _serving) = start(Script { refuse_links_to: refuse, ..Script::default() }).await;
    let mut client = connect(port).await;
    let error = client.producer(&Destination::hub("missing"), 1).await.unwrap_err();
    assert_eq!(error.condition(), Some("amqp:not-found"));
    let Error::Ended(ended) = &error else { panic!("{error:?}") };
    assert!(ended.refused && ended.by_server && ended.reach == Reach::Link);
    assert!(error.to_string().contains("'missing'") && error.to_string().contains("no such hub"), "{error}");

    let subscription = Subscription::new("missing", "0", Position::Earliest);
    let error = client.consumer(&subscription).await.unwrap_err();
    assert_eq!(error.condition(), Some("amqp:not-found"));

    let producer = client.producer(&Destination::hub("events"), 1).await.unwrap();
    client.send(producer, MESSAGE_FORMAT, &body(0)).await.unwrap();
    client.all_accepted(producer).await.unwrap();
}

#[tokio::test]
async fn a_host_name_that_means_no_namespace_is_told_as_such() {
    let not_found = Symbol::from_static("amqp:not-found");
    let words = "The messaging entity 'sb://localhost/' could not be found.";
    let refuse = Some(("missing", not_found, words));
    let (port, _serving) = start(Script { refuse_links_to: refuse, ..Script::default() }).await;
    let mut client = connect(port).await;
    let error = client.producer(&Destination::hub("missing"), 1).await.unwrap_err().to_string();
    assert!(
        error.contains(words) && error.contains("no namespace of the server has this host name"),
        "{error}"
    );
    assert!(!error.contains("consumer group"), "{error}");
}

#[tokio::test]
async fn a_port_that_speaks_another_protocol_is_told() {
    for (answer, says) in [
        (&b"\x15\x03\x03\0\x02\x02\x46"[..], "speaks TLS: leave"),
        (b"\x16\x03\x01\0\x10", "speaks TLS: leave"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP, not AMQP"),
        (b"AMQP\x02\x01\0\0", "wants TLS"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await.unwrap();
            let mut rest = Vec::new();
            // Whatever the client wrote; it may have gone with a reset.
            let _gone = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest).await;
        });
        let target = Target::new("127.0.0.1", port, key_auth());
        let error = Client::connect(&target, Options::default()).await.unwrap_err();
        assert!(error.ends_connection() && error.to_string().contains(says), "{error}");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_with_its_status() {
    let (port, _serving) = start(Script { token_status: 401, ..Script::default() }).await;
    let mut client = connect(port).await;
    let error = client.producer(&Destination::hub("events"), 1).await.unwrap_err();
    let Error::Request { operation, subject, status, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*operation, subject.as_str(), *status), ("put-token", "sb://127.0.0.1/events", 401));
}

#[tokio::test]
async fn a_refused_password_is_told() {
    let (port, _serving) = start(Script { refuse_sasl: true, ..Script::default() }).await;
    let auth = Auth::Plain { policy: "root".to_owned(), key: Secret::new("wrong") };
    let target = Target::new("127.0.0.1", port, auth);
    let error = Client::connect(&target, Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::SaslRefused { mechanism: "PLAIN", .. }), "{error:?}");
    assert!(error.to_string().contains("key"), "{error}");
}

#[tokio::test]
async fn one_token_is_put_for_each_hub_and_none_for_a_password() {
    let (port, serving) = start(Script::default()).await;
    let mut client = connect(port).await;
    client.producer(&Destination::hub("events"), 1).await.unwrap();
    client.producer(&Destination::partition("events", "0"), 1).await.unwrap();
    client.producer(&Destination::hub("other"), 1).await.unwrap();
    client.close().await.unwrap();
    let seen = serving.await.unwrap();
    let audiences: Vec<_> = seen.tokens.iter().map(|(audience, _)| audience.as_str()).collect();
    assert_eq!(audiences, ["sb://127.0.0.1/events", "sb://127.0.0.1/other"]);
    assert!(seen.tokens[0].1.starts_with("SharedAccessSignature sr="));

    let (port, serving) = start(Script::default()).await;
    let auth = Auth::Plain { policy: "root".to_owned(), key: Secret::new("key") };
    let mut client =
        Client::connect(&Target::new("127.0.0.1", port, auth), Options::default()).await.unwrap();
    client.producer(&Destination::hub("events"), 1).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(serving.await.unwrap().tokens, []);
}

#[tokio::test]
async fn tokens_are_renewed_while_the_client_waits_for_something_else() {
    let (port, serving) = start(Script::default()).await;
    let target = Target::new("127.0.0.1", port, key_auth());
    let options = Options { token_life: Duration::from_millis(400), ..Options::default() };
    let mut client = Client::connect(&target, options).await.unwrap();
    client.producer(&Destination::hub("events"), 1).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(1_000), client.idle()).await;
    assert!(waited.is_err(), "the connection stands");
    client.hub_properties("events").await.unwrap();
    client.close().await.unwrap();
    let tokens = serving.await.unwrap().tokens.len();
    assert!((3..=5).contains(&tokens), "{tokens} tokens in a second, one each 300 ms");
}

#[tokio::test]
async fn events_come_in_order_and_credit_is_refilled() {
    let (port, serving) = start(Script { events: 1_000, ..Script::default() }).await;
    let mut client = connect(port).await;
    let from = Position::Sequence { number: 0, inclusive: true };
    let subscription = Subscription::new("events", "3", from).with_group("g").with_epoch(7).with_prefetch(20);
    let consumer = client.consumer(&subscription).await.unwrap();
    for number in 0..1_000_i64 {
        let event = client.receive().await.unwrap();
        assert_eq!(event.consumer, consumer);
        let system = event.system().unwrap();
        assert_eq!((system.sequence, system.enqueued_millis), (number, 1_000 + number));
        assert_eq!(system.offset, number.to_string());
        assert_eq!(event.body().unwrap().unwrap(), number.to_string().into_bytes());
    }
    client.close().await.unwrap();
    let seen = serving.await.unwrap();
    let attach = seen.attaches.last().unwrap();
    assert_eq!(source(attach).address.as_deref(), Some("events/ConsumerGroups/g/Partitions/3"));
    let filter = source(attach).filter.get("apache.org:selector-filter:string").unwrap();
    assert_eq!(filter.value.as_text(), Some("amqp.annotation.x-opt-sequence-number >= '0'"));
    assert_eq!(attach.properties.get("com.microsoft:epoch").and_then(|epoch| epoch.as_i64()), Some(7));
}

#[tokio::test]
async fn a_stolen_link_is_told_once_and_the_other_consumer_goes_on() {
    let script = Script { events: 40, steal: Some(("Partitions/0", 10)), ..Script::default() };
    let (port, _serving) = start(script).await;
    let mut client = connect(port).await;
    let read = |partition| Subscription::new("events", partition, Position::Earliest).with_prefetch(10);
    let stolen = client.consumer(&read("0")).await.unwrap();
    client.consumer(&read("1")).await.unwrap();
    let (mut of_stolen, mut of_other, mut told) = (0, 0, 0);
    while of_other < 40 || told == 0 {
        match client.receive().await {
            Ok(event) if event.consumer == stolen => of_stolen += 1,
            Ok(_) => of_other += 1,
            Err(error) => {
                assert_eq!(error.condition(), Some("amqp:link:stolen"), "{error}");
                told += 1;
            }
        }
    }
    assert!(of_stolen >= 10);
    assert_eq!(told, 1);
}

#[tokio::test]
async fn hubs_and_partitions_are_described() {
    let (port, _serving) = start(Script::default()).await;
    let mut client = connect(port).await;
    let hub = client.hub_properties("events").await.unwrap();
    assert_eq!((hub.name.as_str(), hub.created_millis), ("events", 1_000));
    assert_eq!(hub.partitions, ["0", "1"]);
    let partition = client.partition_properties("events", "1").await.unwrap();
    assert_eq!((partition.id.as_str(), partition.begin_sequence, partition.last_sequence), ("1", 3, 9));
    assert_eq!((partition.last_offset.as_str(), partition.is_empty), ("9", false));
    let error = client.hub_properties("missing").await.unwrap_err();
    assert!(matches!(error, Error::Request { operation: "READ", status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn an_event_that_was_awaited_in_vain_is_not_lost() {
    let (port, _serving) = start(Script { events: 200, ..Script::default() }).await;
    let mut client = connect(port).await;
    client.consumer(&Subscription::new("events", "0", Position::Earliest).with_prefetch(1)).await.unwrap();
    let (mut next, mut given_up) = (0, 0);
    while next < 200 {
        // A wait that is dropped at once, again and again.
        tokio::select! {
            biased;
            event = client.receive() => {
                assert_eq!(event.unwrap().system().unwrap().sequence, next);
                next += 1;
            }
            () = tokio::task::yield_now() => given_up += 1,
        }
    }
    assert!(given_up > 0);
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let target = Target::new("127.0.0.1", port, key_auth());
    let error = Client::connect(&target, Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn a_listener_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = Options { answer_timeout: Duration::from_millis(200), ..Options::default() };
    let error = Client::connect(&Target::new("127.0.0.1", port, key_auth()), options).await.unwrap_err();
    assert!(error.ends_connection(), "{error}");
}

#[tokio::test]
async fn a_stream_that_holds_bytes_back_is_flushed() {
    // As TLS does with records.
    let (port, serving) = start(Script::default()).await;
    let target = Target::new("127.0.0.1", port, key_auth());
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let holding = tokio::io::BufWriter::with_capacity(1 << 20, socket);
    let mut client = Client::over(holding, &target, Options::default()).await.unwrap();
    let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
    client.send(producer, MESSAGE_FORMAT, &body(0)).await.unwrap();
    client.flush().await.unwrap();
    assert!(client.settled(producer).await.unwrap().outcome.is_accepted());
    client.close().await.unwrap();
    assert_eq!(serving.await.unwrap().deliveries.len(), 1);
}
