//! The suite in Java: `azure-messaging-eventhubs` and Qpid JMS under JUnit, by Maven.

use anyhow::Result;

use super::command_in;
use crate::job::Job;

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    job.need("javac", "openjdk-17-jdk-headless")?;
    job.need("mvn", "maven")?;
    let mut command = command_in(job, "java", "mvn")?;
    command.args(["--batch-mode", "--no-transfer-progress", "test"]);
    job.run(command.args(&job.rest))
}
