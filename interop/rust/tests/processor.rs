use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use azure_core::time::Duration;
use azure_messaging_eventhubs::error::{ErrorKind, Result};
use azure_messaging_eventhubs::models::{ReceivedEventData, StartPositions};
use azure_messaging_eventhubs::processor::PartitionClient;
use azure_messaging_eventhubs::{EventProcessor, ProcessorStrategy, StartLocation, StartPosition};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::hub::{Hub, PARTITIONS, bodies, causes, counted, earliest, number, patient, until, within};
use crate::memory_store::MemoryStore;
use crate::server::Server;

/// A processor at work: it keeps what it is given, and notes a checkpoint when it is told to. The streams of the SDK's
/// partition clients stay on their thread, so this is for `alone`.
pub struct Running {
    pub notes: Rc<RefCell<Notes>>,
    processor: Arc<EventProcessor>,
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<Result<()>>; 2],
}

#[derive(Default)]
pub struct Notes {
    /// Bodies by partition.
    got: BTreeMap<String, Vec<String>>,
    /// Partitions that were opened, and those that others took away.
    opened: Vec<String>,
    lost: Vec<String>,
    failures: Vec<String>,
}

type Wanted = fn(&ReceivedEventData) -> bool;

#[derive(Clone)]
struct Wish {
    strategy: ProcessorStrategy,
    expiration: Duration,
    special: HashMap<String, StartPosition>,
    checkpoint: Wanted,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            strategy: ProcessorStrategy::Greedy,
            expiration: Duration::seconds(60),
            special: HashMap::new(),
            checkpoint: |_| true,
        }
    }
}

async fn run(hub: &Hub, store: &Arc<MemoryStore>, wish: Wish) -> Running {
    let consumer = hub.consumer().await;
    let building = EventProcessor::builder()
        .with_load_balancing_strategy(wish.strategy)
        .with_update_interval(Duration::milliseconds(200))
        .with_partition_expiration_duration(wish.expiration)
        .with_start_positions(StartPositions { per_partition: wish.special, default: earliest() })
        .build(consumer, Arc::clone(store) as _);
    let processor = within("a processor", building).await.expect("a processor");
    let notes = Rc::new(RefCell::new(Notes::default()));
    let (stop, stopped) = watch::channel(false);
    let runs = Arc::clone(&processor);
    let balancing = spawn_local(async move { runs.run().await });
    let serves = Arc::clone(&processor);
    let kept = Rc::clone(&notes);
    let serving = spawn_local(async move {
        let mut works = Vec::new();
        let mut over = stopped.clone();
        loop {
            tokio::select! {
                _ = over.wait_for(|stop| *stop) => break,
                next = serves.next_partition_client() => {
                    works.push(spawn_local(work(next?, Rc::clone(&kept), stopped.clone(), wish.checkpoint)));
                }
            }
        }
        for work in works {
            within("the end of a partition's work", work).await.expect("the work");
        }
        Ok(())
    });
    Running { notes, processor, stop, tasks: [balancing, serving] }
}

async fn work(
    client: Arc<PartitionClient>,
    notes: Rc<RefCell<Notes>>,
    mut stop: watch::Receiver<bool>,
    wanted: Wanted,
) {
    let partition = client.get_partition_id().to_owned();
    notes.borrow_mut().opened.push(partition.clone());
    let mut stream = client.stream_events();
    loop {
        let next = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            next = stream.next() => next,
        };
        match next.expect("a stream that ends with an error") {
            Ok(event) => {
                // First the checkpoint: what a test sees here is never given to another.
                if wanted(&event)
                    && let Err(error) = client.update_checkpoint(&event).await
                {
                    notes.borrow_mut().failures.push(format!("{error:?}"));
                }
                let text = bodies(&[event]).remove(0);
                notes.borrow_mut().got.entry(partition.clone()).or_default().push(text);
            }
            Err(error) if matches!(error.kind, ErrorKind::ConsumerDisconnected(_)) => {
                notes.borrow_mut().lost.push(partition);
                break;
            }
            // Closed, it is handed out again, from its checkpoint.
            Err(error) => {
                notes.borrow_mut().failures.push(format!("partition {partition}: {}", causes(&error)));
                break;
            }
        }
    }
    drop(stream);
    if let Ok(client) = Arc::try_unwrap(client) {
        within("the close", client.close()).await.expect("a clean close");
    }
}

