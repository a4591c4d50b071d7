//! `forebay serve` from start to stop, with a certificate of its own.

use forebay_client::{Auth, Client, Destination, EventData, Options, Position, Subscription, Target};

use forebay_client::net::Roots;

use crate::certificates::write;
use crate::support::{Ended, Folder, Run, forebay, mode, serve};

/// TLS alone, on free ports; `orders` is reached as this machine, `sales` by a name that leads nowhere.
const CONFIGURATION: &str = r#"
data = "data"
amqps_port = 0
https_port = 0
amqp_port = "off"
http_port = "off"
create_on_first_use = true
listen = ["127.0.0.1"]
[tls]
certificate = "certificate.pem"
key = "key.pem"
[[namespace]]
name = "orders"
hosts = ["localhost"]
[[namespace]]
name = "sales"
hosts = ["*.example.org"]
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    write(&folder, &["localhost"]);
    folder
}

fn options(folder: &Folder) -> Options {
    Options { roots: Roots::File(folder.path("certificate.pem")), ..Options::named("test") }
}

/// By a connection string, to where the server really is.
fn target(connection_string: &str) -> Target {
    let mut target: Target = connection_string.trim().parse().unwrap();
    target.host = "localhost".to_owned();
    target
}

async fn send(folder: &Folder, target: &Target, hub: &str) -> Result<(), forebay_client::Error> {
    let mut client = Client::connect(target, options(folder)).await?;
    let producer = client.producer(&Destination::hub(hub), 10).await?;
    client.send_event(producer, &EventData::new("hello")).await?;
    client.all_accepted(producer).await?;
    Ok(())
}

#[tokio::test]
async fn events_go_over_tls_with_the_connection_string_of_the_key_file() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    let ready = run.ready();
    let listeners: Vec<_> =
        ["amqp", "amqps", "http", "https"].into_iter().filter(|key| ready.get(key).is_some()).collect();
    assert_eq!(listeners, ["amqps", "https"], "what does not serve is not there");
    assert_eq!(ready["durability"], "disk");
    assert_eq!(
        ready["connection_string"],
        folder.read("data/keys/orders.txt").trim(),
        "of the first namespace"
    );

    let target = target(&folder.read("data/keys/orders.txt"));
    assert!(target.tls);
    send(&folder, &target, "hub").await.unwrap();
    let mut client = Client::connect(&target, options(&folder)).await.unwrap();
    for partition in ["0", "1", "2", "3"] {
        client.consumer(&Subscription::new("hub", partition, Position::Earliest)).await.unwrap();
    }
    let received = client.receive().await.unwrap();
    assert!(received.message.windows(5).any(|bytes| bytes == b"hello"));
    drop(client);
    assert_eq!(run.stop().code, Some(0));
    assert!(!folder.path("ready.json").exists(), "gone with the server");
}

