//! Two ends in one test: virtual time, bytes cut where the test wants, no socket.
//!
//! [`Pair`] joins a client and a server and runs both until nothing moves. [`RawPeer`] stands where a
//! client would and says to a server whatever the test makes up; [`frames`] reads what an end wrote.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::connection::{AttachReply, ClientAuth, Config, Connection, Delivery, Event, Payload, Step};
use crate::frame::{FrameType, Performative, ProtocolHeader, deframe, write_performative, write_sasl};
use crate::link::{LinkId, Outgoing, SendError};
use crate::sasl::Mechanism;
use crate::session::SessionId;
use crate::time::Instant;
use crate::types::sasl::SaslInit;
use crate::types::{
    Attach, Begin, Channel, Composite, DeliveryId, Handle, Open, Role, Source, Target, TransferId,
};
use crate::wire::Symbol;

/// What a server learned of its client's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslSeen {
    /// The mechanism chosen.
    pub mechanism: Mechanism,
    /// The initial response.
    pub initial_response: Vec<u8>,
    /// The host the client wants.
    pub hostname: Option<String>,
}

/// One end of a [`Pair`].
#[derive(Debug)]
pub struct End {
    /// The end itself: give it commands.
    pub connection: Connection,
    /// What it reported and the test has not looked at.
    pub events: VecDeque<Event<'static>>,
    /// Server: what the client said of itself; it is accepted unless `refuse_sasl`.
    pub sasl: Option<SaslSeen>,
    /// Server: refuse whoever comes.
    pub refuse_sasl: bool,
    /// All bytes that it wrote.
    pub written: Vec<u8>,
    arrived: Vec<u8>,
    outbox: Vec<u8>,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            events: VecDeque::new(),
            sasl: None,
            refuse_sasl: false,
            written: Vec::new(),
            arrived: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// The next event. Panics if there is none.
    #[track_caller]
    pub fn event(&mut self) -> Event<'static> {
        self.events.pop_front().expect("an event")
    }

    /// Bytes arrive; all whole frames in them are read.
    pub fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
        let arrived = core::mem::take(&mut self.arrived);
        let mut at = 0;
        loop {
            let Step { consumed, event } = self.connection.handle_input(now, &arrived[at..]);
            at += consumed;
            match event {
                Some(event) => self.take(event),
                None if consumed == 0 || at == arrived.len() => break,
                None => {}
            }
        }
        self.arrived = arrived[at..].to_vec();
        self.collect();
    }

    /// Takes over the events that wait in the connection.
    pub fn collect(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event<'_>) {
        match own(event) {
            Ok(event) => self.events.push_back(event),
            Err(seen) => {
                self.sasl = Some(seen);
                if self.refuse_sasl {
                    self.connection.sasl_refuse();
                } else {
                    self.connection.sasl_accept();
                }
            }
        }
    }

    /// Sends one delivery into the outbox that the next run carries over.
    ///
    /// # Errors
    /// Of [`Sender::send`](crate::link::Sender::send).
    #[track_caller]
    pub fn send(&mut self, link: LinkId, settled: bool, message: &[u8]) -> Result<DeliveryId, SendError> {
        let mut sender = self.connection.sender(link).expect("a live sending link");
        let delivery = Outgoing { tag: b"tag", message_format: 0, settled };
        sender.send(&delivery, &mut self.outbox, |out| out.extend_from_slice(message))
    }

    fn transmit(&mut self, now: Instant) -> Vec<u8> {
        self.collect();
        let mut out = core::mem::take(&mut self.outbox);
        self.connection.poll_transmit(now, &mut out);
        self.written.extend_from_slice(&out);
        out
    }
}

