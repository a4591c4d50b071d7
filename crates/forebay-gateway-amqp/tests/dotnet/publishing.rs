//! Sending: single events, batches, keys, partitions, many.

use std::collections::BTreeMap;

use forebay_event::partition_key::partition_for;

use crate::content::{Message, by_symbol};
use crate::rules::Rules;
use crate::server;
use crate::service::{EventHubs, Wish, batch};
use crate::support::soon;

const PARTITIONS: [&str; 4] = ["0", "1", "2", "3"];

#[tokio::test]
async fn a_single_event_goes_as_it_is_and_is_read_back() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        hubs.send(sender, &[Message::of("one")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        assert_eq!(hubs.bodies(receiver, 1).await, ["one"]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_as_many_events_as_it_holds_each_as_it_was() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let events: Vec<Message> = ["a", "b", "c"]
            .into_iter()
            .map(|body| Message::of(body).with_property(3, crate::wire::text(body)))
            .collect();
        hubs.send(sender, &events).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        for event in &events {
            let read = hubs.receive(receiver).await.unwrap();
            assert_eq!((read.data(), &read.properties[3]), (event.data(), &event.properties[3]));
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_as_large_as_the_link_allows_is_accepted() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let max = hubs.message_bytes_max(sender);
        assert_eq!(max, 1_048_576);
        // As the library adds up: the envelope, then each event with its overhead.
        let mut size = Message::default().encode().len();
        let mut events = Vec::new();
        loop {
            let left = max.saturating_sub(size);
            let event = Message::of(vec![b'x'; 1_000]);
            let bytes = event.encode().len();
            let cost = bytes + if bytes < 256 { 5 } else { 8 };
            if cost > left {
                break;
            }
            size += cost;
            events.push(event);
        }
        assert!(events.len() > 1_000);
        hubs.send(sender, &events).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        assert_eq!(hubs.bodies(receiver, events.len()).await.len(), events.len());
    })
    .await;
}

#[tokio::test]
async fn events_of_one_key_go_to_the_partition_that_the_library_computes() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        // Keys, and their partitions of four, as .NET's own resolver has them (§9.1).
        let keys = [("FWfAT", "1"), ("sOdeEAsyQoEuEFPGerWO", "3"), ("contoso", "0"), ("131", "2")];
        for (key, _) in keys {
            let events = ["first", "second"].map(|body| Message::of(format!("{key} {body}")).with_key(key));
            hubs.send(sender, &events).await.unwrap();
            hubs.send(sender, &[Message::of(format!("{key} third")).with_key(key)]).await.unwrap();
        }
        for (key, partition) in keys {
            assert_eq!(partition_for(key, 4).to_string(), partition);
            let receiver = hubs.receiver(&Wish::earliest(partition)).await.unwrap();
            for body in ["first", "second", "third"] {
                let event = hubs.receive(receiver).await.unwrap();
                assert_eq!(event.data(), format!("{key} {body}").as_bytes());
                let found = by_symbol(&event.annotations, "x-opt-partition-key");
                assert_eq!(found, Some(&crate::wire::text(key)));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn events_for_a_partition_go_there_and_nowhere_else() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        for id in PARTITIONS {
            let sender = hubs.sender(Some(id)).await.unwrap();
            hubs.send(sender, &[Message::of(id), Message::of(id)]).await.unwrap();
        }
        for id in PARTITIONS {
            let receiver = hubs.receiver(&Wish::earliest(id)).await.unwrap();
            assert_eq!(hubs.bodies(receiver, 2).await, [id, id]);
            let info = hubs.read(Some(id)).await.unwrap();
            let last = crate::content::by_text(&info, "last_enqueued_sequence_number");
            assert_eq!(last, Some(&forebay_amqp::wire::Value::Long(1)));
        }
    })
    .await;
}

/// The buffered producer resolves keys itself and keeps a batch on the way to each partition.
#[tokio::test]
async fn batches_to_all_partitions_at_once_keep_each_partitions_order() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let mut senders = BTreeMap::new();
        for id in PARTITIONS {
            senders.insert(id, hubs.sender(Some(id)).await.unwrap());
        }
        let mut sent: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for round in 0..50 {
            let mut open = Vec::new();
            for number in 0..8 {
                let key = format!("device-{number}");
                let id = PARTITIONS[partition_for(&key, 4) as usize];
                let body = format!("{key} {round}");
                let delivery =
                    hubs.begin_send(senders[id], &[Message::of(body.clone()).with_key(&key)]).await;
                open.push((senders[id], delivery.unwrap()));
                sent.entry(id).or_default().push(body);
            }
            for (sender, delivery) in open {
                hubs.end_send(sender, delivery).await.unwrap();
            }
        }
        for (id, bodies) in sent {
            let receiver = hubs.receiver(&Wish::earliest(id)).await.unwrap();
            assert_eq!(hubs.bodies(receiver, bodies.len()).await, bodies, "partition {id}");
        }
    })
    .await;
}

#[tokio::test]
async fn thousands_of_events_in_batches_of_several_frames_keep_their_order_within_window_and_credit() {
    const BATCHES: usize = 24;
    const EVENTS: usize = 300;
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("2")).await.unwrap();
        let body = |number: usize| format!("{number:08}{}", "x".repeat(500));
        let mut open = Vec::new();
        for of_batch in 0..BATCHES {
            let events: Vec<Message> =
                (0..EVENTS).map(|at| Message::of(body(of_batch * EVENTS + at))).collect();
            assert!(batch(&events).len() > 2 * crate::wire::MAX_FRAME_SIZE as usize);
            open.push(hubs.begin_send(sender, &events).await.unwrap());
        }
        for delivery in open {
            hubs.end_send(sender, delivery).await.unwrap();
        }
        // Seven thousand: more than a session's window, and twenty times the prefetch.
        let receiver = hubs.receiver(&Wish::earliest("2")).await.unwrap();
        let read = hubs.bodies(receiver, BATCHES * EVENTS).await;
        assert!(read.iter().enumerate().all(|(number, found)| *found == body(number)));
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn events_larger_than_a_frame_are_read_back_frame_by_frame() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        for fill in 0..20_u8 {
            hubs.send(sender, &[Message::of(vec![fill; 200_000])]).await.unwrap();
        }
        for fill in 0..20_u8 {
            assert!(hubs.receive(receiver).await.unwrap().data() == [fill; 200_000], "event {fill}");
        }
        let rules: &mut Rules = hubs.client.rules();
        assert!(
            rules.link(receiver.channel, receiver.handle).is_some_and(|link| link.delivery_count() == 20)
        );
    })
    .await;
}
