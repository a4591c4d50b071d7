//! Readers beside one another: owners, takeovers, processors.

use std::collections::BTreeSet;

use crate::content::Message;
use crate::exceptions::Reason;
use crate::server;
use crate::service::{EventHubs, Wish};
use crate::support::soon;

const PARTITIONS: [&str; 4] = ["0", "1", "2", "3"];

#[tokio::test]
async fn a_higher_owner_takes_over_and_the_older_one_is_disconnected() {
    let server = server().await;
    soon(async {
        let mut first = EventHubs::connect(server.port).await;
        let mut second = EventHubs::connect(server.port).await;
        let owned = first.receiver(&Wish::earliest("0").owned(1, "first")).await.unwrap();
        second.receiver(&Wish::earliest("0").owned(2, "second")).await.unwrap();
        let lost = first.client.detached(owned).await;
        assert_eq!(lost.reason, Reason::ConsumerDisconnected, "{lost:?}");
        assert!(lost.description.contains("second"), "{lost:?}");
        // The connection goes on.
        let sender = first.sender(None).await.unwrap();
        first.send(sender, &[Message::of("x")]).await.unwrap();
        first.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_lower_owner_is_refused_and_so_is_one_without_a_level() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let owned = hubs.receiver(&Wish::earliest("0").owned(5, "owner")).await.unwrap();
        let mut other = EventHubs::connect(server.port).await;
        for wish in [Wish::earliest("0").owned(4, "late"), Wish::earliest("0")] {
            let refused = other.receiver(&wish).await.unwrap_err();
            assert_eq!(refused.reason, Reason::ConsumerDisconnected, "{refused:?}");
        }
        // The owner noticed nothing.
        let sender = other.sender(Some("0")).await.unwrap();
        other.send(sender, &[Message::of("x")]).await.unwrap();
        assert_eq!(hubs.bodies(owned, 1).await, ["x"]);
    })
    .await;
}

#[tokio::test]
async fn a_sixth_reader_without_a_level_is_over_the_quota() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        for _ in 0..5 {
            hubs.receiver(&Wish::earliest("0")).await.unwrap();
        }
        let refused = hubs.receiver(&Wish::earliest("0")).await.unwrap_err();
        assert_eq!(refused.reason, Reason::QuotaExceeded, "{refused:?}");
    })
    .await;
}

/// Processors own partitions at level 0, and the newest owner of equal level wins: that is how they balance.
#[tokio::test]
async fn two_processors_share_four_partitions_and_every_event_is_seen() {
    let server = server().await;
    soon(async {
        let mut first = EventHubs::connect(server.port).await;
        let mut second = EventHubs::connect(server.port).await;
        let mut own = Vec::new();
        for id in PARTITIONS {
            own.push(first.receiver(&Wish::earliest(id).owned(0, "first")).await.unwrap());
        }
        let mut sent = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut publish = async |hubs: &mut EventHubs, round: u32, id: &'static str| {
            let sender = hubs.sender(Some(id)).await.unwrap();
            for number in 0..10 {
                let body = format!("{id} {round} {number}");
                hubs.send(sender, &[Message::of(body.clone())]).await.unwrap();
                sent.insert(body);
            }
            hubs.client.close_link(sender).await;
        };
        for (at, id) in PARTITIONS.into_iter().enumerate() {
            publish(&mut first, 1, id).await;
            seen.extend(first.bodies(own[at], 10).await);
        }
        // The second comes, and takes half of them behind the first's checkpoints.
        let mut taken = Vec::new();
        for id in &PARTITIONS[2..] {
            let wish = Wish::from(id, "x-opt-sequence-number > 9").owned(0, "second");
            taken.push(second.receiver(&wish).await.unwrap());
        }
        for lost in &own[2..] {
            let lost = first.client.detached(*lost).await;
            assert_eq!(lost.reason, Reason::ConsumerDisconnected, "{lost:?}");
        }
        for (at, id) in PARTITIONS.into_iter().enumerate() {
            publish(&mut first, 2, id).await;
            if at < 2 {
                seen.extend(first.bodies(own[at], 10).await);
            } else {
                seen.extend(second.bodies(taken[at - 2], 10).await);
            }
        }
        assert_eq!(seen, sent);
        first.client.close().await;
        second.client.close().await;
    })
    .await;
}
