//! Hubs, groups and rules as the SDKs of Azure Resource Manager manage them.

use forebay_auth::ConnectionString;
use forebay_broker::{Limits, Tier};
use forebay_gateway_http::{AmqpEndpoint, HttpConfig};
use serde_json::{Value, json};

use crate::common::{DEFAULT, Server, dev_mode};

fn names(list: &Value) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_hub_is_made_changed_listed_and_deleted() {
    let server = Server::dev().await;
    let hub = format!("{DEFAULT}/eventhubs/orders?api-version=2024-01-01");
    assert_eq!(server.ask("GET", &hub, None).await.refused(404).0, "ResourceNotFound");

    let wish = json!({ "properties": {
        "partitionCount": 2, "userMetadata": "from the web shop",
        "retentionDescription": { "cleanupPolicy": "Delete", "retentionTimeInHours": 36 },
    } });
    let made = server.ask("PUT", &hub, Some(wish.clone())).await.ok();
    assert_eq!(made["name"], "orders");
    assert_eq!(made["id"], format!("{DEFAULT}/eventhubs/orders"));
    let properties = &made["properties"];
    assert_eq!(properties["partitionIds"], json!(["0", "1"]));
    assert_eq!(properties["retentionDescription"]["retentionTimeInHours"], 36);
    assert_eq!(properties["messageRetentionInDays"], 2);
    assert_eq!(properties["userMetadata"], "from the web shop");
    assert_eq!(server.ask("GET", &hub, None).await.ok(), made);
    // The same wish again is answered the same, and changes nothing.
    assert_eq!(server.ask("PUT", &hub, Some(wish)).await.ok(), made);

    // What is absent stays.
    let grown = server.ask("PUT", &hub, Some(json!({"properties": {"partitionCount": 3}}))).await.ok();
    assert_eq!(grown["properties"]["partitionIds"], json!(["0", "1", "2"]));
    assert_eq!(grown["properties"]["retentionDescription"]["retentionTimeInHours"], 36);
    assert_eq!(grown["properties"]["userMetadata"], "from the web shop");
    assert_eq!(grown["properties"]["createdAt"], made["properties"]["createdAt"]);
    let (code, text) =
        server.ask("PUT", &hub, Some(json!({"properties": {"partitionCount": 1}}))).await.refused(400);
    assert!(code == "BadRequest" && text.contains("only grows"), "{text}");
    // What is answered can be sent back whole, as tools do that read, change and write.
    assert_eq!(server.ask("PUT", &hub, Some(grown.clone())).await.ok()["properties"], grown["properties"]);

    let defaults = server.ask("PUT", &format!("{DEFAULT}/eventhubs/plain"), None).await.ok();
    assert_eq!(defaults["properties"]["partitionCount"], 4);
    assert_eq!(defaults["properties"]["messageRetentionInDays"], 1);
    let list = server.ask("GET", &format!("{DEFAULT}/eventhubs"), None).await.ok();
    assert_eq!(names(&list), ["orders", "plain"]);
    assert_eq!(list.get("nextLink"), None);

    let deleted = server.ask("DELETE", &hub, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (200, ""));
    assert_eq!(server.ask("DELETE", &hub, None).await.status, 204);
    server.ask("GET", &hub, None).await.refused(404);
    server.stop().await;
}

#[tokio::test]
async fn a_consumer_group_is_made_noted_listed_and_deleted_and_the_default_one_stays() {
    let server = Server::dev().await;
    let groups = format!("{DEFAULT}/eventhubs/orders/consumergroups");
    let group = format!("{groups}/readers");
    server.ask("PUT", &group, Some(json!({}))).await.refused(404);
    server.ask("GET", &groups, None).await.refused(404);
    server.ask("PUT", &format!("{DEFAULT}/eventhubs/Orders"), None).await.ok();

    server.ask("GET", &group, None).await.refused(404);
    let made = server.ask("PUT", &group, Some(json!({}))).await.ok();
    // Under the hub's name as first written.
    assert_eq!(made["id"], format!("{DEFAULT}/eventhubs/Orders/consumergroups/readers"));
    assert_eq!(made["type"], "Microsoft.EventHub/Namespaces/EventHubs/ConsumerGroups");
    let noted = json!({"properties": {"userMetadata": "night shift"}});
    let noted = server.ask("PUT", &group, Some(noted)).await.ok();
    assert_eq!(noted["properties"]["userMetadata"], "night shift");
    assert_eq!(server.ask("GET", &group, None).await.ok(), noted);
    let list = server.ask("GET", &groups, None).await.ok();
    assert_eq!(names(&list), ["$Default", "readers"]);

    assert_eq!(server.ask("DELETE", &group, None).await.status, 200);
    assert_eq!(server.ask("DELETE", &group, None).await.status, 204);
    let (code, text) = server.ask("DELETE", &format!("{groups}/$Default"), None).await.refused(400);
    assert!(code == "BadRequest" && text.contains("$Default"), "{text}");
    let escaped = server.ask("GET", &format!("{groups}/%24default"), None).await.ok();
    assert_eq!(escaped["name"], "$Default");
    server.stop().await;
}

