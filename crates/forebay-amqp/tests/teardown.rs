//! How links, sessions and connections end (§2.4.6, §2.5.4, §2.6.6): by either side, by both, by neither.

use std::time::Duration;

use forebay_amqp::error::Scope;
use forebay_amqp::frame::Performative;
use forebay_amqp::testing::{Pair, RawPeer, attach, begin, frames};
use forebay_amqp::types::{
    Attach, Close, DeliveryId, DeliveryState, Detach, Disposition, End, Error, Flow, Handle, Role, Transfer,
    TransferId, condition,
};
use forebay_amqp::violation::Violation;
use forebay_amqp::{AttachReply, BeginError, Config, Event, Initiator};

fn why() -> Error {
    Error::new(condition::DETACH_FORCED, "moved away")
}

fn detach() -> Detach {
    Detach { handle: Handle(0), closed: true, error: None }
}

#[track_caller]
fn detached(event: Event<'static>) -> (bool, Option<Error>, Initiator) {
    match event {
        Event::Detached { closed, error, initiator, .. } => (closed, error, initiator),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ended(event: Event<'static>) -> (Option<Error>, Initiator) {
    match event {
        Event::Ended { error, initiator, .. } => (error, initiator),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn closed(event: Event<'static>) -> (Option<Error>, Initiator) {
    match event {
        Event::Closed { error, initiator } => (error, initiator),
        other => panic!("{other:?}"),
    }
}

#[test]
fn either_side_detaches_and_both_know_who_and_why() {
    for server_detaches in [true, false] {
        let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 10);
        if server_detaches {
            pair.server.connection.detach(link.server, Some(why()));
        } else {
            pair.client.connection.detach(link.client, Some(why()));
        }
        pair.run();
        let (us, them) = if server_detaches {
            (&mut pair.server, &mut pair.client)
        } else {
            (&mut pair.client, &mut pair.server)
        };
        assert_eq!(detached(them.event()), (true, Some(why()), Initiator::Peer));
        assert_eq!(detached(us.event()), (true, None, Initiator::Application));
        assert_eq!((us.connection.counts(), them.connection.counts()), ((1, 0), (1, 0)));
        assert!(us.events.is_empty() && them.events.is_empty());
    }
}

#[test]
fn a_detach_that_does_not_close_is_answered_with_one_that_does() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &Detach { closed: false, ..detach() });
    assert_eq!(detached(peer.server.event()), (false, None, Initiator::Peer));
    let bytes = peer.answer_bytes();
    let [(_, Performative::Detach(answer), _)] = &frames(&bytes)[..] else { panic!("not one detach") };
    assert!(answer.closed);
}

#[test]
fn a_detach_that_is_an_answer_is_not_answered() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    peer.server.connection.detach(link, Some(why()));
    assert_eq!(peer.answers(), ["detach"]);
    peer.send(0, &detach());
    assert_eq!(peer.answers(), [""; 0]);
    // Python says it twice.
    peer.send(0, &Detach { closed: false, ..detach() });
    assert_eq!(peer.answers(), [""; 0]);
    assert_eq!(detached(peer.server.event()), (true, None, Initiator::Application));
    assert!(peer.server.events.is_empty());
}

#[test]
fn both_sides_may_detach_at_once() {
    let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 10);
    pair.client.connection.detach(link.client, None);
    pair.server.connection.detach(link.server, Some(why()));
    pair.run();
    assert_eq!(detached(pair.client.event()), (true, Some(why()), Initiator::Application));
    assert_eq!(detached(pair.server.event()), (true, None, Initiator::Application));
    assert_eq!((pair.client.connection.counts(), pair.server.connection.counts()), ((1, 0), (1, 0)));
    // Before either has written: each writes one detach.
    let detaches =
        |bytes: &[u8]| frames(bytes).iter().filter(|(_, frame, _)| frame.name() == "detach").count();
    assert_eq!((detaches(&pair.client.written), detaches(&pair.server.written)), (1, 1));
}

#[test]
fn a_client_may_give_up_a_link_before_it_is_answered() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let session = pair.begin();
    let link =
        pair.client.connection.attach(session, attach("events", Role::Sender)).expect("the name is free");
    pair.client.connection.detach(link, None);
    pair.run();
    assert!(matches!(pair.server.event(), Event::AttachReceived { .. }));
    assert_eq!(detached(pair.server.event()), (true, None, Initiator::Peer));
    assert_eq!(detached(pair.client.event()), (true, None, Initiator::Application));
    assert_eq!((pair.client.connection.counts(), pair.server.connection.counts()), ((1, 0), (1, 0)));
}

