use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_messaging_eventhubs::error::EventHubsError;
use azure_messaging_eventhubs::models::EventData;
use azure_messaging_eventhubs::{EventDataBatchOptions, SendEventOptions};

use crate::hub::{
    Hub, bodies, condition, earliest, said, send_batch, starting, status, to_partition, within,
};
use crate::reader::Reader;
use crate::server::{Server, shared};
use crate::token::{an_hour_ago, in_an_hour, token, token_of};

/// The errors of a hub that refuses to send, to tell and to be read.
async fn refusals(hub: &Hub) -> Vec<(&'static str, EventHubsError)> {
    let (producer, consumer) = (hub.producer().await, hub.consumer().await);
    let mut errors = Vec::new();
    let event = within("an answer", producer.send_event("x", None)).await;
    errors.push(("an event", event.expect_err("an event was accepted")));
    let batch = send_batch(&producer, to_partition("0"), ["x"]).await;
    errors.push(("a batch for a partition", batch.expect_err("a batch was accepted")));
    let told = within("an answer", producer.get_eventhub_properties()).await;
    errors.push(("the hub's properties", told.expect_err("it told about the hub")));
    let told = within("an answer", consumer.get_partition_properties("0")).await;
    errors.push(("a partition's properties", told.expect_err("it told about a partition")));
    let mut reader = Reader::open(consumer, "0", starting(earliest())).await;
    errors.push(("events", reader.error().await));
    errors
}

async fn is_unauthorized(hub: &Hub) {
    for (what, error) in refusals(hub).await {
        // A token that is no good is refused at once, a good one for something else when it is used.
        let refused = status(&error) == Some(401) || condition(&error) == "amqp:unauthorized-access";
        assert!(refused, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let hub = Hub::new().await;
    let key = shared().await.setting("SharedAccessKey").to_owned();
    let other = if key.ends_with("A=") { "B=" } else { "A=" };
    is_unauthorized(&hub.with(&key, &format!("{}{other}", &key[..key.len() - 2]))).await;
}

#[tokio::test]
async fn the_well_known_key_is_refused_where_a_key_was_generated() {
    let hub = Hub::new().await;
    is_unauthorized(&hub.with(shared().await.setting("SharedAccessKey"), "SAS_KEY_VALUE")).await;
}

#[tokio::test]
async fn an_unknown_policy_is_refused() {
    is_unauthorized(&Hub::new().await.with("SharedAccessKeyName=RootManage", "SharedAccessKeyName=Nobody"))
        .await;
}

#[tokio::test]
async fn a_wrong_key_harms_nobody_else() {
    let hub = Hub::new().await;
    hub.send("0", &["before"]).await;
    let wrong = hub.with(shared().await.setting("SharedAccessKey"), "d3Jvbmc=");
    let refused = send_batch(&wrong.producer().await, to_partition("0"), ["never"]).await;
    assert_eq!(status(&refused.expect_err("it was accepted")), Some(401));
    hub.send("0", &["after"]).await;
    assert_eq!(bodies(&hub.read("0", earliest(), 2).await), ["before", "after"]);
}

/// The host that the SDK signs for: it drops the port.
fn host(server: &Server) -> &str {
    let (_, host) = server.setting("Endpoint").split_once("://").expect("a URL");
    host.split([':', '/']).next().expect("a host")
}

/// The hub for someone who was given a ready signature and no key.
fn with_token(hub: &Hub, server: &Server, token: &str) -> Hub {
    hub.through(format!("Endpoint=sb://{}/;SharedAccessSignature={token}", host(server)))
}

#[tokio::test]
async fn a_ready_signature_is_accepted_whatever_its_scheme() {
    let (hub, server) = (Hub::new().await, shared().await);
    let mut sent = Vec::new();
    for scheme in ["sb", "amqps", "amqp", "http", "https"] {
        for path in ["/".to_owned(), format!("/{}", hub.name), format!("/{}", hub.name.to_uppercase())] {
            let token = token_of(&server, &format!("{scheme}://{}{path}", host(&server)), in_an_hour());
            with_token(&hub, &server, &token).send("0", &[format!("{scheme}{path}")]).await;
            sent.push(format!("{scheme}{path}"));
        }
    }
    let token = token_of(&server, &format!("sb://{}/{}", host(&server), hub.name), in_an_hour());
    let found = with_token(&hub, &server, &token).read("0", earliest(), sent.len()).await;
    assert_eq!(bodies(&found), sent);
}

#[tokio::test]
async fn a_signature_that_was_moved_or_is_for_another_hub_is_refused() {
    let (hub, server) = (Hub::new().await, shared().await);
    hub.send("0", &["x"]).await; // it exists, so that nothing else is the reason
    let resource = format!("sb://{}/{}", host(&server), hub.name);
    let (past, hour) = (an_hour_ago(), in_an_hour());
    for wrong in [
        // One that has expired never leaves the SDK, so this one says that it has not.
        token_of(&server, &resource, past).replace(&past.to_string(), &hour.to_string()),
        token_of(&server, &format!("{resource}-other"), hour),
        token_of(&server, &resource[..resource.len() - 1], hour),
        token(&resource, "Nobody", server.setting("SharedAccessKey"), hour),
    ] {
        is_unauthorized(&with_token(&hub, &server, &wrong)).await;
    }
}

/// What the SDK sends of Entra ID, whoever made it.
#[derive(Debug)]
struct Bearer(String);

#[async_trait::async_trait]
impl TokenCredential for Bearer {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), expires_on))
    }
}

