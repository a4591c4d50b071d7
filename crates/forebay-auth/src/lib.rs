//! Who may do what: shared access signatures and passwords to grants, grants to decisions.
//!
//! A gateway hands over what a client sent and asks two questions. *Is this credential true?*
//! [`sas::SasToken::verify`] and [`password::verify_password`] answer with a [`Grant`]. *May this connection
//! touch that resource?* [`TokenSet::authorise`] answers from the grants that the connection has gathered.
//! A grant remembers the policy, the key and the expiry it rests on, so that whatever relied on it can be
//! closed when the policy goes, the key is replaced or the time is up ([`Grant::still_holds`]).
//!
//! The parsing of link addresses ([`address`]) and of connection strings ([`connection_string`]) lives here
//! too, because both name the resources that grants are about.
//!
//! Invariants:
//! - A signature is verified over the bytes that were received, never over a re-encoded form.
//! - Keys are compared in constant time, and no error, `Debug` or `Display` of this crate shows one; the only
//!   ways out are [`Secret::expose`] and [`connection_string::ConnectionString::expose`].
//! - A policy of one hub never gives anything outside that hub, whatever its key has signed.
//!
//! This crate never reads a clock, a random source, a file or a socket, and knows no namespace: policies come
//! through [`policy::PolicySource`].

pub mod address;
pub mod connection_string;
pub mod grant;
pub mod password;
pub mod policy;
pub mod resource;
pub mod rights;
pub mod sas;
pub mod secret;
mod time;

pub use address::Address;
pub use connection_string::ConnectionString;
pub use grant::{Denied, Grant, Revoked, TokenSet};
pub use policy::{KeySlot, KeyView, PolicyRef, PolicySource, PolicyView};
pub use resource::{HostRule, ResourcePath, ResourceScope};
pub use rights::Rights;
pub use sas::{SasError, SasToken};
pub use secret::Secret;
pub use time::UnixSeconds;

/// How far a client's clock may run behind ours before its token counts as expired, in seconds.
pub const CLOCK_SKEW_SECONDS: u64 = 60;
