//! The connection as .NET's AMQP library drives it, on a real socket: what it writes, when it writes it, what it waits
//! for (`docs/reference/amqp.md` §1, §2, the columns .NET). Everything that comes passes the checker first.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use forebay_amqp::wire::Value;
use forebay_client::net::{self, Stream, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::content::{self, Message};
use crate::exceptions::Exception;
use crate::rules::{CHANNEL_MAX, Passed, Rules};
use crate::wire::{AMQP_HEADER, Frame, Kind, MAX_FRAME_SIZE, SASL_HEADER, symbol, text};

/// Advertised; .NET closes the connection itself after so much silence.
const IDLE_TIMEOUT_MS: u32 = 60_000;
/// A session's windows, and its handle-max.
pub(crate) const WINDOW: u32 = 5_000;
const HANDLE_MAX: u32 = 262_143;
/// Transfers of a session that were taken before its window is told again.
const WINDOW_THRESHOLD: u32 = WINDOW * 2 / 3;
/// .NET waits a minute for most things; nothing here takes a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A link by its session's channel and its handle, both ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId {
    pub(crate) channel: u16,
    pub(crate) handle: u32,
}

#[derive(Debug, Default)]
struct SessionState {
    begun: bool,
    /// What the server may still send; given back as the application takes events.
    window: u32,
    taken_since_flow: u32,
    /// Outcomes by delivery id.
    outcomes: BTreeMap<u32, Value>,
    ended: bool,
    links: u32,
}

#[derive(Debug)]
struct LinkState {
    /// The server's attach, unless it refused.
    attached: bool,
    inbox: VecDeque<Message>,
    partial: Vec<u8>,
    /// Why the server detached it.
    ended: Option<Exception>,
    detached: bool,
    we_detached: bool,
    // As a receiver: what it asks for in all, what it has, how much was taken since it said so.
    prefetch: u32,
    credit: u32,
    taken_since_flow: u32,
}

/// One connection of .NET's.
#[derive(Debug)]
pub(crate) struct Client {
    stream: Stream,
    input: Vec<u8>,
    output: Vec<u8>,
    rules: Rules,
    sessions: BTreeMap<u16, SessionState>,
    links: BTreeMap<LinkId, LinkState>,
    /// Why the server closed the connection.
    closed: Option<Exception>,
    /// The largest frame that the server takes, and that we send.
    frame_bytes_max: usize,
    next_name: u32,
    pub(crate) hub: String,
}

