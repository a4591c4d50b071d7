//! The SASL layer under a connection (§5.3).
//!
//! Event Hubs' clients bring their identity later, in a token put to `$cbs`; so two of the offered
//! mechanisms carry none. The offer keeps Azure's order because some clients take the first they know
//! (docs/reference/amqp.md §2).

mod client;
mod mechanism;
mod server;

pub(crate) use client::{ClientStep, SaslClient};
pub use mechanism::{Mechanism, PlainCredentials, plain_credentials};
pub(crate) use server::{SaslServer, ServerStep};

use crate::connection::ClientAuth;
pub use crate::types::sasl::SaslCode;

/// Our side of the exchange.
#[derive(Debug)]
pub(crate) enum SaslExchange {
    Server(SaslServer),
    Client(SaslClient),
}

impl SaslExchange {
    pub(crate) const fn server(offered: &[Mechanism]) -> Self {
        Self::Server(if offered.is_empty() { SaslServer::Skipped } else { SaslServer::AwaitInit })
    }

    pub(crate) const fn client(auth: ClientAuth) -> Self {
        Self::Client(SaslClient::new(auth))
    }

    pub(crate) const fn is_done(&self) -> bool {
        match self {
            Self::Server(server) => server.is_done(),
            Self::Client(client) => client.is_done(),
        }
    }
}