#[test]
fn the_tools_find_the_namespace_of_a_key_file_though_its_host_does_not_say_it() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    let ready = run.ready();
    let port = ready["https"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let (url, key) = (format!("https://localhost:{port}"), folder.read("data/keys/orders.txt"));
    for words in [["hub", "create", "made"], ["hub", "show", "made"]] {
        let rest = ["--url", &url, "--ca-file", "certificate.pem", "--connection-string", key.trim()];
        let done = forebay(&folder, &[&words[..], &rest].concat()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!(run.stop().code, Some(0));
}

#[tokio::test]
async fn a_password_is_taken_over_tls() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    let target = target(&folder.read("data/keys/orders.txt"));
    let Auth::Sas { policy, key } = target.auth.clone() else { panic!("{:?}", target.auth) };
    send(&folder, &target.with_auth(Auth::Plain { policy, key }), "hub").await.unwrap();
    assert_eq!(run.stop().code, Some(0));
}

#[test]
fn keys_are_in_files_of_their_owner_alone_and_nowhere_else() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    assert_eq!(mode(&folder.path("ready.json")), 0o600);
    assert_eq!(mode(&folder.path("data/keys")), 0o700);
    let Ended { code, out, err } = run.stop();
    assert_eq!(code, Some(0));
    let keys = ["orders", "sales"].map(|name| {
        let path = folder.path(&format!("data/keys/{name}.txt"));
        assert_eq!(mode(&path), 0o600);
        let text = std::fs::read_to_string(path).unwrap();
        let Auth::Sas { key, .. } = target(&text).auth else { panic!("no key") };
        assert_eq!(key.expose().len(), 44, "32 bytes as base64");
        assert!(!out.contains(key.expose()) && !err.contains(key.expose()), "{out}\n{err}");
        key.expose().to_owned()
    });
    assert_ne!(keys[0], keys[1], "each namespace has its own");
    let folder_name = folder.path("data");
    assert!(out.contains(&format!("{}/keys", folder_name.file_name().unwrap().to_string_lossy())), "{out}");
    for shown in
        ["AMQPS", "HTTPS", "orders: localhost", "sales: *.example.org", "an acknowledged event is on disk"]
    {
        assert!(out.contains(shown), "{shown}: {out}");
    }
    assert!(
        folder.read("data/keys/sales.txt").starts_with("Endpoint=sb://sales.example.org:"),
        "a name that fits"
    );
}

#[tokio::test]
async fn a_restart_keeps_keys_and_events_and_takes_away_files_of_namespaces_that_are_gone() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    let before = target(&folder.read("data/keys/orders.txt"));
    assert_eq!(run.stop().code, Some(0));
    std::fs::set_permissions(folder.path("data/keys"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let sales = CONFIGURATION.find("[[namespace]]\nname = \"sales\"").unwrap();
    let mut run = serve(&folder, &CONFIGURATION[..sales]);
    run.ready();
    let after = target(&folder.read("data/keys/orders.txt"));
    assert_eq!(after.auth, before.auth);
    assert_eq!(mode(&folder.path("data/keys")), 0o700, "made such again");
    assert!(!folder.path("data/keys/sales.txt").exists());
    send(&folder, &after, "hub").await.unwrap();
    assert_eq!(run.stop().code, Some(0));
}

#[tokio::test]
async fn hubs_are_not_made_on_first_use_unless_that_is_asked_for() {
    let folder = folder();
    let mut run = serve(&folder, &CONFIGURATION.replace("create_on_first_use = true", ""));
    run.ready();
    let error = send(&folder, &target(&folder.read("data/keys/orders.txt")), "hub").await.unwrap_err();
    assert!(error.to_string().contains("not-found"), "{error}");
    assert_eq!(run.stop().code, Some(0));
}

#[tokio::test]
async fn a_host_name_leads_to_its_namespace_and_no_other() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    let orders = target(&folder.read("data/keys/orders.txt"));
    let sales = target(&folder.read("data/keys/sales.txt"));
    assert_eq!(sales.namespace, "sales.example.org");
    send(&folder, &sales, "hub").await.unwrap();
    let stolen = Target { namespace: "any.example.org".to_owned(), ..orders.clone() };
    let error = send(&folder, &stolen, "hub").await.unwrap_err();
    assert!(error.to_string().contains("InvalidSignature"), "the key of another namespace: {error}");
    let unknown = Target { namespace: "other.example.com".to_owned(), ..orders };
    let error = send(&folder, &unknown, "hub").await.unwrap_err().to_string();
    let Ended { err, .. } = run.stop();
    assert!(err.contains("other.example.com") && err.contains("*.example.org"), "the log names both: {err}");
    assert!(!error.contains("*.example.org"), "the client is not told which there are: {error}");
}

