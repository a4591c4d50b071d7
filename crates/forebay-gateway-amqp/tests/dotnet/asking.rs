//! Runtime information: `$management` with nothing put on `$cbs`.

use forebay_amqp::wire::{Array, Value};

use crate::content::{Message, by_text};
use crate::server;
use crate::service::EventHubs;
use crate::support::soon;
use crate::wire::text;

#[tokio::test]
async fn a_hub_tells_its_name_partitions_and_age() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let before = server.broker.wall().0;
        let info = hubs.read(None).await.unwrap();
        assert_eq!(by_text(&info, "name"), Some(&text("events")));
        let ids = Value::Array(Array::of_strings(["0", "1", "2", "3"]));
        let Some(found @ Value::Array(_)) = by_text(&info, "partition_ids") else { panic!("checked") };
        assert_eq!(*found, ids);
        let Some(Value::Timestamp(created)) = by_text(&info, "created_at") else { panic!("checked") };
        assert!((before - 1_000..before + 10_000).contains(created));
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_partition_that_was_never_written_says_so() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let info = hubs.read(Some("3")).await.unwrap();
        assert_eq!(by_text(&info, "is_partition_empty"), Some(&Value::Boolean(true)));
        assert_eq!(by_text(&info, "last_enqueued_sequence_number"), Some(&Value::Long(-1)));
        assert_eq!(by_text(&info, "last_enqueued_offset"), Some(&text("-1")));
        assert_eq!(by_text(&info, "begin_sequence_number"), Some(&Value::Long(0)));
    })
    .await;
}

#[tokio::test]
async fn a_partition_tells_its_first_and_last_event() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("1")).await.unwrap();
        hubs.send(sender, &[Message::of("a"), Message::of("b"), Message::of("c")]).await.unwrap();
        for _ in 0..60 {
            // More questions than the reply link has credit for at once.
            let info = hubs.read(Some("1")).await.unwrap();
            assert_eq!(by_text(&info, "partition"), Some(&text("1")));
            assert_eq!(by_text(&info, "is_partition_empty"), Some(&Value::Boolean(false)));
            assert_eq!(by_text(&info, "begin_sequence_number"), Some(&Value::Long(0)));
            assert_eq!(by_text(&info, "last_enqueued_sequence_number"), Some(&Value::Long(2)));
            assert_eq!(by_text(&info, "last_enqueued_offset"), Some(&text("2")));
        }
        hubs.client.close().await;
    })
    .await;
}
