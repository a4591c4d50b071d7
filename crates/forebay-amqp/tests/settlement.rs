//! Outcomes (§2.6.12, §2.7.6): decided, merged, clamped, confirmed, forgotten.

use forebay_amqp::frame::Performative;
use forebay_amqp::testing::{Pair, RawPeer, frames};
use forebay_amqp::types::{
    DeliveryId, DeliveryState, Disposition, Error, Handle, Received, Role, Transfer, condition,
};
use forebay_amqp::violation::Violation;
use forebay_amqp::{Config, Event, Initiator, SendError};

fn id(number: u32) -> DeliveryId {
    DeliveryId::new(number)
}

fn transfer(number: u32) -> Transfer<'static> {
    Transfer { delivery_id: Some(id(number)), delivery_tag: Some(b"t"), ..Transfer::new(Handle(0)) }
}

fn disposition(first: u32, last: Option<u32>, settled: bool, state: Option<DeliveryState>) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: id(first),
        last: last.map(id),
        settled,
        state,
        batchable: false,
    }
}

/// The dispositions in what the server wrote: first, last, state.
fn dispositions(bytes: &[u8]) -> Vec<(u32, Option<u32>, Option<DeliveryState>)> {
    frames(bytes)
        .into_iter()
        .filter_map(|(_, performative, _)| match performative {
            Performative::Disposition(disposition) => {
                assert!(disposition.settled);
                Some((disposition.first.get(), disposition.last.map(DeliveryId::get), disposition.state))
            }
            _ => None,
        })
        .collect()
}

/// A server that holds unsettled deliveries with these ids.
fn holding(ids: impl IntoIterator<Item = u32>) -> (RawPeer, forebay_amqp::LinkId) {
    let (mut peer, link) = RawPeer::sending(Config::default());
    for number in ids {
        peer.send_with_payload(0, &transfer(number), b"message");
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
    }
    let _flow = peer.answers();
    (peer, link)
}

/// A server that has sent this many deliveries unsettled, and a peer that says what became of them.
fn sent(count: u32) -> (Pair, forebay_amqp::testing::Joined) {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 1_000);
    for number in 0..count {
        assert_eq!(pair.server.send(link.server, false, b"message"), Ok(id(number)));
    }
    pair.run();
    pair.client.events.clear();
    (pair, link)
}

/// Gives the server a frame as if its client had written it.
fn tell(pair: &mut Pair, disposition: &Disposition) {
    let bytes = forebay_amqp::testing::frame(0, disposition, &[]);
    pair.server.receive(pair.now, &bytes);
}

