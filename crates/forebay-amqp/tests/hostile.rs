//! Crashers and stallers of AMQP stacks, as a table. What they did to others is said at each.

use std::time::{Duration, Instant as Clock};

use forebay_amqp::error::{DecodeError, DecodeFault};
use forebay_amqp::testing::{Pair, RawPeer, attach, begin, frame};
use forebay_amqp::types::{
    Attach, DeliveryId, DeliveryState, Detach, Disposition, Error, Flow, Handle, Role, Transfer, TransferId,
};
use forebay_amqp::violation::Violation;
use forebay_amqp::{AttachReply, Config, Event, Initiator};

/// A frame around these bytes, with this data offset and type.
fn raw(doff: u8, frame_type: u8, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + body.len()).expect("short");
    [&size.to_be_bytes(), [doff, frame_type, 0, 0].as_slice(), body].concat()
}

/// What a server makes of bytes after the handshake.
#[track_caller]
fn check(bytes: &[u8], expected: Option<&Violation>) {
    let mut peer = RawPeer::opened(Config::default());
    peer.send_bytes(bytes);
    match (peer.server.events.pop_front(), expected) {
        (Some(Event::Closed { error, initiator: Initiator::Library }), Some(violation)) => {
            assert_eq!(error, Some(Error::from(violation)), "{bytes:02x?}");
            assert_eq!(peer.answers(), ["close"]);
        }
        (None, None) => {}
        (event, expected) => panic!("{bytes:02x?}: {event:?}, not {expected:?}"),
    }
}

#[test]
fn frames_that_lie_about_themselves_are_refused_by_name() {
    // A frame of size 4 made fe2o3-amqp's acceptor panic before the open.
    check(&[0, 0, 0, 4], Some(&Violation::FrameTooSmall(4)));
    check(&[0, 0, 0, 0], Some(&Violation::FrameTooSmall(0)));
    check(&[0, 0, 0, 7, 2, 0, 0, 0], Some(&Violation::FrameTooSmall(7)));
    check(&65_537_u32.to_be_bytes(), Some(&Violation::FrameTooLarge { size: 65_537, max: 65_536 }));
    check(&u32::MAX.to_be_bytes(), Some(&Violation::FrameTooLarge { size: u32::MAX, max: 65_536 }));
    check(&raw(1, 0, &[]), Some(&Violation::DataOffsetTooSmall(1)));
    check(&raw(0, 0, &[]), Some(&Violation::DataOffsetTooSmall(0)));
    check(&raw(3, 0, &[]), Some(&Violation::DataOffsetPastEnd { doff: 3, size: 8 }));
    check(&raw(255, 0, &[0; 8]), Some(&Violation::DataOffsetPastEnd { doff: 255, size: 16 }));
    check(&raw(2, 1, &[]), Some(&Violation::UnexpectedFrameType(1)));
    check(&raw(2, 9, &[]), Some(&Violation::UnexpectedFrameType(9)));
    check(&raw(2, 0, &[0x00, 0x53, 0x77, 0x45]), Some(&Violation::UnknownPerformative));
    check(&raw(2, 0, &[0x00, 0x53, 0x18, 0x45, 0x40]), Some(&Violation::PayloadNotAllowed));
}

#[test]
fn a_size_of_four_is_refused_before_the_open_too() {
    let mut peer = RawPeer::new(Config::default());
    peer.send_bytes(b"AMQP\x03\x01\0\0\0\0\0\x04");
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::FrameTooSmall(4))));
    assert!(peer.server.connection.is_closed());
}

#[test]
fn refuses_a_sasl_frame_that_holds_something_else() {
    let mut peer = RawPeer::new(Config::default());
    peer.send_bytes(b"AMQP\x03\x01\0\0");
    peer.send_bytes(&raw(2, 1, &[0x00, 0x53, 0x10, 0x45]));
    let Event::Closed { error, .. } = peer.server.event() else { panic!("not closed") };
    assert_eq!(error, Some(Error::from(&Violation::UnknownSaslPerformative)));
}

#[test]
fn accepts_heartbeats_on_any_channel_and_extended_headers() {
    check(&raw(2, 0, &[]), None);
    check(&[0, 0, 0, 8, 2, 0, 0xff, 0xff], None);
    // An extended header is skipped; fe2o3-amqp calls it not implemented.
    check(&raw(4, 0, &[1, 2, 3, 4, 5, 6, 7, 8]), None);
    let mut peer = RawPeer::opened(Config::default());
    let begin = frame(0, &begin(), &[]);
    peer.send_bytes(&raw(3, 0, &[&[0xde, 0xad, 0xbe, 0xef], &begin[8..]].concat()));
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
}

