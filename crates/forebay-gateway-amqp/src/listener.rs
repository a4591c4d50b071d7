//! Accepts connections, and stops them in order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_amqp::sasl::Mechanism;
use forebay_amqp::{Config, Connection as Core, Instant};
use forebay_broker::{Broker, MESSAGE_BYTES_MAX};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::conditions;
use crate::config::{GatewayConfig, MAX_FRAME_SIZE, UNSETTLED_MAX};
use crate::connection::{Connection, reserve_buffers};
use crate::handler::Handler;
use crate::inbox::{Inbox, Note};
use crate::peer::Peer;

/// How long we wait after an accept that failed for want of file handles or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The AMQP gateway: all its listeners and connections.
#[derive(Debug)]
pub struct Gateway {
    broker: Arc<Broker>,
    config: GatewayConfig,
    /// Time in the cores counts from here.
    epoch: std::time::Instant,
    open: Mutex<HashMap<u64, Arc<Inbox>>>,
    next: AtomicU64,
    /// A connection ended.
    ended: Notify,
}

impl Gateway {
    /// A gateway over a broker.
    #[must_use]
    pub fn new(broker: Arc<Broker>, config: GatewayConfig) -> Arc<Self> {
        Arc::new(Self {
            broker,
            config,
            epoch: std::time::Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            ended: Notify::new(),
        })
    }

    /// Accepts connections until `stop` completes. Connections go on: see [`Gateway::stop`].
    ///
    /// # Errors
    /// When the listener itself fails for good.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.start(stream, address),
                Err(error) if is_the_peers_fault(&error) => {}
                Err(error) => {
                    tracing::warn!("cannot accept connections: {error}; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn start(self: &Arc<Self>, stream: TcpStream, address: SocketAddr) {
        // Small answers must not wait for the peer's acknowledgement of the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "connection lost at once");
            return;
        }
        let inbox = Inbox::new();
        let buffers = reserve_buffers(self.broker.budget());
        let refusal = buffers.is_none().then(conditions::out_of_memory);
        let now = Instant::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX));
        let core = Core::server(self.core_config(), now);
        let handler = Handler::new(Arc::clone(&self.broker), Peer::new(address), Arc::clone(&inbox), refusal);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Arc::clone(&inbox));
        let connection =
            Connection::new(stream, self.epoch, core, handler, inbox, self.broker.budget(), buffers);
        let ended = Ended { gateway: Arc::clone(self), id };
        tokio::spawn(async move {
            // Also when the task panics.
            let _ended = ended;
            connection.await;
        });
    }

    fn core_config(&self) -> Config {
        let mut mechanisms = vec![Mechanism::Mssbcbs, Mechanism::Plain, Mechanism::Anonymous];
        if !self.config.offer_plain {
            mechanisms.retain(|mechanism| *mechanism != Mechanism::Plain);
        }
        Config {
            container_id: conditions::tracking_id(),
            max_frame_size: MAX_FRAME_SIZE,
            unsettled_max: UNSETTLED_MAX,
            max_delivery_bytes: MESSAGE_BYTES_MAX as u64,
            sasl_mechanisms: mechanisms,
            ..Config::default()
        }
    }

    /// Stops every connection in order: what was taken is committed and answered, then each is closed with
    /// `amqp:connection:forced`. Completes when all have ended.
    pub async fn stop(&self) {
        let mut told = false;
        loop {
            let ended = self.ended.notified();
            let open: Vec<Arc<Inbox>> = self.lock().values().cloned().collect();
            if open.is_empty() {
                return;
            }
            // Once: listeners have stopped, so no connection is added.
            if !std::mem::replace(&mut told, true) {
                for inbox in open {
                    inbox.push(Note::Stop);
                }
            }
            ended.await;
        }
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Inbox>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ended {
    gateway: Arc<Gateway>,
    id: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.gateway.lock().remove(&self.id);
        self.gateway.ended.notify_waiters();
    }
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
