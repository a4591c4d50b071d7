//! A client in the shape of .NET's (`Azure.Messaging.EventHubs` over `Microsoft.Azure.Amqp`), against the real gateway
//! and broker on a real socket: it writes what .NET writes, when .NET writes it, and fails where .NET would fail, so
//! that .NET itself finds nothing.
//!
//! - `client.rs` is the AMQP library: connection, sessions, links, credit and windows (`docs/reference/amqp.md` §1, §2,
//!   §5, §6, the columns .NET);
//! - `service.rs` is the Event Hubs library over it: tokens, senders, receivers, questions (§3, §4, §5, §6);
//! - `exceptions.rs` is what its user catches (§3.3, §4.4, §7.2);
//! - `rules.rs` with `sessions.rs`, `links.rs`, `fields.rs` and `content.rs` is the checker that every frame passes, both
//!   ways. Each rule says what .NET does where it is broken, and the section of the reference; `planted.rs` shows that
//!   the checker sees each of them broken.
//!
//! The other files are the tests, by what a user does. Where the reference's tables are not enough, its sources are
//! followed: a receiver's credit leaves with its attach and not after the answer; requests go settled under an empty
//! tag; a begin has an empty map of properties; windows and credit come back as the application takes events, and are
//! told at two thirds, or at a hundred.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod client;
mod content;
mod exceptions;
mod fields;
mod links;
mod rules;
mod service;
mod sessions;
mod wire;

mod asking;
mod connecting;
mod planted;
mod publishing;
mod reading;
mod refused;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use support::{Server, Setup, start};

async fn server() -> Server {
    start(Setup::default()).await
}

/// A data folder while this lives.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("forebay-dotnet-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    /// A server on the folder.
    async fn server(&self, auto_create: bool) -> Server {
        start(Setup { data: Some(self.0.clone()), auto_create, ..Setup::default() }).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = std::fs::remove_dir_all(&self.0);
    }
}

/// Stops a server in order, so that another can have its folder.
async fn stop(server: Server) {
    server.gateway.stop().await;
    server.broker.close().await.unwrap();
}