#[test]
fn either_side_ends_a_session_and_its_links_are_gone() {
    for server_ends in [true, false] {
        let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 10);
        let server_session = pair.server.connection.link(link.server).expect("live").session;
        if server_ends {
            pair.server.connection.end(server_session, Some(why()));
        } else {
            pair.client.connection.end(link.session, Some(why()));
        }
        assert!(
            !server_ends || pair.server.connection.receiver(link.server).is_none(),
            "its links are dead at once"
        );
        pair.run();
        let (us, them) = if server_ends {
            (&mut pair.server, &mut pair.client)
        } else {
            (&mut pair.client, &mut pair.server)
        };
        assert_eq!(ended(them.event()), (Some(why()), Initiator::Peer));
        assert_eq!(ended(us.event()), (None, Initiator::Application));
        assert_eq!((us.connection.counts(), them.connection.counts()), ((0, 0), (0, 0)));
        assert!(us.events.is_empty() && them.events.is_empty());
    }
}

#[test]
fn a_detach_is_answered_also_when_the_end_comes_right_after_it() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &detach());
    peer.send(0, &End { error: None });
    assert_eq!(peer.answers(), ["detach", "end"]);
    assert_eq!(detached(peer.server.event()), (true, None, Initiator::Peer));
    assert_eq!(ended(peer.server.event()), (None, Initiator::Peer));
    assert_eq!((peer.server.connection.counts(), peer.server.events.len()), ((0, 0), 0));
    // A link whose attach was not answered yet has nothing to say any more.
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &Attach { handle: Handle(1), ..attach("late", Role::Sender) });
    peer.send(0, &Detach { handle: Handle(1), ..detach() });
    peer.send(0, &End { error: None });
    assert_eq!(peer.answers(), ["end"]);
    assert_eq!(peer.server.connection.counts(), (0, 0));
}

#[test]
fn a_detach_is_answered_also_when_both_sides_end_right_after_it() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    let session = peer.server.connection.link(link).expect("live").session;
    peer.send(0, &detach());
    peer.server.connection.end(session, None);
    peer.send(0, &End { error: None });
    assert_eq!(peer.answers(), ["detach", "end"]);
    assert_eq!(peer.server.connection.counts(), (0, 0));
}

#[test]
fn both_sides_may_end_at_once() {
    let (mut pair, link) = Pair::sending(Config::default(), Config::default(), 10);
    let server_session = pair.server.connection.link(link.server).expect("live").session;
    pair.client.connection.end(link.session, None);
    pair.server.connection.end(server_session, None);
    pair.run();
    assert_eq!(ended(pair.client.event()), (None, Initiator::Application));
    assert_eq!(ended(pair.server.event()), (None, Initiator::Application));
    assert_eq!((pair.client.connection.counts(), pair.server.connection.counts()), ((0, 0), (0, 0)));
    pair.begin();
}

#[test]
fn a_session_may_be_ended_before_it_is_answered() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    let session = pair.client.connection.begin().expect("a channel is free");
    pair.client.connection.end(session, None);
    pair.run();
    assert!(matches!(pair.server.event(), Event::SessionBegun { .. }));
    assert_eq!(ended(pair.server.event()), (None, Initiator::Peer));
    assert_eq!(ended(pair.client.event()), (None, Initiator::Application));
    assert_eq!((pair.client.connection.counts(), pair.server.connection.counts()), ((0, 0), (0, 0)));
}

#[test]
fn drops_late_frames_after_the_end_of_either_side() {
    let late = |peer: &mut RawPeer| {
        let transfer = Transfer {
            delivery_id: Some(DeliveryId::new(0)),
            delivery_tag: Some(b"t"),
            ..Transfer::new(Handle(0))
        };
        peer.send_with_payload(0, &transfer, b"late");
        peer.send(0, &Flow { handle: Some(Handle(0)), echo: true, ..Flow::new(TransferId::new(0), 10, 10) });
        peer.send(0, &Detach { closed: false, ..detach() });
        peer.send(0, &Attach { handle: Handle(1), ..attach("late", Role::Sender) });
        let state = Some(DeliveryState::Accepted);
        let first = DeliveryId::new(0);
        peer.send(
            0,
            &Disposition { role: Role::Receiver, first, last: None, settled: true, state, batchable: false },
        );
        assert_eq!((peer.answers(), peer.server.events.len()), (vec![], 0));
    };
    // Theirs: Python detaches after its end.
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &End { error: None });
    assert_eq!(ended(peer.server.event()), (None, Initiator::Peer));
    assert_eq!(peer.answers(), ["end"]);
    late(&mut peer);
    peer.send(0, &End { error: None });
    assert_eq!((peer.answers(), peer.server.events.len()), (vec![], 0));
    // Ours.
    let (mut peer, link) = RawPeer::sending(Config::default());
    let session = peer.server.connection.link(link).expect("live").session;
    peer.server.connection.end(session, None);
    assert_eq!(peer.answers(), ["end"]);
    late(&mut peer);
    peer.send(0, &End { error: None });
    assert_eq!(peer.answers(), [""; 0], "an end that is an answer is not answered");
}

