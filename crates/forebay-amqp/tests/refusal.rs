//! Attaching and refusing links (§2.6.3-2.6.6): names, handles, termini.

use forebay_amqp::frame::Performative;
use forebay_amqp::testing::{Pair, RawPeer, attach, begin, frames};
use forebay_amqp::types::{
    Attach, Begin, DeliveryCount, DeliveryId, Detach, Error, Fields, Flow, Handle, ReceiverSettleMode, Role,
    SenderSettleMode, Source, Target, Transfer, TransferId, condition,
};
use forebay_amqp::violation::Violation;
use forebay_amqp::wire::{Symbol, Value};
use forebay_amqp::{AttachError, AttachReply, Config, Event, Initiator, LinkId, SendError};

fn begun() -> RawPeer {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    assert_eq!(peer.answers(), ["begin"]);
    peer
}

fn with_handle(handle: u32, attach: Attach) -> Attach {
    Attach { handle: Handle(handle), ..attach }
}

#[track_caller]
fn received(peer: &mut RawPeer) -> LinkId {
    match peer.server.event() {
        Event::AttachReceived { link, .. } => link,
        other => panic!("{other:?}"),
    }
}

fn detach(handle: u32) -> Detach {
    Detach { handle: Handle(handle), closed: true, error: None }
}

fn transfer(handle: u32) -> Transfer<'static> {
    Transfer {
        delivery_id: Some(DeliveryId::new(0)),
        delivery_tag: Some(b"t"),
        ..Transfer::new(Handle(handle))
    }
}

#[test]
fn accepts_an_attach_with_an_echo_of_what_the_peer_sent() {
    let properties: Fields =
        [(Symbol::from_static("com.microsoft:epoch"), Value::Long(3))].into_iter().collect();
    for role in [Role::Sender, Role::Receiver] {
        let mut peer = begun();
        let theirs = Attach {
            snd_settle_mode: SenderSettleMode::SETTLED,
            rcv_settle_mode: ReceiverSettleMode::SECOND,
            properties: properties.clone(),
            ..attach("events", role)
        };
        peer.send(0, &theirs);
        let link = received(&mut peer);
        assert!(!peer.server.connection.link(link).expect("live").attached);
        let reply = AttachReply { max_message_size: Some(1_048_576), ..AttachReply::default() };
        peer.server.connection.accept_attach(link, reply);
        let bytes = peer.answer_bytes();
        let [(0, Performative::Attach(ours), _)] = &frames(&bytes)[..] else { panic!("not one attach") };
        assert_eq!((ours.name.as_str(), ours.role), ("events", role.opposite()));
        assert_eq!((&ours.source, &ours.target), (&theirs.source, &theirs.target));
        assert_eq!(ours.snd_settle_mode, SenderSettleMode::SETTLED);
        assert_eq!(ours.rcv_settle_mode, ReceiverSettleMode::SECOND);
        assert_eq!((&ours.properties, ours.max_message_size), (&properties, Some(1_048_576)));
        let count = (role == Role::Receiver).then_some(DeliveryCount::new(0));
        assert_eq!(ours.initial_delivery_count, count, "the sender gives it, and only the sender");
        let snapshot = peer.server.connection.link(link).expect("live");
        assert_eq!((snapshot.name, snapshot.role, snapshot.attached), ("events", role.opposite(), true));
    }
}

#[test]
fn a_reply_may_differ_from_what_the_peer_sent() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Receiver));
    let link = received(&mut peer);
    let reply = AttachReply {
        source: Some(Source::new("another")),
        target: Some(Target::new("elsewhere")),
        snd_settle_mode: Some(SenderSettleMode::SETTLED),
        ..AttachReply::default()
    };
    peer.server.connection.accept_attach(link, reply.clone());
    let bytes = peer.answer_bytes();
    let [(0, Performative::Attach(ours), _)] = &frames(&bytes)[..] else { panic!("not one attach") };
    assert_eq!((&ours.source, &ours.target), (&reply.source, &reply.target));
    assert_eq!(ours.snd_settle_mode, SenderSettleMode::SETTLED);
}

#[test]
fn credit_goes_out_right_behind_the_attach() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Sender));
    let link = received(&mut peer);
    peer.server.connection.receiver(link).expect("a receiver").set_credit(300);
    assert_eq!(peer.answers(), [""; 0], "no flow before the attach");
    peer.server.connection.accept_attach(link, AttachReply::default());
    assert_eq!(peer.answers(), ["attach", "flow"]);
}

#[test]
fn refuses_an_attach_with_null_termini_and_a_detach_that_closes() {
    for role in [Role::Sender, Role::Receiver] {
        let mut peer = begun();
        peer.send(0, &attach("events", role));
        let link = received(&mut peer);
        let error = Error::new(condition::NOT_FOUND, "no such hub");
        peer.server.connection.refuse_attach(link, error.clone());
        let bytes = peer.answer_bytes();
        let [(0, Performative::Attach(ours), _), (0, Performative::Detach(detach), _)] = &frames(&bytes)[..]
        else {
            panic!("not an attach and a detach")
        };
        assert_eq!((ours.name.as_str(), ours.role), ("events", role.opposite()));
        assert_eq!((&ours.source, &ours.target), (&None, &None));
        assert_eq!(ours.initial_delivery_count.is_some(), role == Role::Receiver);
        assert_eq!((detach.handle, detach.closed, &detach.error), (ours.handle, true, &Some(error)));
        assert!(peer.server.connection.link(link).is_none());
    }
}

