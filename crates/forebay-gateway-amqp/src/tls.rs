//! TLS in front of AMQP: the handshake, its bounds, and a word to those on the wrong port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::peer::Peer;
use forebay_broker::LogLimit;

/// What a TLS connection holds besides our buffers, charged to the byte budget: keys, and records in and out.
pub(crate) const TLS_BYTES: u64 = 48 * 1024;

/// A protocol header of AMQP (AMQP 1.0 §2.2).
const AMQP: &[u8] = b"AMQP";
/// The header that says: AMQP is spoken here, inside of TLS (§5.2.1).
const AMQP_WITHIN_TLS: &[u8] = b"AMQP\x02\x01\x00\x00";
/// Every TLS version's first record: a handshake, version 3.
const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];

/// Shakes hands with a client, in at most `within`. `None`: it failed, and the reason is in the log.
pub(crate) async fn accept(
    mut stream: TcpStream,
    address: SocketAddr,
    config: Arc<rustls::ServerConfig>,
    within: Duration,
) -> Option<TlsStream<TcpStream>> {
    let shaking = async {
        let mut first = [0; AMQP.len()];
        let count = stream.peek(&mut first).await?;
        // One letter is enough: no record of TLS begins with it.
        if count > 0 && AMQP.starts_with(&first[..count]) {
            static LIMIT: LogLimit = LogLimit::new();
            LIMIT.warn(|| {
                format!(
                    "{address} speaks AMQP without TLS to a TLS port: its connection string must not have \
                     UseDevelopmentEmulator=true, or must name the port of AMQP without TLS"
                )
            });
            refer_to_tls(&mut stream).await?;
            return Ok(None);
        }
        TlsAcceptor::from(config).accept(stream).await.map(Some)
    };
    match tokio::time::timeout(within, shaking).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "TLS handshake took longer than {} s", within.as_secs());
            None
        }
    }
}

/// Tells a client without TLS which header would do. What it sent is read first: closing over unread bytes resets the
/// connection, and a reset can overtake the answer.
async fn refer_to_tls(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut header = [0; AMQP_WITHIN_TLS.len()];
    stream.read_exact(&mut header).await?;
    stream.write_all(AMQP_WITHIN_TLS).await?;
    stream.shutdown().await
}

/// A line for someone who begins with TLS where none is spoken. The core answers it as any wrong header.
pub(crate) fn hint_at_plain_port(first: &[u8], peer: &Peer) {
    if first.starts_with(TLS_HANDSHAKE) {
        static LIMIT: LogLimit = LogLimit::new();
        LIMIT.warn(|| {
            format!(
                "{peer} speaks TLS to a port without it: its connection string must have \
                 UseDevelopmentEmulator=true, or name the TLS port"
            )
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rustls::ServerConfig;
    use rustls::server::ResolvesServerCertUsingSni;
    use tokio::net::TcpListener;

    use super::*;

    /// A configuration that no handshake comes far enough to ask for its certificate.
    pub(crate) fn config() -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Arc::new(config)
    }

    /// What a client that sends these bytes, and then waits, reads until it is cut off.
    async fn answer_to(bytes: &[u8], within: Duration) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        client.write_all(bytes).await.unwrap();
        let (shaken, answer) = tokio::join!(accept(stream, address, config(), within), async {
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.map(|_| answer).unwrap_or_default()
        });
        assert!(shaken.is_none());
        answer
    }

    #[tokio::test]
    async fn a_handshake_that_takes_too_long_is_cut() {
        let moment = Duration::from_millis(50);
        for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x00", b"AM", b"AMQP\x03"] {
            let cut = tokio::time::timeout(Duration::from_secs(10), answer_to(begun, moment)).await;
            assert_eq!(cut.unwrap(), b"", "{begun:02x?}");
        }
    }

    #[tokio::test]
    async fn amqp_without_tls_is_referred_to_tls() {
        let hour = Duration::from_secs(3600);
        assert_eq!(answer_to(b"AMQP\x03\x01\x00\x00", hour).await, AMQP_WITHIN_TLS);
        assert_eq!(answer_to(b"AMQP\x00\x01\x00\x00", hour).await, AMQP_WITHIN_TLS);
    }

    #[tokio::test]
    async fn what_is_neither_ends_at_once() {
        let hour = Duration::from_secs(3600);
        let ended = answer_to(b"GET / HTTP/1.1\r\n\r\n", hour);
        assert!(tokio::time::timeout(Duration::from_secs(10), ended).await.is_ok());
    }
}