#[test]
fn a_channel_may_be_begun_again_after_its_end() {
    let (mut peer, _) = RawPeer::sending(Config::default());
    for _ in 0..100 {
        peer.send(0, &End { error: None });
        assert_eq!(ended(peer.server.event()), (None, Initiator::Peer));
        assert_eq!(peer.answers(), ["end"]);
        peer.attach_sender();
    }
    assert_eq!(peer.server.connection.counts(), (1, 1));
}

#[test]
fn either_side_closes_and_both_know_who_and_why() {
    for server_closes in [true, false] {
        let (mut pair, _) = Pair::sending(Config::default(), Config::default(), 10);
        let (us, them) = if server_closes {
            (&mut pair.server, &mut pair.client)
        } else {
            (&mut pair.client, &mut pair.server)
        };
        us.connection.close(Some(why()));
        assert!(!us.connection.is_closed() && !them.connection.is_closed());
        pair.run();
        let (us, them) = if server_closes {
            (&mut pair.server, &mut pair.client)
        } else {
            (&mut pair.client, &mut pair.server)
        };
        assert_eq!(closed(them.event()), (Some(why()), Initiator::Peer));
        assert_eq!(closed(us.event()), (None, Initiator::Application));
        assert!(us.connection.is_closed() && them.connection.is_closed());
        assert_eq!((us.connection.poll_timeout(), them.connection.poll_timeout()), (None, None));
    }
}

#[test]
fn both_sides_may_close_at_once() {
    let mut pair = Pair::opened(Config::default(), Config::default());
    pair.client.connection.close(None);
    pair.server.connection.close(Some(why()));
    pair.run();
    assert_eq!(closed(pair.client.event()), (Some(why()), Initiator::Application));
    assert_eq!(closed(pair.server.event()), (None, Initiator::Application));
    let closes = |bytes: &[u8]| frames(bytes).iter().filter(|(_, frame, _)| frame.name() == "close").count();
    assert_eq!((closes(&pair.client.written), closes(&pair.server.written)), (1, 1));
}

#[test]
fn what_is_due_is_written_before_the_close_and_nothing_after_it() {
    let (mut peer, link) = RawPeer::sending(Config::default());
    let transfer = Transfer {
        delivery_id: Some(DeliveryId::new(0)),
        delivery_tag: Some(b"t"),
        ..Transfer::new(Handle(0))
    };
    peer.send_with_payload(0, &transfer, b"message");
    let Event::Delivery(delivery) = peer.server.event() else { panic!("no delivery") };
    peer.server.connection.settle(link, delivery.id, delivery.id, DeliveryState::Accepted);
    peer.server.connection.close(Some(why()));
    peer.server.connection.detach(link, None);
    assert!(peer.server.connection.receiver(link).is_none(), "ids are dead");
    assert_eq!(peer.server.connection.begin(), Err(BeginError::Closed));
    assert_eq!(peer.answers(), ["disposition", "close"]);
    peer.send_with_payload(0, &transfer, b"late");
    assert_eq!(peer.answers(), [""; 0]);
    peer.send(0, &Close { error: None });
    assert_eq!(peer.answers(), [""; 0]);
    assert_eq!(closed(peer.server.event()), (None, Initiator::Application));
}

#[test]
fn a_peer_that_does_not_answer_a_close_is_not_awaited_for_long() {
    let mut peer = RawPeer::opened(Config { close_timeout: Duration::from_secs(1), ..Config::default() });
    peer.server.connection.close(None);
    assert_eq!(peer.answers(), ["close"]);
    assert!(!peer.server.connection.is_closed());
    peer.now = peer.server.connection.poll_timeout().expect("a deadline");
    peer.server.connection.handle_timeout(peer.now);
    peer.server.collect();
    assert_eq!(closed(peer.server.event()), (None, Initiator::Application));
    assert!(peer.server.connection.is_closed());
}

