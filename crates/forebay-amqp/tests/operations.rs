//! Two strict ends, driven by commands in random order whose frames cross on the way: neither may ever find the
//! other at fault, and what is delivered comes once and in order.

use std::collections::HashMap;

use forebay_amqp::error::Initiator;
use forebay_amqp::testing::{End, Pair, attach};
use forebay_amqp::types::{DeliveryId, DeliveryState, Error, Role, condition};
use forebay_amqp::{AttachReply, Config, Event, LinkId, SendError, SessionId};

/// A small generator: the same seed gives the same run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % below
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.next(from.len())])
    }
}

/// What the test knows of one end.
#[derive(Default)]
struct Known {
    sessions: Vec<SessionId>,
    senders: Vec<(LinkId, SessionId)>,
    receivers: Vec<(LinkId, SessionId)>,
    unanswered: Vec<(LinkId, Role)>,
    unsettled: Vec<(LinkId, DeliveryId)>,
    /// What the next message of each link says.
    to_send: HashMap<LinkId, u32>,
    /// What the next delivery of each link must say.
    to_receive: HashMap<LinkId, u32>,
    delivered: usize,
    settled: usize,
}

impl Known {
    fn forget_session(&mut self, session: SessionId) {
        self.sessions.retain(|other| *other != session);
        self.senders.retain(|(_, other)| *other != session);
        self.receivers.retain(|(_, other)| *other != session);
    }

    fn forget_link(&mut self, link: LinkId) {
        self.senders.retain(|(other, _)| *other != link);
        self.receivers.retain(|(other, _)| *other != link);
    }

    fn learn_link(&mut self, link: LinkId, session: SessionId, role: Role) {
        match role {
            Role::Sender => self.senders.push((link, session)),
            Role::Receiver => self.receivers.push((link, session)),
        }
    }

