//! What listens where, and what is said when it cannot.

use std::net::TcpListener;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::certificates::{connect, write};
use crate::support::{Folder, serve};

const NAMESPACE: &str = "
[[namespace]]
name = \"orders\"
hosts = [\"localhost\"]
";
const TLS: &str = "
[tls]
certificate = \"certificate.pem\"
key = \"key.pem\"
";

fn folder() -> Folder {
    let folder = Folder::new();
    write(&folder, &["localhost"]);
    folder
}

/// What SASL mechanisms a listener offers, as it writes them.
async fn mechanisms(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(b"AMQP\x03\x01\x00\x00").await.unwrap();
    let mut answer = vec![0; 8 + 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer[..8], b"AMQP\x03\x01\x00\x00");
    let length = u32::from_be_bytes(answer[8..].try_into().unwrap()) as usize;
    let mut frame = vec![0; length - 4];
    stream.read_exact(&mut frame).await.unwrap();
    String::from_utf8_lossy(&frame).into_owned()
}

async fn offered(address: &serde_json::Value) -> String {
    let stream = TcpStream::connect(address.as_str().unwrap()).await.unwrap();
    mechanisms(stream).await
}

#[tokio::test]
async fn both_tls_listeners_shake_hands_and_http_by_its_name() {
    let folder = folder();
    let ports = "data = \"data\"\namqps_port = 0\nhttps_port = 0\namqp_port = \"off\"\nhttp_port = \"off\"\n";
    let mut run = serve(&folder, &format!("{ports}listen = \"127.0.0.1\"\n{TLS}{NAMESPACE}"));
    let ready = run.ready();
    let certificate = || folder.path("certificate.pem");
    let amqps = ready["amqps"].as_str().unwrap();
    let stream = connect(amqps, "localhost", certificate(), &[]).await.unwrap();
    assert!(mechanisms(stream).await.contains("PLAIN"), "encrypted: passwords are taken");
    connect(amqps, "other.example.org", certificate(), &[]).await.unwrap_err();

    let https = ready["https"].as_str().unwrap();
    let mut stream = connect(https, "localhost", certificate(), &["http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("healthy"), "{answer}");
    assert_eq!(run.stop().code, Some(0));
}

#[tokio::test]
async fn without_tls_only_this_machine_is_served_and_no_password_is_taken() {
    let folder = folder();
    let mut run = serve(&folder, &format!("data = \"data\"\namqp_port = 0\nhttp_port = 0\n{NAMESPACE}"));
    let ready = run.ready();
    assert!(ready["amqp"].as_str().unwrap().starts_with("127.0.0.1:"), "{ready}");
    assert!(!offered(&ready["amqp"]).await.contains("PLAIN"));
    // Another address of this machine: whoever listens on all of them would answer.
    let port = ready["amqp"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    TcpStream::connect(format!("127.0.0.2:{port}")).await.unwrap_err();
    let ended = run.stop();
    assert!(ended.out.contains("(this machine only)"), "{}", ended.out);
}

#[tokio::test]
async fn plaintext_that_is_allowed_is_served_everywhere_and_takes_passwords() {
    let folder = folder();
    let text = format!("data = \"data\"\namqp_port = 0\nhttp_port = 0\nallow_plaintext = true\n{NAMESPACE}");
    let mut run = serve(&folder, &text);
    let ready = run.ready();
    assert!(ready["amqp"].as_str().unwrap().starts_with("0.0.0.0:"), "{ready}");
    assert!(offered(&ready["amqp"]).await.contains("PLAIN"));
    let ended = run.stop();
    assert!(ended.out.contains("(NOT ENCRYPTED)"), "{}", ended.out);
}

#[test]
fn a_busy_port_that_was_given_is_an_error_with_its_place_and_its_holder() {
    let folder = folder();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port();
    let text = format!("data = \"data\"\namqp_port = {port}\nhttp_port = 0\n{NAMESPACE}");
    let ended = serve(&folder, &text).end();
    assert_eq!(ended.code, Some(1));
    let holder = format!("process {}", std::process::id());
    for says in ["forebay.toml:2:13: amqp_port", &format!("port {port} is in use"), &holder, "amqp_port = N"]
    {
        assert!(ended.err.contains(says), "{says}: {}", ended.err);
    }
    assert!(!folder.path("data").exists(), "nothing is left behind");
}

#[test]
fn a_busy_port_that_nobody_asked_for_is_left_out_beside_tls() {
    let folder = folder();
    // Whoever has it, it is taken now.
    let _busy = TcpListener::bind("127.0.0.1:5672");
    let ports = "data = \"data\"\namqps_port = 0\nhttps_port = \"off\"\nhttp_port = \"off\"\n";
    let mut run = serve(&folder, &format!("{ports}{TLS}{NAMESPACE}"));
    let ready = run.ready();
    assert!(ready.get("amqp").is_none(), "{ready}");
    let ended = run.stop();
    assert_eq!(ended.code, Some(0));
    assert!(ended.err.contains("AMQP is not served: port 5672 is in use by"), "{}", ended.err);
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let folder = folder();
    let mut run = serve(&folder, &format!("data = \"data\"\namqp_port = 0\nhttp_port = 0\n{NAMESPACE}"));
    run.ready();
    let text = std::fs::read_to_string(format!("/proc/{}/limits", run.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<_> = line.split_whitespace().collect();
    assert_eq!(fields[3], fields[4], "{line}");
    assert_eq!(run.stop().code, Some(0));
}

#[tokio::test]
async fn a_client_that_speaks_no_tls_does_not_hold_up_the_stop() {
    let folder = folder();
    let ports = "data = \"data\"\namqps_port = 0\nhttps_port = 0\namqp_port = \"off\"\nhttp_port = \"off\"\n";
    let mut run = serve(&folder, &format!("{ports}{TLS}{NAMESPACE}"));
    let ready = run.ready();
    let port = |key: &str| ready[key].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let mut streams = Vec::new();
    for key in ["amqps", "https"] {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", port(key))).await.unwrap();
        stream.write_all(b"\x16").await.unwrap();
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = std::time::Instant::now();
    assert_eq!(run.stop().code, Some(0));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}
