//! Every rule that a server must keep towards .NET's client, and the checker that watches all frames both ways.
//!
//! A rule is broken where .NET itself closes link, session or connection, throws, or waits for ever; some rules are
//! stricter than .NET because another SDK needs them (the reference says which). [`Rules`] keeps the state that is
//! needed to judge: it believes neither the client under test nor the server. `planted.rs` breaks each rule once.

use std::collections::BTreeMap;
use std::fmt;

use forebay_amqp::wire::Value;

use crate::content;
use crate::fields;
use crate::links::{Link, LinkState};
use crate::sessions::Session;
use crate::wire::{self, AMQP_HEADER, Frame, Kind, Read, SASL_HEADER};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One rule; the comment says what .NET does where it is broken, and where the reference says so.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

rules! {
    // Frames (§0.2, §8.1).
    /// The server's header is the one that was sent; else .NET prints both versions and gives up (§2).
    ProtocolHeader,
    /// A frame has at most the size that `open` allows, no extended header, and the type of its body (§1.3).
    FrameHeader,
    /// Descriptors are `00 53 xx`: Python looks at the third byte alone (§8.1).
    Descriptor,
    /// The fields are a list8 or list32; nothing follows but a transfer's payload (§8.1).
    ListForm,
    /// As many fields as the specification has: fewer break Python, more break Go (§8.1).
    FieldCount,
    /// A field that some client computes with has a value (§0.3, §8.1).
    FieldMissing,
    /// A field has the specification's type: .NET casts (§8.1).
    FieldType,
    /// Frames come in the order of the specification: SASL, open, begin, and nothing after close (§2).
    OutOfTurn,

    // SASL (§2).
    /// `MSSBCBS` is offered: .NET knows no other mechanism.
    MechanismOffered,
    /// The outcome is 0.
    SaslOutcome,

    // Connection (§1.3, §1.4).
    /// `open.idle-time-out` is at least 5,000 ms; else .NET refuses with `amqp:not-allowed`.
    IdleTimeout,
    /// `open.properties` have no `com.microsoft:open-error`: .NET fails the connection with it.
    OpenError,
    /// The server can take frames of 512 bytes at least (§0.3).
    MaxFrameSize,

    // Session (§1.5).
    /// A begin answers one of ours; .NET knows no sessions of the server.
    RemoteChannel,
    /// The server's channel is free, and within both sides' channel-max.
    ChannelNumber,
    /// A frame other than end and detach comes on a channel that is in use; else the connection fails.
    UnknownChannel,
    /// Transfer frames stay within our window; else `amqp:session:window-violation`.
    SessionWindow,
    /// A flow counts the frames that were really sent, each way.
    TransferIds,

    // Link (§5.3, §6.4, §8.4).
    /// An attach answers one of ours, by the same name.
    LinkName,
    /// Its role is the other one.
    LinkRole,
    /// Its handle is free, and within our handle-max.
    LinkHandle,
    /// A sender's attach has an initial delivery count: .NET takes its value (§6.4).
    InitialDeliveryCount,
    /// Settle modes that were asked for are granted (§5.3).
    SettleModes,
    /// Source with filters, target and properties come back as they were (§0.4).
    Echo,
    /// A receiver's attach has a max-message-size: the batch limit comes from nowhere else (§0.15).
    MaxMessageSize,
    /// After a refusing attach the next frame of the link is the detach that says why (§8.4).
    Refusal,
    /// A frame other than detach names a handle that is attached; else `amqp:session:unattached-handle` (§0.17).
    UnattachedHandle,
    /// A link's flow has delivery-count and link-credit (§0.3).
    LinkFlow,
    /// A link's flow counts the deliveries that were really sent.
    DeliveryCount,

    // Deliveries (§0.5, §6.5).
    /// Only the sender of a link transfers.
    TransferRole,
    /// The first frame of a delivery has id, tag and format.
    FirstTransfer,
    /// Delivery ids are contiguous in the session.
    DeliveryIds,
    /// A delivery is not interrupted by another of its link.
    Interrupted,
    /// Deliveries stay within the credit; else `amqp:link:transfer-limit-exceeded`.
    LinkCredit,
    /// Deliveries are settled where the link asked for it: .NET answers none (§0.9).
    Settled,
    /// A message is no larger than the link's max-message-size; else `amqp:link:message-size-exceeded`.
    MessageSize,
    /// A disposition settles deliveries of ours that are open, with an outcome, in the order of ids (§5.5).
    Disposition,

    // Errors (§7).
    /// A detach closes: Go takes a detach that does not for a fault (§0.13).
    DetachClosed,
    /// A link is detached once; an answer is not answered (§8.3).
    DetachTwice,
    /// A condition is one that the SDKs know (§7.2).
    Condition,

    // Messages (§3.3, §4.3, §6.7).
    /// A message's sections can be read.
    Message,
    /// A reply has the request's message id as its correlation id, in the same type.
    CorrelationId,
    /// A reply's status is an int and its description a string, under string keys; its condition is a symbol.
    ReplyStatus,
    /// The answer about a hub has every key, in its type.
    HubInfo,
    /// The answer about a partition has every key, in its type.
    PartitionInfo,
    /// An event has number, offset and time, in their types, under symbols.
    EventAnnotations,
    /// Numbers of a partition's events ascend without a gap, and times do not go back (§9).
    EventOrder,
}