/// The event without what it borrows.
fn own(event: Event<'_>) -> Result<Event<'static>, SaslSeen> {
    Ok(match event {
        Event::SaslInit { mechanism, initial_response, hostname } => {
            return Err(SaslSeen {
                mechanism,
                initial_response: initial_response.to_vec(),
                hostname: hostname.map(String::from),
            });
        }
        Event::Delivery(delivery) => Event::Delivery(Delivery {
            link: delivery.link,
            id: delivery.id,
            tag: delivery.tag,
            message_format: delivery.message_format,
            settled: delivery.settled,
            payload: Payload::Assembled(delivery.payload.to_vec()),
        }),
        Event::SaslRefused { code, offered } => Event::SaslRefused { code, offered },
        Event::Opened => Event::Opened,
        Event::SessionBegun { session } => Event::SessionBegun { session },
        Event::AttachReceived { link, attach } => Event::AttachReceived { link, attach },
        Event::Attached { link, attach } => Event::Attached { link, attach },
        Event::Credit { link, credit, drain } => Event::Credit { link, credit, drain },
        Event::SessionWindow { session } => Event::SessionWindow { session },
        Event::DeliveryTooLarge { link, id, bytes, settled } => {
            Event::DeliveryTooLarge { link, id, bytes, settled }
        }
        Event::DeliveryAborted { link, id } => Event::DeliveryAborted { link, id },
        Event::Outcome { session, first, last, state } => Event::Outcome { session, first, last, state },
        Event::Detached { link, closed, error, initiator } => {
            Event::Detached { link, closed, error, initiator }
        }
        Event::Ended { session, error, initiator } => Event::Ended { session, error, initiator },
        Event::Closed { error, initiator } => Event::Closed { error, initiator },
    })
}

/// A client and a server, the bytes between them, and the time.
#[derive(Debug)]
pub struct Pair {
    /// The end that connected.
    pub client: End,
    /// The end that was connected to.
    pub server: End,
    /// What both take for the time.
    pub now: Instant,
    /// Bytes that arrive at once; 1 cuts at every boundary.
    pub chunk: usize,
}

/// A link that both ends know.
#[derive(Debug, Clone, Copy)]
pub struct Joined {
    /// The client's session.
    pub session: SessionId,
    /// The client's id of the link.
    pub client: LinkId,
    /// The server's id of the link.
    pub server: LinkId,
}

impl Default for Pair {
    fn default() -> Self {
        Self::new(Config::default(), ClientAuth::Anonymous, Config::default())
    }
}

impl Pair {
    /// Both ends as configured; nothing has been sent.
    #[must_use]
    pub fn new(client: Config, auth: ClientAuth, server: Config) -> Self {
        let now = Instant::START;
        Self {
            client: End::new(Connection::client(client, auth, now)),
            server: End::new(Connection::server(server, now)),
            now,
            chunk: usize::MAX,
        }
    }

    /// As [`Self::new`], and both are open.
    #[must_use]
    #[track_caller]
    pub fn opened(client: Config, server: Config) -> Self {
        let mut pair = Self::new(client, ClientAuth::Anonymous, server);
        pair.run();
        assert!(matches!(pair.client.event(), Event::Opened));
        assert!(matches!(pair.server.event(), Event::Opened));
        pair
    }

    /// Carries bytes over, until neither end has more to say.
    pub fn run(&mut self) {
        while self.carry_to_server() | self.carry_to_client() {}
    }

    /// Carries over what the client has to say, and nothing back.
    pub fn client_to_server(&mut self) {
        self.carry_to_server();
    }

    /// Carries over what the server has to say, and nothing back.
    pub fn server_to_client(&mut self) {
        self.carry_to_client();
    }

    fn carry_to_server(&mut self) -> bool {
        let bytes = self.client.transmit(self.now);
        bytes.chunks(self.chunk).for_each(|piece| self.server.receive(self.now, piece));
        !bytes.is_empty()
    }

    fn carry_to_client(&mut self) -> bool {
        let bytes = self.server.transmit(self.now);
        bytes.chunks(self.chunk).for_each(|piece| self.client.receive(self.now, piece));
        !bytes.is_empty()
    }

    /// Lets time pass, stopping at each deadline on the way.
    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        self.run();
        loop {
            let deadlines = [&self.client, &self.server].map(|end| end.connection.poll_timeout());
            let next = deadlines.into_iter().flatten().min().filter(|&next| next <= until);
            self.now = next.unwrap_or(until).max(self.now);
            self.client.connection.handle_timeout(self.now);
            self.server.connection.handle_timeout(self.now);
            self.run();
            if next.is_none() {
                return;
            }
        }
    }

    /// Begins a session of the client.
    #[track_caller]
    pub fn begin(&mut self) -> SessionId {
        let session = self.client.connection.begin().expect("a channel is free");
        self.run();
        assert!(matches!(self.client.event(), Event::SessionBegun { session: begun } if begun == session));
        assert!(matches!(self.server.event(), Event::SessionBegun { .. }));
        session
    }

    /// Attaches a link of the client in this role; the server accepts it as it is.
    #[track_caller]
    pub fn attach(&mut self, session: SessionId, name: &str, role: Role) -> Joined {
        self.attach_with(session, attach(name, role), AttachReply::default())
    }

    /// Attaches a link of the client; the server accepts it with `reply`.
    #[track_caller]
    pub fn attach_with(&mut self, session: SessionId, attach: Attach, reply: AttachReply) -> Joined {
        let client = self.client.connection.attach(session, attach).expect("the name is free");
        self.run();
        let Event::AttachReceived { link: server, .. } = self.server.event() else { panic!("no attach") };
        self.server.connection.accept_attach(server, reply);
        self.run();
        let Event::Attached { link, .. } = self.client.event() else { panic!("not attached") };
        assert_eq!(link, client);
        Joined { session, client, server }
    }

    /// A session with one link on which the client sends, with this credit.
    #[track_caller]
    pub fn sending(client: Config, server: Config, credit: u32) -> (Self, Joined) {
        let mut pair = Self::opened(client, server);
        let session = pair.begin();
        let joined = pair.attach(session, "to-server", Role::Sender);
        pair.server.connection.receiver(joined.server).expect("a receiving link").set_credit(credit);
        pair.run();
        assert!(matches!(pair.client.event(), Event::Credit { credit: got, .. } if got == credit));
        (pair, joined)
    }

    /// A session with one link on which the server sends, with this credit.
    #[track_caller]
    pub fn receiving(client: Config, server: Config, credit: u32) -> (Self, Joined) {
        let mut pair = Self::opened(client, server);
        let session = pair.begin();
        let joined = pair.attach(session, "to-client", Role::Receiver);
        pair.client.connection.receiver(joined.client).expect("a receiving link").set_credit(credit);
        pair.run();
        assert!(matches!(pair.server.event(), Event::Credit { credit: got, .. } if got == credit));
        (pair, joined)
    }
}

