//! Link credit (§2.6.7): granted, used, drained, echoed, and ignored.

use forebay_amqp::frame::Performative;
use forebay_amqp::testing::{Pair, RawPeer, frames};
use forebay_amqp::types::{DeliveryCount, DeliveryId, Error, Flow, Handle, Transfer, TransferId};
use forebay_amqp::violation::Violation;
use forebay_amqp::{Config, Event, Initiator, LinkId, Outgoing, SendError, TrySendError};

fn flow() -> Flow {
    Flow {
        next_incoming_id: Some(TransferId::new(0)),
        handle: Some(Handle(0)),
        delivery_count: Some(DeliveryCount::new(0)),
        ..Flow::new(TransferId::new(0), 5_000, 5_000)
    }
}

fn settled_transfer(id: u32) -> Transfer<'static> {
    Transfer {
        delivery_id: Some(DeliveryId::new(id)),
        delivery_tag: Some(b"t"),
        settled: Some(true),
        ..Transfer::new(Handle(0))
    }
}

#[test]
fn a_sender_sends_as_much_as_it_was_granted() {
    let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 2);
    assert_eq!(pair.client.connection.sender(link.client).expect("a sender").sendable(), 2);
    assert!(pair.client.send(link.client, true, b"one").is_ok());
    assert!(pair.client.send(link.client, true, b"two").is_ok());
    assert_eq!(pair.client.send(link.client, true, b"three"), Err(SendError::NoCredit));
    pair.run();
    assert_eq!(pair.server.connection.receiver(link.server).expect("a receiver").credit(), 0);
    pair.server.connection.receiver(link.server).expect("a receiver").set_credit(1);
    pair.run();
    assert!(matches!(pair.client.event(), Event::Credit { credit: 1, drain: false, .. }));
    assert!(pair.client.send(link.client, true, b"three").is_ok());
}

#[test]
fn a_link_without_credit_sends_nothing() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let session = pair.begin();
    let link = pair.attach(session, "events", forebay_amqp::types::Role::Sender);
    assert_eq!(pair.client.send(link.client, true, b"one"), Err(SendError::NoCredit));
}

#[test]
fn grants_that_cross_deliveries_are_reckoned_by_the_delivery_count() {
    let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 10);
    for _ in 0..4 {
        assert!(pair.client.send(link.client, true, b"message").is_ok());
    }
    // Granted before the four arrive: they count against it.
    pair.server.connection.receiver(link.server).expect("a receiver").set_credit(10);
    let mut flow = Vec::new();
    pair.server.connection.poll_transmit(pair.now, &mut flow);
    pair.client.receive(pair.now, &flow);
    assert!(matches!(pair.client.event(), Event::Credit { credit: 6, .. }));
}

#[test]
fn several_grants_become_one_flow() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    for credit in [5, 50, 500] {
        peer.server.connection.receiver(link).expect("a receiver").set_credit(credit);
    }
    let bytes = peer.answer_bytes();
    let [(_, Performative::Flow(flow), _)] = &frames(&bytes)[..] else { panic!("not one flow") };
    assert_eq!((flow.handle, flow.link_credit), (Some(Handle(0)), Some(500)));
}

#[test]
fn a_drain_is_answered_with_the_credit_given_up() {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 10);
    pair.client.connection.receiver(link.client).expect("a receiver").drain();
    pair.run();
    assert!(matches!(pair.server.event(), Event::Credit { credit: 10, drain: true, .. }));
    assert!(pair.server.send(link.server, true, b"the only one").is_ok());
    pair.server.connection.sender(link.server).expect("a sender").drained();
    pair.run();
    assert!(matches!(pair.client.event(), Event::Delivery(_)));
    assert!(matches!(pair.client.event(), Event::Credit { credit: 0, drain: true, .. }));
    assert_eq!(pair.server.send(link.server, true, b"another"), Err(SendError::NoCredit));
    let both = [
        pair.client.connection.link(link.client).expect("live").delivery_count,
        pair.server.connection.link(link.server).expect("live").delivery_count,
    ];
    assert_eq!(both, [10, 10]);
}

