//! The gateway over real sockets, before a broker in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod authorisation;
mod common;
mod listening;
mod management;
mod rebinding;
