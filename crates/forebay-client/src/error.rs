//! What can go wrong, with the condition the server gave and what to do about it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use forebay_amqp::error::DecodeError;
use forebay_amqp::types;
use forebay_auth::connection_string::ConnectionStringError;

use crate::net::ConnectError;
use crate::producer::Outcome;

/// Why an operation did not succeed. Cheap to clone: the end of a connection is told to everyone who asks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The connection string cannot be read.
    #[error(transparent)]
    ConnectionString(#[from] ConnectionStringError),
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The port speaks AMQP only inside of TLS.
    #[error(
        "{address} wants TLS: leave ';UseDevelopmentEmulator=true' out of the connection string, or use the server's \
         port without TLS"
    )]
    WantsTls {
        /// Host and port.
        address: String,
    },
    /// The port speaks TLS, of AMQP or of HTTP.
    #[error(
        "{address} speaks TLS: leave ';UseDevelopmentEmulator=true' out of the connection string if this is the server's \
         AMQPS port (5671), else give that one; its HTTPS port speaks no AMQP"
    )]
    SpeaksTls {
        /// Host and port.
        address: String,
    },
    /// The port speaks HTTP.
    #[error("{address} speaks HTTP, not AMQP: give the server's AMQP port (5671 with TLS, 5672 without)")]
    SpeaksHttp {
        /// Host and port.
        address: String,
    },
    /// The server refused the SASL exchange.
    #[error(
        "the server did not accept our identity by SASL {mechanism} (it offers {offered}): \
         check the policy's name and key"
    )]
    SaslRefused {
        /// What we tried.
        mechanism: &'static str,
        /// What the server offers, separated by commas.
        offered: String,
    },
    /// The server, or a rule of the protocol, ended or refused a link, session or connection.
    #[error(transparent)]
    Ended(#[from] Arc<Ended>),
    /// `$cbs` or `$management` answered with a status that is no success.
    #[error("{operation} for '{subject}' failed with status {status}: {description}{}", Hint(condition.as_deref(), description))]
    Request {
        /// What was asked: `put-token` or `READ`.
        operation: &'static str,
        /// What it was asked about.
        subject: String,
        /// The status code, as of HTTP.
        status: i64,
        /// The server's words.
        description: String,
        /// The error condition, if the server gave one.
        condition: Option<String>,
    },
    /// The connection is gone without a close: what was not settled may or may not have been done.
    #[error("the connection was lost; what was not acknowledged may or may not be stored")]
    Lost {
        /// What the operating system said; absent at a plain end of file.
        source: Option<Arc<io::Error>>,
    },
    /// No answer in time. The connection stands; the answer may still come.
    #[error("no answer to {what} within {} s: is the server overloaded, or is this not its AMQP port?", after.as_secs())]
    Timeout {
        /// What was asked.
        what: String,
        /// How long we waited.
        after: Duration,
    },
    /// A message is larger than the link allows. Nothing was sent.
    #[error(
        "a message of {bytes} bytes is larger than the {max} that {address} takes: send fewer or smaller events"
    )]
    TooLarge {
        /// The link's address in quotes.
        address: String,
        /// Bytes of the message.
        bytes: usize,
        /// What the link takes.
        max: u64,
    },
    /// The server answered a message with something else than acceptance.
    #[error("message {number} was not accepted: {outcome}")]
    NotAccepted {
        /// Which message of the producer, from 0.
        number: u64,
        /// What the server said.
        outcome: Outcome,
    },
    /// What the server sent cannot be read.
    #[error("the server's answer cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// The server answered in a form that is not the protocol's.
    #[error("the server's answer to {what} is not as it should be: {problem}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The handle belongs to a link that this side has closed, or to another client.
    #[error("the link was closed by this program")]
    Closed,
}

/// A link, session or connection that is over, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reach} {address} was {verb} by {}: {}{}",
    if *by_server { "the server" } else { "this client, because a rule of AMQP was broken" },
    error.as_ref().map_or_else(|| "no reason given".to_owned(), ToString::to_string),
    Hint(
        error.as_ref().map(|error| error.condition.as_str()),
        error.as_ref().and_then(|error| error.description.as_deref()).unwrap_or_default(),
    ),
    verb = if *refused { "refused" } else { "ended" },
)]
pub struct Ended {
    /// How far it reaches.
    pub reach: Reach,
    /// The link's address in quotes, or the server's.
    pub address: String,
    /// It never was open.
    pub refused: bool,
    /// The server ended it; else this side did, because the server broke a rule.
    pub by_server: bool,
    /// The reason, if one was given.
    pub error: Option<ServiceError>,
}

/// What has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One link; the connection and its other links go on.
    Link,
    /// A session; every link of this client has one of its own, so this too is one link.
    Session,
    /// The connection.
    Connection,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "the link to",
            Self::Session => "the session of",
            Self::Connection => "the connection to",
        })
    }
}

/// An AMQP error as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// The condition, such as `amqp:not-found`.
    pub condition: String,
    /// The server's words.
    pub description: Option<String>,
}

impl From<types::Error> for ServiceError {
    fn from(error: types::Error) -> Self {
        Self { condition: error.condition.as_str().to_owned(), description: error.description }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{description} ({})", self.condition),
            None => f.write_str(&self.condition),
        }
    }
}

impl Error {
    /// The AMQP condition that the server gave, such as `amqp:link:stolen`.
    #[must_use]
    pub fn condition(&self) -> Option<&str> {
        match self {
            Self::Ended(ended) => ended.error.as_ref().map(|error| error.condition.as_str()),
            Self::Request { condition, .. } => condition.as_deref(),
            Self::NotAccepted { outcome: Outcome::Rejected(Some(error)), .. } => Some(&error.condition),
            _ => None,
        }
    }

    /// Whether the whole connection is over, so that only a new client can go on.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::Ended(ended) => ended.reach == Reach::Connection,
            Self::Lost { .. }
            | Self::Connect(_)
            | Self::WantsTls { .. }
            | Self::SpeaksTls { .. }
            | Self::SpeaksHttp { .. }
            | Self::SaslRefused { .. } => true,
            _ => false,
        }
    }
}

/// What a person can do about a condition, given with these words; printed behind them.
pub(crate) struct Hint<'a>(pub(crate) Option<&'a str>, pub(crate) &'a str);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.0.unwrap_or_default() {
            "amqp:unauthorized-access" => {
                "check the policy's name, key and rights in the connection string, and both clocks"
            }
            // An entity that is a whole server is a host name that means no namespace.
            "amqp:not-found" if self.1.contains("'sb://") => {
                "no namespace of the server has this host name: check the host in the connection string (a server's \
                 operator lists them as 'hosts')"
            }
            "amqp:not-found" => "check the name of the hub, consumer group and partition",
            "com.microsoft:argument-out-of-range" => "the hub has no such partition",
            "amqp:link:stolen" => "another reader has the partition; use a higher epoch to take it back",
            "amqp:link:message-size-exceeded" => "send fewer or smaller events in one message",
            "amqp:resource-limit-exceeded" => "close other readers, or use another consumer group",
            "com.microsoft:server-busy" | "com.microsoft:timeout" => {
                "the server is busy: try again in some seconds"
            }
            "amqp:connection:forced" => "the server is stopping or was idle: connect again",
            _ => return Ok(()),
        };
        write!(f, "; {advice}")
    }
}
