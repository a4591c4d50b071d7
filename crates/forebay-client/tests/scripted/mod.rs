//! A server that does what a test tells it: the core's server role over loopback TCP, one connection.

use std::collections::VecDeque;
use std::time::Instant as StdInstant;

use forebay_amqp::connection::{AttachReply, Config, Connection, Delivery, Event};
use forebay_amqp::link::{LinkId, Outgoing};
use forebay_amqp::time::Instant;
use forebay_amqp::types::sections::{
    SectionKind, Sections, write_annotations, write_application_properties, write_data, write_value,
};
use forebay_amqp::types::{
    Attach, Composite, DeliveryId, DeliveryState, Error, Properties, Role, Source, Target,
};
use forebay_amqp::wire::{Array, Decode, Encode, MapRef, Symbol, Value, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does; the default accepts everything.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) refuse_sasl: bool,
    /// Answer to every put-token.
    pub(crate) token_status: i32,
    /// Links whose address holds this text are refused.
    pub(crate) refuse_links_to: Option<(&'static str, Symbol, &'static str)>,
    /// Deliveries, counted from 0, that are rejected.
    pub(crate) reject: Vec<u64>,
    /// Deliveries are settled only when this many have come, the newest first.
    pub(crate) settle_in_reverse_after: Option<u64>,
    /// The socket is shut when this many deliveries were settled.
    pub(crate) drop_after: Option<u64>,
    /// Settle no delivery.
    pub(crate) settle_nothing: bool,
    /// What each receiver gets.
    pub(crate) events: u64,
    /// Receivers whose address holds this text are detached after this many events, as stolen.
    pub(crate) steal: Option<(&'static str, u64)>,
    pub(crate) message_bytes_max: u64,
    pub(crate) credit: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            refuse_sasl: false,
            token_status: 202,
            refuse_links_to: None,
            reject: Vec::new(),
            settle_in_reverse_after: None,
            drop_after: None,
            settle_nothing: false,
            events: 0,
            steal: None,
            message_bytes_max: 1_048_576,
            credit: 100,
        }
    }
}

/// What the server saw, told when the connection is over.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) attaches: Vec<Attach>,
    /// Audience and token of each put-token.
    pub(crate) tokens: Vec<(String, String)>,
    /// Format and body of each delivery to a hub.
    pub(crate) deliveries: Vec<(u32, Vec<u8>)>,
    /// The client closed the connection, without an error.
    pub(crate) closed_cleanly: bool,
}

/// Starts the server; its port, and what it saw once it is done.
pub(crate) async fn start(script: Script) -> (u16, JoinHandle<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        Server::new(script).serve(socket).await
    });
    (port, serving)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Cbs,
    Management,
    Hub,
}

#[derive(Debug)]
struct ServerLink {
    id: LinkId,
    address: String,
    used_for: Use,
    role: Role,
    /// Next event, or next number of a reply.
    next: u64,
}

struct Server {
    core: Connection,
    script: Script,
    seen: Seen,
    links: Vec<ServerLink>,
    replies: VecDeque<(Use, Vec<u8>)>,
    unsettled: Vec<(LinkId, DeliveryId, u64)>,
    settled: u64,
    start: StdInstant,
}

