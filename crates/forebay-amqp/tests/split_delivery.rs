//! Deliveries of several transfer frames (§2.6.14, §2.7.5), both ways, bounded.

use forebay_amqp::testing::{Joined, Pair, RawPeer, attach, frames};
use forebay_amqp::types::{Attach, DeliveryId, DeliveryState, Error, Handle, Role, Transfer};
use forebay_amqp::violation::Violation;
use forebay_amqp::{AttachReply, Config, Delivery, Event, Initiator, Payload, SendError};

/// Frames of 512 bytes.
fn narrow() -> Config {
    Config { max_frame_size: 512, ..Config::default() }
}

fn message(bytes: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(bytes).collect()
}

fn first(id: u32) -> Transfer<'static> {
    Transfer {
        delivery_id: Some(DeliveryId::new(id)),
        delivery_tag: Some(b"t"),
        message_format: Some(0),
        more: true,
        ..Transfer::new(Handle(0))
    }
}

fn next(more: bool) -> Transfer<'static> {
    Transfer { more, ..Transfer::new(Handle(0)) }
}

#[track_caller]
fn delivery(event: Event<'static>) -> Delivery<'static> {
    match event {
        Event::Delivery(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_larger_than_a_frame_arrives_as_it_was_sent() {
    for bytes in [0, 1, 400, 470, 480, 500, 512, 1_000, 10_000, 100_000] {
        let (mut pair, link) = Pair::sending(Config::default(), narrow(), 10);
        pair.client.send(link.client, false, &message(bytes)).expect("credit");
        pair.run();
        let delivery = delivery(pair.server.event());
        assert_eq!(delivery.payload.len(), bytes);
        assert_eq!(*delivery.payload, message(bytes));
        assert_eq!((&*delivery.tag, delivery.settled), (b"tag".as_slice(), false));
        assert!(frames(&pair.client.written).len() > bytes / 512);
    }
}

#[test]
fn no_frame_is_larger_than_the_peer_takes() {
    let (mut pair, link) = Pair::receiving(narrow(), Config::default(), 10);
    pair.server.send(link.server, true, &message(5_000)).expect("credit");
    pair.run();
    assert_eq!(*delivery(pair.client.event()).payload, message(5_000));
    assert!(pair.client.events.is_empty(), "the client refuses larger frames, so none came");
}

#[test]
fn the_rest_of_a_delivery_waits_for_the_window() {
    let client = Config { session_incoming_window: 4, strict_credit: true, ..narrow() };
    let (mut pair, link) = Pair::receiving(client, Config::default(), 10);
    pair.server.send(link.server, true, &message(20_000)).expect("credit");
    assert!(pair.server.connection.buffered_bytes() > 17_000);
    assert_eq!(pair.server.connection.sender(link.server).expect("a sender").sendable(), 0);
    assert_eq!(pair.server.send(link.server, true, b"next"), Err(SendError::WindowClosed));
    pair.run();
    assert_eq!(*delivery(pair.client.event()).payload, message(20_000));
    assert_eq!(pair.server.connection.buffered_bytes(), 0);
    pair.server.send(link.server, true, b"next").expect("the window is open again");
    pair.run();
    assert_eq!(*delivery(pair.client.event()).payload, *b"next");
}

#[test]
fn a_rest_goes_before_whatever_another_link_sends() {
    let client = Config { session_incoming_window: 2, ..narrow() };
    let mut pair = Pair::opened(client, Config::default());
    let session = pair.begin();
    let links: Vec<Joined> =
        ["a", "b"].iter().map(|name| pair.attach(session, name, Role::Receiver)).collect();
    for link in &links {
        pair.client.connection.receiver(link.client).expect("a receiver").set_credit(10);
    }
    pair.run();
    pair.server.send(links[0].server, true, &message(2_000)).expect("credit");
    assert_eq!(pair.server.send(links[1].server, true, b"b"), Err(SendError::WindowClosed));
    pair.run();
    assert_eq!(delivery(pair.client.event()).payload.len(), 2_000);
    pair.server.send(links[1].server, true, b"b").expect("the window is open again");
    pair.run();
    let last = delivery(pair.client.event());
    assert_eq!((last.link, &*last.payload, last.id), (links[1].client, b"b".as_slice(), DeliveryId::new(1)));
}

#[test]
fn a_rest_dies_with_its_link() {
    let client = Config { session_incoming_window: 2, ..narrow() };
    let (mut pair, link) = Pair::receiving(client, Config::default(), 10);
    pair.server.send(link.server, true, &message(20_000)).expect("credit");
    pair.server.connection.detach(link.server, None);
    assert_eq!(pair.server.connection.buffered_bytes(), 0);
    pair.run();
    assert!(matches!(pair.client.event(), Event::Detached { initiator: Initiator::Peer, .. }));
    assert_eq!(pair.client.connection.buffered_bytes(), 0, "nor does the receiver keep its part");
}

#[test]
fn deliveries_of_two_links_may_interleave() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &Attach { handle: Handle(1), ..attach("second", Role::Sender) });
    let Event::AttachReceived { link, .. } = peer.server.event() else { panic!("no attach") };
    peer.server.connection.accept_attach(link, AttachReply::default());
    let on = |handle: u32, transfer: Transfer<'static>| Transfer { handle: Handle(handle), ..transfer };
    peer.send_with_payload(0, &on(0, first(0)), b"a");
    peer.send_with_payload(0, &on(1, first(1)), b"1");
    peer.send_with_payload(0, &on(0, next(false)), b"b");
    peer.send_with_payload(0, &on(1, next(false)), b"2");
    assert_eq!(*delivery(peer.server.event()).payload, *b"ab");
    assert_eq!(*delivery(peer.server.event()).payload, *b"12");
}

#[test]
fn later_frames_may_repeat_what_the_first_said() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send_with_payload(0, &first(7), b"a");
    peer.send_with_payload(0, &Transfer { more: false, ..first(7) }, b"b");
    let delivery = delivery(peer.server.event());
    assert_eq!((&*delivery.payload, delivery.id), (b"ab".as_slice(), DeliveryId::new(7)));
    assert!(matches!(delivery.payload, Payload::Assembled(_)));
}

#[test]
fn refuses_a_delivery_that_begins_inside_another() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    peer.send_with_payload(0, &first(0), b"a");
    peer.send_with_payload(0, &first(1), b"b");
    let Event::Detached { link: detached, error, .. } = peer.server.event() else { panic!("not detached") };
    assert_eq!(detached, link);
    assert_eq!(error, Some(Error::from(&Violation::DeliveryInterrupted { id: 0, by: 1 })));
}

