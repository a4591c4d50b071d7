//! The suite in Rust: `azure_messaging_eventhubs`. A workspace of its own, so that the SDK's dependencies are none of
//! ours.

use anyhow::Result;

use super::command_in;
use crate::job::Job;

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let target = job.target().join("interop").join("rust");
    let mut command = command_in(job, "rust", &cargo)?;
    command.env("CARGO_TARGET_DIR", target).args(["test", "--locked", "--no-fail-fast"]);
    if !job.rest.is_empty() {
        command.arg("--").args(&job.rest);
    }
    job.run(&mut command)
}
