//! Who is at the other end of a connection.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

/// What is kept of a client's description of itself.
const AGENT_CHARS_MAX: usize = 120;

/// The other end of a connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
}

impl Peer {
    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        // An IPv4 client of an IPv6 socket shows as ::ffff:127.0.0.1.
        self.address.ip().to_canonical().is_loopback()
    }

    /// `http` or `https`, as the client sees it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// For log lines: what the client calls itself, and its address.
    pub(crate) fn describe(&self, headers: &HeaderMap) -> String {
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        // Control characters would let a client write log lines of its own.
        let agent: String = agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect();
        if agent.is_empty() { self.address.to_string() } else { format!("{agent} at {}", self.address) }
    }
}
