//! Folders, certificates and processes that end with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server that is not ready, or a wrong setting that is not told, by then is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("forebay-server-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// The mode of a file or folder.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program with these arguments, in the folder, without settings of whoever runs the tests.
pub(crate) fn forebay(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FOREBAY_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(&folder.0).stdin(Stdio::null());
    command
}

/// A run of the program.
pub(crate) struct Run {
    child: Child,
    folder: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn start(folder: &Folder, mut command: Command) -> Self {
        let file = |name| Stdio::from(fs::File::create(folder.path(name)).unwrap());
        let child = command.stdout(file("out.txt")).stderr(file("err.txt")).spawn().unwrap();
        Self { child, folder: folder.0.clone() }
    }

    /// Waits for the end that comes by itself.
    pub(crate) fn end(mut self) -> Ended {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ended { code: status.code(), out: self.text("out.txt"), err: self.text("err.txt") };
            }
            assert!(started.elapsed() < PATIENCE, "it runs on:\n{}", self.text("err.txt"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the ready file, and returns it.
    pub(crate) fn ready(&mut self) -> serde_json::Value {
        let path = self.folder.join("ready.json");
        let started = Instant::now();
        loop {
            if let Ok(text) = fs::read_to_string(&path) {
                return serde_json::from_str(&text).unwrap();
            }
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "it ended with {status:?}:\n{}", self.text("err.txt"));
            assert!(started.elapsed() < PATIENCE, "it is not ready:\n{}", self.text("err.txt"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to stop.
    pub(crate) fn stop(self) -> Ended {
        self.signal(rustix::process::Signal::TERM);
        self.end()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until this was said on standard error.
    pub(crate) fn said(&self, text: &str) {
        let started = Instant::now();
        while !self.text("err.txt").contains(text) {
            assert!(started.elapsed() < PATIENCE, "missing {text}:\n{}", self.text("err.txt"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // One that has ended already does not mind.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// `forebay serve` with this configuration and its ready file at `ready.json`.
pub(crate) fn serve(folder: &Folder, configuration: &str) -> Run {
    folder.write("forebay.toml", configuration);
    let arguments = ["serve", "--config", "forebay.toml", "--ready-file", "ready.json"];
    Run::start(folder, forebay(folder, &arguments))
}
