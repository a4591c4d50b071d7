//! Accepts connections, with or without TLS, and stops them in order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_amqp::sasl::Mechanism;
use forebay_amqp::{Config, Connection as Core, Instant};
use forebay_broker::{Broker, MESSAGE_BYTES_MAX};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::conditions;
use crate::config::{
    CROWDED_GRACE, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, Listening, MAX_FRAME_SIZE, UNSETTLED_MAX,
};
use crate::connection::{Connection, Memory};
use crate::handler::Handler;
use crate::inbox::{Inbox, Note};
use crate::peer::Peer;
use crate::tls;

/// How long we wait after an accept that failed for want of file handles or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The AMQP gateway: all its listeners and connections.
#[derive(Debug)]
pub struct Gateway {
    broker: Arc<Broker>,
    /// Time in the cores counts from here.
    epoch: std::time::Instant,
    open: Mutex<Open>,
    next: AtomicU64,
    /// A connection ended.
    ended: Notify,
    /// Room for TLS handshakes.
    handshakes: Arc<Semaphore>,
}

/// The connections in service.
#[derive(Debug, Default)]
struct Open {
    inboxes: HashMap<u64, Arc<Inbox>>,
    /// No connection is added any more.
    stopping: bool,
}

impl Gateway {
    /// A gateway over a broker.
    #[must_use]
    pub fn new(broker: Arc<Broker>) -> Arc<Self> {
        Arc::new(Self {
            broker,
            epoch: std::time::Instant::now(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            ended: Notify::new(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        })
    }

    /// Accepts connections until `stop` completes. Connections go on: see [`Gateway::stop`].
    ///
    /// # Errors
    /// When the listener itself fails for good.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        listening: Listening,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = self.accept(&listener, &listening) => accepted,
            };
            match accepted {
                Ok((stream, address, handshake)) => self.start(stream, address, &listening, handshake),
                Err(error) if is_the_peers_fault(&error) => {}
                Err(error) => {
                    tracing::warn!("cannot accept connections: {error}; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// The next connection, and with TLS the room for its handshake.
    async fn accept(
        &self,
        listener: &TcpListener,
        listening: &Listening,
    ) -> io::Result<(TcpStream, SocketAddr, Option<OwnedSemaphorePermit>)> {
        let handshake = match listening.tls {
            Some(_) => Arc::clone(&self.handshakes).acquire_owned().await.ok(),
            None => None,
        };
        let (stream, address) = listener.accept().await?;
        Ok((stream, address, handshake))
    }

    fn start(
        self: &Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        listening: &Listening,
        handshake: Option<OwnedSemaphorePermit>,
    ) {
        // Small answers must not wait for the peer's acknowledgement of the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "connection lost at once");
            return;
        }
        let offer_plain = listening.offer_plain;
        match &listening.tls {
            None => self.run(stream, address, offer_plain, 0),
            Some(config) => {
                let (gateway, config) = (Arc::clone(self), Arc::clone(config));
                tokio::spawn(async move {
                    let shaken = tokio::select! {
                        shaken = tls::accept(stream, address, config, HANDSHAKE_TIMEOUT) => shaken,
                        () = gateway.handshakes_are_crowded() => None,
                    };
                    drop(handshake);
                    if let Some(stream) = shaken {
                        gateway.run(stream, address, offer_plain, tls::TLS_BYTES);
                    }
                });
            }
        }
    }

    /// Completes when a handshake has had some time, and others wait for its room: whoever opens connections and says
    /// nothing must not keep everyone out for as long as a handshake may take.
    async fn handshakes_are_crowded(&self) {
        loop {
            tokio::time::sleep(CROWDED_GRACE).await;
            if self.handshakes.available_permits() == 0 {
                return;
            }
        }
    }

    /// Puts a connection in service, over a stream that itself holds `stream_bytes`.
    fn run<S>(self: &Arc<Self>, stream: S, address: SocketAddr, offer_plain: bool, stream_bytes: u64)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let inbox = Inbox::new();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut open = self.lock();
            if open.stopping {
                return;
            }
            open.inboxes.insert(id, Arc::clone(&inbox));
        }
        // From here on, also when the task panics.
        let ended = Ended { gateway: Arc::clone(self), id };
        let (memory, has_room) = Memory::reserve(self.broker.budget(), stream_bytes);
        let refusal = (!has_room).then(conditions::out_of_memory);
        let now = Instant::from_micros(u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX));
        let core = Core::server(core_config(offer_plain), now);
        let handler = Handler::new(Arc::clone(&self.broker), Peer::new(address), Arc::clone(&inbox), refusal);
        let connection = Connection::new(stream, self.epoch, core, handler, inbox, memory);
        tokio::spawn(async move {
            let _ended = ended;
            connection.await;
        });
    }

    /// Stops every connection in order: what was taken is committed and answered, then each is closed with
    /// `amqp:connection:forced`. Completes when all have ended.
    pub async fn stop(&self) {
        let mut told = false;
        loop {
            let ended = self.ended.notified();
            let open: Vec<Arc<Inbox>> = {
                let mut open = self.lock();
                open.stopping = true;
                open.inboxes.values().cloned().collect()
            };
            if open.is_empty() {
                return;
            }
            // Once, since no connection is added any more.
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
        self.lock().inboxes.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ended {
    gateway: Arc<Gateway>,
    id: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.gateway.lock().inboxes.remove(&self.id);
        self.gateway.ended.notify_waiters();
    }
}

fn core_config(offer_plain: bool) -> Config {
    let mut mechanisms = vec![Mechanism::Mssbcbs, Mechanism::Plain, Mechanism::Anonymous];
    if !offer_plain {
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

fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use forebay_broker::{BrokerOptions, DevKey, DevMode, Durability, Mode};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn gateway_with_room_for(handshakes: usize) -> Arc<Gateway> {
        let options = BrokerOptions {
            data: None,
            durability: Durability::Memory,
            memory_bytes: 16 * 1024 * 1024,
            budget_bytes: None,
            auto_create: true,
            clock_skew_seconds: 60,
            mode: Mode::Dev(DevMode { key: DevKey::WellKnown, declared: None }),
        };
        let mut gateway = Gateway::new(Arc::new(Broker::open(options).await.unwrap()));
        Arc::get_mut(&mut gateway).unwrap().handshakes = Arc::new(Semaphore::new(handshakes));
        gateway
    }

    #[tokio::test]
    async fn connections_that_say_nothing_give_way_to_those_who_wait_for_their_handshake() {
        let gateway = gateway_with_room_for(2).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = Listening { tls: Some(tls::tests::config()), ..Listening::default() };
        let serving = tokio::spawn(gateway.serve(listener, listening, std::future::pending()));
        let _silent =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        // The shortest sign that somebody was accepted: without TLS one is referred to it.
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"AMQP\x00\x01\x00\x00").await.unwrap();
        let mut answer = [0; 8];
        let answered = tokio::time::timeout(HANDSHAKE_TIMEOUT / 2, client.read_exact(&mut answer)).await;
        answered.expect("well before the silent ones have used up their time").unwrap();
        assert!(answer.starts_with(b"AMQP"));
        serving.abort();
    }
}
