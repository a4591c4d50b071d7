//! The suites in Python: a virtual environment in `target/` with pinned packages, and pytest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::KILL_CYCLES;
use crate::job::Job;

/// The environment's Python, with the packages of interop/python/requirements.txt. Made on first use, and made
/// anew when the list changes.
pub(crate) fn environment(job: &mut Job) -> Result<PathBuf> {
    let folder = job.target().join("interop").join("python");
    let python = folder.join("bin").join("python");
    let list = job.root.join("interop/python/requirements.txt");
    let wanted = std::fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let stamp = folder.join("installed.txt");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    job.need("python3", "python3")?;
    let make = |job: &Job| {
        let mut command = job.command("python3");
        command.args(["-m", "venv", "--clear"]).arg(&folder);
        command
    };
    if job.run(&mut make(job)).is_err() {
        // Debian ships `venv` apart from Python.
        job.install("python3-venv").context("`python3 -m venv` does not work")?;
        job.run(&mut make(job))?;
    }
    let mut install = job.command(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&list);
    if job.run(&mut install).is_err() {
        // Qpid Proton has no wheel for some Pythons: pip builds it, and needs these.
        for package in ["build-essential", "python3-dev", "cmake", "libssl-dev", "pkg-config"] {
            job.install(package)?;
        }
        job.run(&mut install)?;
    }
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

fn pytest(job: &mut Job, marks: &str) -> Result<Command> {
    let server = job.server()?;
    let python = environment(job)?;
    let mut command = job.command(python);
    command.args(["-m", "pytest", "-m", marks, "interop/python"]).args(&job.rest);
    command.env("FOREBAY_BIN", server).env("PYTHONUNBUFFERED", "1");
    Ok(command)
}

pub(crate) fn interop(job: &mut Job) -> Result<()> {
    let mut command = pytest(job, "not kill")?;
    // The SDK mostly sleeps: several tests at a time, each worker with a server of its own.
    job.run(command.args(["-n", "6"]))
}

pub(crate) fn kill(job: &mut Job) -> Result<()> {
    let cycles = job.cycles.unwrap_or(KILL_CYCLES);
    let mut command = pytest(job, "kill")?;
    job.run(command.env("FOREBAY_KILL_CYCLES", cycles.to_string()))
}