#[test]
fn drained_says_nothing_unless_the_peer_asked() {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 10);
    pair.server.connection.sender(link.server).expect("a sender").drained();
    let before = pair.server.written.len();
    pair.run();
    assert_eq!(pair.server.written.len(), before);
    assert_eq!(pair.server.connection.sender(link.server).expect("a sender").sendable(), 10);
}

#[test]
fn a_flow_of_a_link_with_echo_is_answered_with_the_links_state() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    peer.server.connection.receiver(link).expect("a receiver").set_credit(7);
    assert_eq!(peer.answers(), ["flow"]);
    peer.send(0, &Flow { echo: true, ..flow() });
    let bytes = peer.answer_bytes();
    let [(_, Performative::Flow(flow), _)] = &frames(&bytes)[..] else { panic!("not one flow") };
    assert_eq!((flow.handle, flow.link_credit, flow.echo), (Some(Handle(0)), Some(7), false));
}

#[test]
fn the_credit_that_a_sender_states_means_nothing() {
    // Python's senders send flows with a credit of 10,000.
    let (mut peer, link) = RawPeer::sending(Config::default());
    peer.server.connection.receiver(link).expect("a receiver").set_credit(3);
    peer.send(0, &Flow { link_credit: Some(10_000), ..flow() });
    assert!(peer.server.events.is_empty());
    assert_eq!(peer.server.connection.receiver(link).expect("a receiver").credit(), 3);
}

/// The peer sends this many deliveries on a link that was granted 100.
fn overrun(config: Config, deliveries: u32) -> (RawPeer, LinkId) {
    let (mut peer, link) = RawPeer::sending(config);
    for id in 0..deliveries {
        peer.send_with_payload(0, &settled_transfer(id), b"message");
    }
    for _ in 0..100 {
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
    }
    (peer, link)
}

#[test]
fn accepts_a_sender_that_ignores_credit() {
    let (mut peer, link) = overrun(Config::default(), 102);
    for _ in 0..2 {
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
    }
    assert_eq!(peer.server.connection.receiver(link).expect("a receiver").credit(), 0);
}

#[test]
fn refuses_a_sender_that_ignores_credit_if_strict() {
    let strict = || Config { strict_credit: true, ..Config::default() };
    let (peer, _) = overrun(strict(), 100);
    assert!(peer.server.events.is_empty(), "what was granted may be used");
    let (mut peer, _) = overrun(strict(), 102);
    let Event::Detached { error, initiator, .. } = peer.server.event() else { panic!("not detached") };
    assert_eq!((error, initiator), (Some(Error::from(&Violation::CreditExceeded)), Initiator::Library));
    assert_eq!(peer.answers(), ["detach"]);
    assert!(peer.server.events.is_empty(), "what comes after is dropped");
}

#[test]
fn accepts_what_was_sent_before_credit_was_taken_back() {
    let (mut peer, link) = RawPeer::sending(Config { strict_credit: true, ..Config::default() });
    peer.server.connection.receiver(link).expect("a receiver").set_credit(0);
    assert_eq!(peer.answers(), ["flow"]);
    peer.send_with_payload(0, &settled_transfer(0), b"on its way");
    assert!(matches!(peer.server.event(), Event::Delivery(_)));
}

#[test]
fn a_message_that_cannot_be_written_is_not_sent() {
    let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 2);
    let mut out = Vec::new();
    let mut sender = pair.client.connection.sender(link.client).expect("a sender");
    let delivery = Outgoing { tag: b"t", message_format: 0, settled: true };
    let refused = sender.try_send(&delivery, &mut out, |out| {
        out.extend_from_slice(&[7; 100_000]);
        Err("damaged")
    });
    assert_eq!((refused, sender.sendable(), out.len()), (Err(TrySendError::Write("damaged")), 2, 0));
    assert_eq!(sender.try_send(&delivery, &mut out, |_| Ok::<(), &str>(())), Ok(DeliveryId::new(0)));
}