/// A rule that the server has broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server broke the rule {:?}: {}", self.rule, self.why)
    }
}

impl Rule {
    pub(crate) fn broken(self, why: impl fmt::Display) -> Broken {
        Broken { rule: self, why: why.to_string() }
    }

    /// `Ok` if it holds.
    pub(crate) fn holds(self, holds: bool, why: impl FnOnce() -> String) -> Result<(), Broken> {
        if holds { Ok(()) } else { Err(self.broken(why())) }
    }
}

/// What the server wrote, once it has passed.
#[derive(Debug)]
pub(crate) enum Passed {
    Header,
    Heartbeat,
    Frame(Frame, Place),
}

/// Where a frame belongs, by our channel and our handle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) channel: Option<u16>,
    pub(crate) handle: Option<u32>,
}

/// Where the connection stands, seen from what the server may send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    SaslHeader,
    Mechanisms,
    Outcome,
    AmqpHeader,
    Open,
    Opened,
    Closed,
}

/// The checker.
#[derive(Debug)]
pub(crate) struct Rules {
    phase: Phase,
    we_closed: bool,
    /// The lower of both sides' channel-max, once the server's is known.
    pub(crate) channel_max: u16,
    /// By our channel.
    pub(crate) sessions: BTreeMap<u16, Session>,
    /// Ours by the server's.
    by_remote: BTreeMap<u16, u16>,
}

/// .NET's own limits (§1.3, §1.5).
pub(crate) const CHANNEL_MAX: u16 = 8_191;
pub(crate) const IDLE_TIMEOUT_MIN_MS: u32 = 5_000;