/// fe2o3-amqp cuts what is larger than our limit, repeats the tag on the second part and gives it an id of its own.
/// Detached, its sender would wait for an outcome for ever.
#[test]
fn a_delivery_past_the_limit_may_count_its_parts_as_long_as_they_have_its_tag() {
    let (mut peer, link) = RawPeer::sending(Config { max_delivery_bytes: 4, ..Config::default() });
    let _flow = peer.answers();
    peer.send_with_payload(0, &first(0), b"four");
    peer.send_with_payload(0, &first(1), b"fi");
    peer.send_with_payload(0, &Transfer { more: false, ..first(2) }, b"ve");
    let Event::DeliveryTooLarge { id, bytes, .. } = peer.server.event() else { panic!("not too large") };
    assert_eq!((id, bytes), (DeliveryId::new(0), 8));
    peer.server.connection.settle(link, id, id, DeliveryState::Accepted);
    assert_eq!(peer.answers().len(), 1, "one delivery, one outcome");
    peer.send_with_payload(0, &Transfer { more: false, ..first(3) }, b"next");
    assert_eq!(*delivery(peer.server.event()).payload, *b"next");
}

#[test]
fn refuses_a_delivery_of_another_tag_inside_one_past_the_limit() {
    let (mut peer, _) = RawPeer::sending(Config { max_delivery_bytes: 4, ..Config::default() });
    peer.send_with_payload(0, &first(0), b"four");
    peer.send_with_payload(0, &Transfer { delivery_tag: Some(b"another"), ..first(1) }, b"five");
    let Event::Detached { error, .. } = peer.server.event() else { panic!("not detached") };
    assert_eq!(error, Some(Error::from(&Violation::DeliveryInterrupted { id: 0, by: 1 })));
}

#[test]
fn the_last_frame_may_say_that_it_was_settled() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    let _flow = peer.answers();
    peer.send_with_payload(0, &first(0), b"a");
    peer.send_with_payload(0, &Transfer { settled: Some(true), ..next(false) }, b"b");
    let delivery = delivery(peer.server.event());
    assert!(delivery.settled);
    peer.server.connection.settle(link, delivery.id, delivery.id, DeliveryState::Accepted);
    assert_eq!(peer.answers(), [""; 0], "nobody waits for an answer");
}

#[test]
fn an_aborted_delivery_is_gone() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    let _flow = peer.answers();
    peer.send_with_payload(0, &first(0), b"some of it");
    assert_eq!(peer.server.connection.buffered_bytes(), 10);
    peer.send(0, &Transfer { aborted: true, ..next(false) });
    assert!(matches!(peer.server.event(), Event::DeliveryAborted { id, .. } if id == DeliveryId::new(0)));
    assert_eq!(peer.server.connection.buffered_bytes(), 0);
    peer.send_with_payload(0, &Transfer { more: false, ..first(1) }, b"another");
    assert_eq!(*delivery(peer.server.event()).payload, *b"another");
}

#[test]
fn a_delivery_aborted_in_its_only_frame_is_gone() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &Transfer { more: false, aborted: true, ..first(0) });
    assert!(matches!(peer.server.event(), Event::DeliveryAborted { .. }));
}

