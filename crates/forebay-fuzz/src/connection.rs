//! A server's whole connection, fed any bytes in any pieces.
//!
//! The first byte chooses how far the connection has come when the bytes begin, and the second how they are cut.

use forebay_amqp::frame::{ProtocolHeader, write_performative, write_sasl};
use forebay_amqp::testing::{attach, begin};
use forebay_amqp::types::sasl::SaslInit;
use forebay_amqp::types::{Channel, Composite, DeliveryState, Error, Handle, Open, Role, condition};
use forebay_amqp::wire::Symbol;
use forebay_amqp::{AttachReply, Config, Connection, Event, Instant, LinkId, Outgoing, SessionId, Step};

use crate::memory::within;
use crate::tape::Tape;

/// A few sessions and links of many small buffers each, for a handful of bytes a begin or an attach.
const MEMORY_FACTOR: usize = 600;
const MEMORY_SPARE: usize = 256 << 10;
/// What one byte in may cost in bytes out: a flow of 20 bytes may take three waiting messages with it.
const OUTPUT_FACTOR: usize = 64;
const OUTPUT_SPARE: usize = 4096;

const BUFFERED_BYTES_MAX: usize = 8192;
const SESSIONS_MAX: usize = 8;
/// The largest message that the application sends; a session may keep the rest of one.
pub(crate) const MESSAGE_BYTES_MAX: usize = 5_000;

/// Small bounds, so that a short input reaches them.
pub(crate) fn config() -> Config {
    Config {
        max_frame_size: 1024,
        channel_max: 7,
        handle_max: 7,
        session_incoming_window: 64,
        max_delivery_bytes: 4096,
        buffered_bytes_max: BUFFERED_BYTES_MAX,
        unsettled_max: 32,
        ..Config::default()
    }
}

/// A server, and an application that answers every event at once and always in the same way.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) connection: Connection,
    pub(crate) now: Instant,
    /// What it reported, in its debug form.
    pub(crate) story: Vec<String>,
    /// All bytes that it wrote.
    pub(crate) written: Vec<u8>,
    arrived: Vec<u8>,
    refuses_sasl: bool,
    is_tolerant: bool,
    ids: Ids,
}

/// Every link and session that there ever was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    pub(crate) links: Vec<LinkId>,
    pub(crate) sessions: Vec<SessionId>,
}

impl Driven {
    pub(crate) fn new(refuses_sasl: bool, strict_credit: bool) -> Self {
        let now = Instant::START;
        Self {
            connection: Connection::server(Config { strict_credit, ..config() }, now),
            now,
            story: Vec::new(),
            written: Vec::new(),
            arrived: Vec::new(),
            refuses_sasl,
            is_tolerant: true,
            ids: Ids::default(),
        }
    }