impl Rules {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::SaslHeader,
            we_closed: false,
            channel_max: CHANNEL_MAX,
            sessions: BTreeMap::new(),
            by_remote: BTreeMap::new(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Reads what stands at the start of `input` and judges it. `None`: more bytes are needed.
    pub(crate) fn server_wrote(&mut self, input: &[u8]) -> Result<Option<(Passed, usize)>, Broken> {
        if matches!(self.phase, Phase::SaslHeader | Phase::AmqpHeader) {
            return self.header(input);
        }
        match wire::read(input)? {
            Read::Partial => Ok(None),
            Read::Heartbeat(size) => {
                Rule::OutOfTurn.holds(self.phase == Phase::Opened, || "an empty frame".to_owned())?;
                Ok(Some((Passed::Heartbeat, size)))
            }
            Read::Frame(frame, size) => {
                fields::check(&frame)?;
                let before = self.place(&frame);
                self.frame(&frame)?;
                // What a frame begins has a place only now, and what it ends had one only before.
                let after = self.place(&frame);
                let place = Place {
                    channel: before.channel.or(after.channel),
                    handle: before.handle.or(after.handle),
                };
                Ok(Some((Passed::Frame(frame, place), size)))
            }
        }
    }

    fn place(&self, frame: &Frame) -> Place {
        let channel = self.by_remote.get(&frame.channel).copied();
        let theirs = match frame.kind {
            Kind::Attach => frame.uint(1),
            Kind::Transfer | Kind::Detach => frame.uint(0),
            Kind::Flow => frame.uint(4),
            _ => None,
        };
        let session = channel.and_then(|channel| self.sessions.get(&channel));
        let handle = theirs.and_then(|theirs| session?.our_handle(theirs));
        Place { channel, handle }
    }

    fn header(&mut self, input: &[u8]) -> Result<Option<(Passed, usize)>, Broken> {
        let Some(found) = input.first_chunk::<8>() else { return Ok(None) };
        let (wanted, next) = match self.phase {
            Phase::SaslHeader => (SASL_HEADER, Phase::Mechanisms),
            _ => (AMQP_HEADER, Phase::Open),
        };
        Rule::ProtocolHeader.holds(found == wanted, || format!("{found:02x?} in answer to {wanted:02x?}"))?;
        self.phase = next;
        Ok(Some((Passed::Header, found.len())))
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), Broken> {
        let out_of_turn = || Err(Rule::OutOfTurn.broken(format!("{:?} in {:?}", frame.kind, self.phase)));
        match (self.phase, frame.kind) {
            (Phase::Mechanisms, Kind::SaslMechanisms) => self.on_mechanisms(frame),
            (Phase::Outcome, Kind::SaslOutcome) => {
                let code = frame.field(0);
                Rule::SaslOutcome.holds(*code == Value::Ubyte(0), || format!("code {code:?}"))?;
                self.phase = Phase::AmqpHeader;
                Ok(())
            }
            (Phase::Open, Kind::Open) => self.on_open(frame),
            (Phase::Opened, Kind::Close) => {
                check_error(frame.field(0))?;
                self.phase = Phase::Closed;
                Ok(())
            }
            (Phase::Opened, Kind::Begin) => self.on_begin(frame),
            (
                Phase::Opened,
                Kind::Attach | Kind::Flow | Kind::Transfer | Kind::Disposition | Kind::Detach | Kind::End,
            ) => self.on_session_frame(frame),
            _ => out_of_turn(),
        }
    }

    fn on_mechanisms(&mut self, frame: &Frame) -> Result<(), Broken> {
        let Value::Array(offered) = frame.field(0) else { return Err(Rule::FieldType.broken("no array")) };
        let ours =
            offered.iter().any(|name| matches!(name, Ok(forebay_amqp::wire::ValueRef::Symbol("MSSBCBS"))));
        Rule::MechanismOffered.holds(ours, || format!("{:?}", frame.field(0)))?;
        self.phase = Phase::Outcome;
        Ok(())
    }

    fn on_open(&mut self, frame: &Frame) -> Result<(), Broken> {
        let idle = frame.uint(4).unwrap_or(u32::MAX);
        Rule::IdleTimeout.holds(idle >= IDLE_TIMEOUT_MIN_MS, || format!("{idle} ms"))?;
        let size = frame.uint(2).unwrap_or(0);
        Rule::MaxFrameSize.holds(size >= 512, || format!("{size} bytes"))?;
        if let Value::Map(properties) = frame.field(9) {
            let error =
                properties.iter().find(|(name, _)| name.as_text() == Some("com.microsoft:open-error"));
            Rule::OpenError.holds(error.is_none(), || format!("{error:?}"))?;
        }
        if let Value::Ushort(theirs) = frame.field(3) {
            self.channel_max = self.channel_max.min(*theirs);
        }
        self.phase = Phase::Opened;
        Ok(())
    }

    fn on_begin(&mut self, frame: &Frame) -> Result<(), Broken> {
        let Value::Ushort(ours) = *frame.field(0) else {
            return Err(Rule::FieldMissing.broken("remote-channel"));
        };
        let free = !self.by_remote.contains_key(&frame.channel) && frame.channel <= self.channel_max;
        Rule::ChannelNumber.holds(free, || format!("{} (at most {})", frame.channel, self.channel_max))?;
        let session = self.sessions.get_mut(&ours).filter(|session| !session.begun);
        let Some(session) = session else {
            return Err(Rule::RemoteChannel.broken(format!("no begin of ours waits on channel {ours}")));
        };
        session.on_begin(frame);
        self.by_remote.insert(frame.channel, ours);
        Ok(())
    }

    fn on_session_frame(&mut self, frame: &Frame) -> Result<(), Broken> {
        let Some(ours) = self.by_remote.get(&frame.channel).copied() else {
            // .NET passes over what may come late.
            let late = matches!(frame.kind, Kind::End | Kind::Detach);
            return Rule::UnknownChannel
                .holds(late, || format!("{:?} on channel {}", frame.kind, frame.channel));
        };
        let session = self.sessions.get_mut(&ours).expect("each has one of ours");
        match frame.kind {
            Kind::Attach => session.on_attach(frame),
            Kind::Flow => session.on_flow(frame),
            Kind::Transfer => session.on_transfer(frame),
            Kind::Disposition => session.on_disposition(frame),
            Kind::Detach => session.on_detach(frame),
            _ => {
                check_error(frame.field(0))?;
                session.ended_by_server = true;
                self.by_remote.remove(&frame.channel);
                if session.ended_by_us {
                    self.sessions.remove(&ours);
                }
                Ok(())
            }
        }
    }

    /// Notes what the client writes. Panics where the client under test itself breaks a rule: then the test is wrong.
    pub(crate) fn we_wrote(&mut self, frame: &Frame) {
        assert!(!self.we_closed, "nothing follows our close");
        match frame.kind {
            Kind::Close => self.we_closed = true,
            Kind::Begin => {
                assert!(frame.channel <= self.channel_max, "channel {} is too high", frame.channel);
                let before = self.sessions.insert(frame.channel, Session::new(frame));
                assert!(before.is_none(), "channel {} is in use", frame.channel);
            }
            Kind::End => {
                let session = self.sessions.get_mut(&frame.channel).expect("a session of ours");
                session.ended_by_us = true;
                if session.ended_by_server {
                    self.sessions.remove(&frame.channel);
                }
            }
            Kind::Open | Kind::SaslInit | Kind::SaslMechanisms | Kind::SaslOutcome => {}
            Kind::Attach | Kind::Flow | Kind::Transfer | Kind::Disposition | Kind::Detach => {
                self.sessions.get_mut(&frame.channel).expect("a session of ours").we_wrote(frame);
            }
        }
    }

    /// A link, by our channel and handle.
    pub(crate) fn link(&self, channel: u16, handle: u32) -> Option<&Link> {
        self.sessions.get(&channel)?.links.get(&handle)
    }

    /// Transfers that a link's credit and its session's window allow us now.
    pub(crate) fn may_send(&self, channel: u16, handle: u32) -> bool {
        let Some(session) = self.sessions.get(&channel) else { return false };
        let Some(link) = session.links.get(&handle) else { return false };
        link.state == LinkState::Attached && link.has_credit() && session.window_out() > 0
    }
}

/// An error that a peer gives: of a known condition, with words.
pub(crate) fn check_error(error: &Value) -> Result<(), Broken> {
    if *error == Value::Null {
        return Ok(());
    }
    let condition = wire::part(error, 0).as_text().unwrap_or_default();
    content::check_condition(condition)
}
