//! Connections: how many, how they end, and TLS.

use std::sync::Arc;
use std::time::Duration;

use forebay_gateway_http::HttpConfig;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsConnector, rustls};

use crate::common::{DEFAULT, PATIENCE, Server, dev_mode, send};

async fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(end) {
            let mut buffer = [0; 1_024];
            let count = socket.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    text
}

async fn is_closed(socket: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    matches!(tokio::time::timeout(PATIENCE, socket.read_to_end(&mut rest)).await, Ok(Ok(0)))
}

#[tokio::test]
async fn health_answers_without_a_key_and_stopping_is_unhealthy() {
    let server = Server::dev().await;
    let healthy = server.ask_with("GET", "/health", &[("origin", "http://x.example")], None).await;
    assert_eq!((healthy.status, healthy.text.contains("\"healthy\"")), (200, true));
    server.broker.set_serving(false);
    assert_eq!(server.ask("GET", "/health", None).await.status, 503);
    server.stop().await;
}

#[tokio::test]
async fn stopping_answers_what_has_begun_and_closes_what_rests() {
    let server = Server::dev().await;
    let (address, broker) = (server.address, Arc::clone(&server.broker));
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut resting = TcpStream::connect(address).await.unwrap();
    resting.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut resting, "Service is healthy").await;
    // Half of a request: it has begun.
    let mut begun = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT {DEFAULT}/eventhubs/late HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    begun.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut begun, "100 Continue").await;

    let stopped = server.begin_stop();
    assert!(is_closed(&mut resting).await);
    assert!(is_closed(&mut silent).await);
    assert!(TcpStream::connect(address).await.is_err(), "nobody is let in any more");
    assert!(!stopped.is_finished());
    begun.write_all(b"{}").await.unwrap();
    let answer = read_until(&mut begun, "\"late\"").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    tokio::time::timeout(PATIENCE, stopped).await.unwrap().unwrap().unwrap();
    let namespace = broker.find_namespace("default").unwrap();
    assert!(broker.hub_info(&namespace, "late").is_ok());
}

#[tokio::test]
async fn half_of_a_head_does_not_hold_up_the_stop() {
    let server = Server::dev().await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /health HTTP/1.1\r\nHost: local").await.unwrap();
    // Something else is answered, so the half has been read.
    assert_eq!(server.ask("GET", "/health", None).await.status, 200);
    let begun = std::time::Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn further_connections_wait_until_there_is_room() {
    let config = HttpConfig { connections_max: 2, ..HttpConfig::default() };
    let server = Server::with(dev_mode(), config, None).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let _second = TcpStream::connect(server.address).await.unwrap();
    let mut third = TcpStream::connect(server.address).await.unwrap();
    third.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut buffer = [0; 64];
    let early = tokio::time::timeout(Duration::from_millis(200), third.read(&mut buffer)).await;
    assert!(early.is_err(), "answered beyond the bound: {early:?}");
    drop(first);
    read_until(&mut third, "Service is healthy").await;
    server.stop().await;
}

#[tokio::test]
async fn bodies_and_heads_are_bounded() {
    let server = Server::dev().await;
    let path = format!("{DEFAULT}/eventhubs/orders");
    let body = json!({"properties": {"userMetadata": "x".repeat(300 * 1_024)}});
    assert_eq!(server.ask("PUT", &path, Some(body)).await.refused(413).0, "RequestEntityTooLarge");
    let chunked = [("transfer-encoding", "chunked")];
    let body = json!({"properties": {"userMetadata": "x".repeat(300 * 1_024)}});
    server.ask_with("PUT", &path, &chunked, Some(body)).await.refused(413);
    let text = [("content-type", "text/plain"), ("authorization", "")];
    assert_eq!(server.ask_with("PUT", &path, &text, None).await.status, 401);
    assert_eq!(server.ask("GET", &path, None).await.status, 404);

    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head =
        format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(1_000_000));
    // The server may close before it has read all of it; then the answer can be lost on the way.
    let written = socket.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _cut = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 431") || (written.is_err() && answer.is_empty()), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn everything_goes_over_tls_too_and_who_speaks_none_disturbs_nobody() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let server = Server::with(dev_mode(), HttpConfig::default(), Some(Arc::new(tls))).await;

    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let _half_a_handshake = TcpStream::connect(server.address).await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let connect = async || {
        let stream = TcpStream::connect(server.address).await.unwrap();
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    };
    let host = format!("localhost:{}", server.address.port());
    let answer = send(connect().await, "GET", "/health", &[], &host, String::new()).await;
    assert_eq!(answer.status, 200);
    let path = format!("{DEFAULT}/eventhubs/orders");
    let headers = |origin| [("content-type", "application/json"), ("origin", origin)];
    let own = format!("https://{host}");
    let answer = send(connect().await, "PUT", &path, &headers(&own), &host, "{}".to_owned()).await;
    assert_eq!(answer.ok()["name"], "orders");
    let plain_origin = format!("http://{host}");
    let answer = send(connect().await, "PUT", &path, &headers(&plain_origin), &host, "{}".to_owned()).await;
    answer.refused(403);
    let namespace = send(connect().await, "GET", DEFAULT, &[], &host, String::new()).await.ok();
    assert_eq!(namespace["properties"]["serviceBusEndpoint"], format!("https://{host}/"));
    // A handshake that never ends does not hold up the stop.
    server.stop().await;
}
