//! The real program as a server: what it refuses to start with, and what it does once it has started.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod certificates;
mod emulator_config;
mod listeners;
mod serve;
mod support;
mod surprises;
mod wrong_certificates;
mod wrong_settings;
