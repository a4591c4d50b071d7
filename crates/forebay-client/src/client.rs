//! The connection as its user sees it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use forebay_amqp::connection::{Config, Connection};
use forebay_amqp::link::{Outgoing, SendError};
use forebay_amqp::session::SessionId;
use forebay_amqp::time::Instant;
use forebay_amqp::types::{self, Attach, Handle, Role, Source};
use forebay_amqp::wire::{Symbol, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::consumer::{Consumer, Subscription};
use crate::driver::{Clock, Driver, Socket, SocketEnd};
use crate::error::Error;
use crate::event::{BATCH_FORMAT, Batch, EventData, MESSAGE_FORMAT, Received};
use crate::links::{Intake, Kind, LinkIndex, Links, Phase};
use crate::net::{self, Roots, Tls};
use crate::producer::{Destination, Flights, Outcome, Producer, Settled};
use crate::target::Target;
use crate::token::Tokens;

/// How a server that speaks AMQP only inside of TLS answers one that comes without.
const WANTS_TLS: &[u8] = b"AMQP\x02";
/// How TLS answers what is none: an alert, or a handshake of its own (RFC 8446 §5.1).
const TLS_RECORDS: [&[u8]; 2] = [b"\x15\x03", b"\x16\x03"];
/// How HTTP/1.1 answers what is none.
const HTTP: &[u8] = b"HTTP/";

/// A sender waits when this much is written and has not left.
const UNWRITTEN_BYTES_MAX: usize = 512 * 1024;

/// How a client behaves where Event Hubs' own differ from one another.
#[derive(Debug, Clone)]
pub struct Options {
    /// `open.container-id`: how the server's log names this client.
    pub container_id: String,
    /// How long to wait for answers to connecting, attaching, closing and requests. Not for events or outcomes.
    pub answer_timeout: Duration,
    /// How long tokens that are signed here are valid; renewed when three quarters have passed.
    pub token_life: Duration,
    /// Largest frame to receive, in bytes.
    pub max_frame_size: u32,
    /// Silence of the server that is told to it as too long; at twice this the connection is given up.
    pub idle_timeout: Duration,
    /// Whose signature makes the server's certificate good, where TLS is spoken.
    pub roots: Roots,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            container_id: "forebay-client".to_owned(),
            answer_timeout: Duration::from_secs(30),
            token_life: Duration::from_secs(3600),
            max_frame_size: 65_536,
            idle_timeout: Duration::from_secs(60),
            roots: Roots::System,
        }
    }
}

/// Largest event that is read, in bytes: three times the largest that any tier takes, since a server adds annotations.
const EVENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Options {
    /// With this name in the server's log.
    #[must_use]
    pub fn named(container_id: &str) -> Self {
        Self { container_id: container_id.to_owned(), ..Self::default() }
    }

    fn config(&self, target: &Target) -> Config {
        let text = |name, value: &str| (Symbol::from_static(name), Value::String(value.to_owned()));
        Config {
            container_id: self.container_id.clone(),
            hostname: Some(target.namespace.clone()),
            max_frame_size: self.max_frame_size,
            idle_timeout: Some(self.idle_timeout),
            handshake_timeout: self.answer_timeout,
            unsettled_max: 65_536,
            max_delivery_bytes: EVENT_BYTES_MAX,
            // A server that sends more than it may has a fault, and tests want to see it.
            strict_credit: true,
            properties: vec![
                text("product", "forebay-client"),
                text("version", env!("CARGO_PKG_VERSION")),
                text("user-agent", concat!("forebay-client/", env!("CARGO_PKG_VERSION"))),
            ],
            ..Config::default()
        }
    }
}

/// One connection to a server, and the links on it.
#[derive(Debug)]
pub struct Client {
    pub(crate) driver: Driver,
    pub(crate) links: Links,
    pub(crate) tokens: Tokens,
    pub(crate) target: Target,
    pub(crate) answer_timeout: Duration,
    names_given: u64,
}