#[test]
fn a_client_is_told_of_the_refusal_and_may_try_again() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let session = pair.begin();
    for _ in 0..3 {
        let link =
            pair.client.connection.attach(session, attach("events", Role::Sender)).expect("the name is free");
        pair.run();
        let Event::AttachReceived { link: server, .. } = pair.server.event() else { panic!("no attach") };
        let error = Error::new(condition::NOT_FOUND, "no such hub");
        pair.server.connection.refuse_attach(server, error.clone());
        pair.run();
        let Event::Attached { attach, .. } = pair.client.event() else { panic!("not attached") };
        assert_eq!((attach.source, attach.target), (None, None));
        let Event::Detached { link: gone, closed, error: why, initiator } = pair.client.event() else {
            panic!("not detached")
        };
        assert_eq!((gone, closed, why, initiator), (link, true, Some(error), Initiator::Peer));
        let Event::Detached { link: gone, initiator, .. } = pair.server.event() else {
            panic!("not detached")
        };
        assert_eq!((gone, initiator), (server, Initiator::Application));
    }
    assert_eq!(pair.server.connection.counts(), (1, 0), "nothing is left of the refused links");
    assert_eq!(pair.client.connection.counts(), (1, 0));
}

#[test]
fn a_second_answer_to_an_attach_does_nothing() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Sender));
    let link = received(&mut peer);
    peer.server.connection.accept_attach(link, AttachReply::default());
    peer.server.connection.accept_attach(link, AttachReply::default());
    peer.server.connection.refuse_attach(link, Error::from(condition::NOT_FOUND));
    assert_eq!(peer.answers(), ["attach"]);
}

#[test]
fn an_id_of_a_dead_link_is_dead_even_when_its_place_is_taken() {
    let mut peer = begun();
    peer.send(0, &attach("first", Role::Sender));
    let first = received(&mut peer);
    peer.server.connection.accept_attach(first, AttachReply::default());
    peer.send(0, &detach(0));
    assert_eq!(peer.answers(), ["attach", "detach"]);
    peer.send(0, &attach("second", Role::Sender));
    assert!(matches!(peer.server.event(), Event::Detached { .. }));
    let second = received(&mut peer);
    assert_ne!(first, second);
    peer.server.connection.accept_attach(first, AttachReply::default());
    peer.server.connection.detach(first, None);
    assert!(peer.server.connection.receiver(first).is_none());
    assert_eq!(peer.answers(), [""; 0]);
    peer.server.connection.accept_attach(second, AttachReply::default());
    assert_eq!(peer.answers(), ["attach"]);
}

#[test]
fn a_newer_link_of_the_same_name_takes_the_place_of_the_older() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Sender));
    let old = received(&mut peer);
    peer.server.connection.accept_attach(old, AttachReply::default());
    assert_eq!(peer.answers(), ["attach"]);
    peer.send(0, &with_handle(1, attach("events", Role::Sender)));
    let Event::Detached { link, error, initiator, .. } = peer.server.event() else { panic!("not stolen") };
    assert_eq!((link, initiator), (old, Initiator::Library));
    assert_eq!(error.expect("a reason").condition, condition::STOLEN);
    let new = received(&mut peer);
    peer.server.connection.accept_attach(new, AttachReply::default());
    assert_eq!(peer.answers(), ["attach", "detach"]);
    peer.send(0, &detach(0));
    assert_eq!((peer.answers(), peer.server.events.len()), (vec![], 0), "the answer is not answered");
    assert!(peer.server.connection.receiver(new).is_some());
}

#[test]
fn accepts_the_same_name_in_the_other_direction_and_in_another_session() {
    let mut peer = begun();
    peer.send(1, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    peer.send(0, &attach("events", Role::Sender));
    peer.send(0, &with_handle(1, attach("events", Role::Receiver)));
    peer.send(1, &attach("events", Role::Sender));
    for _ in 0..3 {
        received(&mut peer);
    }
    assert!(peer.server.events.is_empty());
}

#[test]
fn a_client_may_not_attach_a_name_twice() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let session = pair.begin();
    let link = pair.attach(session, "events", Role::Sender);
    let again = pair.client.connection.attach(session, attach("events", Role::Sender));
    assert_eq!(again, Err(AttachError::NameInUse));
    pair.client.connection.detach(link.client, None);
    pair.run();
    pair.client.events.clear();
    pair.server.events.clear();
    pair.attach(session, "events", Role::Sender);
}

