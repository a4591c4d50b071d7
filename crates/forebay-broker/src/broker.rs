//! The broker: everything that gateways ask for. This is its opening and closing, and what its data path needs; the rest
//! stands by subject in [`access`](crate::access), [`first_use`](crate::first_use) and [`manage`](crate::manage).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use forebay_event::amqp::Context as EventContext;
use forebay_log::{ByteBudget, Clock, Durability, Health, LogError, PartitionLogs, WallMillis};
use forebay_namespace::entry::{LEVEL_SUPPORTED, RaiseLevel};
use forebay_namespace::{Change, Code, Verdict};
use tokio::task::JoinHandle;

use crate::catalog::{Catalog, Effects};
use crate::error::ReaderRefused;
use crate::hub::{Hub, Partition};
use crate::hubs::Hubs;
use crate::options::{BrokerOptions, Mode};
use crate::position::{Start, StartError, StartPosition, resolve};
use crate::readers::{Lost, ReaderClaim, ReaderListener, ReaderWish, Readers};
use crate::setup::{self, Setup};
use crate::storage::{OpenError, OpenSummary, Storage};

/// Largest event or batch, in bytes of the message as sent; at the limit it is accepted.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// Publish, subscribe, look things up, make them on first use, manage them.
pub struct Broker {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: BrokerOptions,
    clock: Arc<dyn Clock>,
    pub(crate) storage: Storage,
    serving: AtomicBool,
    pub(crate) fold: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What the fold reaches too.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hubs: Arc<Hubs>,
    logs: Arc<dyn PartitionLogs>,
    readers: Arc<Readers>,
}

impl Effects for Shared {
    fn on_change(&self, change: &Change) {
        match change {
            Change::ReceiverSuperseded { receiver, text, .. } => {
                self.readers.lose(*receiver, Lost::Superseded(text.clone()))
            }
            Change::ReceiverVoided { receiver, .. } => self.readers.lose_entity(*receiver),
            other => self.hubs.on_change(other),
        }
    }
}

impl Broker {
    /// Opens storage and catalogue, brings logs to what the catalogue says, and makes what the mode wants to be there.
    ///
    /// # Errors
    /// What the folder, the log or the catalogue has against it, or what is wrong with the mode's settings.
    pub async fn open(options: BrokerOptions) -> Result<Self, OpenError> {
        Self::open_with(options, Arc::new(forebay_log::SystemClock)).await
    }

    /// As [`Broker::open`], by another clock.
    pub(crate) async fn open_with(options: BrokerOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let storage = Storage::open(&options, Arc::clone(&clock)).await?;
        let (catalog, fold) = Catalog::open(Arc::clone(&storage.control)).await?;
        let hubs = Hubs::new(Arc::clone(&catalog), Arc::clone(&storage.logs), Arc::clone(&storage.budget));
        let shared = Arc::new(Shared {
            hubs,
            logs: Arc::clone(&storage.logs),
            readers: Readers::new(Arc::clone(&storage.control)),
        });
        let task = tokio::spawn(Arc::clone(&catalog).fold(fold, Arc::clone(&shared) as Arc<dyn Effects>));
        storage.warn_when_memory_overflows();
        let broker = Self {
            catalog,
            shared,
            options,
            clock,
            storage,
            serving: AtomicBool::new(false),
            fold: Mutex::new(Some(task)),
        };
        broker.prepare().await?;
        Ok(broker)
    }

    async fn prepare(&self) -> Result<(), OpenError> {
        let now = self.wall();
        if self.catalog.read(forebay_namespace::State::level) < LEVEL_SUPPORTED {
            // This node is the only one, so every node understands what it does.
            self.catalog.change(now.0, RaiseLevel { level: LEVEL_SUPPORTED }).await?;
        }
        self.shared.hubs.settle_all().await?;
        let setup = Setup { catalog: &self.catalog, now };
        match &self.options.mode {
            Mode::Dev(dev) => {
                setup::dev::prepare(setup, dev.key).await?;
                match &dev.declared {
                    Some(declared) => setup::declared::declare(self, declared).await,
                    None => Ok(()),
                }
            }
            Mode::Serve(serve) => setup::serve::prepare(setup, serve).await,
        }
    }

    /// Commits what was taken, writes behind, records the clean stop.
    ///
    /// # Errors
    /// When the folder could not be closed cleanly; what was acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), LogError> {
        self.set_serving(false);
        self.shared.hubs.stop();
        let task = self.fold.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
        self.storage.close().await
    }

    // Questions.

    /// Whether events are taken now.
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed) && !matches!(self.shared.logs.health(), Health::ReadOnly(_))
    }

    /// Says so, or not, for health checks.
    pub fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }

    /// The process's byte budget.
    pub fn budget(&self) -> &Arc<ByteBudget> {
        &self.storage.budget
    }

    /// When an event is acknowledged.
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// Wall time, by the log's clock.
    pub fn wall(&self) -> WallMillis {
        self.clock.wall()
    }

    /// What was found when the folder was opened.
    pub fn open_summary(&self) -> &OpenSummary {
        &self.storage.summary
    }

    /// What decides whether a message is an event that this hub takes.
    pub fn event_context<'a>(
        &self,
        hub: &Hub,
        publisher: Option<&'a str>,
        to_partition: bool,
    ) -> EventContext<'a> {
        EventContext {
            publisher,
            // Keys of one message must agree only where they route.
            partition_count: (!to_partition).then(|| hub.partition_count()),
            compacted: false,
            max_bytes: MESSAGE_BYTES_MAX,
        }
    }

    // Readers.

    /// Claims a reader's place. `listener` is told, under the number `reader`, when it is lost; dropping the claim
    /// gives it up.
    ///
    /// # Errors
    /// [`ReaderRefused`], with the texts of the service.
    pub async fn claim_reader(
        &self,
        wish: ReaderWish<'_>,
        listener: Arc<dyn ReaderListener>,
        reader: u64,
    ) -> Result<ReaderClaim, ReaderRefused> {
        let (claim, command) = self.shared.readers.prepare(&wish, listener, reader);
        match self.catalog.propose(self.wall().0, command, Vec::new()).await? {
            Verdict::Applied(_) => Ok(claim),
            Verdict::Rejected(why) => Err(match why.code {
                Code::EpochLower | Code::EpochMissing => ReaderRefused::Epoch(why.text),
                Code::TooManyReaders => ReaderRefused::TooMany(why.text),
                _ => ReaderRefused::Other(why.text),
            }),
            Verdict::Duplicate { .. } | Verdict::TooNew { .. } => Err(ReaderRefused::Log(not_folded())),
        }
    }

    /// Where a reader that was just accepted begins.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(&self, partition: &Partition, position: StartPosition) -> Result<Start, StartError> {
        resolve(position, &**partition.log(), self.options.durability).await
    }
}

fn not_folded() -> LogError {
    LogError::Unavailable { reason: "the catalogue takes no changes".to_owned() }
}

impl Drop for Broker {
    /// Without a close nothing is written behind, and what was acknowledged is safe all the same; but the fold holds the
    /// folder open for as long as it runs.
    fn drop(&mut self) {
        if let Some(task) = self.fold.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}
