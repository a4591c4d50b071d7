//! What must hold for any bytes at all, one property a decoder.
//!
//! A property is a function of bytes that panics when it is broken. libFuzzer drives it with bytes that it makes up
//! (`cargo xtask fuzz`; the programs in `fuzz/` are one call each), and `cargo test` with those in `fuzz/corpus` and
//! with all that ever broke it (`fuzz/crashers`). So a crasher is an ordinary failing test from the moment it is saved.
//!
//! Each property says more than "no panic": what is decoded is encoded to the same, what is written is bounded by
//! what was read ([`memory`]), the same bytes in other pieces tell the same story. Where a checksum guards a decoder, a
//! part of the inputs gets the right sum, or nothing behind it would ever be reached.
//!
//! Nothing depends on this crate, and it never opens a file or a socket.

mod amqp;
mod auth;
mod connection;
mod event;
pub mod memory;
mod namespace;
mod session;
mod tape;

/// A property and its name, which is that of its program in `fuzz/` and of its folder in `fuzz/corpus`.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name: crate, then what is decoded.
    pub name: &'static str,
    /// Panics if the property does not hold for these bytes.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

/// All of them. `cargo xtask fuzz` runs them in this order.
pub const TARGETS: [Target; 19] = [
    target("amqp_value", amqp::value),
    target("amqp_frame", amqp::frame),
    target("amqp_sasl", amqp::sasl),
    target("amqp_connection", connection::check),
    target("amqp_session", session::check),
    target("event_batch", event::batch),
    target("event_message", event::message),
    target("auth_address", auth::address),
    target("auth_connection_string", auth::connection_string),
    target("auth_token", auth::token),
    target("http_path", forebay_gateway_http::fuzzing::path),
    target("http_body", forebay_gateway_http::fuzzing::body),
    target("namespace_entry", namespace::entries),
    target("namespace_snapshot", namespace::snapshot),
    target("log_frame", forebay_log::fuzzing::frame),
    target("log_journal", forebay_log::fuzzing::journal),
    target("log_index", forebay_log::fuzzing::index),
    target("log_manifest", forebay_log::fuzzing::manifest),
    target("log_folder", forebay_log::fuzzing::folder),
];

/// Checks one property: what the programs in `fuzz/` do with each input.
///
/// # Panics
/// If there is no such target, or its property does not hold.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("there is no target `{name}`")).check)(bytes);
}
