//! The same conversation, whatever the pieces its bytes come in.

use forebay_amqp::testing::{Pair, attach};
use forebay_amqp::types::{DeliveryState, Error, Role, condition};
use forebay_amqp::{Config, Connection, Event, Instant, Step};

/// A bit of everything, and what both ends saw and wrote.
fn conversation(chunk: usize) -> (Vec<String>, Vec<u8>, Vec<u8>) {
    let mut seen = Vec::new();
    let client = Config { max_frame_size: 600, ..Config::default() };
    let mut pair = Pair::new(client, forebay_amqp::ClientAuth::Mssbcbs, Config::default());
    pair.chunk = chunk;
    pair.run();
    let note = |pair: &mut Pair, seen: &mut Vec<String>| {
        pair.run();
        seen.extend(pair.client.events.drain(..).map(|event| format!("client: {event:?}")));
        seen.extend(pair.server.events.drain(..).map(|event| format!("server: {event:?}")));
    };
    note(&mut pair, &mut seen);
    let session = pair.begin();
    let out = pair.attach(session, "out", Role::Sender);
    let back = pair.attach(session, "back", Role::Receiver);
    pair.server.connection.receiver(out.server).expect("a receiver").set_credit(10);
    pair.client.connection.receiver(back.client).expect("a receiver").set_credit(10);
    note(&mut pair, &mut seen);
    for bytes in [0, 10, 5_000] {
        pair.client.send(out.client, false, &vec![7; bytes]).expect("credit");
        pair.server.send(back.server, bytes == 10, &vec![8; bytes]).expect("credit");
    }
    for number in 0..3 {
        note(&mut pair, &mut seen);
        let id = forebay_amqp::types::DeliveryId::new(number);
        pair.server.connection.settle(out.server, id, id, DeliveryState::Accepted);
        pair.client.connection.settle(back.client, id, id, DeliveryState::Released);
    }
    let refused =
        pair.client.connection.attach(session, attach("refused", Role::Sender)).expect("a free name");
    pair.run();
    let asked = pair.server.events.iter().find_map(|event| match event {
        Event::AttachReceived { link, .. } => Some(*link),
        _ => None,
    });
    let asked = asked.expect("an attach");
    pair.server.connection.refuse_attach(asked, Error::new(condition::NOT_FOUND, "no such hub"));
    note(&mut pair, &mut seen);
    assert!(pair.client.connection.link(refused).is_none());
    pair.client.connection.end(session, None);
    note(&mut pair, &mut seen);
    pair.client.connection.close(None);
    note(&mut pair, &mut seen);
    assert!(pair.client.connection.is_closed() && pair.server.connection.is_closed());
    (seen, pair.client.written, pair.server.written)
}

#[test]
fn pieces_of_any_size_tell_the_same_story() {
    let whole = conversation(usize::MAX);
    assert!(whole.0.len() > 15, "{:#?}", whole.0);
    for chunk in [1, 2, 3, 7, 8, 9, 100, 513] {
        assert_eq!(conversation(chunk), whole, "in pieces of {chunk}");
    }
}

#[test]
fn a_conversation_cut_at_any_byte_leaves_the_server_waiting_or_done() {
    let (_, client_bytes, _) = conversation(usize::MAX);
    for cut in 0..client_bytes.len() {
        let mut server = Connection::server(Config::default(), Instant::START);
        let mut at = 0;
        while at < cut {
            let Step { consumed, event } = server.handle_input(Instant::START, &client_bytes[at..cut]);
            at += consumed;
            match event {
                Some(Event::SaslInit { .. }) => server.sasl_accept(),
                Some(Event::AttachReceived { link, .. }) => {
                    server.accept_attach(link, forebay_amqp::AttachReply::default());
                }
                Some(Event::Closed { error, .. }) => assert_eq!(error, None, "cut at {cut}"),
                Some(Event::Ended { error, .. }) => assert_eq!(error, None, "cut at {cut}"),
                Some(_) => {}
                None if consumed == 0 => break,
                None => {}
            }
            let mut out = Vec::new();
            server.poll_transmit(Instant::START, &mut out);
        }
        assert!(cut - at < 6_000, "no more than one frame is left over");
        server.handle_eof(Instant::START);
        assert!(server.is_closed());
    }
}
