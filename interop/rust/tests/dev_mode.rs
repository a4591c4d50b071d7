use crate::hub::{Hub, bodies, earliest, within};
use crate::send::to;
use crate::server::{Server, shared_memory};

/// What the plain development mode is known to accept, from the documentation, not from the ready file.
const WELL_KNOWN: &str =
    "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

#[tokio::test]
async fn the_connection_string_of_the_documentation_works() {
    let server = shared_memory().await;
    let (_, port) = server.text("amqp").rsplit_once(':').expect("a port");
    let port = port.to_owned();
    let hub = Hub::of(server);
    for host in [
        "localhost".to_owned(),
        "localhost/".to_owned(),
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}/"),
    ] {
        let mut mine = hub.through(format!("Endpoint=sb://{host};{WELL_KNOWN}"));
        mine.name = format!("{}-{}", hub.name, host.len());
        mine.send("0", &["a", "b"]).await;
        assert_eq!(bodies(&mine.read("0", earliest(), 2).await), ["a", "b"], "{host}");
    }
}

#[tokio::test]
async fn a_connection_string_may_name_the_hub() {
    let hub = Hub::of(shared_memory().await);
    let connection = format!("Endpoint=sb://localhost;{WELL_KNOWN};EntityPath={}", hub.name);
    let opening = hub.producer_builder().open_with_connection_string(&connection, None);
    let client = within("a producer", opening).await.expect("a producer");
    within("a send", client.send_event("x", to("3"))).await.expect("a send");
    assert_eq!(bodies(&hub.read("3", earliest(), 1).await), ["x"]);
}

#[tokio::test]
async fn the_ready_file_gives_the_well_known_key_and_says_memory() {
    let server = shared_memory().await;
    assert_eq!(server.setting("SharedAccessKeyName"), "RootManageSharedAccessKey");
    assert_eq!(server.setting("SharedAccessKey"), "SAS_KEY_VALUE");
    assert_eq!(server.text("durability"), "memory");
    assert!(server.ready["data"].is_null(), "it has a folder");
}

#[tokio::test]
async fn memory_forgets_when_the_server_stops() {
    let mut server = Server::memory().await;
    Hub::at(&server, "orders").send("0", &["x"]).await;
    server.restart(&[]).await;
    let hub = Hub::at(&server, "orders");
    let told =
        within("properties", hub.sender().await.get_partition_properties("0")).await.expect("properties");
    assert!(told.is_empty);
    hub.send("0", &["y"]).await;
    assert_eq!(bodies(&hub.read("0", earliest(), 1).await), ["y"]);
}
