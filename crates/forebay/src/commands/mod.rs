//! The tools in the binary: everything but the server.
//!
//! Exit codes, for scripts: 0 done, 1 it failed (a line on standard error says why and what to do), 2 wrong usage.

pub(crate) mod healthcheck;
pub(crate) mod log_dump;
pub(crate) mod manage;
pub(crate) mod send;
pub(crate) mod tail;
pub(crate) mod verify;

mod connection;
mod folder;
mod lines;

use std::process::ExitCode;

/// Says what is wrong with the command line; for what clap cannot judge, or must not repeat because it holds a key.
#[expect(clippy::print_stderr, reason = "a tool's error line")]
pub(crate) fn wrong_usage(problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("forebay: {problem}");
    ExitCode::from(2)
}

/// Whether output failed because whoever reads it has seen enough (`| head`): that is no failure of ours.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