#[test]
fn values_that_lie_about_themselves_are_refused_at_once() {
    let huge = u32::MAX.to_be_bytes();
    // As the properties of an open-ended performative: begin has them as its eighth field.
    let begin_with = |properties: &[u8]| {
        let fields = [&[0x40, 0x43, 0x52, 9, 0x52, 9, 0x52, 9, 0x40, 0x40], properties].concat();
        let size = u32::try_from(fields.len() + 4).expect("short").to_be_bytes();
        let list = [&[0x00, 0x53, 0x11, 0xd0], size.as_slice(), &8_u32.to_be_bytes(), &fields].concat();
        raw(2, 0, &list)
    };
    let array_of_nulls = [&[0xf0, 0, 0, 0, 5], huge.as_slice(), &[0x40]].concat();
    let array_of_list0 = [&[0xf0, 0, 0, 0, 5], huge.as_slice(), &[0x45]].concat();
    let endless_map = [&[0xd1, 0, 0, 0, 4], huge.as_slice()].concat();
    let map_of = |value: &[u8]| {
        let pair = [&[0xa3, 1, b'k'], value].concat();
        let size = u32::try_from(pair.len() + 4).expect("short").to_be_bytes();
        [&[0xd1], size.as_slice(), &2_u32.to_be_bytes(), &pair].concat()
    };
    // Lists in lists in lists, each one the only item of the one around it.
    let mut nested = vec![0x45];
    for _ in 0..10_000 {
        let size = u32::try_from(nested.len() + 4).expect("short").to_be_bytes();
        nested = [&[0xd0], size.as_slice(), &1_u32.to_be_bytes(), &nested].concat();
        if nested.len() > 60_000 {
            break;
        }
    }
    let described_without_end = [0x00; 60_000];
    for value in [
        endless_map,
        map_of(&array_of_nulls),
        map_of(&array_of_list0),
        map_of(&nested),
        map_of(&described_without_end),
        map_of(&[[0xc0, 2, 255].as_slice(), &[0x40]].concat()),
        map_of(&[0xa1, 2, 0xff, 0xff]),
    ] {
        let mut peer = RawPeer::opened(Config::default());
        let started = Clock::now();
        peer.send_bytes(&begin_with(&value));
        assert!(started.elapsed() < Duration::from_secs(1));
        let Event::Closed { error, initiator } = peer.server.event() else { panic!("{value:02x?}") };
        assert_eq!(initiator, Initiator::Library);
        assert_eq!(error.expect("a reason").condition, forebay_amqp::types::condition::DECODE_ERROR);
    }
    let malformed = Violation::Malformed(DecodeError { fault: DecodeFault::Truncated, offset: 0, what: "" });
    assert_eq!(malformed.reach().1, forebay_amqp::types::condition::DECODE_ERROR);
}

/// A server that has sent three unsettled deliveries.
fn three_sent() -> Pair {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 10);
    for _ in 0..3 {
        pair.server.send(link.server, false, b"message").expect("credit");
    }
    pair
}

#[test]
fn a_disposition_over_all_ids_costs_what_is_held() {
    // First 0, last 2^32 - 1 holds fe2o3-amqp for a minute, and go-amqp for ever.
    for (first, last) in [
        (0, u32::MAX),
        (0, i32::MAX.cast_unsigned()),
        (1 << 31, u32::MAX),
        (u32::MAX - 5, i32::MAX as u32 - 10),
        (2, 1),
    ] {
        let mut pair = three_sent();
        let started = Clock::now();
        for role in [Role::Receiver, Role::Sender] {
            for _ in 0..1_000 {
                let disposition = Disposition {
                    role,
                    first: DeliveryId::new(first),
                    last: Some(DeliveryId::new(last)),
                    settled: true,
                    state: Some(DeliveryState::Accepted),
                    batchable: false,
                };
                pair.server.receive(pair.now, &frame(0, &disposition, &[]));
            }
        }
        assert!(started.elapsed() < Duration::from_secs(1), "[{first}, {last}]");
        assert!(pair.server.events.len() <= 1);
    }
}

#[test]
fn a_disposition_whose_range_wraps_is_read_as_it_is_meant() {
    let mut pair = three_sent();
    let disposition = Disposition {
        role: Role::Receiver,
        first: DeliveryId::new(u32::MAX - 1),
        last: Some(DeliveryId::new(1)),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    };
    pair.server.receive(pair.now, &frame(0, &disposition, &[]));
    let Event::Outcome { first, last, .. } = pair.server.event() else { panic!("no outcome") };
    assert_eq!((first.get(), last.get()), (0, 1));
}