#[tokio::test]
async fn rules_of_namespace_and_hub_have_keys_that_work_until_they_are_replaced() {
    let amqp = AmqpEndpoint { port: 5999, tls: false };
    let config = HttpConfig { amqp, ..HttpConfig::default() };
    let server = Server::with(dev_mode(), config, None).await;
    server.ask("PUT", &format!("{DEFAULT}/eventhubs/orders"), None).await.ok();
    for (scope, path, entity) in
        [(DEFAULT.to_owned(), "", None), (format!("{DEFAULT}/eventhubs/Orders"), "orders", Some("orders"))]
    {
        let rule = format!("{scope}/authorizationRules/app");
        let send = json!({"properties": {"rights": ["Send"]}});
        let made = server.ask("PUT", &rule, Some(send)).await.ok();
        assert_eq!(made["properties"]["rights"], json!(["Send"]));
        let keys = server.ask("POST", &format!("{rule}/listKeys"), None).await.ok();
        assert_eq!(keys["keyName"], "app");
        let text = keys["primaryConnectionString"].as_str().unwrap();
        let parsed: ConnectionString = text.parse().unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port), ("127.0.0.1", Some(5999)));
        assert_eq!(parsed.entity_path.as_deref(), entity);
        assert!(parsed.development_emulator);
        assert_ne!(keys["primaryKey"], keys["secondaryKey"]);

        // Rights change, keys stay.
        let all = json!({"properties": {"rights": ["Listen", "Manage", "Send"]}});
        let changed = server.ask("PUT", &rule, Some(all)).await.ok();
        assert_eq!(changed["properties"]["rights"], json!(["Listen", "Manage", "Send"]));
        assert_eq!(server.ask("POST", &format!("{rule}/listkeys"), None).await.ok(), keys);
        let list = server.ask("GET", &format!("{scope}/authorizationRules"), None).await.ok();
        let root: &[&str] = if entity.is_none() { &["RootManageSharedAccessKey"] } else { &[] };
        let expected: Vec<&str> = root.iter().copied().chain(["app"]).collect();
        let mut listed = names(&list);
        listed.sort_by_key(|name| *name == "app");
        assert_eq!(listed, expected);
        assert_eq!(server.ask("GET", &rule, None).await.ok(), changed);

        let signed = |key: &Value| {
            let resource = format!("sb://localhost/{path}");
            crate::common::token(
                &server.broker,
                &resource,
                "app",
                &forebay_auth::Secret::new(key.as_str().unwrap()),
            )
        };
        let hub = format!("{DEFAULT}/eventhubs/orders");
        let (first, second) = (signed(&keys["primaryKey"]), signed(&keys["secondaryKey"]));
        server.ask_signed(&first, "GET", &hub, None).await.ok();
        server.ask_signed(&second, "GET", &hub, None).await.ok();

        let regenerate = format!("{rule}/regenerateKeys");
        let replaced = server.ask("POST", &regenerate, Some(json!({"keyType": "PrimaryKey"}))).await.ok();
        assert_ne!(replaced["primaryKey"], keys["primaryKey"]);
        assert_eq!(replaced["secondaryKey"], keys["secondaryKey"]);
        server.ask_signed(&first, "GET", &hub, None).await.refused(401);
        server.ask_signed(&second, "GET", &hub, None).await.ok();
        let own = json!({"keyType": "SecondaryKey", "key": "a-key-of-my-own"});
        let own = server.ask("POST", &regenerate, Some(own)).await.ok();
        assert_eq!(own["secondaryKey"], "a-key-of-my-own");
        let bad = json!({"keyType": "SecondaryKey", "key": "with;separator"});
        let (_, text) = server.ask("POST", &regenerate, Some(bad)).await.refused(400);
        assert!(!text.contains("with;separator"), "{text}");

        assert_eq!(server.ask("DELETE", &rule, None).await.status, 200);
        assert_eq!(server.ask("DELETE", &rule, None).await.status, 204);
        server.ask("POST", &format!("{rule}/listKeys"), None).await.refused(404);
        server.ask("POST", &regenerate, Some(json!({"keyType": "PrimaryKey"}))).await.refused(404);
    }
    server.stop().await;
}

