//! The suites that run other people's clients against a server process: one module a language, each of which
//! installs what its folder in `interop/` asks for, to the number, and runs the language's own test runner.

pub(crate) mod go;
pub(crate) mod java;
pub(crate) mod js;
pub(crate) mod python;
pub(crate) mod rust;

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::job::Job;

/// Rounds of a kill test when nobody says otherwise.
const KILL_CYCLES: u32 = 5;

/// The kill tests: of Python's clients, then of Go's.
pub(crate) fn kill(job: &mut Job) -> Result<()> {
    python::kill(job)?;
    go::kill(job)
}

/// Fails when a program is older than `wanted` (major, minor); distributions ship some that are. `ask` makes it print its
/// version and nothing else; `cure` says where a newer one comes from.
fn at_least(job: &Job, program: &str, ask: &[&str], wanted: (u32, u32), cure: &str) -> Result<()> {
    let output = job
        .command(program)
        .args(ask)
        .output()
        .with_context(|| format!("asking {program} for its version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        version(&text).is_some_and(|found| found >= wanted),
        "{program} is {}, and {}.{} or newer is needed: {cure}",
        text.trim(),
        wanted.0,
        wanted.1
    );
    Ok(())
}

/// Major and minor of `go1.26.8` or `v20.20.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit()).split('.');
    let mut next = || numbers.next()?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    Some((next()?, next()?))
}

/// A command in a suite's folder that knows which server to start.
fn command_in(job: &mut Job, suite: &str, program: &str) -> Result<Command> {
    let server = job.server()?;
    let mut command = job.command(program);
    command.current_dir(job.root.join("interop").join(suite)).env("FOREBAY_BIN", server);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_of_go_and_node_are_read() {
        assert_eq!(version("go1.26.8\n"), Some((1, 26)));
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert_eq!(version("go1.21rc2"), Some((1, 21)));
        assert_eq!(version("none"), None);
        assert!((1, 9) < (1, 21) && (20, 14) > (18, 20));
    }
}