impl Server {
    fn new(script: Script) -> Self {
        Self {
            core: Connection::server(Config::default(), Instant::START),
            script,
            seen: Seen::default(),
            links: Vec::new(),
            replies: VecDeque::new(),
            unsettled: Vec::new(),
            settled: 0,
            start: StdInstant::now(),
        }
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64)
    }

    async fn serve(mut self, mut socket: TcpStream) -> Seen {
        let mut input = Vec::new();
        let mut output = Vec::new();
        loop {
            let read = socket.read_buf(&mut input).await.unwrap_or(0);
            if read == 0 {
                let now = self.now();
                self.core.handle_eof(now);
                return self.seen;
            }
            self.take_input(&mut input);
            self.send_events(&mut output);
            let now = self.now();
            self.core.poll_transmit(now, &mut output);
            if socket.write_all(&output).await.is_err() {
                return self.seen;
            }
            output.clear();
            if self.script.drop_after.is_some_and(|after| self.settled >= after) {
                socket.shutdown().await.unwrap();
                // Closing with bytes unread would be a reset, which can overtake what was just written.
                while socket.read_buf(&mut input).await.is_ok_and(|bytes| bytes > 0) {}
                return self.seen;
            }
            if self.core.is_closed() {
                return self.seen;
            }
        }
    }

    fn take_input(&mut self, input: &mut Vec<u8>) {
        let bytes = std::mem::take(input);
        let mut at = 0;
        loop {
            while let Some(event) = self.core.poll_event() {
                self.on_event(event);
            }
            let now = self.now();
            let step = self.core.handle_input(now, &bytes[at..]);
            at += step.consumed;
            let idle = step.consumed == 0 && step.event.is_none();
            if let Some(event) = step.event {
                self.on_event(event);
            }
            if idle {
                break;
            }
        }
        *input = bytes[at..].to_vec();
    }

    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::SaslInit { .. } if self.script.refuse_sasl => self.core.sasl_refuse(),
            Event::SaslInit { .. } => self.core.sasl_accept(),
            Event::AttachReceived { link, attach } => self.on_attach(link, *attach),
            Event::Delivery(delivery) => self.on_delivery(&delivery),
            Event::Closed { error, .. } => self.seen.closed_cleanly = error.is_none(),
            _ => {}
        }
    }

    fn on_attach(&mut self, id: LinkId, attach: Attach) {
        // The peer's role is the opposite of ours.
        let role = attach.role.opposite();
        let address = match role {
            Role::Receiver => attach.target.as_ref().and_then(|target| target.address.clone()),
            Role::Sender => attach.source.as_ref().and_then(|source| source.address.clone()),
        }
        .unwrap();
        self.seen.attaches.push(attach);
        if let Some((text, condition, description)) = &self.script.refuse_links_to
            && address.contains(text)
        {
            return self.core.refuse_attach(id, Error::new(condition.clone(), *description));
        }
        let used_for = match address.as_str() {
            "$cbs" => Use::Cbs,
            "$management" => Use::Management,
            _ => Use::Hub,
        };
        let max_message_size = Some(self.script.message_bytes_max);
        self.core.accept_attach(id, AttachReply { max_message_size, ..AttachReply::default() });
        if let Some(mut receiver) = self.core.receiver(id) {
            receiver.set_credit(self.script.credit);
        }
        self.links.push(ServerLink { id, address, used_for, role, next: 0 });
    }

    fn on_delivery(&mut self, delivery: &Delivery<'_>) {
        let used_for = self.links.iter().find(|link| link.id == delivery.link).unwrap().used_for;
        if used_for != Use::Hub {
            self.core.settle(delivery.link, delivery.id, delivery.id, DeliveryState::Accepted);
            let reply = self.answer(used_for, &delivery.payload);
            return self.replies.push_back((used_for, reply));
        }
        let number = self.seen.deliveries.len() as u64;
        self.seen.deliveries.push((delivery.message_format, delivery.payload.to_vec()));
        if self.script.settle_nothing {
            return;
        }
        self.unsettled.push((delivery.link, delivery.id, number));
        if number + 1 >= self.script.settle_in_reverse_after.unwrap_or(0) {
            for (link, id, number) in std::mem::take(&mut self.unsettled).into_iter().rev() {
                self.settle(link, id, number);
            }
        }
        if let Some(mut receiver) = self.core.receiver(delivery.link) {
            receiver.set_credit(self.script.credit);
        }
    }

    fn settle(&mut self, link: LinkId, id: DeliveryId, number: u64) {
        if self.script.drop_after.is_some_and(|after| self.settled >= after) {
            return;
        }
        let outcome = if self.script.reject.contains(&number) {
            DeliveryState::rejected(Error::new(
                Symbol::from_static("com.microsoft:argument-error"),
                "this one is no good",
            ))
        } else {
            DeliveryState::Accepted
        };
        self.core.settle(link, id, id, outcome);
        self.settled += 1;
    }

    /// Everything that credit allows: replies, and events for receivers.
    fn send_events(&mut self, out: &mut Vec<u8>) {
        for at in 0..self.links.len() {
            let ServerLink { id, used_for, role, .. } = self.links[at];
            if role != Role::Sender {
                continue;
            }
            let Some(mut sender) = self.core.sender(id) else { continue };
            while sender.sendable() > 0 {
                let link = &mut self.links[at];
                let message = if used_for == Use::Hub {
                    if link.next == self.script.events {
                        break;
                    }
                    event(link.next)
                } else {
                    let Some(found) = self.replies.iter().position(|(node, _)| *node == used_for) else {
                        break;
                    };
                    self.replies.remove(found).unwrap().1
                };
                let tag = link.next.to_be_bytes();
                let outgoing = Outgoing { tag: &tag, message_format: 0, settled: true };
                sender.send(&outgoing, out, |out| out.extend_from_slice(&message)).unwrap();
                link.next += 1;
            }
            if let Some((text, after)) = self.script.steal
                && used_for == Use::Hub
                && self.links[at].address.contains(text)
                && self.links[at].next >= after
            {
                let error = Error::new(Symbol::from_static("amqp:link:stolen"), "a newer reader came");
                self.core.detach(id, Some(error));
            }
        }
    }

    fn answer(&mut self, node: Use, request: &[u8]) -> Vec<u8> {
        let mut id = None;
        let mut asked = Vec::new();
        let mut body = Value::Null;
        for section in Sections::new(request) {
            let section = section.unwrap();
            match section.kind {
                SectionKind::Properties => {
                    id = Properties::decode_list(&mut section.reader()).unwrap().message_id;
                }
                SectionKind::ApplicationProperties => {
                    for entry in MapRef::decode(&mut section.reader()).unwrap().iter() {
                        let (key, value) = entry.unwrap();
                        asked.push((key.as_text().unwrap().to_owned(), value.as_text().unwrap().to_owned()));
                    }
                }
                _ => body = Value::decode(&mut section.reader()).unwrap(),
            }
        }
        let ask =
            |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
        if node == Use::Cbs {
            assert_eq!(ask("operation"), "put-token");
            self.seen.tokens.push((ask("name"), body.as_text().unwrap().to_owned()));
            return reply(id, self.script.token_status, "token", &Value::Null);
        }
        let name = ask("name");
        let text = |text: &str| Value::String(text.to_owned());
        let body = match ask("type").as_str() {
            "com.microsoft:eventhub" if name == "events" => Value::Map(vec![
                (text("name"), text("events")),
                (text("created_at"), Value::Timestamp(1_000)),
                (text("partition_ids"), Value::Array(Array::of_strings(["0", "1"]))),
            ]),
            "com.microsoft:partition" => Value::Map(vec![
                (text("name"), text("events")),
                (text("partition"), text(&ask("partition"))),
                (text("begin_sequence_number"), Value::Long(3)),
                (text("last_enqueued_sequence_number"), Value::Long(9)),
                (text("last_enqueued_offset"), text("9")),
                (text("last_enqueued_time_utc"), Value::Timestamp(2_000)),
                (text("is_partition_empty"), Value::Boolean(false)),
            ]),
            _ => return reply(id, 404, "The messaging entity could not be found", &Value::Null),
        };
        reply(id, 200, "OK", &body)
    }
}

