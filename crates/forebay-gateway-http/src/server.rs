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

use crate::config::{HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, HttpConfig, STOP_GRACE};
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
        let shared = Shared { routes: self.routes(), tls: tls.map(TlsAcceptor::from) };
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
}

impl Shared {
    async fn connection(self, stream: TcpStream, address: SocketAddr, mut stopped: watch::Receiver<bool>) {
        // Small answers must not wait for the peer's acknowledgement of the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "connection lost at once");
            return;
        }
        let Some(tls) = self.tls else {
            return serve(stream, self.routes, Peer { address, tls: false }, HEAD_TIMEOUT, stopped).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = is(true, &mut stopped) => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                serve(stream, self.routes, Peer { address, tls: true }, HEAD_TIMEOUT, stopped).await
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
    head_timeout: Duration,
    mut stopped: watch::Receiver<bool>,
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
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = is(true, &mut stopped) => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = nothing_begun(&mut begins) => return,
            }
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
async fn nothing_begun(begins: &mut watch::Receiver<bool>) {
    loop {
        is(false, begins).await;
        if tokio::time::timeout(STOP_GRACE, is(true, begins)).await.is_err() {
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

    /// What a client is sent that writes `bytes` and then waits, until we close.
    async fn sent_to_one_who_waits(bytes: &[u8]) -> String {
        let (mut client, server) = tokio::io::duplex(4_096);
        let routes = Router::new().route("/", get(|| async { "ok" }));
        let peer = Peer { address: "127.0.0.1:1".parse().unwrap(), tls: false };
        let (_running, stopped) = watch::channel(false);
        let served = tokio::spawn(serve(server, routes, peer, Duration::from_millis(100), stopped));
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
    async fn a_connection_that_rests_too_long_is_closed() {
        let patience = Duration::from_secs(20);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = tokio::time::timeout(patience, sent_to_one_who_waits(request)).await.unwrap();
        assert!(sent.starts_with("HTTP/1.1 200 OK") && sent.ends_with("ok"), "{sent}");
    }
}
