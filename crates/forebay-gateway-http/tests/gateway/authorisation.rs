//! Who may manage what.

use forebay_auth::{Secret, UnixSeconds, sas};
use forebay_broker::Limits;
use serde_json::{Value, json};

use crate::common::{Answer, DEFAULT, Server, token};

const SHOP: &str = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/shop";
const WAREHOUSE: &str =
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.EventHub/namespaces/warehouse";

/// Two namespaces, and a token for the whole of each.
async fn two_namespaces() -> (Server, Secret, Secret) {
    let server = Server::serve(&[
        ("shop", "shop.example", Limits::OPEN),
        ("warehouse", "warehouse.example", Limits::OPEN),
    ])
    .await;
    let tokens: Vec<Secret> = server
        .broker
        .credentials()
        .iter()
        .map(|found| {
            token(&server.broker, &format!("https://{}/", found.hosts[0]), &found.policy, &found.key)
        })
        .collect();
    let [shop, warehouse] = tokens.try_into().unwrap();
    (server, shop, warehouse)
}

#[track_caller]
fn unauthorised(answer: &Answer, word: &str) {
    let (_, text) = answer.refused(401);
    assert!(text.contains(word), "{text}");
    assert_eq!(answer.header("www-authenticate"), Some("SharedAccessSignature"));
}

