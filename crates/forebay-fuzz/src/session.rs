//! A client that knows AMQP's grammar and no manners: sound frames, in any order and with any numbers.
//!
//! Bytes alone rarely get past the first flow. Here each few bytes of input become one frame, or a command of the
//! server's application, or time that passes.

use std::time::Duration;

use forebay_amqp::frame::{write_heartbeat, write_performative};
use forebay_amqp::testing::{attach, begin};
use forebay_amqp::types::{
    Attach, Begin, Channel, Close, Composite, DeliveryCount, DeliveryId, DeliveryState, Detach, Disposition,
    End, Error, Flow, Handle, Role, Transfer, TransferId, condition,
};
use forebay_amqp::{LinkId, Outgoing, SessionId};

use crate::connection::{Driven, MESSAGE_BYTES_MAX, prelude};
use crate::memory::within;
use crate::tape::Tape;

const STEPS_MAX: usize = 2_000;
const MEMORY_SPARE: usize = 1 << 20;
/// One byte of script is a frame of a few dozen bytes, and its answer.
const MEMORY_FACTOR: usize = 4_000;

/// What it holds stays within its bounds, and it is over when the peer has gone, whatever was said before.
pub(crate) fn check(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let choice = tape.byte();
    let mut driven = Driven::new(false, choice & 1 == 1);
    if choice & 2 != 0 {
        driven.leave_unsettled();
    }
    driven.receive(&prelude(if choice & 4 == 0 { 3 } else { 5 }));
    within(bytes.len(), MEMORY_FACTOR, MEMORY_SPARE, || {
        for _ in 0..STEPS_MAX {
            if tape.is_empty() {
                break;
            }
            step(&mut driven, &mut tape);
            driven.drain();
        }
    });
    driven.end();
}

fn step(driven: &mut Driven, tape: &mut Tape<'_>) {
    match tape.byte() % 20 {
        0 => say(driven, tape, &begin()),
        1 => {
            let begin = Begin {
                handle_max: Handle(tape.number()),
                ..Begin::new(TransferId::new(tape.number()), tape.number(), tape.number())
            };
            say(driven, tape, &begin);
        }
        2 | 3 => {
            let (role, handle, name) = (role(tape), Handle(tape.number()), tape.byte() % 8);
            // Names that begin with an x are refused.
            let name = if name == 7 { "x".to_owned() } else { format!("link {name}") };
            let initial_delivery_count = Some(DeliveryCount::new(tape.number()));
            let max_message_size = tape.flag().then(|| u64::from(tape.number()));
            say(
                driven,
                tape,
                &Attach { handle, initial_delivery_count, max_message_size, ..attach(&name, role) },
            );
        }
        4 | 5 => {
            let flow = flow(tape);
            say(driven, tape, &flow);
        }
        6..=9 => transfer(driven, tape),
        10 | 11 => {
            let disposition = Disposition {
                role: role(tape),
                first: DeliveryId::new(tape.number()),
                last: tape.flag().then(|| DeliveryId::new(tape.number())),
                settled: tape.flag(),
                state: tape.flag().then(|| state(tape)),
                batchable: false,
            };
            say(driven, tape, &disposition);
        }
        12 => {
            let detach = Detach { handle: Handle(tape.number()), closed: tape.flag(), error: error(tape) };
            say(driven, tape, &detach);
        }
        13 => {
            let end = End { error: error(tape) };
            say(driven, tape, &end);
        }
        14 if tape.byte() == 0 => say(driven, tape, &Close { error: None }),
        14 => {
            let mut bytes = Vec::new();
            write_heartbeat(&mut bytes);
            driven.receive(&bytes);
        }
        15 => {
            driven.now = driven.now + Duration::from_millis(u64::from(tape.short()) * 10);
            driven.connection.handle_timeout(driven.now);
        }
        16 => {
            // Bytes as they come, to be completed by the next frame into something else.
            let count = usize::from(tape.byte() % 16);
            driven.receive(tape.bytes(count));
        }
        17 => command(driven, tape),
        18 => driven.connection.pause_peer_idle(driven.now, tape.flag()),
        _ => {
            if let Some(due) = driven.connection.poll_timeout() {
                driven.now = driven.now.max(due);
                driven.connection.handle_timeout(driven.now);
            }
        }
    }
}

fn role(tape: &mut Tape<'_>) -> Role {
    if tape.flag() { Role::Sender } else { Role::Receiver }
}

fn error(tape: &mut Tape<'_>) -> Option<Error> {
    tape.flag().then(|| Error::new(condition::INTERNAL_ERROR, "made up"))
}