#[test]
fn a_close_before_anything_was_opened_writes_nothing() {
    let mut peer = RawPeer::new(Config::default());
    peer.server.connection.close(Some(why()));
    peer.server.collect();
    assert_eq!(closed(peer.server.event()), (Some(why()), Initiator::Application));
    assert_eq!(peer.answer_bytes(), []);
}

#[test]
fn an_application_may_refuse_an_open() {
    let mut peer = RawPeer::opened(Config::default());
    peer.server.connection.close(Some(why()));
    assert_eq!(peer.answers(), ["close"], "the open went out before");
}

#[test]
fn the_end_of_the_bytes_is_the_peers_doing() {
    let (mut pair, _) = Pair::sending(Config::default(), Config::default(), 10);
    pair.server.connection.handle_eof(pair.now);
    pair.server.connection.handle_eof(pair.now);
    pair.server.collect();
    assert_eq!(closed(pair.server.event()), (None, Initiator::Peer));
    assert!(pair.server.events.is_empty(), "told once");
    assert!(pair.server.connection.is_closed());
}

#[test]
fn after_a_broken_rule_of_the_connection_input_is_swallowed() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send_bytes(&[0, 0, 0, 4]);
    let (error, initiator) = closed(peer.server.event());
    assert_eq!((error, initiator), (Some(Error::from(&Violation::FrameTooSmall(4))), Initiator::Library));
    assert_eq!(peer.answers(), ["close"]);
    peer.send_bytes(&[0xff; 100_000]);
    peer.send(0, &begin());
    assert_eq!((peer.answers(), peer.server.events.len()), (vec![], 0));
    peer.server.connection.handle_eof(peer.now);
    peer.server.collect();
    assert!(peer.server.connection.is_closed() && peer.server.events.is_empty(), "told once");
}

#[test]
fn a_broken_rule_reaches_as_far_as_it_must_and_no_further() {
    // A link's: its session and the other links live on.
    let (mut peer, _) = RawPeer::sending(Config::default());
    peer.send(0, &Attach { handle: Handle(1), ..attach("second", Role::Sender) });
    let Event::AttachReceived { link: second, .. } = peer.server.event() else { panic!("no attach") };
    peer.server.connection.accept_attach(second, AttachReply::default());
    peer.send(0, &Transfer::new(Handle(0)));
    assert_eq!(Violation::DeliveryIdMissing.reach().0, Scope::Link);
    assert_eq!(detached(peer.server.event()).2, Initiator::Library);
    assert!(peer.server.connection.receiver(second).is_some());
    // A session's: the connection lives on.
    peer.send(0, &Transfer::new(Handle(77)));
    assert_eq!(Violation::UnattachedHandle(77).reach().0, Scope::Session);
    assert_eq!(ended(peer.server.event()).1, Initiator::Library);
    assert!(peer.server.connection.receiver(second).is_none());
    peer.send(0, &End { error: None });
    assert!(peer.server.events.is_empty(), "the application was told already");
    peer.attach_sender();
    // The connection's.
    assert_eq!(Violation::OpenedTwice.reach().0, Scope::Connection);
}

#[test]
fn a_text_too_long_for_the_peers_frames_gives_way_to_its_condition() {
    let client = Config { max_frame_size: 512, ..Config::default() };
    let (mut pair, link) = Pair::sending(client, Config::default(), 10);
    let long = Error::new(condition::NOT_FOUND, "x".repeat(2_000));
    pair.client.send(link.client, false, b"message").expect("credit");
    pair.run();
    let Event::Delivery(delivery) = pair.server.event() else { panic!("no delivery") };
    let rejected = DeliveryState::rejected(long.clone());
    pair.server.connection.settle(link.server, delivery.id, delivery.id, rejected);
    pair.server.connection.detach(link.server, Some(long.clone()));
    pair.server.connection.close(Some(long));
    pair.run();
    let short = Error::from(condition::NOT_FOUND);
    let Event::Outcome { state, .. } = pair.client.event() else { panic!("no outcome") };
    assert_eq!(state, DeliveryState::rejected(short.clone()));
    assert_eq!(detached(pair.client.event()).1, Some(short.clone()));
    assert_eq!(closed(pair.client.event()).0, Some(short));
}
