//! The suite in Go: `azeventhubs` and `go-amqp` under `go test`.

use std::process::Command;

use anyhow::Result;

use super::{KILL_CYCLES, at_least, command_in};
use crate::job::Job;

/// Tests that run at a time: the clients mostly wait.
const TESTS_AT_A_TIME: &str = "8";

fn go_test(job: &mut Job) -> Result<Command> {
    job.need("go", "golang-go")?;
    // From then on it fetches the version that go.mod asks for by itself.
    at_least(job, "go", &["env", "GOVERSION"], (1, 21), "Debian 12 has it in bookworm-backports")?;
    let mut command = command_in(job, "go", "go")?;
    command.args(["test", "-v", "-count=1", "-parallel", TESTS_AT_A_TIME]);
    Ok(command)
}

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    let mut command = go_test(job)?;
    command.args(["-timeout", "10m", "-skip", "^TestKill", "./..."]);
    job.run(command.args(&job.rest))
}

/// What stands after `--` is not for it: that goes to the suite in Python, which the same step runs.
pub(crate) fn kill(job: &mut Job) -> Result<()> {
    let cycles = job.cycles.unwrap_or(KILL_CYCLES);
    let mut command = go_test(job)?;
    command.arg("-timeout").arg(format!("{}s", 120 + 20 * cycles)).args(["-run", "^TestKill"]);
    command.env("FOREBAY_KILL_CYCLES", cycles.to_string());
    job.run(command.arg("./..."))
}