#[tokio::test]
async fn the_well_known_key_of_dev_mode_is_replaced() {
    let folder = folder();
    let arguments =
        ["dev", "--data", "data", "--amqp-port", "0", "--http-port", "0", "--ready-file", "ready.json"];
    let mut dev = Run::start(&folder, forebay(&folder, &arguments));
    dev.ready();
    assert_eq!(dev.stop().code, Some(0));
    let configuration = CONFIGURATION.replace("\"orders\"", "\"default\"");
    let mut run = serve(&folder, &configuration);
    run.ready();
    let text = folder.read("data/keys/default.txt");
    assert!(!text.contains("SAS_KEY_VALUE"), "{text}");
    let good = target(&text);
    let Auth::Sas { policy, .. } = good.auth.clone() else { panic!("{:?}", good.auth) };
    let well_known = Auth::Sas { policy, key: forebay_auth::Secret::new("SAS_KEY_VALUE") };
    send(&folder, &good.clone().with_auth(well_known), "hub").await.unwrap_err();
    send(&folder, &good, "hub").await.unwrap();
    let Ended { code, err, .. } = run.stop();
    assert_eq!(code, Some(0));
    assert!(err.contains("well-known"), "a line says so: {err}");
}

#[tokio::test]
async fn everything_can_come_from_the_environment() {
    let folder = folder();
    let mut command = forebay(&folder, &["serve"]);
    command.envs([
        ("FOREBAY_DATA", "data"),
        ("FOREBAY_AMQP_PORT", "0"),
        ("FOREBAY_HTTP_PORT", "off"),
        ("FOREBAY_READY_FILE", "ready.json"),
        ("FOREBAY_DURABILITY", "os"),
        ("FOREBAY_NAMESPACE_1_NAME", "orders"),
        ("FOREBAY_DEFAULT_NAMESPACE", "orders"),
        ("FOREBAY_CREATE_ON_FIRST_USE", "true"),
        ("FOREBAY_LOG", "warn"),
    ]);
    let mut run = Run::start(&folder, command);
    let ready = run.ready();
    assert_eq!(ready["durability"], "os");
    assert!(ready.get("http").is_none() && ready.get("amqps").is_none(), "{ready}");
    assert!(ready["amqp"].as_str().unwrap().starts_with("127.0.0.1:"), "no certificate: this machine only");
    let text = ready["connection_string"].as_str().unwrap();
    assert!(
        text.starts_with("Endpoint=sb://localhost:") && text.ends_with("UseDevelopmentEmulator=true"),
        "{text}"
    );
    send(&folder, &target(text), "hub").await.unwrap();
    let elsewhere = Target { namespace: "any.example.org".to_owned(), ..target(text) };
    send(&folder, &elsewhere, "hub").await.unwrap();
    let Ended { code, err, .. } = run.stop();
    assert_eq!((code, err.as_str()), (Some(0), ""), "nothing to warn of");
}

#[test]
fn a_data_folder_of_another_process_is_told_at_its_setting() {
    let folder = folder();
    let mut first = serve(&folder, CONFIGURATION);
    first.ready();
    let arguments = ["serve", "--config", "forebay.toml", "--ready-file", "other.json"];
    let second = Run::start(&Folder::new(), forebay(&folder, &arguments)).end();
    assert_eq!(second.code, Some(1));
    assert!(
        second.err.contains("forebay.toml:2:8: data: ") && second.err.contains("in use"),
        "{}",
        second.err
    );
    assert_eq!(first.stop().code, Some(0));
}

#[tokio::test]
async fn a_limit_that_the_data_exceeds_already_is_told_with_file_and_namespace() {
    let folder = folder();
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    send(&folder, &target(&folder.read("data/keys/orders.txt")), "hub").await.unwrap();
    assert_eq!(run.stop().code, Some(0));
    let limited = CONFIGURATION.replace("name = \"orders\"", "name = \"orders\"\npartitions_max = 2");
    let ended = serve(&folder, &limited).end();
    assert_eq!(ended.code, Some(1));
    for says in ["forebay.toml: ", "namespace 'orders'", "'hub'", "2"] {
        assert!(ended.err.contains(says), "{says}: {}", ended.err);
    }
    let mut run = serve(&folder, CONFIGURATION);
    run.ready();
    assert_eq!(run.stop().code, Some(0), "as before");
}