#[track_caller]
fn outcome(event: Event<'static>) -> (u32, u32, DeliveryState) {
    match event {
        Event::Outcome { first, last, state, .. } => (first.get(), last.get(), state),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ten_settles_become_one_disposition() {
    let (mut peer, link) = holding(0..10);
    for number in 0..10 {
        peer.server.connection.settle(link, id(number), id(number), DeliveryState::Accepted);
    }
    assert_eq!(dispositions(&peer.answer_bytes()), [(0, Some(9), Some(DeliveryState::Accepted))]);
}

#[test]
fn one_settle_names_one_delivery() {
    let (mut peer, link) = holding(0..3);
    peer.server.connection.settle(link, id(1), id(1), DeliveryState::Released);
    assert_eq!(dispositions(&peer.answer_bytes()), [(1, None, Some(DeliveryState::Released))]);
}

#[test]
fn a_rejection_keeps_its_error_and_its_neighbours_keep_theirs() {
    let (mut peer, link) = holding(0..4);
    let rejected = DeliveryState::rejected(Error::new(condition::MESSAGE_SIZE_EXCEEDED, "too large"));
    peer.server.connection.settle(link, id(0), id(0), DeliveryState::Accepted);
    peer.server.connection.settle(link, id(1), id(2), rejected.clone());
    peer.server.connection.settle(link, id(3), id(3), DeliveryState::Accepted);
    assert_eq!(
        dispositions(&peer.answer_bytes()),
        [
            (0, None, Some(DeliveryState::Accepted)),
            (1, Some(2), Some(rejected)),
            (3, None, Some(DeliveryState::Accepted))
        ]
    );
}

#[test]
fn a_settle_beyond_what_is_held_is_clamped() {
    let (mut peer, link) = holding(5..8);
    peer.server.connection.settle(link, id(0), id(1_000_000), DeliveryState::Accepted);
    assert_eq!(dispositions(&peer.answer_bytes()), [(5, Some(7), Some(DeliveryState::Accepted))]);
    peer.server.connection.settle(link, id(5), id(7), DeliveryState::Accepted);
    assert_eq!(peer.answer_bytes(), [], "settled once");
}

#[test]
fn ids_that_wrap_are_settled_as_one_range() {
    let (mut peer, link) = holding([u32::MAX - 1, u32::MAX, 0, 1]);
    peer.server.connection.settle(link, id(u32::MAX - 1), id(1), DeliveryState::Accepted);
    assert_eq!(dispositions(&peer.answer_bytes()), [(u32::MAX - 1, Some(1), Some(DeliveryState::Accepted))]);
}

#[test]
fn an_outcome_is_told_with_its_range() {
    let (mut pair, link) = sent(10);
    pair.client.connection.settle(link.client, id(2), id(6), DeliveryState::Accepted);
    pair.run();
    assert_eq!(outcome(pair.server.event()), (2, 6, DeliveryState::Accepted));
    pair.client.connection.settle(link.client, id(0), id(9), DeliveryState::Released);
    pair.run();
    assert_eq!(outcome(pair.server.event()), (0, 1, DeliveryState::Released));
    assert_eq!(outcome(pair.server.event()), (7, 9, DeliveryState::Released));
    assert!(pair.server.events.is_empty());
}

#[test]
fn an_outcome_is_clamped_to_what_was_sent() {
    let (mut pair, _) = sent(3);
    tell(&mut pair, &disposition(0, Some(i32::MAX.cast_unsigned()), true, Some(DeliveryState::Accepted)));
    assert_eq!(outcome(pair.server.event()), (0, 2, DeliveryState::Accepted));
    tell(&mut pair, &disposition(0, Some(2), true, Some(DeliveryState::Accepted)));
    assert!(pair.server.events.is_empty(), "told once");
}

#[test]
fn deliveries_sent_settled_have_no_outcome() {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 10);
    for settled in [true, false, true] {
        pair.server.send(link.server, settled, b"message").expect("credit");
    }
    tell(&mut pair, &disposition(0, Some(2), true, Some(DeliveryState::Accepted)));
    assert_eq!(outcome(pair.server.event()), (1, 1, DeliveryState::Accepted));
    assert!(pair.server.events.is_empty());
}

#[test]
fn an_outcome_that_the_peer_did_not_settle_is_settled_by_us() {
    let (mut pair, _) = sent(4);
    tell(&mut pair, &disposition(0, Some(1), false, Some(DeliveryState::Accepted)));
    tell(&mut pair, &disposition(2, None, false, Some(DeliveryState::Accepted)));
    assert_eq!(outcome(pair.server.event()), (0, 1, DeliveryState::Accepted));
    assert_eq!(outcome(pair.server.event()), (2, 2, DeliveryState::Accepted));
    let mut answer = Vec::new();
    pair.server.connection.poll_transmit(pair.now, &mut answer);
    let [(_, Performative::Disposition(confirmed), _)] = &frames(&answer)[..] else {
        panic!("not one disposition")
    };
    assert_eq!((confirmed.role, confirmed.first, confirmed.last), (Role::Sender, id(0), Some(id(2))));
    assert!(confirmed.settled);
}

#[test]
fn what_is_no_outcome_settles_nothing() {
    let (mut pair, _) = sent(2);
    let received = DeliveryState::Received(Received { section_number: 0, section_offset: 0 });
    tell(&mut pair, &disposition(0, Some(1), false, Some(received)));
    tell(&mut pair, &disposition(0, Some(1), false, None));
    assert!(pair.server.events.is_empty());
    tell(&mut pair, &disposition(0, Some(1), true, None));
    assert_eq!(outcome(pair.server.event()), (0, 1, DeliveryState::Accepted), "settled without a word");
}

#[test]
fn a_sender_that_settles_first_needs_no_answer() {
    let (mut peer, link) = holding(0..3);
    let settled = Disposition { role: Role::Sender, ..disposition(0, Some(1), true, None) };
    peer.send(0, &settled);
    peer.server.connection.settle(link, id(0), id(2), DeliveryState::Accepted);
    assert_eq!(dispositions(&peer.answer_bytes()), [(2, None, Some(DeliveryState::Accepted))]);
}

#[test]
fn a_settle_on_a_dead_link_does_nothing() {
    let (mut peer, link) = holding(0..3);
    peer.send(0, &forebay_amqp::types::Detach { handle: Handle(0), closed: true, error: None });
    peer.server.connection.settle(link, id(0), id(2), DeliveryState::Accepted);
    assert_eq!(peer.answers(), ["detach"]);
}

#[test]
fn what_was_decided_is_written_before_the_link_goes() {
    let (mut peer, link) = holding(0..3);
    peer.server.connection.settle(link, id(0), id(2), DeliveryState::Accepted);
    peer.server.connection.detach(link, None);
    assert_eq!(peer.answers(), ["disposition", "detach"]);
}

#[test]
fn accepts_as_many_unsettled_as_the_bound_and_refuses_one_more() {
    let (mut peer, _) = RawPeer::sending(Config { unsettled_max: 4, ..Config::default() });
    for number in 0..4 {
        peer.send_with_payload(0, &transfer(number), b"message");
        assert!(matches!(peer.server.event(), Event::Delivery(_)));
    }
    peer.send_with_payload(0, &Transfer { settled: Some(true), ..transfer(4) }, b"message");
    assert!(matches!(peer.server.event(), Event::Delivery(_)), "what comes settled takes no room");
    peer.send_with_payload(0, &transfer(5), b"message");
    let Event::Ended { error, initiator, .. } = peer.server.event() else { panic!("not ended") };
    assert_eq!((error, initiator), (Some(Error::from(&Violation::TooManyUnsettled)), Initiator::Library));
}

#[test]
fn a_sender_stops_at_the_bound_of_unsettled_deliveries() {
    let server = Config { unsettled_max: 2, ..Config::default() };
    let (mut pair, link) = Pair::receiving(Config::default(), server, 10);
    for _ in 0..2 {
        pair.server.send(link.server, false, b"message").expect("room");
    }
    assert_eq!(pair.server.send(link.server, false, b"message"), Err(SendError::TooManyUnsettled));
    pair.run();
    pair.client.connection.settle(link.client, id(0), id(0), DeliveryState::Accepted);
    pair.run();
    assert!(pair.server.send(link.server, false, b"message").is_ok());
}

#[test]
fn refuses_a_delivery_id_that_is_held_and_accepts_a_gap() {
    let (mut peer, _) = holding([0, 1, 5]);
    peer.send_with_payload(0, &transfer(1), b"message");
    let Event::Ended { error, initiator, .. } = peer.server.event() else { panic!("not ended") };
    assert_eq!((error, initiator), (Some(Error::from(&Violation::DeliveryIdReused(1))), Initiator::Library));
}

#[test]
fn a_sender_that_forgets_what_it_sent_holds_nothing_and_ignores_the_answer() {
    let (mut pair, link) = sent(3);
    pair.server.connection.sender(link.server).unwrap().forget(id(1));
    tell(&mut pair, &disposition(1, None, true, Some(DeliveryState::Accepted)));
    assert!(pair.server.events.is_empty(), "{:?}", pair.server.events);
    tell(&mut pair, &disposition(2, None, true, Some(DeliveryState::Accepted)));
    assert_eq!(outcome(pair.server.event()), (2, 2, DeliveryState::Accepted));
}

#[test]
fn a_peer_that_settles_second_is_told_even_of_what_we_forgot() {
    // §2.6.12: in that mode it waits for our word, and we gave none when we forgot the delivery.
    let (mut pair, link) = sent(3);
    let confirmed = |pair: &mut Pair| {
        let mut answer = Vec::new();
        pair.server.connection.poll_transmit(pair.now, &mut answer);
        let dispositions = frames(&answer).into_iter().map(|(_, frame, _)| match frame {
            Performative::Disposition(told) => (told.role, told.settled, told.first, told.last),
            other => panic!("{other:?}"),
        });
        dispositions.collect::<Vec<_>>()
    };
    for number in 0..3 {
        pair.server.connection.sender(link.server).unwrap().forget(id(number));
    }
    tell(&mut pair, &disposition(1, None, false, Some(DeliveryState::Accepted)));
    assert_eq!(confirmed(&mut pair), [(Role::Sender, true, id(1), None)]);
    tell(&mut pair, &disposition(0, Some(i32::MAX.cast_unsigned()), false, Some(DeliveryState::Accepted)));
    assert_eq!(confirmed(&mut pair), [(Role::Sender, true, id(0), Some(id(2)))], "no more than was sent");
    tell(&mut pair, &disposition(3, Some(9), false, Some(DeliveryState::Accepted)));
    tell(&mut pair, &disposition(2, Some(1), false, Some(DeliveryState::Accepted)));
    tell(&mut pair, &disposition(0, Some(2), true, Some(DeliveryState::Accepted)));
    assert_eq!(confirmed(&mut pair), [], "never sent, no range, or settled already");
    assert!(pair.server.events.is_empty(), "{:?}", pair.server.events);
}