#[tokio::test]
async fn in_serve_mode_nobody_manages_without_a_true_token() {
    let (server, shop, _) = two_namespaces().await;
    let hub = format!("{SHOP}/eventhubs/orders");
    server.ask_signed(&shop, "PUT", &hub, Some(json!({}))).await.ok();
    let credential = server.broker.credentials().remove(0);
    let signed = |resource: &str, key: &Secret, seconds: i64| {
        let now = UnixSeconds::from_millis(server.broker.wall().0).0;
        let at = UnixSeconds(now.saturating_add_signed(seconds));
        sas::create(resource, &credential.policy, key, at)
    };
    let root = "sb://shop.example/";
    let wrong = signed(root, &Secret::new("not the key"), 300);
    let expired = signed(root, &credential.key, -3_600);
    let elsewhere = signed("sb://elsewhere.example/", &credential.key, 300);
    let cases = [
        (None, "SharedAccessSignature"),
        (Some(wrong.expose()), "InvalidSignature"),
        (Some(expired.expose()), "ExpiredToken"),
        (Some(elsewhere.expose()), "InvalidAudience"),
        (Some("SharedAccessSignature sr=x"), "MalformedToken"),
        (Some("SharedAccessSignature"), "MalformedToken"),
        (Some("Bearer eyJhbGciOiJub25lIn0.e30."), "no other kind of token"),
        (Some("Basic cm9vdDpyb290"), "no other kind of token"),
        (Some(""), "no other kind of token"),
    ];
    for (authorization, word) in cases {
        let headers: Vec<(&str, &str)> =
            authorization.map(|value| ("authorization", value)).into_iter().collect();
        for method in ["GET", "PUT", "DELETE"] {
            unauthorised(&server.ask_with(method, &hub, &headers, None).await, word);
        }
    }
    // Two tokens are none, whichever of them is true.
    let twice = [("authorization", shop.expose()), ("authorization", wrong.expose())];
    unauthorised(&server.ask_with("GET", &hub, &twice, None).await, "SharedAccessSignature");
    // The word before the token may have any letter case.
    let lower = shop.expose().replace("SharedAccessSignature", "sharedaccesssignature");
    server.ask_with("GET", &hub, &[("authorization", &lower)], None).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn a_token_manages_its_own_namespace_and_learns_nothing_of_others() {
    let (server, shop, warehouse) = two_namespaces().await;
    server.ask_signed(&shop, "PUT", &format!("{SHOP}/eventhubs/orders"), Some(json!({}))).await.ok();
    server.ask_signed(&warehouse, "PUT", &format!("{WAREHOUSE}/eventhubs/parts"), None).await.ok();
    for path in
        [WAREHOUSE.to_owned(), format!("{WAREHOUSE}/eventhubs"), format!("{WAREHOUSE}/eventhubs/parts")]
    {
        unauthorised(&server.ask_signed(&shop, "GET", &path, None).await, "Invalid");
    }
    let list = "/subscriptions/0/providers/Microsoft.EventHub/namespaces";
    for (token, name) in [(&shop, "shop"), (&warehouse, "warehouse")] {
        let listed = server.ask_signed(token, "GET", list, None).await.ok();
        let names: Vec<&Value> =
            listed["value"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
        assert_eq!(names, [name]);
    }
    // A namespace that does not exist is told to those who manage one, as Terraform asks before it makes one.
    let nowhere = SHOP.replace("shop", "nowhere");
    server.ask_signed(&shop, "GET", &nowhere, None).await.refused(404);
    unauthorised(&server.ask("GET", &nowhere, None).await, "SharedAccessSignature");
    let wrong = token(&server.broker, "sb://shop.example/", "RootManageSharedAccessKey", &Secret::new("x"));
    unauthorised(&server.ask_signed(&wrong, "GET", &nowhere, None).await, "InvalidSignature");
    unauthorised(&server.ask_signed(&wrong, "GET", list, None).await, "InvalidSignature");
    server.stop().await;
}

#[tokio::test]
async fn a_right_to_send_or_listen_manages_nothing_and_a_narrow_token_only_what_it_covers() {
    let (server, shop, _) = two_namespaces().await;
    let hub = format!("{SHOP}/eventhubs/orders");
    server.ask_signed(&shop, "PUT", &hub, None).await.ok();
    let rule = format!("{SHOP}/authorizationRules/app");
    let rights = json!({"properties": {"rights": ["Listen", "Send"]}});
    server.ask_signed(&shop, "PUT", &rule, Some(rights)).await.ok();
    let keys = server.ask_signed(&shop, "POST", &format!("{rule}/listKeys"), None).await.ok();
    let key = Secret::new(keys["primaryKey"].as_str().unwrap());
    let app = token(&server.broker, "sb://shop.example/", "app", &key);
    for (method, path) in [("GET", &hub), ("DELETE", &hub), ("GET", &rule)] {
        let (code, text) = server.ask_signed(&app, method, path, None).await.refused(403);
        assert!(code == "AuthorizationFailed" && text.contains("Manage"), "{text}");
    }
    server.ask_signed(&app, "POST", &format!("{rule}/listKeys"), None).await.refused(403);

    let root = server.broker.credentials().remove(0);
    let narrow = token(&server.broker, "sb://shop.example/orders", &root.policy, &root.key);
    server.ask_signed(&narrow, "GET", &hub, None).await.ok();
    server.ask_signed(&narrow, "GET", &format!("{SHOP}/eventhubs"), None).await.refused(403);
    server.ask_signed(&narrow, "GET", &format!("{SHOP}/eventhubs/orders2"), None).await.refused(403);
    server.ask_signed(&narrow, "GET", &rule, None).await.refused(403);
    server.stop().await;
}

#[tokio::test]
async fn a_hubs_policy_manages_its_hub_and_no_other() {
    let (server, shop, _) = two_namespaces().await;
    for hub in ["orders", "orders2", "orders%2Fold"] {
        server.ask_signed(&shop, "PUT", &format!("{SHOP}/eventhubs/{hub}"), None).await.ok();
    }
    let hub = format!("{SHOP}/eventhubs/orders");
    let rule = format!("{hub}/authorizationRules/boss");
    let rights = json!({"properties": {"rights": ["Listen", "Manage", "Send"]}});
    server.ask_signed(&shop, "PUT", &rule, Some(rights.clone())).await.ok();
    let keys = server.ask_signed(&shop, "POST", &format!("{rule}/listKeys"), None).await.ok();
    let key = Secret::new(keys["primaryKey"].as_str().unwrap());
    for resource in ["sb://shop.example/orders", "http://shop.example/ORDERS/"] {
        let boss = token(&server.broker, resource, "boss", &key);
        server.ask_signed(&boss, "GET", &hub, None).await.ok();
        server.ask_signed(&boss, "PUT", &hub, Some(json!({}))).await.ok();
        server.ask_signed(&boss, "PUT", &format!("{hub}/consumergroups/g"), Some(json!({}))).await.ok();
        server.ask_signed(&boss, "GET", &format!("{hub}/consumergroups"), None).await.ok();
        server
            .ask_signed(&boss, "PUT", &format!("{hub}/authorizationRules/x"), Some(rights.clone()))
            .await
            .ok();
        server.ask_signed(&boss, "POST", &format!("{rule}/listKeys"), None).await.ok();
        for other in [
            SHOP.to_owned(),
            format!("{SHOP}/eventhubs"),
            format!("{SHOP}/authorizationRules"),
            format!("{SHOP}/eventhubs/orders2"),
            format!("{SHOP}/eventhubs/orders%2Fold"),
            format!("{SHOP}/eventhubs/orders%2Fold/consumergroups"),
        ] {
            let status = server.ask_signed(&boss, "GET", &other, None).await.status;
            assert!(matches!(status, 401 | 403), "{other}: {status}");
        }
    }
    // Signing for more than the hub gives no more.
    let greedy = token(&server.broker, "sb://shop.example/", "boss", &key);
    let status = server.ask_signed(&greedy, "GET", &hub, None).await.status;
    assert_eq!(status, 401);
    assert_eq!(server.ask_signed(&shop, "DELETE", &hub, None).await.status, 200);
    let boss = token(&server.broker, "sb://shop.example/orders", "boss", &key);
    unauthorised(&server.ask_signed(&boss, "GET", &hub, None).await, "InvalidSignature");
    server.stop().await;
}

#[tokio::test]
async fn in_dev_mode_a_token_is_good_under_every_host_name_and_a_wrong_one_is_never_passed_over() {
    let server = Server::dev().await;
    let found = server.broker.credentials().remove(0);
    let hubs = format!("{DEFAULT}/eventhubs");
    for host in ["localhost:5300", "forebay", "anything.example"] {
        let signed = token(&server.broker, &format!("sb://{host}/"), &found.policy, &found.key);
        // Also where nobody without a token is let in.
        let page = [("authorization", signed.expose()), ("origin", "http://evil.example")];
        server.ask_with("GET", &hubs, &page, None).await.ok();
    }
    server.ask("GET", &hubs, None).await.ok();
    let wrong = token(&server.broker, "sb://localhost/", &found.policy, &Secret::new("wrong"));
    unauthorised(&server.ask_signed(&wrong, "GET", &hubs, None).await, "InvalidSignature");
    server.stop().await;
}
