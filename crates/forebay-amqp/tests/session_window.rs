//! Sessions and their windows (§2.5).

use forebay_amqp::frame::Performative;
use forebay_amqp::testing::{Pair, RawPeer, begin, frames};
use forebay_amqp::types::{Begin, Channel, DeliveryId, End, Error, Flow, Handle, Role, Transfer, TransferId};
use forebay_amqp::violation::Violation;
use forebay_amqp::{Config, Event, Initiator, SendError};

fn window(frames: u32) -> Config {
    Config { session_incoming_window: frames, strict_credit: true, ..Config::default() }
}

#[test]
fn the_window_is_refilled_at_half_so_that_a_sender_never_stalls() {
    let (mut pair, link) = Pair::sending(Config::default(), window(4), 1_000);
    for _ in 0..100 {
        assert!(pair.client.send(link.client, true, b"message").is_ok());
        assert!(pair.client.send(link.client, true, b"message").is_ok());
        pair.run();
    }
    assert_eq!(pair.server.events.len(), 200);
}

#[test]
fn a_sender_stops_at_a_shut_window_and_is_told_when_it_opens() {
    let (mut pair, link) = Pair::receiving(window(4), Config::default(), 1_000);
    for _ in 0..4 {
        assert!(pair.server.send(link.server, true, b"message").is_ok());
    }
    assert_eq!(pair.server.connection.sender(link.server).expect("a sender").sendable(), 0);
    assert_eq!(pair.server.send(link.server, true, b"message"), Err(SendError::WindowClosed));
    pair.run();
    assert!(matches!(pair.server.event(), Event::SessionWindow { .. }));
    assert_eq!(pair.server.connection.sender(link.server).expect("a sender").sendable(), 4);
}

#[test]
fn accepts_a_full_window_and_refuses_one_frame_more_if_strict() {
    for (strict_credit, refused) in [(true, true), (false, false)] {
        let config = Config { session_incoming_window: 2, strict_credit, ..Config::default() };
        let (mut peer, _) = RawPeer::sending(config);
        // No answers are taken, so no refill reaches the peer.
        for id in 0..3 {
            let transfer = Transfer {
                delivery_id: Some(DeliveryId::new(id)),
                delivery_tag: Some(b"t"),
                settled: Some(true),
                ..Transfer::new(Handle(0))
            };
            peer.send_with_payload(0, &transfer, b"message");
        }
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
        match peer.server.event() {
            Event::Ended { error, initiator: Initiator::Library, .. } => {
                assert_eq!(error, Some(Error::from(&Violation::WindowExceeded)));
                assert_eq!(peer.answers(), ["end"]);
                assert!(refused);
            }
            Event::Delivery(_) => assert!(!refused),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_flow_of_the_session_with_echo_is_answered() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &begin());
    assert_eq!(peer.answers(), ["begin"]);
    peer.send(0, &Flow { echo: true, ..Flow::new(TransferId::new(0), 10, 10) });
    let bytes = peer.answer_bytes();
    let [(0, Performative::Flow(flow), _)] = &frames(&bytes)[..] else { panic!("no flow") };
    assert_eq!((flow.handle, flow.echo), (None, false));
    peer.send(0, &Flow::new(TransferId::new(0), 10, 10));
    assert_eq!(peer.answers(), [""; 0], "without echo there is no answer");
}

#[test]
fn a_peers_count_of_its_own_transfers_proves_nothing() {
    // Python counts messages where the specification counts frames.
    let (mut peer, _) = RawPeer::sending(window(5_000));
    peer.send(
        0,
        &Flow { next_incoming_id: Some(TransferId::new(0)), ..Flow::new(TransferId::new(77), 10, 10) },
    );
    let transfer = Transfer {
        delivery_id: Some(DeliveryId::new(0)),
        delivery_tag: Some(b"t"),
        settled: Some(true),
        ..Transfer::new(Handle(0))
    };
    peer.send_with_payload(0, &transfer, b"message");
    assert!(matches!(peer.server.event(), Event::Delivery(_)));
}

#[test]
fn each_side_numbers_its_channels_for_itself() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(57, &begin());
    peer.send(3, &begin());
    let bytes = peer.answer_bytes();
    let answered: Vec<_> = frames(&bytes)
        .iter()
        .map(|(_, performative, _)| match performative {
            Performative::Begin(begin) => begin.remote_channel,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answered, [Some(Channel(57)), Some(Channel(3))]);
}

#[test]
fn sessions_are_as_many_as_channel_max_allows_and_a_channel_is_free_after_its_end() {
    let mut pair = Pair::opened(Config { channel_max: 1, ..Config::default() }, Config::default());
    let first = pair.begin();
    let second = pair.begin();
    assert_ne!(first, second);
    assert!(pair.client.connection.begin().is_err(), "the client's own channel-max leaves two channels");
    pair.client.connection.end(first, None);
    pair.run();
    assert!(matches!(pair.client.event(), Event::Ended { initiator: Initiator::Application, .. }));
    assert!(matches!(pair.server.event(), Event::Ended { initiator: Initiator::Peer, .. }));
    pair.begin();
}

#[test]
fn many_sessions_carry_links_of_the_same_name() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let links: Vec<_> = (0..64)
        .map(|_| {
            let session = pair.begin();
            pair.attach(session, "events", Role::Sender)
        })
        .collect();
    for link in &links {
        pair.server.connection.receiver(link.server).expect("a receiver").set_credit(1);
    }
    pair.run();
    for link in &links {
        assert!(pair.client.send(link.client, true, b"message").is_ok());
    }
    pair.client.events.clear();
    pair.run();
    let came: Vec<_> = pair
        .server
        .events
        .iter()
        .map(|event| match event {
            Event::Delivery(delivery) => delivery.link,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(came, links.iter().map(|link| link.server).collect::<Vec<_>>());
}

#[test]
fn refuses_a_begin_on_a_channel_in_use_and_accepts_it_after_the_end() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(4, &begin());
    peer.send(4, &End { error: None });
    peer.send(4, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    assert!(matches!(peer.server.event(), Event::Ended { .. }));
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    assert_eq!(peer.answers(), ["begin", "end", "begin"]);
    peer.send(4, &begin());
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::ChannelInUse(4))));
}

#[test]
fn refuses_frames_on_a_channel_that_was_never_begun() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(5, &End { error: None });
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::UnknownChannel(5))));
}

#[test]
fn refuses_an_answer_to_a_begin_that_nobody_sent() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &Begin { remote_channel: Some(Channel(0)), ..begin() });
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::UnknownRemoteChannel(0))));
}
