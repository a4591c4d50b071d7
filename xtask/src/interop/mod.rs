//! The suites that run other people's clients against a server process: one module a language, each of which
//! installs what its folder in `interop/` asks for, to the number, and runs the language's own test runner.

pub(crate) mod go;
pub(crate) mod java;
pub(crate) mod js;
pub(crate) mod python;
pub(crate) mod rust;

use std::process::Command;

use anyhow::Result;

use crate::job::Job;

/// Rounds of a kill test when nobody says otherwise.
const KILL_CYCLES: u32 = 5;

/// The kill tests: of Python's clients, then of Go's.
pub(crate) fn kill(job: &mut Job) -> Result<()> {
    python::kill(job)?;
    go::kill(job)
}

/// A command in a suite's folder that knows which server to start.
fn command_in(job: &mut Job, suite: &str, program: &str) -> Result<Command> {
    let server = job.server()?;
    let mut command = job.command(program);
    command.current_dir(job.root.join("interop").join(suite)).env("FOREBAY_BIN", server);
    Ok(command)
}
