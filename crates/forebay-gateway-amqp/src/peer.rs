//! Who is at the other end, for log lines: address and, once its open has been read, its SDK.

use std::fmt;
use std::net::SocketAddr;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// `product/version` as the client's open says, else its container id.
    pub(crate) sdk: Option<String>,
    /// One of the official Event Hubs SDKs: they all say so in their user agent.
    pub(crate) is_sdk: bool,
}

/// What is kept of a client's description of itself.
const SDK_CHARS_MAX: usize = 120;

impl Peer {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, sdk: None, is_sdk: false }
    }

    /// Takes the description from the open's properties.
    pub(crate) fn describe(&mut self, open: &forebay_amqp::types::Open) {
        let text = |name: &'static str| open.properties.get(name)?.as_text();
        let described = match (text("product"), text("version")) {
            (Some(product), Some(version)) => format!("{product}/{version}"),
            (Some(product), None) => product.to_owned(),
            _ => open.container_id.clone(),
        };
        self.is_sdk = text("user-agent").is_some_and(|agent| agent.contains("azsdk-"));
        // Control characters would let a client write log lines of its own.
        self.sdk = Some(described.chars().filter(|c| !c.is_control()).take(SDK_CHARS_MAX).collect());
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sdk {
            Some(sdk) => write!(f, "{} at {}", sdk, self.address),
            None => write!(f, "{}", self.address),
        }
    }
}
