use crate::hub::{Hub, earliest, send_batch, starting, to_partition, until, within};
use crate::proxy::Proxy;
use crate::reader::Reader;
use crate::server::shared;

/// Descriptor of AMQP's goodbye, 2.7.9.
const CLOSE: [u8; 3] = [0x00, 0x53, 0x18];

#[tokio::test]
async fn a_clean_close_leaves_no_connection() {
    let server = shared().await;
    let (proxy, address) = Proxy::start(server.text("amqp").parse().expect("an address")).await;
    let mut hub = Hub::of(server);
    hub.endpoint = format!("amqp://{address}");
    let producer = hub.producer().await;
    within("a send", producer.send_event("anywhere", None)).await.expect("a send");
    send_batch(&producer, to_partition("0"), ["x"]).await.expect("a send");
    within("properties", producer.get_partition_properties("0")).await.expect("properties");
    let mut reader = Reader::open(hub.consumer().await, "0", starting(earliest())).await;
    reader.take(1).await;
    assert_eq!(proxy.directions().len(), 4, "each client has one connection");
    assert!(proxy.directions().iter().all(|direction| !direction.ended), "one has ended too early");
    reader.close().await;
    within("the close", producer.close()).await.expect("a clean close");
    until("both ends of every connection to end", || {
        proxy.directions().iter().all(|direction| direction.ended)
    })
    .await;
    // The client's close is answered with ours before the socket ends.
    for direction in proxy.directions() {
        assert!(direction.last.windows(3).any(|bytes| bytes == CLOSE), "somebody did not say goodbye");
    }
}