impl Client {
    /// Connects over TCP, with TLS where the target says so, says who it is and waits for the server's open.
    ///
    /// # Errors
    /// Nobody listens, the server refuses, or does not answer in time. Not to be called again after being dropped
    /// half way: make a new one.
    pub async fn connect(target: &Target, options: Options) -> Result<Self, Error> {
        let tls = if target.tls { Tls::On { roots: options.roots.clone() } } else { Tls::Off };
        let connecting = net::connect(&target.host, target.port, &tls);
        let socket = tokio::time::timeout(options.answer_timeout, connecting).await.map_err(|_| {
            let what = format!("a connection to {}", target.address());
            Error::Timeout { what, after: options.answer_timeout }
        })??;
        Self::over(socket, target, options).await
    }

    /// As [`Client::connect`], over a stream that is connected already.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn over<S>(socket: S, target: &Target, options: Options) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let clock = Clock::start();
        let core = Connection::client(options.config(target), target.auth.sasl(), clock.now());
        let socket: Box<dyn Socket> = Box::new(socket);
        let mut client = Self {
            driver: Driver::new(core, clock, socket),
            links: Links::new(target.address(), target.auth.mechanism()),
            tokens: Tokens::new(options.token_life),
            target: target.clone(),
            answer_timeout: options.answer_timeout,
            names_given: 0,
        };
        while !client.links.opened {
            client.check_connection()?;
            client.exchange().await;
        }
        client.check_connection()?;
        Ok(client)
    }

    /// Opens a sender that keeps up to `window` messages unsettled. Puts a token for the hub first, if it needs one.
    ///
    /// # Errors
    /// The server refuses the token or the link, the connection ends, or no answer comes in time.
    pub async fn producer(&mut self, destination: &Destination, window: u32) -> Result<Producer, Error> {
        self.authorise(&destination.hub).await?;
        let kind = Kind::Producer(Flights::new(window));
        let index = self.attach_sender(&destination.address, kind, None).await?;
        Ok(Producer(index))
    }

    /// Opens a receiver and grants it its prefetch. Puts a token for the hub first, if it needs one.
    ///
    /// # Errors
    /// The server refuses the token or the link, the connection ends, or no answer comes in time.
    pub async fn consumer(&mut self, subscription: &Subscription) -> Result<Consumer, Error> {
        self.authorise(&subscription.hub).await?;
        let intake = Intake { prefetch: subscription.prefetch, waiting: 0, handed_out: 0, end_told: false };
        let attach = subscription.attach(self.new_name());
        let address = subscription.address();
        let index = self.attach(attach, Kind::Consumer(intake), &address, None).await?;
        let consumer = Consumer(index);
        self.grant(consumer, subscription.prefetch);
        Ok(consumer)
    }

    /// Lets the server send `events` more on a consumer, in place of what was granted and not used.
    pub fn grant(&mut self, consumer: Consumer, events: u32) {
        let Some(link) = self.links.get(consumer.0) else { return };
        if let Some(mut receiver) = self.driver.core.receiver(link.id) {
            receiver.set_credit(events);
        }
    }

    /// Sends one encoded message of the given format, waiting while the window is full or the server grants no
    /// credit. Returns its number among the producer's messages, from 0. It leaves with the next wait, or
    /// [`Client::flush`].
    ///
    /// # Errors
    /// The link or the connection is over, or the message is larger than the link takes.
    pub async fn send(&mut self, producer: Producer, format: u32, message: &[u8]) -> Result<u64, Error> {
        loop {
            if let Some(number) = self.try_send(producer, format, message)? {
                return Ok(number);
            }
            self.exchange().await;
        }
    }

    /// As [`Client::send`], but `None` where that would wait.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn try_send(
        &mut self,
        producer: Producer,
        format: u32,
        message: &[u8],
    ) -> Result<Option<u64>, Error> {
        let link = self.links.usable(producer.0)?;
        let Kind::Producer(flights) = &link.kind else { return Err(Error::Closed) };
        if !flights.has_room() || self.driver.unwritten() >= UNWRITTEN_BYTES_MAX {
            return Ok(None);
        }
        match self.transfer(producer.0, format, message)? {
            None => Ok(None),
            Some(id) => match self.links.get_mut(producer.0).map(|link| &mut link.kind) {
                Some(Kind::Producer(flights)) => Ok(Some(flights.sent(id))),
                _ => Err(Error::Closed),
            },
        }
    }

    /// Encodes and sends one event.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_event(&mut self, producer: Producer, event: &EventData) -> Result<u64, Error> {
        self.send(producer, MESSAGE_FORMAT, &event.encoded()).await
    }

    /// Sends a batch of events as one message.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_batch(&mut self, producer: Producer, batch: &Batch) -> Result<u64, Error> {
        self.send(producer, BATCH_FORMAT, batch.message()).await
    }

    /// The oldest message whose outcome was not taken yet, waiting for it.
    ///
    /// # Errors
    /// The link or the connection is over and the outcome will never be known; outcomes that came before are still
    /// given out first. Also if nothing is in flight.
    pub async fn settled(&mut self, producer: Producer) -> Result<Settled, Error> {
        loop {
            if let Some(settled) = self.try_settled(producer) {
                return Ok(settled);
            }
            self.links.usable(producer.0)?;
            if self.flights(producer).is_none_or(|flights| flights.is_empty()) {
                return Err(Error::Closed);
            }
            self.exchange().await;
        }
    }

    /// As [`Client::settled`], but `None` where that would wait or fail.
    pub fn try_settled(&mut self, producer: Producer) -> Option<Settled> {
        self.flights(producer)?.take()
    }

    /// Waits until nothing of a producer is in flight; returns how many messages were accepted since the outcomes
    /// were last taken.
    ///
    /// # Errors
    /// The first outcome that is no acceptance, as [`Error::NotAccepted`]; else as [`Client::settled`].
    pub async fn all_accepted(&mut self, producer: Producer) -> Result<u64, Error> {
        let mut accepted = 0;
        while self.flights(producer).is_some_and(|flights| !flights.is_empty()) {
            let settled = self.settled(producer).await?;
            match settled.outcome {
                Outcome::Accepted => accepted += 1,
                outcome => return Err(Error::NotAccepted { number: settled.number, outcome }),
            }
        }
        Ok(accepted)
    }

    /// Messages of a producer whose outcome has not come.
    #[must_use]
    pub fn in_flight(&mut self, producer: Producer) -> u32 {
        self.flights(producer).map_or(0, |flights| flights.unsettled())
    }

    /// The largest message that a producer's link takes, in bytes; `None` if the server set no limit.
    #[must_use]
    pub fn message_bytes_max(&self, producer: Producer) -> Option<u64> {
        self.links.get(producer.0)?.message_bytes_max
    }

    /// The next event of any consumer, waiting for it. Events of one consumer come in the server's order.
    ///
    /// # Errors
    /// A consumer's link is over (told once for each consumer, after its last event; the others go on), or the
    /// connection is, or there is no consumer.
    pub async fn receive(&mut self) -> Result<Received<'_>, Error> {
        loop {
            if let Some(queued) = self.links.inbox.pop() {
                self.handed_out(queued.link);
                return Ok(Received {
                    consumer: Consumer(queued.link),
                    message: self.links.inbox.message(&queued),
                });
            }
            self.links.inbox.reclaim();
            self.check_consumers()?;
            self.exchange().await;
        }
    }

    /// An event that is here already.
    pub fn try_receive(&mut self) -> Option<Received<'_>> {
        let queued = self.links.inbox.pop()?;
        self.handed_out(queued.link);
        Some(Received { consumer: Consumer(queued.link), message: self.links.inbox.message(&queued) })
    }

    /// Waits until all that was sent has left this process.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn flush(&mut self) -> Result<(), Error> {
        loop {
            self.check_connection()?;
            poll_fn(|cx| {
                self.driver.poll_write(cx);
                Poll::Ready(())
            })
            .await;
            if self.driver.has_all_left() {
                return Ok(());
            }
            self.exchange().await;
        }
    }

    /// Keeps the connection alive until it ends; to be awaited beside something else.
    pub async fn idle(&mut self) -> Error {
        loop {
            if let Some(error) = &self.links.ended {
                return error.clone();
            }
            self.exchange().await;
        }
    }

    /// Detaches a consumer; events that wait here can still be received.
    pub fn close_consumer(&mut self, consumer: Consumer) {
        self.close_link(consumer.0);
    }

    /// Detaches a producer; what is not settled stays unknown.
    pub fn close_producer(&mut self, producer: Producer) {
        self.close_link(producer.0);
    }

    /// Closes the connection in order and waits for the server's close, at most the answer timeout.
    ///
    /// # Errors
    /// The connection had ended before, or ends otherwise, or no close comes.
    pub async fn close(mut self) -> Result<(), Error> {
        self.driver.core.close(None);
        let waited = tokio::time::timeout(self.answer_timeout, self.idle()).await;
        let clean = matches!(self.driver.end, None | Some(SocketEnd::Eof));
        poll_fn(|cx| {
            self.driver.poll_write(cx);
            self.driver.poll_shutdown(cx)
        })
        .await;
        match waited {
            Ok(Error::Closed) => Ok(()),
            Ok(Error::Lost { .. }) if clean => Ok(()),
            Ok(error) => Err(error),
            Err(_) => Err(Error::Timeout { what: "the close".to_owned(), after: self.answer_timeout }),
        }
    }

    fn flights(&mut self, producer: Producer) -> Option<&mut Flights> {
        match &mut self.links.get_mut(producer.0)?.kind {
            Kind::Producer(flights) => Some(flights),
            _ => None,
        }
    }

    /// Refills a consumer's credit when half of its prefetch has been handed out.
    fn handed_out(&mut self, index: LinkIndex) {
        let Some(link) = self.links.get_mut(index) else { return };
        let Kind::Consumer(intake) = &mut link.kind else { return };
        intake.waiting -= 1;
        intake.handed_out += 1;
        if intake.prefetch > 0 && intake.handed_out >= intake.prefetch.div_ceil(2) {
            intake.handed_out = 0;
            let credit = intake.prefetch.saturating_sub(intake.waiting);
            if let Some(mut receiver) = self.driver.core.receiver(link.id) {
                receiver.set_credit(credit);
            }
        }
    }

    /// Fails once for each consumer that is over, and when none is left.
    fn check_consumers(&mut self) -> Result<(), Error> {
        self.check_connection()?;
        let (mut open, mut last) = (false, Error::Closed);
        for (phase, intake) in self.links.consumers() {
            match phase {
                Phase::Over(error) => {
                    last = error.clone();
                    if !matches!(error, Error::Closed) && !std::mem::replace(&mut intake.end_told, true) {
                        return Err(last);
                    }
                }
                Phase::Attaching | Phase::Open => open = true,
            }
        }
        if open { Ok(()) } else { Err(last) }
    }

    pub(crate) fn check_connection(&self) -> Result<(), Error> {
        self.links.ended.clone().map_or(Ok(()), Err)
    }

    fn close_link(&mut self, index: LinkIndex) {
        let Some(link) = self.links.get(index) else { return };
        let (id, session) = (link.id, link.session);
        self.driver.core.detach(id, None);
        self.driver.core.end(session, None);
        self.links.forget(index);
    }

    pub(crate) async fn attach_sender(
        &mut self,
        address: &str,
        kind: Kind,
        session: Option<SessionId>,
    ) -> Result<LinkIndex, Error> {
        let mut attach = Attach::new(self.new_name(), Handle(0), Role::Sender);
        attach.source = Some(Source::default());
        attach.target = Some(types::Target::new(address));
        self.attach(attach, kind, address, session).await
    }

    /// Attaches a link, in a session of its own unless one is given, and waits for the answer.
    pub(crate) async fn attach(
        &mut self,
        attach: Attach,
        kind: Kind,
        address: &str,
        session: Option<SessionId>,
    ) -> Result<LinkIndex, Error> {
        self.check_connection()?;
        let session = match session {
            Some(session) => session,
            None => self.driver.core.begin().map_err(|_| Error::Answer {
                what: "begin",
                problem: "no channel is left: close links that are not used",
            })?,
        };
        let id = self.driver.core.attach(session, attach).map_err(|_| Error::Closed)?;
        let index = self.links.add(id, session, kind, address);
        let deadline = self.deadline();
        while matches!(self.links.usable(index)?.phase, Phase::Attaching) {
            self.exchange_before(deadline, || format!("the attach of '{address}'")).await?;
        }
        Ok(index)
    }

    /// One transfer, if credit and window allow it now.
    pub(crate) fn transfer(
        &mut self,
        index: LinkIndex,
        message_format: u32,
        message: &[u8],
    ) -> Result<Option<types::DeliveryId>, Error> {
        let link = self.links.get(index).ok_or(Error::Closed)?;
        let Some(mut sender) = self.driver.core.sender(link.id) else { return Err(Error::Closed) };
        if sender.sendable() == 0 {
            return Ok(None);
        }
        self.names_given += 1;
        let tag = self.names_given.to_be_bytes();
        let outgoing = Outgoing { tag: &tag, message_format, settled: false };
        let sent = sender.send(&outgoing, &mut self.driver.output, |out| out.extend_from_slice(message));
        match sent {
            Ok(id) => Ok(Some(id)),
            Err(SendError::TooLarge { max, .. }) => {
                Err(Error::TooLarge { address: link.address.clone(), bytes: message.len(), max })
            }
            Err(_) => Ok(None),
        }
    }

    pub(crate) fn new_name(&mut self) -> String {
        self.names_given += 1;
        format!("{:016x}-{}", random(), self.names_given)
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.driver.clock.now() + self.answer_timeout
    }

    /// One exchange, or a time-out that says what was awaited.
    pub(crate) async fn exchange_before(
        &mut self,
        deadline: Instant,
        what: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        self.exchange_until(Some(deadline)).await;
        if self.driver.clock.now() >= deadline {
            return Err(Error::Timeout { what: what(), after: self.answer_timeout });
        }
        Ok(())
    }

    /// Writes what is due, waits until something happens, and acts on it.
    pub(crate) async fn exchange(&mut self) {
        self.exchange_until(None).await;
    }

    async fn exchange_until(&mut self, deadline: Option<Instant>) {
        let wake_at = deadline.into_iter().chain(self.tokens.renew_at()).min();
        poll_fn(|cx| {
            // What came and what it means are one step, so that dropping this future loses nothing.
            self.driver.poll_exchange(cx, wake_at).map(|()| {
                self.take_input();
                self.renew_tokens();
                if self.links.ended.is_some() {
                    self.driver.poll_write(cx);
                }
            })
        })
        .await;
    }

    fn take_input(&mut self) {
        if let Some(end) = &self.driver.end {
            let source = match end {
                SocketEnd::Eof => None,
                SocketEnd::Failed(error) => Some(Arc::clone(error)),
            };
            self.links.end(Error::Lost { source });
        }
        let Driver { core, input, clock, .. } = &mut self.driver;
        let now = clock.now();
        if !self.links.opened
            && let Some(other) = other_protocol(input.unread(), self.target.address())
        {
            self.links.end(other);
        }
        loop {
            while let Some(event) = core.poll_event() {
                self.links.on_event(core, event);
            }
            let step = core.handle_input(now, input.unread());
            let (consumed, idle) = (step.consumed, step.consumed == 0 && step.event.is_none());
            if let Some(event) = step.event {
                self.links.on_event(core, event);
            }
            input.consume(consumed);
            if idle {
                return;
            }
        }
    }
}

/// Tells this client's links from those of others.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}

/// What a server that answers like this speaks instead of AMQP without TLS.
fn other_protocol(answer: &[u8], address: String) -> Option<Error> {
    if answer.starts_with(WANTS_TLS) {
        Some(Error::WantsTls { address })
    } else if TLS_RECORDS.iter().any(|record| answer.starts_with(record)) {
        Some(Error::SpeaksTls { address })
    } else if answer.starts_with(HTTP) {
        Some(Error::SpeaksHttp { address })
    } else {
        None
    }
}
