//! Connecting, claims, closing.

use forebay_amqp::wire::Value;
use forebay_broker::WELL_KNOWN_KEY;
use forebay_client::net::{Roots, Tls};
use forebay_gateway_amqp::Listening;

use crate::content::Message;
use crate::server;
use crate::service::{EventHubs, Wish};
use crate::support::authority::Authority;
use crate::support::{Setup, soon, start};
use crate::wire::text;

#[tokio::test]
async fn a_server_in_memory_with_the_well_known_key_serves_at_once() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        hubs.send(sender, &[Message::of("hello")]).await.unwrap();
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_clean_close_leaves_no_connection() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        hubs.send(sender, &[Message::of("hello")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        hubs.client.close_link(sender).await;
        hubs.client.close_link(receiver).await;
        hubs.client.close().await;
        assert_eq!(server.gateway.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn it_connects_without_plain_and_through_tls_as_well() {
    let authority = Authority::new();
    let setup = authority.setup("localhost");
    let listening = Listening { offer_plain: false, ..setup.listening.clone() };
    let server = start(Setup { listening, ..setup }).await;
    soon(async {
        let tls = Tls::On { roots: Roots::File(authority.file.clone()) };
        let mut hubs = EventHubs::connect_with(server.port, &tls, "events", WELL_KNOWN_KEY).await;
        let sender = hubs.sender(Some("1")).await.unwrap();
        // More than a record and more than a frame.
        let large = Message::of(vec![7; 300_000]);
        hubs.send(sender, std::slice::from_ref(&large)).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("1")).await.unwrap();
        assert_eq!(hubs.receive(receiver).await.unwrap().data(), large.data());
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_put_again_for_as_long_as_its_link_lives() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        for _ in 0..120 {
            // More often than the credit of the request link has room for at once.
            assert_eq!(hubs.put_token("/events", None).await.unwrap().status, 202);
            hubs.send(sender, &[Message::of("x")]).await.unwrap();
        }
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_names_its_request_in_the_type_that_the_request_used() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let ids = [
            text("a string"),
            Value::Uuid(*b"a uuid of 16 b. "),
            Value::Ulong(0),
            Value::Ulong(7),
            Value::Ulong(u64::MAX),
            Value::Binary(b"bytes".to_vec()),
        ];
        for id in ids {
            // The checker compares; a reply under another id is a broken rule.
            hubs.put_token("/events", Some(id)).await.unwrap();
        }
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn links_come_and_go_on_one_connection_and_their_channels_are_used_again() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        for round in 0..20 {
            let sender = hubs.sender(None).await.unwrap();
            // The first session is that of the tokens; the next channel is free again each time.
            assert_eq!(sender.channel, 1, "round {round}");
            hubs.send(sender, &[Message::of("x")]).await.unwrap();
            hubs.client.close_link(sender).await;
        }
        hubs.client.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_closes() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        hubs.send(sender, &[Message::of("x")]).await.unwrap();
        let (closed, ()) = tokio::join!(hubs.client.closed(), server.gateway.stop());
        assert_eq!(closed.condition, "amqp:connection:forced");
    })
    .await;
}