    /// Bytes arrive; all whole frames in them are read.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
        let arrived = std::mem::take(&mut self.arrived);
        let mut at = 0;
        loop {
            let Step { consumed, event } = self.connection.handle_input(self.now, &arrived[at..]);
            at += consumed;
            assert!(at <= arrived.len());
            let is_over = event.is_none() && (consumed == 0 || at == arrived.len());
            if let Some(event) = event {
                self.answer(event);
            }
            if consumed > 0 {
                self.drain();
            }
            if is_over {
                break;
            }
        }
        self.arrived = arrived[at..].to_vec();
        assert!(
            self.arrived.len() <= config().max_frame_size as usize,
            "more than a frame is waited for: {} bytes",
            self.arrived.len()
        );
    }

    /// What the driver owes the connection after each call.
    pub(crate) fn drain(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.answer(event);
        }
        self.connection.poll_transmit(self.now, &mut self.written);
        assert!(self.connection.buffered_bytes() <= BUFFERED_BYTES_MAX + SESSIONS_MAX * MESSAGE_BYTES_MAX);
        let (sessions, links) = self.connection.counts();
        assert!(sessions <= SESSIONS_MAX && links <= SESSIONS_MAX * 8, "{sessions} sessions, {links} links");
    }

    fn answer(&mut self, event: Event<'_>) {
        self.story.push(match &event {
            // The text may name the bytes that were there when the verdict was clear. What is written is compared too.
            Event::Closed { error, initiator } => {
                format!("Closed {:?} by {initiator:?}", error.as_ref().map(|error| &error.condition))
            }
            event => format!("{event:?}"),
        });
        let connection = &mut self.connection;
        match event {
            Event::SessionBegun { session } => self.ids.sessions.push(session),
            Event::SaslInit { .. } if self.refuses_sasl => connection.sasl_refuse(),
            Event::SaslInit { .. } => connection.sasl_accept(),
            Event::AttachReceived { link, attach } => {
                self.ids.links.push(link);
                if attach.name.starts_with('x') {
                    connection.refuse_attach(link, Error::new(condition::NOT_FOUND, "no such hub"));
                    return;
                }
                connection.accept_attach(link, AttachReply::default());
                if let Some(mut receiver) = connection.receiver(link) {
                    receiver.set_credit(10);
                }
            }
            Event::Delivery(delivery) if !delivery.settled => {
                let (link, id) = (delivery.link, delivery.id);
                if self.is_tolerant {
                    connection.settle(link, id, id, DeliveryState::Accepted);
                }
            }
            Event::DeliveryTooLarge { link, id, settled: false, .. } => {
                connection.settle(link, id, id, DeliveryState::Released);
            }
            Event::Credit { link, drain, .. } => {
                for number in 0..3_usize {
                    let Some(mut sender) = connection.sender(link) else { break };
                    let outgoing = Outgoing { tag: b"tag", message_format: 0, settled: number == 1 };
                    let message = [0x5a; 700];
                    let message = &message[..[0, 10, 700][number]];
                    if sender
                        .send(&outgoing, &mut self.written, |out| out.extend_from_slice(message))
                        .is_err()
                    {
                        break;
                    }
                }
                if let Some(mut sender) = connection.sender(link).filter(|_| drain) {
                    sender.drained();
                }
            }
            _ => {}
        }
    }

    pub(crate) fn ids(&self) -> Ids {
        self.ids.clone()
    }

    /// What is delivered stays unsettled.
    pub(crate) const fn leave_unsettled(&mut self) {
        self.is_tolerant = false;
    }

    /// The peer goes away, and that ends it.
    pub(crate) fn end(&mut self) {
        self.connection.handle_eof(self.now);
        self.drain();
        assert!(self.connection.is_closed());
    }
}

/// What an ordinary client says first, up to the stage chosen.
pub(crate) fn prelude(stage: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    if stage == 0 {
        return bytes;
    }
    bytes.extend_from_slice(&ProtocolHeader::Sasl.bytes());
    if stage == 1 {
        return bytes;
    }
    let init =
        SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
    write_sasl(&mut bytes, &init).expect("short");
    bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
    if stage == 2 {
        return bytes;
    }
    put(&mut bytes, &Open::new("raw".to_owned()));
    if stage == 3 {
        return bytes;
    }
    put(&mut bytes, &begin());
    if stage == 4 {
        return bytes;
    }
    put(&mut bytes, &attach("in", Role::Sender));
    put(&mut bytes, &forebay_amqp::types::Attach { handle: Handle(1), ..attach("out", Role::Receiver) });
    bytes
}

fn put<'a>(out: &mut Vec<u8>, performative: &impl Composite<'a>) {
    write_performative(out, Channel(0), performative, 4096).expect("short");
}

/// The same bytes tell the same story and get the same answer, whatever the pieces they come in; and what they cost is
/// bounded by their number.
pub(crate) fn check(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let (choice, cut) = (tape.byte(), tape.byte());
    let (refuses, strict) = (choice & 0x40 != 0, choice & 0x80 != 0);
    let mut input = prelude(choice & 7);
    input.extend_from_slice(tape.0);

    let told = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut driven = Driven::new(refuses, strict);
        within(input.len(), MEMORY_FACTOR, MEMORY_SPARE, || {
            pieces.for_each(|piece| driven.receive(piece));
        });
        let bound = input.len() * OUTPUT_FACTOR + OUTPUT_SPARE;
        assert!(driven.written.len() <= bound, "{} bytes answer {}", driven.written.len(), input.len());
        driven.end();
        (driven.story, driven.written)
    };
    let whole = told(&mut std::iter::once(&input[..]));
    let step = usize::from(cut % 32) + 1;
    let pieces = told(&mut input.chunks(step));
    assert_eq!(pieces, whole, "in pieces of {step}");
}
