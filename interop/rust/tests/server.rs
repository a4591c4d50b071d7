//! A server process of our own, on free ports, killed by its id and never by name.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// A slow machine may take its time; a server that is not ready by then is broken.
const READY_TIME: Duration = Duration::from_secs(30);
const STOP_TIME: Duration = Duration::from_secs(20);

/// A folder that goes with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("forebay-interop-rust-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// One `forebay dev` and, over restarts, its successors on the same folder and ports.
pub struct Server {
    folder: Folder,
    arguments: Vec<String>,
    process: Option<Child>,
    /// What it wrote once everything served.
    pub ready: serde_json::Value,
    /// As the ready file gave them: whoever restarts finds the server where it was.
    ports: [String; 2],
}

impl Server {
    /// A durable server with a key of its own.
    pub async fn durable(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let data = folder.path().join("data").display().to_string();
        let arguments = [&["--data", &data, "--generate-key"], arguments].concat();
        Self::started(folder, &arguments).await
    }

    /// The plain development mode: memory only, the well-known key.
    pub async fn memory() -> Self {
        Self::started(Folder::new(), &[]).await
    }

    async fn started(folder: Folder, arguments: &[&str]) -> Self {
        let mut server = Self {
            folder,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            process: None,
            ready: serde_json::Value::Null,
            ports: ["0".to_owned(), "0".to_owned()],
        };
        server.start(&[]).await;
        server
    }

    /// Returns once the server serves.
    pub async fn start(&mut self, more: &[&str]) {
        let binary = std::env::var("FOREBAY_BIN")
            .expect("FOREBAY_BIN must name a server; `cargo xtask interop rust` does that");
        let ready_path = self.folder.path().join("ready.json");
        // The file appears whole: nobody sees half of it. One that a killed server left must not be taken for it.
        drop(fs::remove_file(&ready_path));
        let mut log = self.open_log();
        let mut command = Command::new(&binary);
        command
            .args([
                "dev",
                "--listen",
                "127.0.0.1",
                "--amqp-port",
                &self.ports[0],
                "--http-port",
                &self.ports[1],
            ])
            .arg("--ready-file")
            .arg(&ready_path)
            .args(&self.arguments)
            .args(more);
        writeln!(log, "$ {command:?}").expect("the log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the log")).stderr(log);
        self.process = Some(command.spawn().unwrap_or_else(|error| panic!("{binary}: {error}")));
        let deadline = Instant::now() + READY_TIME;
        let text = loop {
            if let Ok(text) = fs::read_to_string(&ready_path) {
                break text;
            }
            if let Some(status) = self.status() {
                self.process = None;
                panic!("the server ended with {status} before it was ready:\n{}", self.log_tail());
            }
            assert!(Instant::now() < deadline, "not ready in {READY_TIME:?}:\n{}", self.log_tail());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        self.ready = serde_json::from_str(&text).expect("the ready file is JSON");
        self.ports = ["amqp", "http"].map(|listener| {
            let (_, port) = self.text(listener).rsplit_once(':').expect("an address with a port");
            port.to_owned()
        });
    }

    fn status(&mut self) -> Option<std::process::ExitStatus> {
        self.process.as_mut().and_then(|process| process.try_wait().expect("its status"))
    }

    /// Asks it to stop, and expects that it does so with exit code 0.
    pub async fn stop(&mut self) {
        let id = self.process.as_ref().expect("a server that runs").id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        let deadline = Instant::now() + STOP_TIME;
        let status = loop {
            if let Some(status) = self.status() {
                break status;
            }
            assert!(Instant::now() < deadline, "it did not stop in {STOP_TIME:?}:\n{}", self.log_tail());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        self.process = None;
        assert!(status.success(), "the server ended with {status}:\n{}", self.log_tail());
    }

    pub async fn restart(&mut self, more: &[&str]) {
        self.stop().await;
        self.start(more).await;
    }

    /// A text of the ready file.
    pub fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_else(|| panic!("no {key} in the ready file {}", self.ready))
    }

    pub fn connection(&self) -> &str {
        self.text("connection_string")
    }

    /// What the SDK is told to dial: from a connection string it takes the host and no port.
    pub fn endpoint(&self) -> String {
        format!("amqp://{}", self.text("amqp"))
    }

    /// A part of the connection string, `SharedAccessKey` for instance.
    pub fn setting(&self, key: &str) -> &str {
        let parts = self.connection().split(';').filter_map(|part| part.split_once('='));
        let found = parts.into_iter().find(|(name, _)| *name == key);
        found.unwrap_or_else(|| panic!("no {key} in the connection string")).1
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn open_log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log_path()).expect("the server's log")
    }

    pub fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Server {
    /// Whatever state it is in, it is gone after this.
    fn drop(&mut self) {
        let died = self.status();
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log_tail());
        } else if let Some(status) = died {
            panic!("the server died with {status} during the test:\n{}", self.log_tail());
        }
    }
}

/// Servers that all tests share which do not restart them. Each is started for the first test that asks, and ends with
/// the last one that holds it.
pub async fn shared() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    held_or_started(&SERVER, Server::durable(&[])).await
}

pub async fn shared_memory() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    held_or_started(&SERVER, Server::memory()).await
}

async fn held_or_started(held: &Mutex<Weak<Server>>, start: impl Future<Output = Server>) -> Arc<Server> {
    let mut held = held.lock().await;
    if let Some(server) = held.upgrade() {
        return server;
    }
    let server = Arc::new(start.await);
    *held = Arc::downgrade(&server);
    server
}
