//! The suite in JavaScript: `@azure/event-hubs` and `rhea` under Node's own test runner.

use anyhow::Result;

use super::{at_least, command_in};
use crate::job::Job;

/// Test files that run at a time; each has a server of its own, and the SDK mostly sleeps.
const FILES_AT_A_TIME: &str = "4";

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    job.need("node", "nodejs")?;
    job.need("npm", "npm")?;
    // Its test runner knows `--test-force-exit` from then on.
    at_least(job, "node", &["--version"], (20, 14), "`npm install --global n && n 20` brings it")?;
    let folder = job.root.join("interop/js");
    // `npm ci` writes this file last: it is as new as the list when nothing has changed.
    let (wanted, installed) =
        (folder.join("package-lock.json"), folder.join("node_modules/.package-lock.json"));
    let modified = |path: &std::path::Path| path.metadata().and_then(|data| data.modified()).ok();
    if modified(&installed).is_none_or(|at| modified(&wanted).is_none_or(|list| list > at)) {
        let mut install = job.command("npm");
        install.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
        job.run(&mut install)?;
    }
    let mut command = command_in(job, "js", "node")?;
    // The SDK leaves a timer of 45 minutes behind when a reader is refused at a bad moment: a file that is done ends.
    command.args([
        "--test",
        "--test-reporter=spec",
        "--test-force-exit",
        "--test-concurrency",
        FILES_AT_A_TIME,
    ]);
    // Without a path Node runs every file in `test/`; whoever wants one names it after `--`.
    job.run(command.args(&job.rest))
}
