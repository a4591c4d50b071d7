//! What the gateway cannot know by itself, and its bounds with their reasons.

use std::time::Duration;

/// What the wiring tells the gateway.
#[derive(Debug, Clone, Copy)]
pub struct HttpConfig {
    /// Where clients find AMQP: what `listKeys` writes into connection strings.
    pub amqp: AmqpEndpoint,
    /// Connections at once, over all listeners; further ones wait in the kernel's queue.
    pub connections_max: usize,
}

/// A listener of the AMQP gateway, as connection strings describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmqpEndpoint {
    /// Its port; left out of a connection string where it is the one that clients take by themselves.
    pub port: u16,
    /// Whether it speaks TLS. Without it, connection strings say `UseDevelopmentEmulator=true`, by which SDKs
    /// connect in the clear.
    pub tls: bool,
}

impl AmqpEndpoint {
    /// The port that clients take when none is written (`docs/reference/amqp.md` §1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        if self.tls { 5671 } else { 5672 }
    }
}

impl Default for HttpConfig {
    /// Dev mode's: AMQP without TLS on its usual port, 512 connections.
    fn default() -> Self {
        Self { amqp: AmqpEndpoint { port: 5672, tls: false }, connections_max: CONNECTIONS_MAX_DEFAULT }
    }
}

/// Management is not traffic: this is far more than tools and health checks need, and far fewer than the file handles
/// of the process.
const CONNECTIONS_MAX_DEFAULT: usize = 512;
/// How long a client may take for its TLS handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request, and how long a connection may rest between requests.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client may take no byte of an answer.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may be without a request in work, its handshake included, while there is no room for further
/// ones: longer than a head is on its way, and short, since whoever holds all the room without asking for anything keeps
/// others out for as long.
pub(crate) const CROWDED_GRACE: Duration = Duration::from_secs(1);
/// How long a client may take for the body of a request.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection without a request in work has when the server stops: to take the last of an answer. Well
/// below the time that a stop is given as a whole.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(2);
/// Bytes of a request's head at most: the longest token and the longest path fit.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request's body at most. A hub with all its fields is under 4 KiB.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;

const _: () = assert!(HEAD_BYTES_MAX > 2 * forebay_auth::sas::TOKEN_BYTES_MAX);