#[test]
fn refuses_a_handle_in_use_and_accepts_it_after_the_detach() {
    let mut peer = begun();
    peer.send(0, &attach("first", Role::Sender));
    peer.send(0, &detach(0));
    peer.send(0, &attach("second", Role::Sender));
    received(&mut peer);
    assert!(matches!(peer.server.event(), Event::Detached { initiator: Initiator::Peer, .. }));
    received(&mut peer);
    assert_eq!(peer.answers(), ["attach", "detach"], "the unanswered attach got its answer");
    peer.send(0, &attach("third", Role::Sender));
    let Event::Ended { error, .. } = peer.server.event() else { panic!("not ended") };
    assert_eq!(error, Some(Error::from(&Violation::HandleInUse(0))));
    assert_eq!(peer.answers(), ["end"]);
}

#[test]
fn refuses_a_handle_above_handle_max_and_accepts_handle_max() {
    let mut peer = RawPeer::opened(Config { handle_max: 3, ..Config::default() });
    peer.send(0, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    peer.send(0, &with_handle(3, attach("first", Role::Sender)));
    received(&mut peer);
    peer.send(0, &with_handle(4, attach("second", Role::Sender)));
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::HandleOutOfRange { handle: 4, max: 3 })));
}

#[test]
fn our_handles_stay_within_the_peers_handle_max() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &Begin { handle_max: Handle(0), ..begin() });
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    peer.send(0, &with_handle(7, attach("first", Role::Sender)));
    peer.send(0, &with_handle(8, attach("second", Role::Sender)));
    let (first, second) = (received(&mut peer), received(&mut peer));
    peer.server.connection.accept_attach(first, AttachReply::default());
    peer.server.connection.accept_attach(second, AttachReply::default());
    assert_eq!(peer.answers(), ["begin", "attach"]);
    peer.server.collect();
    let Event::Detached { link, initiator: Initiator::Library, .. } = peer.server.event() else {
        panic!("not given up")
    };
    assert_eq!(link, second);
}

#[test]
fn refuses_frames_for_a_handle_that_was_never_attached() {
    let flow = Flow { handle: Some(Handle(9)), ..Flow::new(TransferId::new(0), 10, 10) };
    let cases: [&dyn Fn(&mut RawPeer); 3] =
        [&|peer| peer.send(0, &transfer(9)), &|peer| peer.send(0, &flow), &|peer| peer.send(0, &detach(9))];
    for send in cases {
        let mut peer = begun();
        send(&mut peer);
        let Event::Ended { error, .. } = peer.server.event() else { panic!("not ended") };
        assert_eq!(error, Some(Error::from(&Violation::UnattachedHandle(9))));
        assert_eq!(peer.answers(), ["end"]);
    }
}

#[test]
fn drops_late_frames_for_a_handle_that_was_detached() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &detach(0));
    assert!(matches!(peer.server.event(), Event::Detached { .. }));
    assert_eq!(peer.answers(), ["detach"]);
    peer.send_with_payload(0, &transfer(0), b"late");
    peer.send(0, &Flow { handle: Some(Handle(0)), ..Flow::new(TransferId::new(0), 10, 10) });
    peer.send(0, &detach(0));
    assert_eq!((peer.answers(), peer.server.events.len()), (vec![], 0));
}

#[test]
fn refuses_a_transfer_before_the_attach_was_answered() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Sender));
    let link = received(&mut peer);
    peer.send_with_payload(0, &transfer(0), b"early");
    let Event::Detached { link: detached, error, .. } = peer.server.event() else { panic!("not detached") };
    assert_eq!((detached, error), (link, Some(Error::from(&Violation::TransferBeforeAnswer))));
    peer.server.connection.accept_attach(link, AttachReply::default());
    assert_eq!(peer.answers(), ["attach", "detach"], "refused, and the late yes is ignored");
}

#[test]
fn refuses_a_transfer_on_a_link_whose_sender_we_are() {
    let mut peer = begun();
    peer.send(0, &attach("events", Role::Receiver));
    let link = received(&mut peer);
    peer.server.connection.accept_attach(link, AttachReply::default());
    peer.send_with_payload(0, &transfer(0), b"wrong way");
    let Event::Detached { error, .. } = peer.server.event() else { panic!("not detached") };
    assert_eq!(error, Some(Error::from(&Violation::TransferToSender)));
}

#[test]
fn a_sender_without_a_handle_sends_nothing() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &Begin { handle_max: Handle(0), ..begin() });
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    peer.send(0, &attach("first", Role::Receiver));
    peer.send(0, &with_handle(1, attach("second", Role::Receiver)));
    let (first, second) = (received(&mut peer), received(&mut peer));
    peer.server.connection.accept_attach(first, AttachReply::default());
    peer.server.connection.accept_attach(second, AttachReply::default());
    peer.send(
        0,
        &Flow { handle: Some(Handle(1)), link_credit: Some(5), ..Flow::new(TransferId::new(0), 10, 10) },
    );
    assert!(matches!(peer.server.event(), Event::Credit { .. }));
    // Writing what is due finds that no handle is left, while the link is being viewed.
    assert_eq!(peer.server.send(second, true, b"message"), Err(SendError::NotAttached));
    assert_eq!(peer.answers(), ["begin", "attach"]);
    assert!(peer.server.connection.sender(second).is_none());
}