fn reply(id: Option<Value>, status: i32, description: &str, body: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let mut properties = Properties::new();
    properties.correlation_id = id;
    properties.encode(&mut writer);
    let (status, description) = (Value::Int(status), Value::String(description.to_owned()));
    write_application_properties(
        &mut writer,
        [("status-code", &status), ("status-description", &description)],
    );
    write_value(&mut writer, body);
    out
}

/// The event with this sequence number; its body is the number.
fn event(number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let annotations = [
        (Symbol::from_static("x-opt-sequence-number"), Value::Long(number as i64)),
        (Symbol::from_static("x-opt-offset"), Value::String(number.to_string())),
        (Symbol::from_static("x-opt-enqueued-time"), Value::Timestamp(1_000 + number as i64)),
    ];
    let mut writer = Writer::new(&mut out);
    let entries = annotations.iter().map(|(key, value)| (key, value));
    write_annotations(&mut writer, SectionKind::MessageAnnotations, entries);
    write_data(&mut writer, number.to_string().as_bytes());
    out
}

/// What the client asked to read, for assertions.
pub(crate) fn source(attach: &Attach) -> &Source {
    attach.source.as_ref().unwrap()
}

/// What the client asked to write to, for assertions.
pub(crate) fn target(attach: &Attach) -> &Target {
    attach.target.as_ref().unwrap()
}