    fn learn(&mut self, end: &mut End) {
        while let Some(event) = end.events.pop_front() {
            match event {
                Event::SessionBegun { session } => self.sessions.push(session),
                Event::AttachReceived { link, attach } => {
                    self.unanswered.push((link, attach.role.opposite()))
                }
                Event::Attached { link, attach } => {
                    if let (Some(snapshot), Some(_)) = (end.connection.link(link), attach.source) {
                        self.learn_link(link, snapshot.session, snapshot.role);
                    }
                }
                Event::Delivery(delivery) => {
                    let number = self.to_receive.entry(delivery.link).or_default();
                    let said = u32::from_be_bytes(*delivery.payload.first_chunk().expect("a number"));
                    assert_eq!(said, *number, "once and in order");
                    *number += 1;
                    self.delivered += 1;
                    if !delivery.settled {
                        self.unsettled.push((delivery.link, delivery.id));
                    }
                }
                Event::Outcome { first, last, .. } => {
                    self.settled += usize::try_from(last.steps_since(first)).expect("fits") + 1;
                }
                Event::Detached { link, initiator, error, .. } => {
                    assert_ne!(initiator, Initiator::Library, "{error:?}");
                    self.forget_link(link);
                }
                Event::Ended { session, initiator, error } => {
                    assert_ne!(initiator, Initiator::Library, "{error:?}");
                    self.forget_session(session);
                }
                Event::Credit { link, drain: true, credit } if credit > 0 => {
                    if let Some(mut sender) = end.connection.sender(link) {
                        sender.drained();
                    }
                }
                Event::Credit { .. } | Event::SessionWindow { .. } | Event::Opened => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// One random command at one end.
fn command(end: &mut End, known: &mut Known, random: &mut Random, client: bool, name: u32) {
    match random.next(16) {
        0 if client && known.sessions.len() < 5 => {
            let _begun = end.connection.begin();
        }
        1 if random.next(4) == 0 => {
            if let Some(session) = random.pick(&known.sessions) {
                end.connection.end(session, None);
                known.forget_session(session);
            }
        }
        2 | 3 if client => {
            if let Some(session) = random.pick(&known.sessions) {
                let role = if random.next(2) == 0 { Role::Sender } else { Role::Receiver };
                end.connection
                    .attach(session, attach(&format!("link {name}"), role))
                    .expect("live, and a free name");
            }
        }
        4 if random.next(3) == 0 => {
            let links = [&known.senders[..], &known.receivers[..]].concat();
            if let Some((link, _)) = random.pick(&links) {
                end.connection.detach(link, None);
                known.forget_link(link);
            }
        }
        5 | 6 => {
            if let Some((link, role)) = known.unanswered.pop() {
                if random.next(4) == 0 {
                    end.connection.refuse_attach(link, Error::from(condition::NOT_FOUND));
                } else if let Some(session) = end.connection.link(link).map(|link| link.session) {
                    end.connection.accept_attach(link, AttachReply::default());
                    known.learn_link(link, session, role);
                }
            }
        }
        7 => {
            if let Some((link, _)) = random.pick(&known.receivers) {
                let credit = u32::try_from(random.next(20)).expect("small");
                end.connection.receiver(link).expect("known to live").set_credit(credit);
            }
        }
        8 => {
            if let Some((link, _)) = random.pick(&known.receivers) {
                end.connection.receiver(link).expect("known to live").drain();
            }
        }
        9..=12 => {
            if let Some((link, _)) = random.pick(&known.senders) {
                let number = known.to_send.entry(link).or_default();
                let mut message = number.to_be_bytes().to_vec();
                message.resize(4 + random.next(3_000), 7);
                match end.send(link, random.next(2) == 0, &message) {
                    Ok(_) => *number += 1,
                    Err(SendError::NoCredit | SendError::WindowClosed | SendError::TooManyUnsettled) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        13 | 14 if !known.unsettled.is_empty() => {
            let (link, id) = known.unsettled.swap_remove(random.next(known.unsettled.len()));
            let outcomes = [DeliveryState::Accepted, DeliveryState::Released, DeliveryState::Rejected(None)];
            end.connection.settle(link, id, id, outcomes[random.next(3)].clone());
        }
        _ => {}
    }
}

/// Runs one seed; gives how many deliveries came and how many outcomes.
fn run(seed: u64) -> (usize, usize) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let config = Config {
        max_frame_size: 512,
        session_incoming_window: 3 + u32::try_from(random.next(10)).expect("small"),
        unsettled_max: 8,
        strict_credit: true,
        ..Config::default()
    };
    let mut pair = Pair::opened(config.clone(), config);
    pair.chunk = 1 + random.next(600);
    let (mut client, mut server) = (Known::default(), Known::default());
    for step in 0..600 {
        if random.next(2) == 0 {
            command(&mut pair.client, &mut client, &mut random, true, step);
        } else {
            command(&mut pair.server, &mut server, &mut random, false, step);
        }
        // Mostly the frames of one direction only, so that commands cross.
        match random.next(6) {
            0 => pair.client_to_server(),
            1 => pair.server_to_client(),
            2 => pair.run(),
            _ => {}
        }
        client.learn(&mut pair.client);
        server.learn(&mut pair.server);
    }
    for session in client.sessions.clone() {
        pair.client.connection.end(session, None);
    }
    for _ in 0..10 {
        pair.run();
        client.learn(&mut pair.client);
        server.learn(&mut pair.server);
        for session in client.sessions.clone() {
            pair.client.connection.end(session, None);
        }
    }
    assert_eq!(
        (pair.client.connection.counts(), pair.server.connection.counts()),
        ((0, 0), (0, 0)),
        "seed {seed}"
    );
    assert_eq!((pair.client.connection.buffered_bytes(), pair.server.connection.buffered_bytes()), (0, 0));
    (client.delivered + server.delivered, client.settled + server.settled)
}

#[test]
fn strict_ends_never_find_each_other_at_fault() {
    let (mut delivered, mut settled) = (0, 0);
    for seed in 1..=300 {
        let came = run(seed);
        (delivered, settled) = (delivered + came.0, settled + came.1);
    }
    assert!(
        delivered > 2_000 && settled > 300,
        "the runs do something: {delivered} delivered, {settled} settled"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    assert_eq!(run(7), run(7));
}
