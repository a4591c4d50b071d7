//! What the tests of this crate share: brokers on folders, and a client that publishes and reads without a protocol.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use forebay_event::amqp::Incoming;
use forebay_log::{Appended, Clock, ControlEntry, EntryClass, LogError, Sequence};
use forebay_log_contract::ManualClock;
use forebay_namespace::{Command, Entry, NodeId, ProposalId, codec};
use tokio::sync::mpsc;

use crate::{
    Broker, BrokerOptions, Burst, Cursor, Declared, DevKey, DevMode, Durability, Hub, Mode, Namespace, Next,
    Partition, PublishListener, ServeMode,
};

pub(crate) const WHO: &str = "a test";

/// A folder that goes when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("forebay-broker-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    /// What a kill at this moment leaves: the files as they are, while the server that has them open goes on.
    pub(crate) fn as_after_a_kill(&self) -> Self {
        let copy = Self::new();
        copy_tree(&self.0, &copy.0);
        copy
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Options for a folder, or for memory.
pub(crate) fn options(folder: Option<&Folder>, mode: Mode) -> BrokerOptions {
    BrokerOptions {
        data: folder.map(|folder| folder.0.clone()),
        durability: if folder.is_some() { Durability::Disk } else { Durability::Memory },
        memory_bytes: 64 * 1024 * 1024,
        budget_bytes: None,
        auto_create: true,
        clock_skew_seconds: 60,
        mode,
    }
}

pub(crate) fn dev(key: DevKey) -> Mode {
    Mode::Dev(DevMode { key, declared: None })
}

pub(crate) fn declared(declared: Declared) -> Mode {
    Mode::Dev(DevMode { key: DevKey::WellKnown, declared: Some(declared) })
}

pub(crate) async fn open(folder: Option<&Folder>, mode: Mode) -> Broker {
    Broker::open(options(folder, mode)).await.unwrap()
}

/// A broker in memory in dev mode, and its default namespace.
pub(crate) async fn in_memory() -> (Broker, Arc<Namespace>) {
    on(None).await
}

/// A broker in dev mode, and its default namespace.
pub(crate) async fn on(folder: Option<&Folder>) -> (Broker, Arc<Namespace>) {
    let broker = open(folder, dev(DevKey::WellKnown)).await;
    let namespace = broker.find_namespace("default").unwrap();
    (broker, namespace)
}

/// A broker in memory in dev mode whose clock a test moves.
pub(crate) async fn with_clock() -> (Broker, Arc<Namespace>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let broker = Broker::open_with(options(None, dev(DevKey::WellKnown)), shared).await.unwrap();
    let namespace = broker.find_namespace("default").unwrap();
    (broker, namespace, clock)
}

impl Broker {
    /// Stops the fold, as a crash would.
    pub(crate) async fn stop_folding(&self) {
        let task = self.fold.lock().unwrap().take().unwrap();
        task.abort();
        drop(task.await);
    }

    /// Makes a change durable that nobody here has folded, as before a crash.
    pub(crate) async fn append_unfolded(&self, command: impl Into<Command>) {
        let proposal = ProposalId(crate::random::u128());
        let entry = Entry::new(proposal, NodeId::default(), self.wall().0, command);
        let entry = ControlEntry { class: EntryClass::Durable, body: codec::encode(&entry) };
        self.storage.control.append(vec![entry]).await.unwrap();
    }
}

pub(crate) fn serve(namespaces: &[(&str, &[&str])], default: Option<&str>) -> Mode {
    Mode::Serve(ServeMode {
        namespaces: namespaces
            .iter()
            .map(|(name, hosts)| crate::NamespaceSpec {
                name: (*name).to_owned(),
                hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                limits: crate::Limits::OPEN,
            })
            .collect(),
        default_namespace: default.map(str::to_owned),
    })
}

struct Outcomes(Mutex<mpsc::UnboundedSender<Result<Appended, LogError>>>);

impl PublishListener for Outcomes {
    fn published(&self, _group: u64, outcome: &Result<Appended, LogError>) {
        drop(self.0.lock().unwrap().send(outcome.clone()));
    }
}

/// Publishes one event whose body is one byte, and waits for what becomes of it.
pub(crate) async fn publish(
    broker: &Broker,
    hub: &Hub,
    partition: &Arc<Partition>,
    body: u8,
) -> Result<Appended, LogError> {
    let (sender, mut outcomes) = mpsc::unbounded_channel();
    let mut burst = Burst::new(Arc::new(Outcomes(Mutex::new(sender))));
    let message = [0x00, 0x53, 0x75, 0xa0, 0x01, body];
    let context = broker.event_context(hub, None, true);
    let incoming = Incoming::parse(&message, 0, &context).unwrap();
    burst.write(partition, &incoming, 0, &mut 0);
    drop(burst);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), outcomes.recv());
    answer.await.expect("every publisher is answered").unwrap()
}

/// All that a partition holds: numbers and bodies.
pub(crate) async fn read_all(partition: &Arc<Partition>) -> Vec<(u64, u8)> {
    let mut cursor = Cursor::new(Arc::clone(partition), Sequence::ZERO);
    let mut events = Vec::new();
    loop {
        let loading = match cursor.peek().unwrap() {
            Next::Event(event) => {
                events.push((event.sequence.0, event.record.value.unwrap()[0]));
                None
            }
            Next::End => return events,
            Next::Load(read) => Some(read),
        };
        match loading {
            Some(read) => cursor.supply(read.await).unwrap(),
            None => cursor.advance(),
        }
    }
}