fn state(tape: &mut Tape<'_>) -> DeliveryState {
    match tape.byte() % 4 {
        0 => DeliveryState::Accepted,
        1 => DeliveryState::Released,
        2 => DeliveryState::Rejected(error(tape)),
        _ => DeliveryState::Received(forebay_amqp::types::Received {
            section_number: tape.number(),
            section_offset: u64::from(tape.number()),
        }),
    }
}

fn flow(tape: &mut Tape<'_>) -> Flow {
    let session = Flow {
        next_incoming_id: tape.flag().then(|| TransferId::new(tape.number())),
        ..Flow::new(TransferId::new(tape.number()), tape.number(), tape.number())
    };
    if tape.flag() {
        return Flow { echo: tape.flag(), ..session };
    }
    Flow {
        handle: Some(Handle(tape.number())),
        delivery_count: tape.flag().then(|| DeliveryCount::new(tape.number())),
        link_credit: tape.flag().then(|| tape.number()),
        available: tape.flag().then(|| tape.number()),
        drain: tape.flag(),
        echo: tape.flag(),
        ..session
    }
}

fn transfer(driven: &mut Driven, tape: &mut Tape<'_>) {
    let flags = tape.byte();
    let has = |bit: u8| flags >> bit & 1 == 1;
    let transfer = Transfer {
        delivery_id: (!has(0)).then(|| DeliveryId::new(tape.number())),
        delivery_tag: (!has(1)).then_some(&b"tag"[..]),
        message_format: has(2).then(|| tape.number()),
        settled: has(3).then(|| has(4)),
        more: has(5),
        aborted: has(6),
        state: has(7).then(|| state(tape)),
        ..Transfer::new(Handle(u32::from(tape.byte() % 4)))
    };
    let payload = [0xa5; 900];
    let length = usize::from(tape.byte()) * 4;
    say_with(driven, tape, &transfer, &payload[..length.min(payload.len())]);
}

/// One frame. It arrives whole; pieces are another target's.
fn say<'a>(driven: &mut Driven, tape: &mut Tape<'_>, performative: &impl Composite<'a>) {
    say_with(driven, tape, performative, &[]);
}

fn say_with<'a>(driven: &mut Driven, tape: &mut Tape<'_>, performative: &impl Composite<'a>, payload: &[u8]) {
    let channel = u16::from(tape.byte() % 9);
    let mut bytes = Vec::new();
    write_performative(&mut bytes, Channel(channel), performative, 4096).expect("short");
    bytes.extend_from_slice(payload);
    let size = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    bytes[..4].copy_from_slice(&size);
    driven.receive(&bytes);
}

/// What the server's application may do of its own accord, also with links and sessions long gone.
fn command(driven: &mut Driven, tape: &mut Tape<'_>) {
    let ids = driven.ids();
    let pick = |tape: &mut Tape<'_>, count: usize| usize::from(tape.byte()).checked_rem(count);
    let link: Option<LinkId> = pick(tape, ids.links.len()).map(|at| ids.links[at]);
    let session: Option<SessionId> = pick(tape, ids.sessions.len()).map(|at| ids.sessions[at]);
    let connection = &mut driven.connection;
    match (tape.byte() % 9, link, session) {
        (0, Some(link), _) => connection.detach(link, error(tape)),
        (1, _, Some(session)) => connection.end(session, error(tape)),
        (2, ..) if tape.byte() == 0 => connection.close(None),
        (3, Some(link), _) => {
            if let Some(mut receiver) = connection.receiver(link) {
                receiver.set_credit(tape.number());
            }
        }
        (4, Some(link), _) => {
            if let Some(mut receiver) = connection.receiver(link) {
                receiver.drain();
            }
        }
        (5, Some(link), _) => {
            let (first, last) = (DeliveryId::new(tape.number()), DeliveryId::new(tape.number()));
            connection.settle(link, first, last, DeliveryState::Accepted);
        }
        (6 | 7, Some(link), _) => {
            let (tag, settled) = ([0x33; 40], tape.flag());
            let tag = &tag[..usize::from(tape.byte() % 34)];
            let length = usize::from(tape.short()) % MESSAGE_BYTES_MAX;
            if let Some(mut sender) = connection.sender(link) {
                let outgoing = Outgoing { tag, message_format: 0, settled };
                let sent =
                    sender.send(&outgoing, &mut driven.written, |out| out.resize(out.len() + length, 0x7e));
                if let (Ok(delivery), true) = (sent, tape.flag())
                    && let Some(mut sender) = connection.sender(link)
                {
                    sender.forget(delivery);
                }
            }
        }
        (8, _, Some(session)) => {
            let (role, name) = (role(tape), format!("ours {}", tape.byte() % 4));
            // In use or ended is an answer too.
            let _ = connection.attach(session, attach(&name, role));
        }
        _ => {}
    }
}
