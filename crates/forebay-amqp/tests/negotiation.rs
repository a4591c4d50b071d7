//! From the first byte to an open connection: protocol headers (§2.2), SASL (§5.3), open (§2.4.1, §2.7.1), idle
//! timeouts (§2.4.5).

use std::time::Duration;

use forebay_amqp::frame::{ProtocolHeader, write_heartbeat, write_sasl};
use forebay_amqp::sasl::{SaslCode, plain_credentials};
use forebay_amqp::testing::{Pair, RawPeer, begin, frames};
use forebay_amqp::types::sasl::{SaslInit, SaslOutcome};
use forebay_amqp::types::{Error, Milliseconds, Open, condition};
use forebay_amqp::violation::Violation;
use forebay_amqp::wire::Symbol;
use forebay_amqp::{ClientAuth, Config, Event, Initiator, Mechanism};

#[test]
fn a_client_and_a_server_learn_each_others_limits() {
    let client =
        Config { hostname: Some("contoso.example".into()), max_frame_size: 1_024, ..Config::default() };
    let server = Config { container_id: "server".into(), channel_max: 7, ..Config::default() };
    let pair = Pair::opened(client, server);
    let seen_by_server = pair.server.connection.remote_open().expect("open");
    assert_eq!(seen_by_server.hostname.as_deref(), Some("contoso.example"));
    assert_eq!(seen_by_server.max_frame_size, 1_024);
    let seen_by_client = pair.client.connection.remote_open().expect("open");
    assert_eq!((seen_by_client.container_id.as_str(), seen_by_client.channel_max), ("server", 7));
    assert_eq!(seen_by_client.idle_time_out, Some(Milliseconds(240_000)));
}

#[test]
fn accepts_each_mechanism_and_shows_what_the_client_said() {
    let plain = ClientAuth::Plain { user: "Root".into(), password: "key=".into() };
    for (auth, mechanism) in [
        (ClientAuth::Anonymous, Mechanism::Anonymous),
        (plain, Mechanism::Plain),
        (ClientAuth::Mssbcbs, Mechanism::Mssbcbs),
    ] {
        let client = Config { hostname: Some("contoso.example".into()), ..Config::default() };
        let mut pair = Pair::new(client, auth, Config::default());
        pair.run();
        let seen = pair.server.sasl.as_ref().expect("an init");
        assert_eq!((seen.mechanism, seen.hostname.as_deref()), (mechanism, Some("contoso.example")));
        if mechanism == Mechanism::Plain {
            let credentials = plain_credentials(&seen.initial_response).expect("well formed");
            assert_eq!((credentials.user, credentials.password), ("Root", "key="));
        }
        assert!(pair.client.connection.sasl_done() && pair.server.connection.sasl_done());
        assert!(matches!(pair.client.event(), Event::Opened), "{mechanism}");
    }
}

#[test]
fn refuses_credentials_that_the_application_refuses() {
    let mut pair = Pair::default();
    pair.server.refuse_sasl = true;
    pair.run();
    let Event::SaslRefused { code, .. } = pair.client.event() else { panic!("not refused") };
    assert_eq!(code, Some(SaslCode::AUTH));
    assert!(matches!(pair.server.event(), Event::Closed { initiator: Initiator::Application, .. }));
    assert!(pair.client.connection.is_closed() && pair.server.connection.is_closed());
}

#[test]
fn a_client_gives_up_when_its_mechanism_is_not_offered() {
    let server = Config { sasl_mechanisms: vec![Mechanism::Mssbcbs, Mechanism::Plain], ..Config::default() };
    let mut pair = Pair::new(Config::default(), ClientAuth::Anonymous, server);
    pair.run();
    let Event::SaslRefused { code, offered } = pair.client.event() else { panic!("not refused") };
    assert_eq!(code, None);
    assert_eq!(offered.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["MSSBCBS", "PLAIN"]);
}

