//! What fails, and as which exception.

use forebay_broker::WELL_KNOWN_KEY;
use forebay_client::net::Tls;

use crate::content::Message;
use crate::exceptions::Reason;
use crate::service::{EventHubs, Wish};
use crate::support::soon;
use crate::{Folder, server, stop};

#[tokio::test]
async fn a_wrong_key_is_an_unauthorized_access_wherever_it_is_used() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect_with(server.port, &Tls::Off, "events", "another key").await;
        let refused = [
            hubs.sender(None).await.map(|_| ()).unwrap_err(),
            hubs.receiver(&Wish::earliest("0")).await.map(|_| ()).unwrap_err(),
            hubs.read(None).await.map(|_| ()).unwrap_err(),
        ];
        for exception in refused {
            assert_eq!(exception.reason, Reason::UnauthorizedAccess, "{exception:?}");
        }
        hubs.client.close().await;
    })
    .await;
}

/// A server that makes nothing, with the hub `events` and nothing else.
async fn without_creation(folder: &Folder) -> crate::support::Server {
    let server = folder.server(true).await;
    let mut hubs = EventHubs::connect(server.port).await;
    hubs.sender(None).await.unwrap();
    tokio::join!(hubs.client.close(), stop(server));
    folder.server(false).await
}

#[tokio::test]
async fn an_unknown_hub_is_a_resource_that_was_not_found() {
    let folder = Folder::new();
    soon(async {
        let server = without_creation(&folder).await;
        let mut hubs = EventHubs::connect_with(server.port, &Tls::Off, "orders", WELL_KNOWN_KEY).await;
        let refused = [
            hubs.sender(None).await.map(|_| ()).unwrap_err(),
            hubs.sender(Some("0")).await.map(|_| ()).unwrap_err(),
            hubs.receiver(&Wish::earliest("0")).await.map(|_| ()).unwrap_err(),
            hubs.read(None).await.map(|_| ()).unwrap_err(),
            hubs.read(Some("0")).await.map(|_| ()).unwrap_err(),
        ];
        for exception in refused {
            assert_eq!(exception.reason, Reason::ResourceNotFound, "{exception:?}");
            assert!(exception.description.contains("orders"), "{exception:?}");
        }
        hubs.client.close().await;
        stop(server).await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_consumer_group_is_a_resource_that_was_not_found() {
    let folder = Folder::new();
    soon(async {
        let server = without_creation(&folder).await;
        let mut hubs = EventHubs::connect(server.port).await;
        let wish = Wish { group: "nobody", ..Wish::earliest("0") };
        let refused = hubs.receiver(&wish).await.unwrap_err();
        assert_eq!(refused.reason, Reason::ResourceNotFound, "{refused:?}");
        // The connection goes on.
        hubs.receiver(&Wish::earliest("0")).await.unwrap();
        hubs.client.close().await;
        stop(server).await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_partition_is_out_of_range_on_links_and_not_found_in_answers() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let refused = [
            hubs.sender(Some("4")).await.map(|_| ()).unwrap_err(),
            hubs.receiver(&Wish::earliest("4")).await.map(|_| ()).unwrap_err(),
        ];
        for exception in refused {
            assert_eq!(exception.reason, Reason::ArgumentOutOfRange, "{exception:?}");
        }
        let answered = hubs.read(Some("4")).await.unwrap_err();
        assert_eq!(answered.reason, Reason::ResourceNotFound, "{answered:?}");
    })
    .await;
}

#[tokio::test]
async fn a_position_beyond_the_end_is_a_wrong_argument() {
    let folder = Folder::new();
    soon(async {
        let server = folder.server(true).await;
        let mut hubs = EventHubs::connect(server.port).await;
        for filter in ["x-opt-offset > 77", "x-opt-sequence-number >= 77", "x-opt-offset > unreadable"] {
            let refused = hubs.receiver(&Wish::from("0", filter)).await.unwrap_err();
            assert_eq!(refused.reason, Reason::Argument, "{filter}: {refused:?}");
        }
        tokio::join!(hubs.client.close(), stop(server));
    })
    .await;
}

#[tokio::test]
async fn links_of_a_hub_that_is_deleted_end_as_a_resource_that_was_not_found() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(None).await.unwrap();
        let to_partition = hubs.sender(Some("1")).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        let namespace = server.broker.find_namespace("default").unwrap();
        assert!(server.broker.delete_hub(&namespace, "events", "a test").await.unwrap());
        let ended = hubs.client.detached(receiver).await;
        assert_eq!(ended.reason, Reason::ResourceNotFound, "{ended:?}");
        for link in [sender, to_partition] {
            // A sender is told with its next event, and detached.
            let refused = hubs.send(link, &[Message::of("x")]).await.unwrap_err();
            assert_eq!(refused.reason, Reason::ResourceNotFound, "{refused:?}");
            let ended = hubs.client.detached(link).await;
            assert_eq!(ended.reason, Reason::ResourceNotFound, "{ended:?}");
        }
        hubs.client.close().await;
    })
    .await;
}

/// An event of exactly this many bytes.
fn event_of(bytes: usize) -> Message {
    let head = Message::of(vec![0; 1_000]).encode().len() - 1_000;
    let event = Message::of(vec![7; bytes - head]);
    assert_eq!(event.encode().len(), bytes);
    event
}

#[tokio::test]
async fn a_message_of_one_byte_too_many_is_refused_and_the_link_goes_on() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let max = hubs.message_bytes_max(sender);
        let refused = hubs.send(sender, &[event_of(max + 1)]).await.unwrap_err();
        assert_eq!(refused.reason, Reason::MessageSizeExceeded, "{refused:?}");
        hubs.send(sender, &[Message::of("small")]).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        assert_eq!(hubs.bodies(receiver, 1).await, ["small"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_exactly_at_the_limit_is_accepted_and_read_back() {
    let server = server().await;
    soon(async {
        let mut hubs = EventHubs::connect(server.port).await;
        let sender = hubs.sender(Some("0")).await.unwrap();
        let event = event_of(hubs.message_bytes_max(sender));
        hubs.send(sender, std::slice::from_ref(&event)).await.unwrap();
        let receiver = hubs.receiver(&Wish::earliest("0")).await.unwrap();
        assert!(hubs.receive(receiver).await.unwrap().data() == event.data());
    })
    .await;
}
