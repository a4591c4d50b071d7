//! A real gateway over a real broker, in memory, on a port of its own.

pub(crate) mod authority;

use std::path::PathBuf;
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

/// How a server is started.
pub(crate) struct Setup {
    pub(crate) listening: Listening,
    /// `None` keeps everything in memory.
    pub(crate) data: Option<PathBuf>,
    /// Hubs of four partitions, and groups, are made on first use.
    pub(crate) auto_create: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { listening: Listening::default(), data: None, auto_create: true }
    }
}

pub(crate) async fn start(setup: Setup) -> Server {
    let Setup { listening, data, auto_create } = setup;
    let durability = if data.is_some() { Durability::Disk } else { Durability::Memory };
    let broker = Broker::open(BrokerOptions {
        data,
        durability,
        memory_bytes: 64 * 1024 * 1024,
        budget_bytes: None,
        auto_create,
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
