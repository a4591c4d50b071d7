//! Events in and out, and what is refused.

use forebay_auth::{Secret, UnixSeconds, sas};
use forebay_broker::{DEFAULT_POLICY, MESSAGE_BYTES_MAX, WELL_KNOWN_KEY};
use forebay_client::{
    Auth, Client, Destination, Error, EventData, MESSAGE_FORMAT, Options, Position, Subscription, Target,
};

use crate::support::{Server, Setup, soon, start};
use crate::{from_start, well_known};

async fn server() -> Server {
    start(Setup::default()).await
}

impl Server {
    async fn client(&self) -> Client {
        self.connect(well_known()).await
    }

    async fn connect(&self, auth: Auth) -> Client {
        let target = Target::new("localhost", self.port, auth);
        Client::connect(&target, Options::default()).await.unwrap()
    }
}

#[tokio::test]
async fn an_event_is_read_back_with_its_number_and_key() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let producer = client.producer(&Destination::partition("events", "2"), 10).await.unwrap();
        client.send_event(producer, &EventData::new("first")).await.unwrap();
        client.send_event(producer, &EventData::new("second").with_key("k")).await.unwrap();
        assert_eq!(client.all_accepted(producer).await.unwrap(), 2);
        client.consumer(&from_start("2")).await.unwrap();
        for (sequence, body, key) in [(0, "first", None), (1, "second", Some("k"))] {
            let event = client.receive().await.unwrap();
            assert_eq!(event.body().unwrap().unwrap(), body.as_bytes());
            let system = event.system().unwrap();
            assert_eq!((system.sequence, system.partition_key), (sequence, key));
        }
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_event_at_the_limit_is_taken_and_read_back_whole() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let producer = client.producer(&Destination::partition("events", "0"), 10).await.unwrap();
        assert_eq!(client.message_bytes_max(producer), Some(MESSAGE_BYTES_MAX as u64));
        let head = EventData::new(vec![0; 1000]).encoded().len() - 1000;
        let message = EventData::new(vec![7; MESSAGE_BYTES_MAX - head]).encoded();
        assert_eq!(message.len(), MESSAGE_BYTES_MAX);
        client.send(producer, MESSAGE_FORMAT, &message).await.unwrap();
        assert_eq!(client.all_accepted(producer).await.unwrap(), 1);
        client.consumer(&from_start("0")).await.unwrap();
        let event = client.receive().await.unwrap();
        assert_eq!(event.body().unwrap().unwrap().len(), MESSAGE_BYTES_MAX - head);
    })
    .await;
}

#[tokio::test]
async fn a_token_for_the_management_node_itself_reads_runtime_information() {
    // As JavaScript and Go sign it.
    let server = server().await;
    soon(async {
        let resource = "amqps://localhost/events/$management";
        let expiry = UnixSeconds::from_millis(server.broker.wall().0).plus(600);
        let token = sas::create(resource, DEFAULT_POLICY, &Secret::new(WELL_KNOWN_KEY), expiry);
        let mut client = server.connect(Auth::Anonymous).await;
        client.put_token(resource, &token).await.unwrap();
        assert_eq!(client.hub_properties("events").await.unwrap().partitions.len(), 4);
        let refused = client.hub_properties("other").await.unwrap_err();
        assert_eq!(refused.condition(), Some("amqp:unauthorized-access"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn without_a_token_nothing_can_be_published_read_or_asked() {
    let server = server().await;
    soon(async {
        let mut client = server.connect(Auth::Anonymous).await;
        let refused = [
            client.producer(&Destination::hub("events"), 1).await.map(|_| ()).unwrap_err(),
            client.consumer(&from_start("0")).await.map(|_| ()).unwrap_err(),
            client.hub_properties("events").await.map(|_| ()).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.condition(), Some("amqp:unauthorized-access"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_gets_its_credit_back_for_as_long_as_it_sends() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let producer = client.producer(&Destination::hub("events"), 700).await.unwrap();
        let event = EventData::new("x").encoded();
        for _ in 0..10_000 {
            client.send(producer, MESSAGE_FORMAT, &event).await.unwrap();
        }
        assert_eq!(client.all_accepted(producer).await.unwrap(), 10_000);
    })
    .await;
}

#[tokio::test]
async fn stopping_closes_with_forced_and_leaves_no_connection() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let producer = client.producer(&Destination::hub("events"), 100).await.unwrap();
        for _ in 0..50 {
            client.send_event(producer, &EventData::new("x")).await.unwrap();
        }
        assert_eq!(client.all_accepted(producer).await.unwrap(), 50);
        let ended = async {
            let ended = client.idle().await;
            drop(client);
            ended
        };
        let (ended, ()) = tokio::join!(ended, server.gateway.stop());
        assert_eq!(ended.condition(), Some("amqp:connection:forced"), "{ended}");
        assert_eq!(server.gateway.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_newest_reader_of_equal_epoch_wins_and_the_older_one_is_told() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let alone = Subscription { epoch: Some(3), ..from_start("0") };
        client.consumer(&alone).await.unwrap();
        let mut thief = server.client().await;
        thief.consumer(&alone).await.unwrap();
        let stolen = client.receive().await.map(|_| ()).unwrap_err();
        assert_eq!(stolen.condition(), Some("amqp:link:stolen"), "{stolen}");
        let lower = Subscription { epoch: Some(2), ..alone };
        let refused = client.consumer(&lower).await.map(|_| ()).unwrap_err();
        assert_eq!(refused.condition(), Some("amqp:link:stolen"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_reader_beyond_the_end_of_memory_begins_again_since_events_may_have_been_lost() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        let producer = client.producer(&Destination::partition("events", "0"), 10).await.unwrap();
        client.send_event(producer, &EventData::new("after the restart")).await.unwrap();
        client.all_accepted(producer).await.unwrap();
        let from = Position::Sequence { number: 77, inclusive: false };
        client.consumer(&Subscription::new("events", "0", from)).await.unwrap();
        assert_eq!(client.receive().await.unwrap().body().unwrap().unwrap(), b"after the restart"[..]);
    })
    .await;
}

#[tokio::test]
async fn a_link_to_a_partition_that_is_not_there_is_refused_and_the_connection_goes_on() {
    let server = server().await;
    soon(async {
        let mut client = server.client().await;
        for id in ["4", "-1", "+1", "007", "x"] {
            let refused = client.producer(&Destination::partition("events", id), 1).await.map(|_| ());
            let error: Error = refused.unwrap_err();
            assert_eq!(error.condition(), Some("com.microsoft:argument-out-of-range"), "{id}: {error}");
        }
        assert!(client.producer(&Destination::partition("events", "3"), 1).await.is_ok());
    })
    .await;
}