impl Client {
    /// Connects as a client of `hub`: SASL, then open, waiting for each answer.
    pub(crate) async fn connect(port: u16, tls: &Tls, hub: &str) -> Self {
        let stream = net::connect("localhost", port, tls).await.expect("the server listens");
        let mut client = Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            rules: Rules::new(),
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            closed: None,
            frame_bytes_max: MAX_FRAME_SIZE as usize,
            next_name: 0,
            hub: hub.to_owned(),
        };
        client.output.extend_from_slice(SASL_HEADER);
        client.read_header().await;
        client.read_frame(Kind::SaslMechanisms).await;
        let init = vec![symbol("MSSBCBS"), Value::Null, text("localhost")];
        client.write(Frame::new(0, Kind::SaslInit, init));
        client.read_frame(Kind::SaslOutcome).await;
        client.output.extend_from_slice(AMQP_HEADER);
        client.read_header().await;
        client.write(Frame::new(0, Kind::Open, open_fields(hub)));
        let open = client.read_frame(Kind::Open).await;
        let theirs = open.uint(2).unwrap_or(MAX_FRAME_SIZE) as usize;
        client.frame_bytes_max = client.frame_bytes_max.min(theirs);
        client
    }

    pub(crate) fn rules(&mut self) -> &mut Rules {
        &mut self.rules
    }

    fn link(&self, link: LinkId) -> &LinkState {
        &self.links[&link]
    }

    /// Takes what comes until so many messages of a link wait for the application.
    pub(crate) async fn waiting(&mut self, link: LinkId, count: usize) {
        self.until(|client| (client.link(link).inbox.len() >= count).then_some(())).await.expect("messages");
    }

    pub(crate) fn write(&mut self, frame: Frame) {
        self.rules.we_wrote(&frame);
        self.output.extend_from_slice(&frame.bytes());
    }

    /// A name that no other link of this connection has, as .NET makes them.
    pub(crate) fn name(&mut self) -> String {
        self.next_name += 1;
        let at = self.next_name;
        format!("{}-5f0c1a2b;1:{at}:{}", self.hub, at + 1)
    }

    // Reading.

    async fn passed(&mut self) -> Passed {
        self.stream.write_all(&self.output).await.expect("the server takes what we write");
        self.stream.flush().await.expect("the server takes what we write");
        self.output.clear();
        loop {
            match self.rules.server_wrote(&self.input) {
                Ok(Some((passed, size))) => {
                    self.input.drain(..size);
                    return passed;
                }
                Ok(None) => {}
                Err(broken) => panic!("{broken}"),
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
            let count = read.expect(".NET would wait here for ever").expect("the connection was cut");
            assert!(count > 0, "the connection was cut");
        }
    }

    async fn read_header(&mut self) {
        let passed = self.passed().await;
        assert!(matches!(passed, Passed::Header), "{passed:?}");
    }

    async fn read_frame(&mut self, kind: Kind) -> Frame {
        match self.passed().await {
            Passed::Frame(frame, _) if frame.kind == kind => frame,
            other => panic!("{other:?} where {kind:?} should come"),
        }
    }

    /// Takes one frame and does what .NET does with it.
    async fn step(&mut self) {
        let Passed::Frame(frame, place) = self.passed().await else { return };
        if frame.kind == Kind::Close {
            self.closed = Some(Exception::of(frame.field(0)));
            self.write(Frame::new(0, Kind::Close, vec![Value::Null]));
            return;
        }
        // What comes late for a session that is over is passed over.
        let Some(channel) = place.channel else { return };
        let session = self.sessions.get_mut(&channel).expect("the checker knows it");
        let link = place.handle.map(|handle| LinkId { channel, handle });
        match (frame.kind, link) {
            (Kind::Begin, _) => session.begun = true,
            (Kind::End, _) => {
                assert_eq!(*frame.field(0), Value::Null, "the session ended");
                session.ended = true;
            }
            (Kind::Disposition, _) => {
                let first = frame.uint(1).expect("checked");
                for id in first..=frame.uint(2).unwrap_or(first) {
                    session.outcomes.insert(id, frame.field(4).clone());
                }
            }
            (Kind::Attach, Some(link)) => {
                let refused = *frame.field(5) == Value::Null && *frame.field(6) == Value::Null;
                self.links.get_mut(&link).expect("ours").attached = !refused;
            }
            (Kind::Transfer, Some(link)) => self.on_transfer(link, &frame),
            (Kind::Detach, Some(link)) => self.on_detach(link, &frame),
            // What a flow says the checker keeps.
            _ => {}
        }
    }

    fn on_transfer(&mut self, id: LinkId, frame: &Frame) {
        self.sessions.get_mut(&id.channel).expect("begun").window -= 1;
        let link = self.links.get_mut(&id).expect("ours");
        let continues = !link.partial.is_empty();
        link.partial.extend_from_slice(&frame.payload);
        if !frame.flag(5) {
            let bytes = std::mem::take(&mut link.partial);
            link.inbox.push_back(content::decode(&bytes).expect("checked"));
            link.credit -= 1;
        }
        if continues {
            // Only the first frame counts until the application has taken the event.
            self.window_moved(id.channel);
        }
    }

    fn on_detach(&mut self, id: LinkId, frame: &Frame) {
        let link = self.links.get_mut(&id).expect("ours");
        link.detached = true;
        if *frame.field(2) != Value::Null {
            link.ended = Some(Exception::of(frame.field(2)));
        }
        if !std::mem::replace(&mut link.we_detached, true) {
            self.write(Frame::new(id.channel, Kind::Detach, detach_fields(id.handle)));
        }
    }

    /// Steps until `done` finds what it waits for.
    pub(crate) async fn until<T>(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Exception> {
        loop {
            if let Some(found) = done(self) {
                return Ok(found);
            }
            if let Some(closed) = &self.closed {
                return Err(closed.clone());
            }
            self.step().await;
        }
    }

    /// Waits for the server to close the connection.
    pub(crate) async fn closed(mut self) -> Exception {
        self.until(|client| client.closed.clone()).await.expect("found before it is an error")
    }

    // Sessions and links.

    /// Begins a session and waits for the answer.
    pub(crate) async fn session(&mut self) -> u16 {
        let free = (0..=CHANNEL_MAX).find(|channel| !self.rules.sessions.contains_key(channel));
        let channel = free.expect("a channel is free");
        let window = Value::Uint(WINDOW);
        let fields = vec![
            Value::Null,
            Value::Uint(1),
            window.clone(),
            window,
            Value::Uint(HANDLE_MAX),
            Value::Null,
            Value::Null,
            Value::Map(Vec::new()),
        ];
        self.write(Frame::new(channel, Kind::Begin, fields));
        self.links.retain(|link, _| link.channel != channel);
        self.sessions.insert(channel, SessionState { window: WINDOW, ..SessionState::default() });
        self.until(|client| client.sessions[&channel].begun.then_some(())).await.expect("a session");
        channel
    }

    /// Writes an attach, and for a receiver its credit right behind it. The answer is waited for by
    /// [`Client::attached`].
    pub(crate) fn attach(&mut self, channel: u16, mut fields: Vec<Value>, prefetch: u32) -> LinkId {
        let session = self.sessions.get_mut(&channel).expect("begun");
        let link = LinkId { channel, handle: session.links };
        session.links += 1;
        fields[1] = Value::Uint(link.handle);
        self.write(Frame::new(channel, Kind::Attach, fields));
        let state = LinkState {
            attached: false,
            inbox: VecDeque::new(),
            partial: Vec::new(),
            ended: None,
            detached: false,
            we_detached: false,
            prefetch,
            credit: prefetch,
            taken_since_flow: 0,
        };
        self.links.insert(link, state);
        if prefetch > 0 {
            self.write_link_flow(link);
        }
        link
    }

    /// Waits until a link is attached, or refused.
    pub(crate) async fn attached(&mut self, link: LinkId) -> Result<(), Exception> {
        let refused = self
            .until(|client| {
                let state = client.link(link);
                if state.attached { Some(None) } else { state.detached.then(|| state.ended.clone()) }
            })
            .await?;
        match refused {
            None => Ok(()),
            Some(exception) => {
                // The session goes with it; its answer is not waited for.
                self.write(Frame::new(link.channel, Kind::End, vec![Value::Null]));
                Err(exception)
            }
        }
    }

    fn write_flow(&mut self, channel: u16, link: [Value; 4]) {
        let session = &self.rules.sessions[&channel];
        let [handle, count, credit, available] = link;
        let fields = vec![
            Value::Uint(session.next_in()),
            Value::Uint(self.sessions[&channel].window),
            Value::Uint(session.next_out()),
            Value::Uint(session.window_out()),
            handle,
            count,
            credit,
            available,
            Value::Null,
            Value::Boolean(false),
            Value::Null,
        ];
        self.write(Frame::new(channel, Kind::Flow, fields));
    }

    fn write_link_flow(&mut self, link: LinkId) {
        let count = self.rules.link(link.channel, link.handle).expect("a link").delivery_count();
        let credit = self.link(link).credit;
        let fields = [link.handle, count, credit, 0].map(Value::Uint);
        self.write_flow(link.channel, fields);
    }

    /// Takes the next event or reply of a link, waiting for it; its credit and window are given back.
    pub(crate) async fn take(&mut self, link: LinkId) -> Result<Message, Exception> {
        let taken = self
            .until(|client| {
                let state = client.links.get_mut(&link).expect("a link");
                match state.inbox.pop_front() {
                    Some(message) => Some(Ok(message)),
                    None => state.ended.clone().map(Err),
                }
            })
            .await??;
        if !self.link(link).detached {
            self.window_moved(link.channel);
            self.taken(link);
        }
        Ok(taken)
    }

    /// One more transfer may come; told once enough have been taken.
    fn window_moved(&mut self, channel: u16) {
        let session = self.sessions.get_mut(&channel).expect("begun");
        session.window += 1;
        session.taken_since_flow += 1;
        if session.taken_since_flow >= WINDOW_THRESHOLD {
            session.taken_since_flow = 0;
            self.write_flow(channel, [const { Value::Null }; 4]);
        }
    }

    /// One more delivery may come; told once a hundred, or two thirds of the prefetch, have been taken.
    fn taken(&mut self, id: LinkId) {
        let link = self.links.get_mut(&id).expect("a link");
        link.credit = (link.credit + 1).min(link.prefetch);
        link.taken_since_flow += 1;
        if link.taken_since_flow >= (link.prefetch * 2 / 3).min(100) {
            link.taken_since_flow = 0;
            self.write_link_flow(id);
            self.sessions.get_mut(&id.channel).expect("begun").taken_since_flow = 0;
        }
    }

    /// Sends one message as soon as credit and window allow each of its frames; its delivery id.
    pub(crate) async fn transfer(
        &mut self,
        link: LinkId,
        tag: &[u8],
        format: u32,
        settled: bool,
        message: &[u8],
    ) -> Result<u32, Exception> {
        let LinkId { channel, handle } = link;
        self.until(|client| match &client.link(link).ended {
            Some(ended) => Some(Err(ended.clone())),
            None => client.rules.may_send(channel, handle).then_some(Ok(())),
        })
        .await??;
        let id = self.rules.sessions[&channel].next_delivery_out();
        let mut rest = message;
        let mut first = true;
        while first || !rest.is_empty() {
            self.until(|client| (client.rules.sessions[&channel].window_out() > 0).then_some(())).await?;
            let begun = std::mem::take(&mut first).then_some((id, tag, format, settled));
            let mut frame = Frame::new(channel, Kind::Transfer, transfer_fields(handle, begun));
            let room = self.frame_bytes_max - frame.bytes().len();
            let (now, later) = rest.split_at(rest.len().min(room));
            rest = later;
            frame.fields[5] = Value::Boolean(!rest.is_empty());
            frame.payload = now.to_vec();
            self.write(frame);
        }
        Ok(id)
    }

    /// Waits for the outcome of a delivery.
    pub(crate) async fn outcome(&mut self, link: LinkId, id: u32) -> Result<Value, Exception> {
        self.until(|client| {
            let session = client.sessions.get_mut(&link.channel).expect("begun");
            match session.outcomes.remove(&id) {
                Some(outcome) => Some(Ok(outcome)),
                None => client.link(link).ended.clone().map(Err),
            }
        })
        .await?
    }

    /// Takes what comes until the server has detached a link by itself.
    pub(crate) async fn detached(&mut self, link: LinkId) -> Exception {
        self.until(|client| client.link(link).ended.clone()).await.unwrap_or_else(|closed| closed)
    }

    /// Detaches a link and ends its session, waiting for both answers.
    pub(crate) async fn close_link(&mut self, link: LinkId) {
        let state = self.links.get_mut(&link).expect("a link");
        if !std::mem::replace(&mut state.we_detached, true) {
            self.write(Frame::new(link.channel, Kind::Detach, detach_fields(link.handle)));
        }
        self.until(|client| client.link(link).detached.then_some(())).await.expect("a detach");
        self.write(Frame::new(link.channel, Kind::End, vec![Value::Null]));
        self.until(|client| client.sessions[&link.channel].ended.then_some(())).await.expect("an end");
        self.sessions.remove(&link.channel);
        self.links.retain(|id, _| id.channel != link.channel);
    }

    /// Closes the connection and waits for the server's close, and for the end of its stream.
    pub(crate) async fn close(mut self) {
        self.write(Frame::new(0, Kind::Close, vec![Value::Null]));
        while !self.rules.is_closed() {
            self.passed().await;
        }
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        read.expect("the server ends the stream").expect("in order");
        assert!(rest.is_empty(), "{rest:02x?} follows a close");
    }
}

fn open_fields(hub: &str) -> Vec<Value> {
    let property = |name: &str, value: &str| (symbol(name), text(value));
    vec![
        text(&format!("{hub}-5f0c1a2b")),
        text("localhost"),
        Value::Uint(MAX_FRAME_SIZE),
        Value::Ushort(CHANNEL_MAX),
        Value::Uint(IDLE_TIMEOUT_MS),
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Map(vec![
            property("product", "Azure.Messaging.EventHubs"),
            property("version", "5.12.2"),
            property("framework", ".NET 9.0.0"),
            property("platform", "Linux"),
            property("user-agent", "azsdk-net-Messaging.EventHubs/5.12.2 (.NET 9.0.0; Linux)"),
        ]),
    ]
}

fn detach_fields(handle: u32) -> Vec<Value> {
    vec![Value::Uint(handle), Value::Boolean(true), Value::Null]
}

/// The fields of a transfer; `begun` only in the first of a delivery. `more` is filled in later.
fn transfer_fields(handle: u32, begun: Option<(u32, &[u8], u32, bool)>) -> Vec<Value> {
    let mut fields = vec![Value::Null; 11];
    fields[0] = Value::Uint(handle);
    fields[5] = Value::Boolean(true);
    fields[8] = Value::Boolean(false);
    fields[9] = Value::Boolean(false);
    if let Some((id, tag, format, settled)) = begun {
        fields[1] = Value::Uint(id);
        fields[2] = Value::Binary(tag.to_vec());
        fields[3] = Value::Uint(format);
        fields[4] = if settled { Value::Boolean(true) } else { Value::Null };
        fields[10] = Value::Boolean(!settled);
    }
    fields
}