#[test]
fn mechanisms_are_offered_as_an_array_of_sym32_in_the_configured_order() {
    for mechanisms in
        [vec![Mechanism::Mssbcbs, Mechanism::Plain, Mechanism::Anonymous], vec![Mechanism::Anonymous]]
    {
        let names: Vec<u8> = mechanisms
            .iter()
            .flat_map(|mechanism| {
                let name = mechanism.name().as_bytes();
                [&u32::try_from(name.len()).unwrap().to_be_bytes(), name].concat()
            })
            .collect();
        let mut peer = RawPeer::new(Config { sasl_mechanisms: mechanisms, ..Config::default() });
        peer.send_bytes(&ProtocolHeader::Sasl.bytes());
        let bytes = peer.answer_bytes();
        assert_eq!(bytes[..8], ProtocolHeader::Sasl.bytes());
        assert_eq!(bytes[16..19], [0x00, 0x53, 0x40], "a numeric descriptor");
        let array = bytes.windows(names.len()).position(|window| window == names).expect("the names");
        assert_eq!(bytes[array - 1], 0xb3, "elements are sym32");
        assert!([0xe0, 0xf0].contains(&bytes[array - 4]) || bytes[array - 10] == 0xf0, "in an array");
    }
}

fn refused_init(mechanism: &'static str, config: Config) -> (Event<'static>, Vec<u8>) {
    let mut peer = RawPeer::new(config);
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    let init = SaslInit { mechanism: Symbol::from_static(mechanism), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    peer.send_bytes(&bytes);
    assert!(peer.server.connection.is_closed());
    (peer.server.event(), peer.answer_bytes())
}

#[test]
fn refuses_external_even_where_it_is_configured() {
    let config =
        Config { sasl_mechanisms: vec![Mechanism::External, Mechanism::Anonymous], ..Config::default() };
    let (event, bytes) = refused_init("EXTERNAL", config);
    assert!(matches!(event, Event::Closed { initiator: Initiator::Library, .. }));
    let mut outcome = Vec::new();
    write_sasl(&mut outcome, &SaslOutcome { code: SaslCode::AUTH, additional_data: None }).expect("short");
    assert!(bytes.ends_with(&outcome), "outcome code 1, then nothing more");
}

#[test]
fn refuses_a_mechanism_that_was_not_offered() {
    let (event, _) = refused_init("SCRAM-SHA-256", Config::default());
    assert!(matches!(event, Event::Closed { initiator: Initiator::Library, .. }));
}

#[test]
fn answers_a_foreign_header_with_its_own_and_closes() {
    for (header, violation) in [
        (*b"AMQP\0\0\x09\x01", Violation::UnsupportedProtocolHeader(*b"AMQP\0\0\x09\x01")),
        (*b"AMQP\x02\x01\0\0", Violation::UnsupportedProtocolHeader(*b"AMQP\x02\x01\0\0")),
        (*b"GET / HT", Violation::UnsupportedProtocolHeader(*b"GET / HT")),
    ] {
        let mut peer = RawPeer::new(Config::default());
        peer.send_bytes(&header);
        let Event::Closed { error, initiator } = peer.server.event() else { panic!("not closed") };
        assert_eq!((error, initiator), (Some(Error::from(&violation)), Initiator::Library));
        assert_eq!(peer.answer_bytes(), ProtocolHeader::Sasl.bytes());
        assert!(peer.server.connection.is_closed());
    }
}

#[test]
fn a_client_that_skips_sasl_is_anonymous() {
    let mut peer = RawPeer::new(Config::default());
    peer.send_bytes(&ProtocolHeader::Amqp.bytes());
    peer.send(0, &Open::new("raw".into()));
    assert!(matches!(peer.server.event(), Event::Opened));
    let bytes = peer.answer_bytes();
    assert_eq!(bytes[..8], ProtocolHeader::Amqp.bytes());
    assert_eq!(frames(&bytes).len(), 1);
}

#[test]
fn a_client_that_skips_sasl_where_nobody_is_anonymous_is_shown_the_sasl_header() {
    let sasl_mechanisms = vec![Mechanism::Mssbcbs, Mechanism::Plain];
    let mut peer = RawPeer::new(Config { sasl_mechanisms, ..Config::default() });
    peer.send_bytes(&ProtocolHeader::Amqp.bytes());
    assert_eq!(peer.answer_bytes(), ProtocolHeader::Sasl.bytes());
    assert!(peer.server.connection.is_closed());
}

#[test]
fn a_server_without_mechanisms_has_no_sasl_layer() {
    let mut peer = RawPeer::new(Config { sasl_mechanisms: vec![], ..Config::default() });
    peer.send_bytes(&ProtocolHeader::Amqp.bytes());
    peer.send(0, &Open::new("raw".into()));
    assert!(matches!(peer.server.event(), Event::Opened));
    let bytes = peer.answer_bytes();
    assert_eq!(bytes[..8], ProtocolHeader::Amqp.bytes());
    assert_eq!(frames(&bytes).len(), 1);
}

#[test]
fn the_header_after_sasl_must_be_amqps() {
    let mut peer = RawPeer::new(Config::default());
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    let init =
        SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    bytes.extend_from_slice(&ProtocolHeader::Sasl.bytes());
    peer.send_bytes(&bytes);
    assert!(peer.answer_bytes().ends_with(&ProtocolHeader::Amqp.bytes()));
    assert!(peer.server.connection.is_closed());
}

#[test]
fn refuses_sasl_frames_out_of_turn() {
    let mut peer = RawPeer::new(Config::default());
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    write_sasl(&mut bytes, &SaslOutcome { code: SaslCode::OK, additional_data: None }).expect("short");
    peer.send_bytes(&bytes);
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::SaslOutOfTurn)));
    assert!(peer.server.connection.is_closed(), "there is no close before an open");
}

