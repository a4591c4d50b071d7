//! The HTTP shell: health, and management of hubs, consumer groups and policies as Azure Resource Manager offers it.
//!
//! | to find | look in |
//! |---|---|
//! | how connections are accepted and stopped | `server` |
//! | who may manage what, and when no key is asked for | `access` |
//! | which paths there are | `arm/path` |
//! | what a request does | `arm/call` |
//! | what is read and answered, field by field | `arm/hubs`, `arm/groups`, `arm/rules`, `arm/namespaces` |
//! | every refusal: status, code, text | `arm/errors` |
//!
//! `GET /health` answers as Microsoft's Event Hubs emulator does, since container health checks and test
//! frameworks wait for exactly that. Management is `docs/reference/http.md` §4: any api-version, fixed words of a path
//! in any letter case, and what we do not do is refused with a text, never accepted and ignored.
//!
//! This crate never touches the log, and gives no web page of another origin anything.

mod access;
mod arm;
mod config;
mod health;
mod impatient;
mod peer;
mod server;

#[cfg(feature = "fuzzing")]
pub use arm::fuzzing;
pub use config::{AmqpEndpoint, HttpConfig};
pub use server::HttpGateway;
