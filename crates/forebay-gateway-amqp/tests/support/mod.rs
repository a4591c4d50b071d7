//! A real gateway over a real broker, in memory, on a port of its own.

use std::sync::Arc;
use std::time::Duration;

use forebay_broker::{Broker, BrokerOptions, DevKey, DevMode, Durability, Mode};
use forebay_gateway_amqp::{Gateway, Listening};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A server; its listener stops when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) broker: Arc<Broker>,
    _stop: oneshot::Sender<()>,
}

/// Starts a server that makes hubs of four partitions on first use.
pub(crate) async fn start(listening: Listening) -> Server {
    let broker = Broker::open(BrokerOptions {
        data: None,
        durability: Durability::Memory,
        memory_bytes: 64 * 1024 * 1024,
        auto_create: true,
        clock_skew_seconds: 60,
        mode: Mode::Dev(DevMode { key: DevKey::WellKnown, declared: None }),
    });
    let broker = Arc::new(broker.await.unwrap());
    let gateway = Gateway::new(Arc::clone(&broker));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(Arc::clone(&gateway).serve(listener, listening, async {
        let _dropped = stopped.await;
    }));
    Server { port, gateway, broker, _stop: stop }
}

/// Everything here is over in a moment, or it hangs.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("this should not take long")
}