#[test]
fn a_client_may_say_everything_before_it_hears_anything() {
    let mut peer = RawPeer::new(Config::default());
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    let init =
        SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    bytes.extend(forebay_amqp::testing::frame(0, &Open::new("raw".into()), &[]));
    bytes.extend(forebay_amqp::testing::frame(1, &begin(), &[]));
    peer.send_bytes(&bytes);
    assert!(matches!(peer.server.event(), Event::Opened));
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    assert_eq!(peer.answers(), ["open", "begin"]);
}

#[test]
fn refuses_a_max_frame_size_of_511_and_accepts_512() {
    for (max_frame_size, refused) in [(511, true), (512, false)] {
        let mut peer = handshaken();
        peer.send(0, &Open { max_frame_size, ..Open::new("raw".into()) });
        match peer.server.event() {
            Event::Closed { error, initiator: Initiator::Library } => {
                assert_eq!(error, Some(Error::from(&Violation::MaxFrameSizeTooSmall(511))));
                assert_eq!(peer.answers(), ["open", "close"], "an open goes before a close");
                assert!(refused);
            }
            Event::Opened => assert!(!refused),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn refuses_another_frame_before_the_open() {
    let mut peer = handshaken();
    peer.send(0, &begin());
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::NotOpened)));
    assert_eq!(peer.answers(), ["open", "close"]);
}

#[test]
fn refuses_a_second_open() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &Open::new("raw".into()));
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::OpenedTwice)));
    assert_eq!(peer.answers(), ["close"]);
}

#[test]
fn refuses_a_channel_above_channel_max_and_accepts_channel_max() {
    let mut peer = RawPeer::opened(Config { channel_max: 9, ..Config::default() });
    peer.send(9, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    peer.send(10, &begin());
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::ChannelOutOfRange { channel: 10, max: 9 })));
}