impl Running {
    /// Ends the processor as a program would, and expects that no partition had an error.
    async fn stop(self) {
        assert_eq!(self.failures(), [""; 0]);
        self.end().await;
    }

    async fn end(self) {
        within("the shutdown", self.processor.shutdown()).await.expect("a shutdown");
        self.stop.send_replace(true);
        for task in self.tasks {
            within("the end of the processor", task).await.expect("its task").expect("a clean end");
        }
        if let Ok(processor) = Arc::try_unwrap(self.processor) {
            within("the close", processor.close()).await.expect("a clean close");
        }
    }

    fn failures(&self) -> Vec<String> {
        self.notes.borrow().failures.clone()
    }

    fn bodies(&self, partition: &str) -> Vec<String> {
        self.notes.borrow().got.get(partition).cloned().unwrap_or_default()
    }

    fn all(&self) -> Vec<String> {
        sorted(self.notes.borrow().got.values().flatten().cloned().collect())
    }

    fn opened(&self) -> Vec<String> {
        sorted(self.notes.borrow().opened.clone())
    }

    fn lost(&self) -> Vec<String> {
        sorted(self.notes.borrow().lost.clone())
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// Runs a test whose tasks stay on its thread.
async fn alone(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

async fn balance(strategy: ProcessorStrategy) {
    let (hub, store) = (Hub::new().await, Arc::new(MemoryStore::default()));
    let wish = Wish { strategy, ..Wish::default() };
    let mut sent = Vec::new();
    for partition in PARTITIONS {
        let bodies = counted(&format!("alone {partition}."), 5);
        hub.send(partition, &bodies).await;
        sent.extend(bodies);
    }
    let first = run(&hub, &store, wish.clone()).await;
    until("one owner of all four", || store.shares() == [4]).await;
    until("what was sent before", || first.all().len() == sent.len()).await;
    let second = run(&hub, &store, wish).await;
    until("a fair share for each", || store.shares() == [2, 2]).await;
    until("the second one to open its partitions", || second.opened().len() == 2).await;
    until("the first one to be told what it lost", || first.lost().len() == 2).await;
    assert_eq!(first.lost(), second.opened(), "partitions that changed hands");
    let owners = store.owners();
    for partition in PARTITIONS {
        let bodies = counted(&format!("shared {partition}."), 5);
        hub.send(partition, &bodies).await;
        sent.extend(bodies);
    }
    until("every event at one of the two", || first.all().len() + second.all().len() >= sent.len()).await;
    let both = sorted([first.all(), second.all()].concat());
    assert_eq!(both, sorted(sent), "every event once, since each was noted");
    for partition in PARTITIONS {
        let shared = counted(&format!("shared {partition}."), 5);
        if second.opened().contains(&partition.to_owned()) {
            assert_eq!(second.bodies(partition), shared);
        } else {
            assert_eq!(first.bodies(partition)[5..], shared);
        }
    }
    assert_eq!(store.owners(), owners, "nothing changed hands any more");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn two_processors_balance_four_partitions_and_miss_nothing() {
    alone(balance(ProcessorStrategy::Balanced)).await;
}

#[tokio::test]
async fn two_greedy_processors_balance_four_partitions_and_miss_nothing() {
    alone(balance(ProcessorStrategy::Greedy)).await;
}

/// This SDK's processors give nothing back: what one held is free when its claim is too old.
#[tokio::test]
async fn a_processor_that_leaves_is_replaced_by_the_other() {
    alone(async {
        let (hub, store) = (Hub::new().await, Arc::new(MemoryStore::default()));
        let wish = Wish { expiration: Duration::seconds(2), ..Wish::default() };
        let stays = run(&hub, &store, wish.clone()).await;
        for partition in PARTITIONS {
            hub.send(partition, &[format!("early {partition}")]).await;
        }
        // Only an event shows that a link is open: one that is taken away before gets another error.
        until("the events of all four", || stays.all() == counted("early ", 4)).await;
        let leaves = run(&hub, &store, wish).await;
        until("a fair share for each", || store.shares() == [2, 2]).await;
        until("the first one to be told", || stays.lost().len() == 2).await;
        leaves.stop().await;
        until("one owner of all four again", || store.shares() == [4]).await;
        for partition in PARTITIONS {
            hub.send(partition, &[format!("late {partition}")]).await;
        }
        let all = [counted("early ", 4), counted("late ", 4)].concat();
        until("the events of all four", || stays.all() == all).await;
        stays.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_is_where_the_next_processor_starts() {
    alone(async {
        let (hub, store) = (Hub::new().await, Arc::new(MemoryStore::default()));
        hub.send("0", &counted("", 10)).await;
        // Only an event shows that a link is open, and one that is just opening does not close cleanly.
        for partition in &PARTITIONS[1..] {
            hub.send(partition, &["x"]).await;
        }
        // The next one has the same claim to the partitions only once this one's are old.
        let expiration = Duration::seconds(1);
        let wish = Wish { expiration, checkpoint: |event| number(event) == 5, ..Wish::default() };
        let first = run(&hub, &store, wish.clone()).await;
        until("every event", || first.all().len() == 13).await;
        assert_eq!(first.bodies("0"), counted("", 10));
        first.stop().await;
        let second = run(&hub, &store, wish).await;
        until("the rest", || second.all().len() >= 7).await;
        assert_eq!(second.bodies("0"), ["6", "7", "8", "9"]);
        second.stop().await;
    })
    .await;
}

#[tokio::test]
async fn each_partition_may_start_elsewhere() {
    alone(async {
        let (hub, store) = (Hub::new().await, Arc::new(MemoryStore::default()));
        for partition in PARTITIONS {
            hub.send(partition, &counted(&format!("{partition}."), 4)).await;
        }
        let special = [
            ("1", StartPosition { location: StartLocation::SequenceNumber(1), inclusive: false }),
            ("2", StartPosition { location: StartLocation::Offset("3".to_owned()), inclusive: true }),
            ("3", StartPosition { location: StartLocation::SequenceNumber(3), inclusive: false }),
        ];
        let special = special.map(|(partition, position)| (partition.to_owned(), position)).into();
        let one = run(&hub, &store, Wish { special, ..Wish::default() }).await;
        until("all four to be open", || one.opened().len() == 4).await;
        hub.send("3", &["3.new"]).await;
        until("what was asked for", || one.all().len() >= 8).await;
        let found = PARTITIONS.map(|partition| one.bodies(partition).join(" "));
        assert_eq!(found, ["0.0 0.1 0.2 0.3", "1.2 1.3", "2.3", "3.new"]);
        one.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_processor_goes_on_after_a_restart_and_repeats_nothing() {
    alone(async {
        let mut server = Server::durable(&[]).await;
        let mut hub = Hub::at(&server, "orders");
        hub.retry = patient();
        let store = Arc::new(MemoryStore::default());
        let one = run(&hub, &store, Wish::default()).await;
        for partition in PARTITIONS {
            hub.send(partition, &["before"]).await;
        }
        until("the events before", || one.all().len() == 4).await;
        server.stop().await;
        until("each partition's error", || one.failures().len() >= 4).await;
        server.start(&[]).await;
        for partition in PARTITIONS {
            hub.send(partition, &["after"]).await;
        }
        until("the events after", || one.all().len() >= 8).await;
        for partition in PARTITIONS {
            assert_eq!(one.bodies(partition), ["before", "after"], "partition {partition}");
        }
        one.end().await;
    })
    .await;
}