#[tokio::test]
async fn a_token_of_entra_id_is_refused_and_a_signature_under_its_name_too() {
    let (hub, server) = (Hub::new().await, shared().await);
    let signature = token_of(&server, &format!("sb://{}/{}", host(&server), hub.name), in_an_hour());
    for token in ["eyJhbGciOiJub25lIn0.e30.".to_owned(), signature] {
        let opening = hub.producer_builder().open(host(&server), &hub.name, Arc::new(Bearer(token)));
        let client = within("a producer", opening).await.expect("a producer");
        let error = within("an answer", client.send_event("x", None)).await.expect_err("it was accepted");
        assert!(status(&error).is_some_and(|code| (400..500).contains(&code)), "{error:?}");
    }
}

#[tokio::test]
async fn an_unknown_hub_is_not_found_when_creation_is_off() {
    let server = Server::durable(&["--no-auto-create"]).await;
    for (what, error) in refusals(&Hub::at(&server, "nowhere")).await {
        let not_found = if what.contains("properties") {
            status(&error) == Some(404)
        } else {
            condition(&error) == "amqp:not-found"
        };
        assert!(not_found, "{what}: {error:?}");
        assert!(format!("{error:?}").contains("nowhere"), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn creation_off_keeps_what_is_there_and_does_not_find_an_unknown_group() {
    let mut server = Server::durable(&[]).await;
    Hub::at(&server, "known").send("0", &["here"]).await;
    server.restart(&["--no-auto-create"]).await;
    let known = Hub::at(&server, "known");
    known.send("0", &["more"]).await;
    assert_eq!(bodies(&known.read("0", earliest(), 2).await), ["here", "more"]);
    let strangers = known.consumer_of("strangers", None).await;
    let error = Reader::open(strangers, "0", starting(earliest())).await.error().await;
    assert_eq!(condition(&error), "amqp:not-found", "{error:?}");
    assert!(
        said(&error).and_then(|said| said.description.clone()).expect("a text").contains("strangers"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_refused_to_everyone() {
    let hub = Hub::new().await;
    let producer = hub.producer().await;
    for partition in ["4", "99", "x", "-1"] {
        let to = SendEventOptions { partition_id: Some(partition.to_owned()) };
        let error =
            within("an answer", producer.send_event("x", Some(to))).await.expect_err("it was accepted");
        assert_eq!(condition(&error), "com.microsoft:argument-out-of-range", "{error:?}");
        let error = hub.reader(partition, starting(earliest())).await.error().await;
        assert_eq!(condition(&error), "com.microsoft:argument-out-of-range", "{error:?}");
        assert!(format!("{error:?}").contains(partition), "{error:?}");
        let told = within("an answer", producer.get_partition_properties(partition)).await;
        assert_eq!(status(&told.expect_err("it told")), Some(404));
    }
    // The client goes on.
    send_batch(&producer, to_partition("3"), ["x"]).await.expect("a send");
}

#[tokio::test]
async fn a_name_that_azure_refuses_is_refused() {
    let hub = Hub::new().await;
    let long = "x".repeat(300);
    for name in ["-", long.as_str(), "with%20space"] {
        let mut wrong = hub.through(hub.connection.clone());
        wrong.name = name.to_owned();
        let refused = within("an answer", wrong.producer().await.send_event("x", None)).await;
        assert!(refused.is_err(), "{name:.20} was accepted");
    }
}

/// This SDK lets both through; Azure is said to refuse them. The partition decides and the key is kept.
#[tokio::test]
async fn a_key_together_with_a_partition_is_kept_and_the_partition_decides() {
    let hub = Hub::new().await;
    // The hash of this key leads to partition 3 of 4.
    let both = EventDataBatchOptions { partition_key: Some("7".to_owned()), ..to_partition("1") };
    send_batch(&hub.producer().await, both, [EventData::from("x")]).await.expect("a send");
    let event = hub.read("1", earliest(), 1).await.remove(0);
    assert_eq!(event.partition_key().as_deref(), Some("7"));
}
