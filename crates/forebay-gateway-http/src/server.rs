//! Accepts connections, bounds them, and stops them in order.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use forebay_broker::Broker;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, rustls};

use crate::config::{
    CROWDED_GRACE, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, HttpConfig, STOP_GRACE, WRITE_TIMEOUT,
};
use crate::impatient::Impatient;
use crate::peer::Peer;
use crate::{arm, health};

/// How long we wait after an accept that failed for want of file handles or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The HTTP gateway: all its listeners and connections.
#[derive(Debug)]
pub struct HttpGateway {
    pub(crate) broker: Arc<Broker>,
    pub(crate) config: HttpConfig,
    room: Arc<Semaphore>,
}

impl HttpGateway {
    /// A gateway over a broker.
    #[must_use]
    pub fn new(broker: Arc<Broker>, config: HttpConfig) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(config.connections_max));
        Arc::new(Self { broker, config, room })
    }

    /// Serves HTTP/1.1 on one listener, over TLS where `tls` is given, until `stop` completes. Then requests that have
    /// begun are answered, connections that rest are closed, and only then does this return. Dropping it cuts all of
    /// its connections.
    ///
    /// # Errors
    /// When the listener itself fails for good; what passes by itself (no file handles) is logged and tried again.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let room = Arc::clone(&self.room);
        let shared = Shared { routes: self.routes(), tls: tls.map(TlsAcceptor::from), room };
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                Some(_ended) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.accept(&listener) => accepted,
            };
            match accepted {
                Ok((stream, address, room)) => {
                    let (shared, stopped) = (shared.clone(), stopped.clone());
                    connections.spawn(async move {
                        let _room = room;
                        shared.connection(stream, address, stopped).await;
                    });
                }
                Err(error) if is_the_peers_fault(&error) => {}
                Err(error) => {
                    tracing::warn!("cannot accept HTTP connections: {error}; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listener);
        stopping.send_replace(true);
        while connections.join_next().await.is_some() {}
        Ok(())
    }

    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, address) = listener.accept().await?;
        Ok((stream, address, room))
    }

    fn routes(self: &Arc<Self>) -> Router {
        Router::new().route("/health", get(health::health)).fallback(arm::answer).with_state(Arc::clone(self))
    }
}

/// What every connection of a listener needs.
#[derive(Clone)]
struct Shared {
    routes: Router,
    tls: Option<TlsAcceptor>,
    room: Arc<Semaphore>,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// For the head of a request, and between requests.
    head: Duration,
    /// For taking some bytes of an answer.
    write: Duration,
    /// Without a request in work, where there is no room for further connections.
    crowded: Duration,
}

const TIMES: Times = Times { head: HEAD_TIMEOUT, write: WRITE_TIMEOUT, crowded: CROWDED_GRACE };

impl Shared {
    async fn connection(self, stream: TcpStream, address: SocketAddr, mut stopped: watch::Receiver<bool>) {
        // Small answers must not wait for the peer's acknowledgement of the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "connection lost at once");
            return;
        }
        let Some(tls) = self.tls else {
            return serve(stream, self.routes, Peer { address, tls: false }, TIMES, stopped, self.room).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = is(true, &mut stopped) => return,
            () = crowded(&self.room, CROWDED_GRACE) => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                serve(stream, self.routes, Peer { address, tls: true }, TIMES, stopped, self.room).await
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    routes: Router,
    peer: Peer,
    times: Times,
    mut stopped: watch::Receiver<bool>,
    room: Arc<Semaphore>,
) {
    let routes = TowerToHyperService::new(routes);
    let (begun, mut begins) = watch::channel(false);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (work, begun) = (routes.call(request), Begun::new(begun.clone()));
        async move {
            let _begun = begun;
            work.await
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(times.head).max_buf_size(HEAD_BYTES_MAX);
    let stream = TokioIo::new(Impatient::new(stream, times.write));
    let mut connection = pin!(http.serve_connection(stream, service));
    let mut rests = begins.clone();
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = is(true, &mut stopped) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = nothing_begun(&mut begins, STOP_GRACE) => return,
            }
        }
        () = gives_way(&room, &mut rests, times.crowded) => {
            tracing::debug!(address = %peer.address, "HTTP connection without a request gave way to others");
            return;
        }
    };
    if let Err(error) = ended {
        tracing::debug!(address = %peer.address, %error, "HTTP connection ended");
    }
}