#[test]
fn a_delivery_too_large_is_reported_after_its_last_frame_and_can_be_rejected() {
    let (mut peer, link) = RawPeer::sending(Config { max_delivery_bytes: 4, ..Config::default() });
    let _flow = peer.answers();
    for (bytes, frames) in [(5, 1), (6, 2), (9, 3)] {
        let id = frames;
        let mut left = bytes;
        for frame in 0..frames {
            let last = frame + 1 == frames;
            let part = if last { left } else { 3 };
            left -= part;
            let transfer = if frame == 0 { Transfer { more: !last, ..first(id) } } else { next(!last) };
            peer.send_with_payload(0, &transfer, &message(part));
            assert!(peer.server.connection.buffered_bytes() <= 4);
        }
        let Event::DeliveryTooLarge { id: too_large, bytes: counted, settled, .. } = peer.server.event()
        else {
            panic!("not too large")
        };
        assert_eq!((too_large, counted, settled), (DeliveryId::new(id), bytes as u64, false));
        peer.server.connection.settle(link, too_large, too_large, DeliveryState::Rejected(None));
        assert_eq!(peer.answers(), ["disposition"]);
    }
}

#[test]
fn accepts_a_delivery_of_exactly_the_limit() {
    let (mut peer, _) = RawPeer::sending(Config { max_delivery_bytes: 4, ..Config::default() });
    peer.send_with_payload(0, &Transfer { more: false, ..first(0) }, b"four");
    assert_eq!(*delivery(peer.server.event()).payload, *b"four");
    peer.send_with_payload(0, &first(1), b"fo");
    peer.send_with_payload(0, &next(false), b"ur");
    assert_eq!(*delivery(peer.server.event()).payload, *b"four");
}

#[test]
fn a_links_own_limit_goes_before_the_connections() {
    let mut peer = RawPeer::opened(Config { max_delivery_bytes: 1_000, ..Config::default() });
    peer.send(0, &forebay_amqp::testing::begin());
    let _begun = peer.server.event();
    peer.send(0, &attach("events", Role::Sender));
    let Event::AttachReceived { link, .. } = peer.server.event() else { panic!("no attach") };
    let reply = AttachReply { max_message_size: Some(4), ..AttachReply::default() };
    peer.server.connection.accept_attach(link, reply);
    peer.send_with_payload(0, &Transfer { more: false, ..first(0) }, b"five!");
    assert!(matches!(peer.server.event(), Event::DeliveryTooLarge { bytes: 5, .. }));
}

#[test]
fn a_sender_keeps_to_the_limit_that_the_receiver_stated() {
    let mut pair = Pair::opened(Config::default(), narrow());
    let session = pair.begin();
    let reply = AttachReply { max_message_size: Some(1_000), ..AttachReply::default() };
    let link = pair.attach_with(session, attach("events", Role::Sender), reply);
    pair.server.connection.receiver(link.server).expect("a receiver").set_credit(10);
    pair.run();
    let _credit = pair.client.event();
    let before = pair.client.written.len();
    let refused = pair.client.send(link.client, true, &message(1_001));
    assert_eq!(refused, Err(SendError::TooLarge { bytes: 1_001, max: 1_000 }));
    pair.run();
    assert_eq!(pair.client.written.len(), before, "the buffer is as it was");
    pair.client.send(link.client, true, &message(1_000)).expect("the limit itself is allowed");
    pair.run();
    let delivery = delivery(pair.server.event());
    assert_eq!((delivery.payload.len(), delivery.id), (1_000, DeliveryId::new(0)), "no id was lost");
}

#[test]
fn refuses_a_first_frame_without_id_or_tag_or_with_a_long_tag() {
    let whole = || Transfer { more: false, ..first(0) };
    for (transfer, violation) in [
        (Transfer { delivery_id: None, ..whole() }, Violation::DeliveryIdMissing),
        (Transfer { delivery_tag: None, ..whole() }, Violation::DeliveryTagMissing),
        (Transfer { delivery_tag: Some(&[0; 33]), ..whole() }, Violation::DeliveryTagTooLong(33)),
    ] {
        let (mut peer, _) = RawPeer::sending(Config::default());
        peer.send_with_payload(0, &transfer, b"message");
        let Event::Detached { error, initiator, .. } = peer.server.event() else { panic!("not detached") };
        assert_eq!((error, initiator), (Some(Error::from(&violation)), Initiator::Library));
    }
}

#[test]
fn accepts_a_tag_of_32_bytes_and_no_message_format() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    let transfer = Transfer { delivery_tag: Some(&[9; 32]), message_format: None, more: false, ..first(0) };
    peer.send_with_payload(0, &transfer, b"message");
    let delivery = delivery(peer.server.event());
    assert_eq!((&*delivery.tag, delivery.message_format), ([9; 32].as_slice(), 0));
    assert!(matches!(delivery.payload, Payload::Assembled(_)), "the test harness owns what it keeps");
}