#[test]
fn a_disposition_in_a_session_without_links_does_nothing() {
    let mut peer = RawPeer::opened(Config::default());
    peer.send(0, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    for role in [Role::Receiver, Role::Sender] {
        let disposition = Disposition {
            role,
            first: DeliveryId::new(0),
            last: Some(DeliveryId::new(u32::MAX)),
            settled: false,
            state: Some(DeliveryState::Accepted),
            batchable: false,
        };
        peer.send(0, &disposition);
    }
    assert_eq!((peer.answers(), peer.server.events.len()), (vec!["begin"], 0));
}

#[test]
fn delivery_ids_that_leap_cost_no_more_than_the_bound() {
    let (mut peer, _) = RawPeer::sending(Config { unsettled_max: 64, ..Config::default() });
    let transfer = |id: u32| Transfer {
        delivery_id: Some(DeliveryId::new(id)),
        delivery_tag: Some(b"t"),
        ..Transfer::new(Handle(0))
    };
    peer.send_with_payload(0, &transfer(0), b"message");
    assert!(matches!(peer.server.event(), Event::Delivery(_)));
    peer.send_with_payload(0, &transfer(1 << 30), b"message");
    let Event::Ended { error, .. } = peer.server.event() else { panic!("not ended") };
    assert_eq!(error, Some(Error::from(&Violation::TooManyUnsettled)));
}

#[test]
fn a_delivery_without_end_is_not_kept() {
    let (mut peer, _) = RawPeer::sending(Config { max_delivery_bytes: 10_000, ..Config::default() });
    let first = Transfer {
        delivery_id: Some(DeliveryId::new(0)),
        delivery_tag: Some(b"t"),
        more: true,
        ..Transfer::new(Handle(0))
    };
    peer.send_with_payload(0, &first, &[1; 1_000]);
    for _ in 0..2_000 {
        peer.send_with_payload(0, &Transfer { more: true, ..Transfer::new(Handle(0)) }, &[1; 1_000]);
        assert!(peer.server.connection.buffered_bytes() <= 10_000);
    }
    peer.send_with_payload(0, &Transfer::new(Handle(0)), &[]);
    assert!(matches!(peer.server.event(), Event::DeliveryTooLarge { bytes: 2_001_000, .. }));
}

#[test]
fn flows_that_claim_the_impossible_grant_no_more_than_they_say() {
    let (mut pair, link) = Pair::receiving(Config::default(), Config::default(), 10);
    let flow = Flow {
        next_incoming_id: Some(TransferId::new(u32::MAX)),
        handle: Some(Handle(0)),
        delivery_count: Some(forebay_amqp::types::DeliveryCount::new(1 << 30)),
        link_credit: Some(u32::MAX),
        ..Flow::new(TransferId::new(12_345), u32::MAX, u32::MAX)
    };
    pair.server.receive(pair.now, &frame(0, &flow, &[]));
    let sendable = pair.server.connection.sender(link.server).expect("a sender").sendable();
    assert_eq!(sendable, Config::default().unsettled_max, "our own bound");
}

#[test]
fn thousands_of_short_lived_links_and_sessions_leave_nothing_behind() {
    let mut peer = RawPeer::opened(Config::default());
    for _ in 0..2_000 {
        peer.send(3, &begin());
        peer.send(3, &attach("short", Role::Sender));
        peer.send(3, &Detach { handle: Handle(0), closed: true, error: None });
        peer.send(3, &forebay_amqp::types::End { error: None });
    }
    assert_eq!(peer.answers().len(), 2_000 * 2, "the links of an ended session need no answer");
    assert_eq!(peer.server.connection.counts(), (0, 0));
}

#[test]
fn random_bytes_never_panic() {
    // A small generator, so that the same bytes come each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2_000 {
        let (mut peer, _) = RawPeer::sending(Config::default());
        let length = (random() % 64) as usize;
        let body: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let described = [
            &[0x00, 0x53, 0x10 + (random() % 9) as u8, 0xc0, length as u8, (random() % 16) as u8],
            &body[..],
        ];
        peer.send_bytes(&raw(2, 0, &described.concat()));
        let _answers = peer.answer_bytes();
    }
}

#[test]
fn begun_deliveries_on_many_links_are_kept_up_to_a_bound_and_no_further() {
    let mut peer = RawPeer::opened(Config { buffered_bytes_max: 10_000, ..Config::default() });
    peer.send(0, &begin());
    assert!(matches!(peer.server.event(), Event::SessionBegun { .. }));
    for number in 0..11 {
        let name = format!("link {number}");
        peer.send(0, &Attach { handle: Handle(number), ..attach(&name, Role::Sender) });
        let Event::AttachReceived { link, .. } = peer.server.event() else { panic!("no attach") };
        peer.server.connection.accept_attach(link, AttachReply::default());
        let first = Transfer {
            delivery_id: Some(DeliveryId::new(number)),
            delivery_tag: Some(b"t"),
            more: true,
            ..Transfer::new(Handle(number))
        };
        peer.send_with_payload(0, &first, &[1; 1_000]);
    }
    let Event::Ended { error, .. } = peer.server.event() else { panic!("not ended") };
    assert_eq!(error, Some(Error::from(&Violation::TooMuchBuffered)));
    assert_eq!(peer.server.connection.buffered_bytes(), 0, "and they are let go");
}
