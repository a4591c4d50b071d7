//! The gateway over loopback TCP, on a broker in memory, with our own client.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod events;
mod managed;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use forebay_auth::Secret;
use forebay_broker::{DEFAULT_POLICY, WELL_KNOWN_KEY};
use forebay_client::{Auth, Position, Subscription};

/// The identity that a fresh server knows.
fn well_known() -> Auth {
    Auth::Sas { policy: DEFAULT_POLICY.to_owned(), key: Secret::new(WELL_KNOWN_KEY) }
}

fn from_start(partition: &str) -> Subscription {
    Subscription::new("events", partition, Position::Earliest)
}