#[tokio::test]
async fn namespaces_are_read_and_not_written() {
    let server = Server::dev().await;
    let list = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventHub/namespaces";
    assert_eq!(names(&server.ask("GET", list, None).await.ok()), ["default"]);
    let whole = "/subscriptions/0/providers/microsoft.eventhub/namespaces?api-version=2026-01-01";
    assert_eq!(names(&server.ask("GET", whole, None).await.ok()), ["default"]);
    let namespace = server.ask("GET", DEFAULT, None).await.ok();
    assert_eq!(namespace["properties"]["provisioningState"], "Succeeded");
    assert_eq!(namespace["properties"]["serviceBusEndpoint"], format!("http://{}/", server.address));
    let (code, text) = server.ask("GET", &format!("{list}/nowhere/eventhubs"), None).await.refused(404);
    assert!(code == "ResourceNotFound" && text.contains("'nowhere'"), "{text}");
    for method in ["PUT", "PATCH", "DELETE"] {
        let refused = server.ask(method, DEFAULT, None).await;
        refused.refused(405);
        assert_eq!(refused.header("allow"), Some("GET"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_part_of_a_list_names_with_slashes_and_any_spelling_of_a_path_are_understood() {
    let server = Server::dev().await;
    for hub in ["a", "b", "team%2FOrders"] {
        server.ask("PUT", &format!("{DEFAULT}/eventhubs/{hub}"), Some(json!({}))).await.ok();
    }
    let list = format!("{DEFAULT}/eventhubs");
    assert_eq!(names(&server.ask("GET", &format!("{list}?$skip=1&$top=1"), None).await.ok()), ["b"]);
    assert_eq!(
        names(&server.ask("GET", &format!("{list}?%24skip=1"), None).await.ok()),
        ["b", "team/Orders"]
    );
    let (_, text) = server.ask("GET", &format!("{list}?$top=none"), None).await.refused(400);
    assert!(text.contains("$top"), "{text}");
    let odd = "/Subscriptions/x/RESOURCEGROUPS/y/Providers/MICROSOFT.eventhub/NameSpaces/DEFAULT/EventHubs/TEAM%2forders";
    let found = server.ask("GET", odd, None).await.ok();
    assert_eq!(found["name"], "team/Orders");
    assert_eq!(
        found["id"],
        "/subscriptions/x/resourceGroups/y/providers/Microsoft.EventHub/namespaces/default/eventhubs/team%2FOrders"
    );
    server.ask("GET", found["id"].as_str().unwrap(), None).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_the_shape_that_tools_read() {
    let server = Server::dev().await;
    let hub = format!("{DEFAULT}/eventhubs/orders");
    let capture = json!({"properties": {"captureDescription": {"enabled": true}}});
    let (code, text) = server.ask("PUT", &hub, Some(capture)).await.refused(400);
    assert!(code == "BadRequest" && text.contains("captureDescription.enabled"), "{text}");
    server.ask("GET", &hub, None).await.refused(404);

    let (_, text) =
        server.ask("PUT", &format!("{DEFAULT}/eventhubs/a%20b"), Some(json!({}))).await.refused(400);
    assert!(text.contains("a b"), "{text}");
    let (code, text) = server.ask("GET", "/nowhere", None).await.refused(404);
    assert!(code == "NotFound" && text.contains("/health"), "{text}");
    let refused = server.ask("PATCH", &hub, None).await;
    assert_eq!(refused.refused(405).0, "MethodNotAllowed");
    assert_eq!(refused.header("allow"), Some("GET, PUT, DELETE"));
    let ids = [("x-ms-correlation-request-id", "my-own-id")];
    let answer = server.ask_with("GET", &hub, &ids, None).await;
    assert_eq!(answer.header("x-ms-correlation-request-id"), Some("my-own-id"));
    let list = server.ask("GET", &format!("{DEFAULT}/eventhubs"), None).await;
    assert_eq!(list.ok()["value"], json!([]));
    assert_eq!(list.header("cache-control"), Some("no-store"));
    assert!(list.header("x-ms-request-id").is_some());
    server.stop().await;
}

#[tokio::test]
async fn a_tiers_limits_are_told_by_their_codes() {
    let server = Server::serve(&[("shop", "shop.example", Limits::tier(Tier::Basic))]).await;
    let credential = &server.broker.credentials()[0];
    let token =
        crate::common::token(&server.broker, "sb://shop.example/", &credential.policy, &credential.key);
    let base = DEFAULT.replace("/default", "/SHOP");
    let put = async |path: &str, properties: Value| {
        let body = json!({ "properties": properties });
        server.ask_signed(&token, "PUT", &format!("{base}/eventhubs/{path}"), Some(body)).await
    };
    for hub in 0..10 {
        put(&format!("hub{hub}"), json!({"partitionCount": 1})).await.ok();
    }
    let (code, text) = put("hub10", json!({})).await.refused(409);
    assert!(code == "Conflict" && text.starts_with("SubCode=40300."), "{text}");
    let (code, text) = put("hub0", json!({"messageRetentionInDays": 2})).await.refused(400);
    assert!(code == "BadRequest" && text.starts_with("SubCode=40000."), "{text}");
    put("hub0", json!({"partitionCount": 2})).await.refused(400);
    let (code, _) = put("hub0/consumergroups/one-more", json!({})).await.refused(409);
    assert_eq!(code, "Conflict");
    // In serve mode connection strings name the namespace's own host.
    let keys = format!("{base}/authorizationRules/{}/listKeys", credential.policy);
    let keys = server.ask_signed(&token, "POST", &keys, None).await.ok();
    assert!(keys["primaryConnectionString"].as_str().unwrap().starts_with("Endpoint=sb://shop.example/;"));
    assert_eq!(keys["primaryKey"], credential.key.expose());
    let sku = server.ask_signed(&token, "GET", &base, None).await.ok();
    assert_eq!(sku["sku"]["name"], "Basic");
    server.stop().await;
}
