//! From the first byte to the peer's open: protocol headers (§2.2), SASL (§5.3), open (§2.7.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::event::{Event, Step};
use super::receive::Fault;
use super::state::Phase;
use super::timer::Timer;
use super::{Connection, PeerLimits};
use crate::error::Initiator;
use crate::frame::{FrameType, ProtocolHeader, SaslPerformative, deframe};
use crate::limits::FRAME_SIZE_MIN;
use crate::sasl::{ClientStep, SaslCode, SaslExchange, SaslServer, ServerStep};
use crate::time::Instant;
use crate::types::{Error, Open, condition};
use crate::violation::Violation;

/// The shortest pause between our heartbeats. A peer that advertises an idle timeout of 1 ms does not
/// make us spend more.
const HEARTBEAT_EVERY_MIN: Duration = Duration::from_millis(100);

impl Connection {
    /// Answers [`Event::SaslInit`] with yes.
    pub fn sasl_accept(&mut self) {
        if self.judge(true) {
            self.due.sasl_outcome = Some(SaslCode::OK);
            self.phase = Phase::AmqpHeader;
        }
    }

    /// Answers [`Event::SaslInit`] with no (outcome code 1, auth). The connection is over.
    pub fn sasl_refuse(&mut self) {
        if self.judge(false) {
            self.due.sasl_outcome = Some(SaslCode::AUTH);
            let error = Error::new(condition::UNAUTHORIZED_ACCESS, "the credentials were refused");
            let event = self.over(Some(error), Initiator::Application);
            self.events.push_back(event);
        }
    }

    fn judge(&mut self, accepted: bool) -> bool {
        match &mut self.sasl {
            SaslExchange::Server(server) if self.phase == Phase::Sasl => server.judge(accepted),
            SaslExchange::Server(_) | SaslExchange::Client(_) => false,
        }
    }

    pub(super) fn awaits_verdict(&self) -> bool {
        matches!(self.sasl, SaslExchange::Server(SaslServer::AwaitVerdict))
    }

