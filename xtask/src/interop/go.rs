//! The suite in Go: `azeventhubs` and `go-amqp` under `go test`.

use anyhow::Result;

use super::command_in;
use crate::job::Job;

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    job.need("go", "golang-go")?;
    let mut command = command_in(job, "go", "go")?;
    command.args(["test", "-v", "-count=1", "-timeout", "10m", "-skip", "^TestKill", "./..."]);
    job.run(command.args(&job.rest))
}
