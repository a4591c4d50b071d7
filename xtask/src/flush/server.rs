//! A server process under `strace`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// Every call that can move an event's bytes, or make them durable, or hide either.
const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,recvmmsg,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,\
                     sendmmsg,sendfile,splice,fdatasync,fsync,sync_file_range,msync,openat,close,accept4,\
                     io_uring_setup,io_uring_enter,io_uring_register";

/// Bytes shown of each buffer: more than one event and its frames need.
const SHOWN_BYTES: &str = "16384";

/// A traced process is slow to start, and so may be the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs under strace, with a fresh data folder.
pub(crate) struct Traced {
    strace: Child,
    pub(crate) ready: PathBuf,
    trace: PathBuf,
}

impl Traced {
    /// Starts it in `folder`, which is emptied, and waits until it serves.
    pub(crate) fn start(server: &Path, folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        std::fs::create_dir_all(folder)?;
        let (ready, trace) = (folder.join("ready.json"), folder.join("trace.strace"));
        let log = std::fs::File::create(folder.join("server.log"))?;
        let mut command = Command::new("strace");
        command.args(["-f", "-yy", "-s", SHOWN_BYTES, "-e", CALLS, "-e", "signal=none", "-o"]).arg(&trace);
        command.arg("--").arg(server).args(["dev", "--durability", "disk", "--generate-key"]);
        command.args(["--listen", "127.0.0.1", "--amqp-port", "0", "--http-port", "0", "--data"]);
        command.arg(folder.join("data")).arg("--ready-file").arg(&ready);
        let strace = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting strace")?;
        let mut traced = Self { strace, ready, trace };
        let start = Instant::now();
        while !traced.ready.exists() {
            if let Some(status) = traced.strace.try_wait()? {
                let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("the server ended before it was ready ({status}):\n{log}");
            }
            ensure!(start.elapsed() < PATIENCE, "the server was not ready within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(traced)
    }

    /// Asks the server to stop, and returns the whole trace.
    pub(crate) fn stop(mut self) -> Result<PathBuf> {
        let strace = self.strace.id();
        let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"))?;
        let server = children.split_whitespace().next().context("strace has no child: the server died")?;
        let status = Command::new("kill").args(["-TERM", server]).status()?;
        ensure!(status.success(), "the server could not be asked to stop");
        let start = Instant::now();
        while self.strace.try_wait()?.is_none() {
            ensure!(start.elapsed() < PATIENCE, "the server did not stop within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(self.trace.clone())
    }
}

impl Drop for Traced {
    /// A run that failed leaves no process behind: strace takes its tracee with it when it is told to end.
    fn drop(&mut self) {
        if let Ok(None) = self.strace.try_wait() {
            let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.strace.id()));
            for server in children.unwrap_or_default().split_whitespace() {
                drop(Command::new("kill").args(["-KILL", server]).status());
            }
            drop(self.strace.kill());
            drop(self.strace.wait());
        }
    }
}