    /// §2.2. To a header that we do not speak here, ours is the answer, and the end. A client may leave SASL
    /// out where it could be anonymous: JavaScript's does, when it is given a ready token.
    pub(super) fn read_protocol_header(&mut self, input: &[u8]) -> Step<'static> {
        let header = ProtocolHeader::read(input);
        if let (Phase::Header, SaslExchange::Server(server), Ok(Some(ProtocolHeader::Amqp))) =
            (self.phase, &mut self.sasl, &header)
        {
            server.skip(&self.config.sasl_mechanisms);
        }
        let with_sasl =
            self.phase == Phase::Header && !matches!(self.sasl, SaslExchange::Server(SaslServer::Skipped));
        let wanted = if with_sasl { ProtocolHeader::Sasl } else { ProtocolHeader::Amqp };
        let read = match header {
            Ok(None) => return Step { consumed: 0, event: None },
            Ok(Some(header)) if header == wanted => Ok(()),
            Ok(Some(header)) => Err(Violation::UnsupportedProtocolHeader(header.bytes())),
            Err(violation) => Err(violation),
        };
        let is_server = matches!(self.sasl, SaslExchange::Server(_));
        if is_server {
            // A client's went out when it connected, or with the outcome.
            if with_sasl {
                self.due.sasl_header = true;
            } else {
                self.due.amqp_header = true;
            }
        }
        if let Err(violation) = read {
            let event = self.over(Some(Error::from(&violation)), Initiator::Library);
            return Step { consumed: input.len(), event: Some(event) };
        }
        if with_sasl {
            self.due.sasl_mechanisms = is_server;
            self.phase = Phase::Sasl;
        } else {
            self.phase = Phase::Open;
        }
        Step { consumed: wanted.bytes().len(), event: None }
    }

    pub(super) fn read_sasl_frame<'b>(&mut self, input: &'b [u8]) -> Step<'b> {
        match deframe(input, FrameType::Sasl, self.config.max_frame_size) {
            Ok(None) => Step { consumed: 0, event: None },
            Ok(Some((frame, consumed))) => {
                let event = frame.sasl().map_err(Fault::from).and_then(|body| self.on_sasl_frame(body));
                Step { consumed, event: event.unwrap_or_else(|fault| Some(self.on_fault(fault))) }
            }
            Err(violation) => Step { consumed: input.len(), event: Some(self.on_fault(violation.into())) },
        }
    }

    fn on_sasl_frame<'b>(&mut self, performative: SaslPerformative<'b>) -> Result<Option<Event<'b>>, Fault> {
        let out_of_turn = Err(Violation::SaslOutOfTurn.into());
        match (&mut self.sasl, performative) {
            (SaslExchange::Server(server), SaslPerformative::Init(init)) => {
                match server.on_init(&init.mechanism, &self.config.sasl_mechanisms) {
                    ServerStep::Judge(mechanism) => Ok(Some(Event::SaslInit {
                        mechanism,
                        initial_response: init.initial_response.unwrap_or_default(),
                        hostname: init.hostname,
                    })),
                    ServerStep::Refuse => {
                        self.due.sasl_outcome = Some(SaslCode::AUTH);
                        let error = Error::new(
                            condition::UNAUTHORIZED_ACCESS,
                            "the client chose a SASL mechanism that is not offered or not supported",
                        );
                        Ok(Some(self.over(Some(error), Initiator::Library)))
                    }
                    ServerStep::OutOfTurn => out_of_turn,
                }
            }
            (SaslExchange::Client(client), SaslPerformative::Mechanisms(offer)) => {
                let offered = offer.sasl_server_mechanisms;
                match client.on_mechanisms(|name| offered.contains(name)) {
                    ClientStep::Init => {
                        self.due.sasl_init = true;
                        Ok(None)
                    }
                    ClientStep::Refused => {
                        self.over(None, Initiator::Library);
                        Ok(Some(Event::SaslRefused { code: None, offered: offered.0 }))
                    }
                    ClientStep::Accepted | ClientStep::OutOfTurn => out_of_turn,
                }
            }
            (SaslExchange::Client(client), SaslPerformative::Outcome(outcome)) => {
                match client.on_outcome(outcome.code) {
                    ClientStep::Accepted => {
                        // Header and open go out together: the server needs neither before the other.
                        (self.due.amqp_header, self.due.open) = (true, true);
                        self.phase = Phase::AmqpHeader;
                        Ok(None)
                    }
                    ClientStep::Refused => {
                        self.over(None, Initiator::Peer);
                        Ok(Some(Event::SaslRefused { code: Some(outcome.code), offered: Vec::new() }))
                    }
                    ClientStep::Init | ClientStep::OutOfTurn => out_of_turn,
                }
            }
            _ => out_of_turn,
        }
    }

    /// §2.7.1. What the peer can take is known from now on.
    pub(super) fn on_open(&mut self, now: Instant, open: Box<Open>) -> Result<Event<'static>, Fault> {
        if open.max_frame_size < FRAME_SIZE_MIN {
            return Err(Violation::MaxFrameSizeTooSmall(open.max_frame_size).into());
        }
        let half = open.idle_time_out.map(Duration::from).filter(|idle| !idle.is_zero()).map(|idle| idle / 2);
        self.peer = PeerLimits {
            max_frame_size: open.max_frame_size,
            channel_max: open.channel_max,
            heartbeat_every: half.map(|every| every.max(HEARTBEAT_EVERY_MIN)),
        };
        self.timers.stop(Timer::Handshake);
        if let Some(every) = self.peer.heartbeat_every {
            self.timers.set(Timer::Heartbeat, now + every);
        }
        self.heard_from_peer(now);
        self.due.open |= !self.open_written;
        self.remote_open = Some(open);
        self.phase = Phase::Opened;
        Ok(Event::Opened)
    }

    /// Our open, with what this connection advertises.
    pub(super) fn own_open(&self) -> Open {
        Open {
            hostname: self.config.hostname.clone(),
            max_frame_size: self.config.max_frame_size,
            channel_max: self.config.channel_max,
            idle_time_out: self.config.idle_timeout.map(Into::into),
            properties: self.config.properties.iter().cloned().collect(),
            ..Open::new(String::from(&*self.config.container_id))
        }
    }
}