#[test]
fn a_peer_that_never_opens_is_dropped_after_the_handshake_timeout() {
    let config = Config { handshake_timeout: Duration::from_secs(5), ..Config::default() };
    let mut peer = RawPeer::new(config.clone());
    let deadline = peer.server.connection.poll_timeout().expect("a deadline");
    peer.server.connection.handle_timeout(deadline);
    peer.server.collect();
    assert!(matches!(peer.server.event(), Event::Closed { initiator: Initiator::Library, .. }));
    assert!(peer.server.connection.is_closed() && peer.answer_bytes().is_empty());

    let mut pair = Pair::opened(config.clone(), config);
    pair.advance(Duration::from_secs(6));
    assert!(
        pair.client.events.is_empty() && pair.server.events.is_empty(),
        "who opens in time is left alone"
    );
}

#[test]
fn heartbeats_keep_two_silent_ends_together() {
    let client = Config { idle_timeout: Some(Duration::from_secs(10)), ..Config::default() };
    let server = Config { idle_timeout: Some(Duration::from_secs(60)), ..Config::default() };
    let mut pair = Pair::opened(client, server);
    let (client_before, server_before) = (pair.client.written.len(), pair.server.written.len());
    pair.advance(Duration::from_secs(61));
    assert_eq!(pair.client.written.len() - client_before, 2 * 8, "every 30 s");
    assert_eq!(pair.server.written.len() - server_before, 12 * 8, "every 5 s");
    assert!(pair.client.events.is_empty() && pair.server.events.is_empty());
}

#[test]
fn a_silent_peer_is_closed_after_twice_the_idle_timeout_and_not_before() {
    let config = Config { idle_timeout: Some(Duration::from_secs(10)), ..Config::default() };
    let mut peer = RawPeer::opened(config);
    pass(&mut peer, 19);
    assert!(peer.server.events.is_empty());
    let mut heartbeat = Vec::new();
    write_heartbeat(&mut heartbeat);
    peer.send_bytes(&heartbeat);
    pass(&mut peer, 19);
    assert!(peer.server.events.is_empty(), "the heartbeat counts");
    pass(&mut peer, 1);
    let Event::Closed { error, initiator } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error.expect("a reason").condition, condition::CONNECTION_FORCED);
    assert_eq!(initiator, Initiator::Library);
    assert_eq!(peer.answers(), ["close"]);
    pass(&mut peer, 2);
    assert!(peer.server.connection.is_closed(), "no answer is awaited for long");
}

#[test]
fn a_peer_that_we_do_not_read_is_not_called_silent() {
    let config = Config { idle_timeout: Some(Duration::from_secs(10)), ..Config::default() };
    let mut peer = RawPeer::opened(config);
    peer.server.connection.pause_peer_idle(peer.now, true);
    pass(&mut peer, 100);
    assert!(peer.server.events.is_empty());
    peer.server.connection.pause_peer_idle(peer.now, false);
    pass(&mut peer, 20);
    assert!(matches!(peer.server.event(), Event::Closed { .. }));
}

#[test]
fn what_is_sent_takes_the_place_of_a_heartbeat() {
    let mut peer = RawPeer::new(Config::default());
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    let init =
        SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    peer.send_bytes(&bytes);
    peer.send(0, &Open { idle_time_out: Some(Milliseconds(10_000)), ..Open::new("raw".into()) });
    let _handshake = peer.answers();
    pass(&mut peer, 4);
    peer.send(0, &begin());
    assert_eq!(peer.answers(), ["begin"]);
    pass(&mut peer, 4);
    assert_eq!(peer.answer_bytes(), [], "5 s from the begin, not from the open");
    pass(&mut peer, 1);
    assert_eq!(peer.answer_bytes().len(), 8);
}

/// Header and SASL are done, the open is not.
fn handshaken() -> RawPeer {
    let mut peer = RawPeer::new(Config::default());
    let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
    let init =
        SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    peer.send_bytes(&bytes);
    peer
}

fn pass(peer: &mut RawPeer, seconds: u64) {
    peer.now = peer.now + Duration::from_secs(seconds);
    peer.server.connection.handle_timeout(peer.now);
    peer.server.collect();
}