/// An attach with termini that name nothing in particular.
#[must_use]
pub fn attach(name: &str, role: Role) -> Attach {
    Attach {
        source: Some(Source::new("source")),
        target: Some(Target::new("target")),
        ..Attach::new(String::from(name), Handle(0), role)
    }
}

/// A server, and in place of its client a test that writes frames as it likes.
#[derive(Debug)]
pub struct RawPeer {
    /// The server.
    pub server: End,
    /// What it takes for the time.
    pub now: Instant,
}

impl RawPeer {
    /// Nothing has been said.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { server: End::new(Connection::server(config, Instant::START)), now: Instant::START }
    }

    /// The handshake has been done, all at once as Python does it.
    #[must_use]
    #[track_caller]
    pub fn opened(config: Config) -> Self {
        let mut peer = Self::new(config);
        let mut bytes = ProtocolHeader::Sasl.bytes().to_vec();
        let init =
            SaslInit { mechanism: Symbol::from_static("ANONYMOUS"), initial_response: None, hostname: None };
        write_sasl(&mut bytes, &init).expect("short");
        bytes.extend_from_slice(&ProtocolHeader::Amqp.bytes());
        peer.send_bytes(&bytes);
        peer.send(0, &Open::new(String::from("raw")));
        assert!(matches!(peer.server.event(), Event::Opened));
        let _handshake = peer.answers();
        peer
    }

    /// [`Self::opened`], a session on channel 0, and a link with handle 0 on which the peer sends.
    #[must_use]
    #[track_caller]
    pub fn sending(config: Config) -> (Self, LinkId) {
        let mut peer = Self::opened(config);
        let link = peer.attach_sender();
        (peer, link)
    }

    /// Begins a session on channel 0 and attaches a link with handle 0 on which the peer sends.
    #[track_caller]
    pub fn attach_sender(&mut self) -> LinkId {
        self.send(0, &begin());
        assert!(matches!(self.server.event(), Event::SessionBegun { .. }));
        self.send(0, &attach("raw", Role::Sender));
        let Event::AttachReceived { link, .. } = self.server.event() else { panic!("no attach") };
        self.server.connection.accept_attach(link, AttachReply::default());
        self.server.connection.receiver(link).expect("a receiving link").set_credit(100);
        let _answers = self.answers();
        link
    }

    /// Bytes for the server.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.server.receive(self.now, bytes);
    }

    /// One frame for the server.
    pub fn send<'a>(&mut self, channel: u16, performative: &impl Composite<'a>) {
        self.send_with_payload(channel, performative, &[]);
    }

    /// One frame for the server, with bytes after the performative.
    pub fn send_with_payload<'a>(&mut self, channel: u16, performative: &impl Composite<'a>, payload: &[u8]) {
        self.send_bytes(&frame(channel, performative, payload));
    }

    /// What the server writes, by name: for example `["attach", "flow"]`.
    pub fn answers(&mut self) -> Vec<&'static str> {
        let bytes = self.server.transmit(self.now);
        frames(&bytes).into_iter().map(|(_, performative, _)| performative.name()).collect()
    }

    /// What the server writes.
    pub fn answer_bytes(&mut self) -> Vec<u8> {
        self.server.transmit(self.now)
    }
}

/// A begin with ample windows.
#[must_use]
pub const fn begin() -> Begin {
    Begin::new(TransferId::new(0), 5_000, 5_000)
}

/// One encoded frame.
#[must_use]
pub fn frame<'a>(channel: u16, performative: &impl Composite<'a>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_performative(&mut bytes, Channel(channel), performative, u32::MAX).expect("shorter than 4 GiB");
    bytes.extend_from_slice(payload);
    let size = u32::try_from(bytes.len()).expect("shorter than 4 GiB");
    bytes[..4].copy_from_slice(&size.to_be_bytes());
    bytes
}

/// The AMQP frames in `bytes` with their channels and payloads; protocol headers, SASL frames and
/// heartbeats are passed over.
#[must_use]
pub fn frames(mut bytes: &[u8]) -> Vec<(u16, Performative<'_>, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        if bytes.starts_with(b"AMQP") {
            bytes = &bytes[8..];
            continue;
        }
        if let Ok(Some((_, size))) = deframe(bytes, FrameType::Sasl, u32::MAX) {
            bytes = &bytes[size..];
            continue;
        }
        let (frame, size) =
            deframe(bytes, FrameType::Amqp, u32::MAX).expect("well-formed frames").expect("whole frames");
        if !frame.is_heartbeat() {
            let (performative, payload) = frame.performative().expect("well-formed performatives");
            found.push((frame.channel.0, performative, payload));
        }
        bytes = &bytes[size..];
    }
    found
}
