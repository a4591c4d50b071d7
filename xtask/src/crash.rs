//! The crash simulator: the log that ships, on a disk that fails, held against a model. And the check of that check:
//! the same with bugs built in, each of which it must find.

use anyhow::{Context as _, Result};

use crate::job::Job;

/// Seeds of a run, unless the caller says otherwise.
const SEEDS: u32 = 500;

/// Runs the simulator over many seeds; a failure is printed as a test that is ready to be kept.
pub(crate) fn run(job: &mut Job) -> Result<()> {
    let mut build = job.cargo(&["build", "--package", "forebay-sim"]);
    job.run(&mut build)?;
    let mut command = job.command(job.binary("crash")?);
    command.args(["--seeds", &job.seeds.unwrap_or(SEEDS).to_string()]).args(&job.rest);
    job.run(&mut command)
}

/// Plants each known bug and lets the simulator find it. What is built for that lies apart: no other step can pick it up.
pub(crate) fn planted(job: &mut Job) -> Result<()> {
    let folder = job.target().join("planted").join("crash");
    let mut build = job.cargo(&["build", "--package", "forebay-sim", "--package", "forebay-log"]);
    build.args(["--features", concat!("forebay-log/planted-", "bugs"), "--target-dir"]).arg(&folder);
    job.run(&mut build).context("building the simulator with the planted bugs")?;
    let mut command = job.command(folder.join(job.profile.folder()).join("crash"));
    command.arg("--planted").args(&job.rest);
    job.run(&mut command).context("a planted bug was not found")
}