/// That a request is being answered; no longer when it is dropped.
struct Begun(watch::Sender<bool>);

impl Begun {
    fn new(begun: watch::Sender<bool>) -> Self {
        begun.send_replace(true);
        Self(begun)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

/// Completes when no request has been in work for a while: what is left of the connection is a client that sends half
/// of a head, or does not read what it is sent.
async fn nothing_begun(begins: &mut watch::Receiver<bool>, grace: Duration) {
    loop {
        is(false, begins).await;
        if tokio::time::timeout(grace, is(true, begins)).await.is_err() {
            return;
        }
    }
}

/// Completes when no request has been in work for a while and others wait for room: whoever opens connections and asks
/// for nothing must not keep health checks out.
async fn gives_way(room: &Semaphore, begins: &mut watch::Receiver<bool>, grace: Duration) {
    loop {
        nothing_begun(begins, grace).await;
        if room.available_permits() == 0 {
            return;
        }
    }
}

/// Completes when a while is over and others wait for room.
async fn crowded(room: &Semaphore, grace: Duration) {
    loop {
        tokio::time::sleep(grace).await;
        if room.available_permits() == 0 {
            return;
        }
    }
}

/// Completes when it is so.
async fn is(value: bool, watched: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could change it.
    let _gone = watched.wait_for(|now| *now == value).await;
}

fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    impl Times {
        fn short() -> Self {
            let moment = Duration::from_millis(100);
            Self { head: moment, write: moment, crowded: moment }
        }
    }

    fn roomy() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(1))
    }

    /// What a client is sent that writes `bytes` and then waits, until we close.
    async fn sent_to_one_who_waits(bytes: &[u8]) -> String {
        let (mut client, server) = tokio::io::duplex(4_096);
        let routes = Router::new().route("/", get(|| async { "ok" }));
        let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: false };
        let (_running, stopped) = watch::channel(false);
        let served = tokio::spawn(serve(server, routes, peer, Times::short(), stopped, roomy()));
        client.write_all(bytes).await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        served.await.unwrap();
        text
    }

    #[tokio::test]
    async fn a_client_that_sends_no_head_or_half_of_one_is_let_go() {
        let patience = Duration::from_secs(20);
        for bytes in ["", "GET / HTTP/1.1\r\nHost: x"] {
            let sent = tokio::time::timeout(patience, sent_to_one_who_waits(bytes.as_bytes())).await.unwrap();
            assert!(!sent.contains("200"), "{sent}");
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_no_answers_is_let_go() {
        let (mut client, server) = tokio::io::duplex(4_096);
        let routes = Router::new().route("/", get(|| async { "x".repeat(1_000) }));
        let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: false };
        let (_running, stopped) = watch::channel(false);
        let served = tokio::spawn(serve(server, routes, peer, Times::short(), stopped, roomy()));
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        // More than fits between the two, and nothing is read.
        let sending = async { while client.write_all(&request.repeat(100)).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(20), sending).await.expect("it is let go");
        served.await.unwrap();
    }

    #[tokio::test]
    async fn connections_without_a_request_give_way_where_there_is_no_more_room() {
        let patience = Duration::from_secs(20);
        let hour = Duration::from_secs(3_600);
        for half in [&b""[..], b"GET / HTTP/1.1\r\nHost: x"] {
            let (mut client, server) = tokio::io::duplex(4_096);
            let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: false };
            let (_running, stopped) = watch::channel(false);
            let times = Times { head: hour, write: hour, crowded: Duration::from_millis(100) };
            let room = roomy();
            let served = tokio::spawn(serve(server, Router::new(), peer, times, stopped, Arc::clone(&room)));
            client.write_all(half).await.unwrap();
            let rests = tokio::time::timeout(Duration::from_millis(300), client.read_u8()).await;
            assert!(rests.is_err(), "it may rest while there is room");
            let _last = room.acquire_many(1).await.unwrap();
            let ended = tokio::time::timeout(patience, client.read_u8()).await.unwrap();
            assert!(ended.is_err());
            served.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_that_rests_too_long_is_closed() {
        let patience = Duration::from_secs(20);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = tokio::time::timeout(patience, sent_to_one_who_waits(request)).await.unwrap();
        assert!(sent.starts_with("HTTP/1.1 200 OK") && sent.ends_with("ok"), "{sent}");
    }
}
