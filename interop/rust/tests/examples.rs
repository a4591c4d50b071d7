//! The programs of examples/rust, built and run as their reader would.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::hub::{Hub, PARTITIONS, until, within};
use crate::server::Folder;

/// The path of a program. All are built once, beside this one: they share what they depend on.
async fn example(name: &str) -> PathBuf {
    static PROGRAMS: OnceCell<PathBuf> = OnceCell::const_new();
    let programs =
        PROGRAMS.get_or_init(async || tokio::task::spawn_blocking(build).await.expect("the build")).await;
    programs.join(name)
}

fn build() -> PathBuf {
    let this = std::env::current_exe().expect("this program's path");
    // target/debug/deps/this
    let target = this.ancestors().nth(3).expect("the folder of what is built");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rust/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--bins", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug")
}

/// An example that runs.
struct Program {
    process: Child,
    folder: Folder,
}

impl Program {
    async fn run(hub: &Hub, name: &str, checkpoints: &Path) -> Self {
        let folder = Folder::new();
        let output = File::create(folder.path().join("output")).expect("a file");
        let process = Command::new(example(name).await)
            .env("EVENTHUB_CONNECTION_STRING", &hub.connection)
            .env("EVENTHUB_NAME", &hub.name)
            .env("CHECKPOINTS", checkpoints)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            .spawn()
            .expect("the program");
        Self { process, folder }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("output")).expect("what it said")
    }

    /// The lines of events.
    fn lines(&self) -> Vec<String> {
        let said = self.said();
        // The last one may be half written.
        let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
            .map(str::to_owned)
            .collect()
    }

    async fn wait_for_lines(&self, count: usize) -> Vec<String> {
        let waiting = async {
            while self.lines().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(crate::hub::WAIT, waiting).await.is_err() {
            panic!("{count} lines were awaited, it said:\n{}", self.said());
        }
        self.lines()
    }

    /// Waits for a clean end, and returns what it said.
    async fn end(mut self) -> String {
        let status = within("the program to end", async {
            loop {
                if let Some(status) = self.process.try_wait().expect("its status") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let said = self.said();
        assert!(status.success(), "{status}:\n{said}");
        said
    }

    /// Ctrl-C, and a clean end.
    async fn interrupt(self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
        self.end().await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn send_three(hub: &Hub, folder: &Folder) {
    let sending = Program::run(hub, "send", folder.path()).await;
    assert_eq!(sending.end().await, "sent 3 events\n");
}

#[tokio::test]
async fn what_the_first_program_sends_the_second_reads_in_order() {
    let (hub, folder) = (Hub::new().await, Folder::new());
    send_three(&hub, &folder).await;
    let reading = Program::run(&hub, "read", folder.path()).await;
    let lines = reading.wait_for_lines(3).await;
    let (partition, _) = lines[0].split_once('/').expect("a partition");
    assert_eq!(lines, ["0 one", "1 two", "2 three"].map(|line| format!("{partition}/{line}")));
    send_three(&hub, &folder).await;
    let lines = reading.wait_for_lines(6).await;
    assert_eq!(lines[3..], ["3 one", "4 two", "5 three"].map(|line| format!("{partition}/{line}")));
    reading.interrupt().await;
}

#[tokio::test]
async fn the_processor_program_goes_on_after_its_checkpoint() {
    let (hub, folder) = (Hub::new().await, Folder::new());
    send_three(&hub, &folder).await;
    let first = Program::run(&hub, "processor", folder.path()).await;
    assert_eq!(first.wait_for_lines(3).await.len(), 3);
    first.interrupt().await;
    send_three(&hub, &folder).await;
    let second = Program::run(&hub, "processor", folder.path()).await;
    let lines = second.wait_for_lines(3).await;
    let found: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once('/')).map(|(_, rest)| rest).collect();
    assert_eq!(found, ["3 one", "4 two", "5 three"]);
    second.interrupt().await;
}

#[tokio::test]
async fn two_processor_programs_share_the_hub() {
    let (hub, folder) = (Hub::new().await, Folder::new());
    let first = Program::run(&hub, "processor", folder.path()).await;
    let second = Program::run(&hub, "processor", folder.path()).await;
    let mut sent = 0;
    // Balanced when both print what was sent last.
    within("each to have a part", async {
        loop {
            let before = [first.lines().len(), second.lines().len()];
            for partition in PARTITIONS {
                hub.send(partition, &["to share"]).await;
                sent += 1;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            if first.lines().len() > before[0] && second.lines().len() > before[1] {
                break;
            }
        }
    })
    .await;
    until("every event", || {
        let mut lines = [first.lines(), second.lines()].concat();
        lines.sort();
        lines.dedup();
        lines.len() == sent
    })
    .await;
    first.interrupt().await;
    second.interrupt().await;
}
