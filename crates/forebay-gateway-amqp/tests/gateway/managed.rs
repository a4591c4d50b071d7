//! What links that exist see of hubs and policies that are changed meanwhile.

use forebay_auth::Secret;
use forebay_broker::{DEFAULT_POLICY, HubWish, KeySlot, Namespace, Rights};
use forebay_client::{Auth, Client, Destination, EventData, Options, Target};
use std::sync::Arc;

use crate::support::{Server, Setup, soon, start};
use crate::{from_start, well_known};

const WHO: &str = "a test";

async fn server() -> (Server, Arc<Namespace>) {
    let server = start(Setup::default()).await;
    let namespace = server.broker.find_namespace("default").unwrap();
    let wish = HubWish { partitions: Some(1), ..HubWish::default() };
    server.broker.put_hub(&namespace, "events", wish, WHO).await.unwrap();
    (server, namespace)
}

async fn connect(server: &Server, auth: Auth) -> Client {
    let target = Target::new("localhost", server.port, auth);
    Client::connect(&target, Options::default()).await.unwrap()
}

#[tokio::test]
async fn a_publisher_of_a_deleted_hub_is_refused_and_detached_and_nothing_is_accepted() {
    let (server, ns) = server().await;
    soon(async {
        let mut client = connect(&server, well_known()).await;
        let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
        client.send_event(producer, &EventData::new("before")).await.unwrap();
        assert_eq!(client.all_accepted(producer).await.unwrap(), 1);
        assert!(server.broker.delete_hub(&ns, "events", WHO).await.unwrap());
        client.send_event(producer, &EventData::new("after")).await.unwrap();
        let refused = client.all_accepted(producer).await.unwrap_err();
        assert_eq!(refused.condition(), Some("amqp:not-found"), "{refused}");
        let gone = loop {
            // The refusal comes first, the detach right behind it.
            match client.send_event(producer, &EventData::new("later")).await {
                Ok(_) => drop(client.flush().await),
                Err(gone) => break gone,
            }
        };
        assert_eq!(gone.condition(), Some("amqp:not-found"), "{gone}");
        assert!(gone.to_string().contains("'events' could not be found: it was deleted"), "{gone}");

        let again = client.producer(&Destination::hub("events"), 10).await.unwrap();
        client.send_event(again, &EventData::new("new")).await.unwrap();
        assert_eq!(client.all_accepted(again).await.unwrap(), 1);
        let hub = server.broker.hub(&ns, "events", WHO).await.unwrap();
        let stored: u64 =
            (0..hub.partition_count()).map(|index| hub.partition(index).unwrap().log().bounds().next.0).sum();
        assert_eq!(stored, 1, "a new hub, made on first use, with the new event alone");
    })
    .await;
}

#[tokio::test]
async fn a_reader_of_a_deleted_hub_or_group_is_told_that_it_is_not_there() {
    for delete_hub in [true, false] {
        let (server, ns) = server().await;
        soon(async {
            server.broker.put_group(&ns, "events", "g", None, WHO).await.unwrap();
            let mut client = connect(&server, well_known()).await;
            client.consumer(&from_start("0").with_group("g")).await.unwrap();
            if delete_hub {
                server.broker.delete_hub(&ns, "events", WHO).await.unwrap();
            } else {
                server.broker.delete_group(&ns, "events", "g", WHO).await.unwrap();
            }
            let gone = client.receive().await.map(drop).unwrap_err();
            assert_eq!(gone.condition(), Some("amqp:not-found"), "{gone}");
            assert!(gone.to_string().contains("'events|g' could not be found"), "{gone}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_link_that_exists_publishes_to_the_partitions_that_its_hub_gets() {
    let (server, ns) = server().await;
    soon(async {
        let mut client = connect(&server, well_known()).await;
        let producer = client.producer(&Destination::hub("events"), 10).await.unwrap();
        let wish = HubWish { partitions: Some(3), ..HubWish::default() };
        server.broker.put_hub(&ns, "events", wish, WHO).await.unwrap();
        for number in 0..6 {
            client.send_event(producer, &EventData::new(format!("{number}"))).await.unwrap();
            client.all_accepted(producer).await.unwrap();
        }
        let hub = server.broker.hub(&ns, "events", WHO).await.unwrap();
        for index in 0..3 {
            assert_eq!(hub.partition(index).unwrap().log().bounds().next.0, 2, "partition {index}");
        }
        assert_eq!(client.hub_properties("events").await.unwrap().partitions.len(), 3);
        client.consumer(&from_start("2")).await.unwrap();
        client.receive().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_of_a_deleted_hubs_policy_gives_nothing_on_the_hub_made_again() {
    let (server, ns) = server().await;
    soon(async {
        let broker = &server.broker;
        broker.put_policy(&ns, Some("events"), "p", Rights::SEND, WHO).await.unwrap();
        let key = broker.policy_keys(&ns, Some("events"), "p").unwrap().primary;
        let mut client = connect(&server, Auth::Sas { policy: "p".to_owned(), key }).await;
        client.producer(&Destination::hub("events"), 1).await.unwrap();
        broker.delete_hub(&ns, "events", WHO).await.unwrap();
        broker.put_hub(&ns, "events", HubWish::default(), WHO).await.unwrap();
        let refused = client.producer(&Destination::partition("events", "0"), 1).await.unwrap_err();
        assert_eq!(refused.condition(), Some("amqp:unauthorized-access"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_password_whose_key_was_replaced_lets_no_further_link_be() {
    let (server, ns) = server().await;
    soon(async {
        let broker = &server.broker;
        let key = broker.policy_keys(&ns, None, DEFAULT_POLICY).unwrap().secondary;
        let password = Auth::Plain { policy: DEFAULT_POLICY.to_owned(), key };
        let mut client = connect(&server, password).await;
        client.producer(&Destination::hub("events"), 1).await.unwrap();
        let other = Some(Secret::new("another-key"));
        broker.regenerate_key(&ns, None, DEFAULT_POLICY, KeySlot::Primary, other, WHO).await.unwrap();
        client.producer(&Destination::partition("events", "0"), 1).await.unwrap();
        broker.regenerate_key(&ns, None, DEFAULT_POLICY, KeySlot::Secondary, None, WHO).await.unwrap();
        let refused = client.consumer(&from_start("0")).await.unwrap_err();
        assert_eq!(refused.condition(), Some("amqp:unauthorized-access"), "{refused}");
    })
    .await;
}
