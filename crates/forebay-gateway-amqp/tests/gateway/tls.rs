//! TLS through the real gateway and the real client, with certificates made here.

use std::path::PathBuf;

use forebay_client::net::{ConnectError, Roots};
use forebay_client::{Client, Destination, Error, EventData, Options, Target};
use rcgen::{BasicConstraints, CertificateParams, IsCa};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::authority::Authority;
use crate::support::{Server, Setup, soon, start};
use crate::{from_start, well_known};

impl Authority {
    fn trusted(&self) -> Options {
        Options { roots: Roots::File(self.file.clone()), ..Options::default() }
    }
}

/// A server with TLS for `localhost`.
async fn server(authority: &Authority) -> Server {
    start(authority.setup("localhost")).await
}

impl Server {
    fn target(&self) -> Target {
        Target::new("localhost", self.port, well_known())
    }
}

async fn refused(target: &Target, options: Options) -> Error {
    Client::connect(target, options).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn events_go_in_and_out_through_tls() {
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let mut client = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        let producer = client.producer(&Destination::partition("events", "0"), 100).await.unwrap();
        for number in 0..1_000 {
            client.send_event(producer, &EventData::new(format!("event {number}"))).await.unwrap();
        }
        assert_eq!(client.all_accepted(producer).await.unwrap(), 1_000);
        client.consumer(&from_start("0")).await.unwrap();
        for number in 0..1_000 {
            let event = client.receive().await.unwrap();
            assert_eq!(event.body().unwrap().unwrap(), format!("event {number}").as_bytes());
        }
        client.close().await.unwrap();
        assert_eq!(server.gateway.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn messages_larger_than_a_tls_record_arrive_whole_in_both_directions() {
    const BYTES: usize = 900_000;
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let mut client = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        let producer = client.producer(&Destination::partition("events", "0"), 10).await.unwrap();
        for fill in 0..8_u8 {
            client.send_event(producer, &EventData::new(vec![fill; BYTES])).await.unwrap();
        }
        assert_eq!(client.all_accepted(producer).await.unwrap(), 8);
        client.consumer(&from_start("0")).await.unwrap();
        for fill in 0..8_u8 {
            let event = client.receive().await.unwrap();
            assert!(*event.body().unwrap().unwrap() == [fill; BYTES], "event {fill} is damaged");
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_rests_gets_what_waited_inside_of_tls() {
    // The server's records wait for a socket that is full; nothing else wakes the connection when it has room again.
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let mut sending = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        let producer = sending.producer(&Destination::partition("events", "0"), 10).await.unwrap();
        for _ in 0..16 {
            sending.send_event(producer, &EventData::new(vec![7; 1_000_000])).await.unwrap();
        }
        sending.all_accepted(producer).await.unwrap();
        let mut reading = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        reading.consumer(&from_start("0")).await.unwrap();
        // 16 MB are more than sockets and buffers between us hold.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        for _ in 0..16 {
            assert_eq!(reading.receive().await.unwrap().body().unwrap().unwrap().len(), 1_000_000);
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_and_the_text_names_the_option() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = server(&authority).await;
    soon(async {
        for options in [other.trusted(), Options::default()] {
            let error = refused(&server.target().with_tls(), options).await;
            // A machine without any trusted certificate says so, and names the same option.
            let expected =
                matches!(error, Error::Connect(ConnectError::Untrusted { .. } | ConnectError::NoSystemRoots));
            assert!(expected && error.to_string().contains("--ca-file"), "{error:?}");
        }
        let error = refused(&server.target().with_tls(), other.trusted()).await.to_string();
        assert!(error.contains(&format!("no authority in {}", other.file.display())), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_authoritys_own_certificate_is_refused_and_the_text_says_how_to_make_another() {
    let authority = Authority::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let server = start(authority.setup_with(params)).await;
    soon(async {
        let error = refused(&server.target().with_tls(), authority.trusted()).await;
        assert!(matches!(error, Error::Connect(ConnectError::Authority { .. })), "{error:?}");
        assert!(error.to_string().contains("CA:FALSE"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_the_text_names_both() {
    let authority = Authority::new();
    let server = start(authority.setup("forebay.example")).await;
    soon(async {
        let error = refused(&server.target().with_tls(), authority.trusted()).await;
        assert!(matches!(error, Error::Connect(ConnectError::OtherName { .. })), "{error:?}");
        assert!(error.to_string().contains("'localhost' but for forebay.example:"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_certificate_for_an_address_is_good_for_the_address() {
    let authority = Authority::new();
    let server = start(authority.setup("127.0.0.1")).await;
    soon(async {
        let mut target = Target::new("127.0.0.1", server.port, well_known()).with_tls();
        target.namespace = "localhost".to_owned();
        let client = Client::connect(&target, authority.trusted()).await.unwrap();
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_ca_file_that_is_of_no_use_is_named_with_what_is_wrong() {
    let authority = Authority::new();
    let server = server(&authority).await;
    let folder = std::env::temp_dir();
    let empty = folder.join(format!("forebay-tls-{}-empty.pem", std::process::id()));
    std::fs::write(&empty, "nothing\n").unwrap();
    let check = async |file: PathBuf, problem: &str| {
        let options = Options { roots: Roots::File(file), ..Options::default() };
        let error = refused(&server.target().with_tls(), options).await.to_string();
        assert!(error.contains(problem) && error.contains("PEM"), "{error}");
    };
    soon(async {
        check(folder.join("forebay-tls-absent.pem"), "forebay-tls-absent.pem cannot be read").await;
        check(empty.clone(), "empty.pem has no certificate").await;
    })
    .await;
    std::fs::remove_file(&empty).unwrap();
}

#[tokio::test]
async fn a_client_without_tls_on_a_tls_port_is_told_what_to_change() {
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let error = refused(&server.target(), Options::default()).await;
        assert!(matches!(error, Error::WantsTls { .. }), "{error:?}");
        assert!(error.to_string().contains("UseDevelopmentEmulator"), "{error}");
        assert_eq!(server.gateway.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_client_with_tls_on_a_plain_port_is_told_what_to_change() {
    let authority = Authority::new();
    let server = start(Setup::default()).await;
    soon(async {
        let error = refused(&server.target().with_tls(), authority.trusted()).await;
        assert!(matches!(error, Error::Connect(ConnectError::NotTls { .. })), "{error:?}");
        assert!(error.to_string().contains("UseDevelopmentEmulator=true"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn connections_end_with_tls_own_close_so_that_nobody_takes_it_for_a_cut() {
    let authority = Authority::new();
    let server = server(&authority).await;
    let roots = Roots::File(authority.file.clone());
    soon(async {
        let tls = forebay_client::net::Tls::On { roots };
        let mut stream = forebay_client::net::connect("localhost", server.port, &tls).await.unwrap();
        // A header that no server of AMQP speaks: answered with ours, and the end.
        stream.write_all(b"AMQP\0\0\x09\x01").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        // Without a close_notify this fails with UnexpectedEof.
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"AMQP\x03\x01\0\0");
    })
    .await;
}

#[tokio::test]
async fn those_who_never_shake_hands_do_not_keep_others_out() {
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(TcpStream::connect(("127.0.0.1", server.port)).await.unwrap());
        }
        let client = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn stopping_ends_connections_with_tls_too() {
    let authority = Authority::new();
    let server = server(&authority).await;
    soon(async {
        let mut client = Client::connect(&server.target().with_tls(), authority.trusted()).await.unwrap();
        let ended = async {
            let ended = client.idle().await;
            drop(client);
            ended
        };
        let (ended, ()) = tokio::join!(ended, server.gateway.stop());
        assert_eq!(ended.condition(), Some("amqp:connection:forced"), "{ended}");
    })
    .await;
}
