//! Proof that the flush is real: the server runs under `strace`, one publisher sends events whose bodies are
//! unique tokens, one at a time, and `check` follows each token through the system calls.
//!
//! A checker that cannot fail proves nothing, so the same run is made with a server that leaves out the flush
//! (forebay-log's planted bug), and must fail there; and the unit tests strike the flushes from a recorded
//! trace. io_uring would hide from all this, and is a breach by itself.

mod check;
mod server;
mod trace;

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use self::check::{Breach, Proof, prove};
use crate::interop::python;
use crate::job::Job;

/// Events sent, one in flight.
const EVENTS: usize = 60;

pub(crate) fn run(job: &mut Job) -> Result<()> {
    job.need("strace", "strace")?;
    let python = python::environment(job)?;

    let server = job.server()?;
    let verdicts = trace_one(job, &python, &server, "real")?;
    let mut proven = 0;
    for (token, verdict) in &verdicts {
        match verdict {
            Ok(_) => proven += 1,
            Err(breach) => println!("{token}: {breach}"),
        }
    }
    println!(
        "{proven} of {} acknowledged events were flushed before their acknowledgement left",
        verdicts.len()
    );
    if let Some((token, Ok(proof))) = verdicts.iter().find(|(_, verdict)| verdict.is_ok()) {
        let Proof { written, flush_began, flush_ended, answered } = proof;
        println!(
            "e.g. {token}: written by line {written}, flushed {flush_began}-{flush_ended}, answered {answered}"
        );
    }
    ensure!(proven == verdicts.len(), "an acknowledgement left before its flush, or was not seen");

    let planted = job.planted_server()?;
    let verdicts = trace_one(job, &python, &planted, "planted")?;
    let caught = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Err(Breach::AnsweredUnflushed { .. })))
        .count();
    println!("{caught} of {} acknowledged events of the server without flush were caught", verdicts.len());
    if caught != verdicts.len() {
        for (token, verdict) in verdicts {
            println!("{token}: {verdict:?}");
        }
        bail!("the check passes a server that does not flush: the check is broken");
    }
    Ok(())
}

/// One traced run: each acknowledged token and what its calls show.
fn trace_one(
    job: &Job,
    python: &Path,
    server: &Path,
    name: &str,
) -> Result<Vec<(String, Result<Proof, Breach>)>> {
    let folder = job.target().join("flush").join(job.profile.folder()).join(name);
    let traced = server::Traced::start(server, &folder)?;
    let acknowledged = send(job, python, &traced.ready)?;
    let trace = traced.stop()?;
    ensure!(acknowledged.len() == EVENTS, "{} of {EVENTS} sends were acknowledged", acknowledged.len());
    let text = std::fs::read(&trace).with_context(|| format!("reading {}", trace.display()))?;
    let calls = trace::parse(&String::from_utf8_lossy(&text)).map_err(anyhow::Error::msg)?;
    println!("{}: {} calls of the server", trace.display(), calls.len());
    Ok(acknowledged.into_iter().map(|token| (token.clone(), prove(&calls, &token))).collect())
}

/// Sends the events and returns the tokens of those that were acknowledged.
fn send(job: &Job, python: &Path, ready: &Path) -> Result<Vec<String>> {
    let output = job
        .command(python)
        .arg("interop/python/one_at_a_time.py")
        .arg(ready)
        .arg(EVENTS.to_string())
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("running the publisher")?;
    ensure!(output.status.success(), "the publisher failed ({})", output.status);
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of a real server, recorded by `cargo xtask flush` and cut to a few events.
    const RECORDED: &str = include_str!("fixtures/recorded.strace");

    /// The tokens in a trace: what the publisher writes is `flush-proof-`, eight hexadecimal digits and a number.
    fn tokens(trace: &str) -> Vec<&str> {
        let mut found: Vec<_> =
            trace.match_indices("flush-proof-").map(|(at, _)| &trace[at..at + 26]).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn verdicts(trace: &str) -> Vec<Result<Proof, Breach>> {
        let calls = trace::parse(trace).expect("a trace");
        tokens(trace).into_iter().map(|token| prove(&calls, token)).collect()
    }

    #[test]
    fn a_recorded_run_is_proven() {
        let verdicts = verdicts(RECORDED);
        assert!(verdicts.len() >= 3, "{} tokens", verdicts.len());
        for verdict in verdicts {
            assert!(verdict.is_ok(), "{verdict:?}");
        }
    }

    #[test]
    fn the_same_run_without_its_flushes_is_caught() {
        let struck: Vec<_> = RECORDED.lines().filter(|line| !line.contains("fdatasync")).collect();
        let struck = struck.join("\n");
        assert!(struck.len() < RECORDED.len());
        for verdict in verdicts(&struck) {
            assert!(matches!(verdict, Err(Breach::AnsweredUnflushed { .. })), "{verdict:?}");
        }
    }
}
