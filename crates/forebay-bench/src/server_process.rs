//! A Forebay server as a child process: started on a fresh folder, timed until it is ready, stopped in order.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

/// How often the ready file is looked for: what a start is measured to.
const READY_POLL: Duration = Duration::from_micros(200);

/// A server that is not ready by then has failed.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that has not stopped by then is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// What the ready file says.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    pub connection_string: String,
    pub durability: String,
    pub version: String,
}

impl Ready {
    /// Reads a ready file that is there.
    pub fn read(path: &Path) -> Result<Self> {
        let context = || format!("{}: cannot be read as a ready file", path.display());
        serde_json::from_str(&fs::read_to_string(path).with_context(context)?).with_context(context)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    process: Child,
    pub ready: Ready,
    /// From just before the process was made until its ready file was there.
    pub exec_to_ready: Duration,
}

impl ServerProcess {
    /// Starts `program dev` with its data in `folder`, or none with durability `memory`, and waits until it is ready.
    pub fn start(program: &Path, folder: &Path, durability: &str) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let ready_file: PathBuf = folder.join("ready.json");
        let log = fs::File::create(folder.join("server.log")).context("cannot make the server's log")?;
        let mut command = Command::new(program);
        command.args([
            "dev",
            "--amqp-port",
            "0",
            "--http-port",
            "0",
            "--generate-key",
            "--durability",
            durability,
        ]);
        command.arg("--ready-file").arg(&ready_file);
        if durability != "memory" {
            command.arg("--data").arg(folder.join("data"));
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().context("cannot share the log")?).stderr(log);
        let start = Instant::now();
        let mut process = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        while !ready_file.exists() {
            let ended = process.try_wait().context("cannot look at the server")?;
            if ended.is_some() || start.elapsed() > READY_TIMEOUT {
                drop(process.kill());
                drop(process.wait());
                let said = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("{} did not become ready; it said:\n{said}", program.display());
            }
            thread::sleep(READY_POLL);
        }
        let exec_to_ready = start.elapsed();
        let ready = Ready::read(&ready_file);
        let server = |ready| Self { process, ready, exec_to_ready };
        match ready {
            Ok(ready) => Ok(server(ready)),
            Err(error) => {
                drop(server(Ready {
                    connection_string: String::new(),
                    durability: String::new(),
                    version: String::new(),
                }));
                Err(error)
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks the server to stop and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::TERM).context("cannot signal the server")?;
        let start = Instant::now();
        while start.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.process.try_wait().context("cannot wait for the server")? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        bail!("the server did not stop within {} s and was killed", STOP_TIMEOUT.as_secs())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // After `stop` it has ended, and both say so.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
