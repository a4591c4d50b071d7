//! The broker: everything that gateways ask for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use forebay_auth::password::verify_password;
use forebay_auth::sas::Check;
use forebay_auth::{Grant, HostRule, ResourcePath, SasError, SasToken, Secret, UnixSeconds};
use forebay_event::amqp::Context as EventContext;
use forebay_log::{
    ByteBudget, Clock, Durability, Health, LogError, LogId, LogPolicy, Millis, PartitionLogs, WallMillis,
};
use forebay_namespace::group::CreateGroup;
use forebay_namespace::hosts::{HostMode, Resolved};
use forebay_namespace::hub::CreateHub;
use forebay_namespace::{Change, Code, HubId, NamespaceView, Verdict, names};
use tokio::task::JoinHandle;

use crate::catalog::{Catalog, Effects};
use crate::dev::Credential;
use crate::error::{EntityError, NamespaceRefused, ReaderRefused};
use crate::hub::{Hub, Partition};
use crate::options::BrokerOptions;
use crate::position::{Start, StartError, StartPosition, resolve};
use crate::readers::{Lost, ReaderClaim, ReaderListener, ReaderWish, Readers};
use crate::storage::{OpenError, OpenSummary, Storage};

/// Largest event or batch, in bytes of the message as sent; at the limit it is accepted.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// A namespace that a connection belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// Its name as first written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Publish, subscribe, look things up, make them on first use.
#[derive(Debug)]
pub struct Broker {
    pub(crate) catalog: Arc<Catalog>,
    shared: Arc<Shared>,
    options: BrokerOptions,
    clock: Arc<dyn Clock>,
    storage: Storage,
    pub(crate) credential: Credential,
    serving: AtomicBool,
    fold: Mutex<Option<JoinHandle<()>>>,
}

/// What the fold reaches too.
#[derive(Debug)]
struct Shared {
    logs: Arc<dyn PartitionLogs>,
    hubs: RwLock<HashMap<HubId, Arc<Hub>>>,
    readers: Arc<Readers>,
}

impl Effects for Shared {
    fn on_change(&self, change: &Change) {
        match change {
            Change::ReceiverSuperseded { receiver, text, .. } => {
                self.readers.lose(*receiver, Lost::Superseded(text.clone()))
            }
            Change::ReceiverVoided { receiver, seat } => {
                // The wording that SDKs look for has the name in the middle.
                let entity = format!("{}|{}", seat.hub, seat.group);
                let text = format!("The messaging entity '{entity}' could not be found: it was deleted.");
                self.readers.lose(*receiver, Lost::Gone(text));
            }
            Change::HubDeleted { hub, .. } => {
                self.hubs.write().unwrap_or_else(PoisonError::into_inner).remove(hub);
                let (logs, log) = (Arc::clone(&self.logs), LogId(hub.0));
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = logs.delete(log) {
                        tracing::warn!("the events of deleted hub {log} are still there: {error}");
                    }
                });
            }
            // Logs of new hubs are made when they are first used.
            _ => {}
        }
    }
}

impl Broker {
    /// Opens storage and catalogue; in dev mode makes what a fresh folder lacks.
    ///
    /// # Errors
    /// What the folder, the log or the catalogue has against it.
    pub async fn open(options: BrokerOptions) -> Result<Self, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(forebay_log::SystemClock);
        let storage = Storage::open(&options, Arc::clone(&clock)).await?;
        let (catalog, fold) = Catalog::open(Arc::clone(&storage.control)).await?;
        let shared = Arc::new(Shared {
            logs: Arc::clone(&storage.logs),
            hubs: RwLock::default(),
            readers: Readers::new(Arc::clone(&storage.control)),
        });
        let task = tokio::spawn(Arc::clone(&catalog).fold(fold, Arc::clone(&shared) as Arc<dyn Effects>));
        storage.warn_when_memory_overflows();
        let credential = crate::dev::prepare(&catalog, options.dev_key, clock.wall()).await?;
        Ok(Self {
            catalog,
            shared,
            options,
            clock,
            storage,
            credential,
            serving: AtomicBool::new(false),
            fold: Mutex::new(Some(task)),
        })
    }

    /// Commits what was taken, writes behind, records the clean stop.
    ///
    /// # Errors
    /// When the folder could not be closed cleanly; what was acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), LogError> {
        self.set_serving(false);
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

    /// Policy and key of dev mode.
    pub fn dev_credential(&self) -> Credential {
        self.credential.clone()
    }

    // Namespaces and credentials.

    /// The namespace that a host name means. One that does not exist yet has the policies of the default namespace; it
    /// is made with its first hub, so by someone who holds a right to it.
    ///
    /// # Errors
    /// [`NamespaceRefused`] names the host and, for the log, what there is.
    pub fn namespace(&self, host: Option<&str>) -> Result<Arc<Namespace>, NamespaceRefused> {
        self.catalog.read(|state| match state.resolve_host(host.unwrap_or_default(), HostMode::Dev) {
            Ok(Resolved::Namespace(namespace)) => Ok(Arc::new(Namespace::new(namespace.name()))),
            Ok(Resolved::FirstUse(name)) => Ok(Arc::new(Namespace::new(&name.to_ascii_lowercase()))),
            Err(unknown) => {
                Err(NamespaceRefused { host: unknown.host.clone(), known: unknown.known.join(", ") })
            }
        })
    }

    async fn make_namespace(&self, namespace: &Namespace) -> Result<(), LogError> {
        if self.in_namespace(namespace, |_| ()).is_none() {
            crate::dev::create_namespace(&self.catalog, &namespace.name, &self.credential, self.wall())
                .await?;
            tracing::info!("created namespace '{}'", namespace.name);
        }
        Ok(())
    }

    /// Checks a shared access signature. Returns the audience that it names and what it grants.
    ///
    /// # Errors
    /// [`SasError`]: all of it for the log, [`SasError::wire_text`] for the client.
    pub fn verify_token(
        &self,
        namespace: &Namespace,
        token: &str,
        now: UnixSeconds,
    ) -> Result<(ResourcePath, Grant), SasError> {
        let token = SasToken::parse(token)?;
        // In dev mode clients reach one server under many names, so the host in the token says nothing.
        let check = Check { now, skew_seconds: self.options.clock_skew_seconds, hosts: HostRule::Ignore };
        self.policies_of(namespace, |view| token.verify(&view, &check))
            .unwrap_or_else(|| Err(unknown_policy(namespace)))
            .map(|grant| (token.audience().1, grant))
    }

    /// Checks a policy's name and key.
    ///
    /// # Errors
    /// As [`Broker::verify_token`].
    pub fn verify_password(
        &self,
        namespace: &Namespace,
        user: &str,
        key: &Secret,
    ) -> Result<Grant, SasError> {
        self.policies_of(namespace, |view| verify_password(&view, None, user, key))
            .unwrap_or_else(|| Err(unknown_policy(namespace)))
    }

    fn policies_of<R>(&self, namespace: &Namespace, look: impl FnOnce(NamespaceView<'_>) -> R) -> Option<R> {
        let default = forebay_namespace::DEFAULT_NAMESPACE;
        self.catalog
            .read(|state| state.namespace(&namespace.name).or_else(|| state.namespace(default)).map(look))
    }

    fn in_namespace<R>(&self, namespace: &Namespace, look: impl FnOnce(NamespaceView<'_>) -> R) -> Option<R> {
        self.catalog.read(|state| state.namespace(&namespace.name).map(look))
    }

    // Hubs and groups.

    /// The hub of this name, made on first use where that is allowed. `client` is named in the line that says so.
    ///
    /// # Errors
    /// [`EntityError`].
    pub async fn hub(
        &self,
        namespace: &Namespace,
        name: &str,
        client: &str,
    ) -> Result<Arc<Hub>, EntityError> {
        if let Some(hub) = self.existing_hub(namespace, name).await? {
            return Ok(hub);
        }
        names::check_hub(name).map_err(|why| EntityError::Name { name: name.to_owned(), why: why.text })?;
        let similar =
            self.in_namespace(namespace, |view| view.similar_hub(name).map(str::to_owned)).flatten();
        if !self.options.auto_create {
            return Err(EntityError::NotFound { entity: name.to_owned(), similar });
        }
        self.make_namespace(namespace).await?;
        let command = CreateHub::with_defaults(namespace.name.clone(), name);
        let partitions = command.partitions;
        match self.catalog.propose(self.wall().0, command, Vec::new()).await? {
            Verdict::Applied(_) => {
                let similar = similar.map_or_else(String::new, |similar| format!("; similar: '{similar}'"));
                tracing::info!("created hub '{name}' with {partitions} partitions for {client}{similar}");
            }
            // Somebody else made it meanwhile.
            Verdict::Rejected(why) if why.code == Code::AlreadyExists => {}
            Verdict::Rejected(why) => return Err(EntityError::Refused(why.text)),
            Verdict::Duplicate { .. } | Verdict::TooNew { .. } => return Err(EntityError::Log(not_folded())),
        }
        let hub = self.existing_hub(namespace, name).await?;
        hub.ok_or_else(|| EntityError::NotFound { entity: name.to_owned(), similar: None })
    }

    async fn existing_hub(&self, namespace: &Namespace, name: &str) -> Result<Option<Arc<Hub>>, LogError> {
        let found = self.in_namespace(namespace, |view| {
            view.hub(name)
                .map(|hub| (hub.id, hub.name.clone(), hub.created_ms, hub.partitions, hub.retention_ms))
        });
        let Some((id, name, created_ms, partitions, retention_ms)) = found.flatten() else { return Ok(None) };
        if let Some(hub) = self.shared.hubs.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Some(Arc::clone(hub)));
        }
        let (logs, budget) = (Arc::clone(&self.shared.logs), Arc::clone(self.budget()));
        let log = LogId(id.0);
        // Making a log that is there does nothing; making one that a crash left out repairs that.
        let opened = tokio::task::spawn_blocking(move || {
            logs.create(log, partitions, LogPolicy::retain(Millis(retention_ms)))?;
            Hub::open(&*logs, &budget, log, name, created_ms, partitions)
        });
        let hub = opened
            .await
            .map_err(|_| LogError::Unavailable { reason: "the server is stopping".to_owned() })??;
        let mut hubs = self.shared.hubs.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(Arc::clone(hubs.entry(id).or_insert_with(|| Arc::new(hub)))))
    }

    /// The consumer group's name as first written; made on first use where that is allowed.
    ///
    /// # Errors
    /// [`EntityError`].
    pub async fn group(
        &self,
        namespace: &Namespace,
        hub: &Hub,
        name: &str,
        client: &str,
    ) -> Result<String, EntityError> {
        let look = || {
            self.catalog.read(|state| {
                state.hub(HubId(hub.id.0)).and_then(|hub| hub.group(name)).map(|group| group.name.clone())
            })
        };
        if let Some(group) = look() {
            return Ok(group);
        }
        let not_found = || EntityError::NotFound { entity: format!("{}|{name}", hub.name), similar: None };
        names::check_group(name).map_err(|why| EntityError::Name { name: name.to_owned(), why: why.text })?;
        if !self.options.auto_create {
            return Err(not_found());
        }
        let command = CreateGroup::new(&namespace.name, &hub.name, name);
        match self.catalog.propose(self.wall().0, command, Vec::new()).await? {
            Verdict::Applied(_) => {
                tracing::info!("created consumer group '{name}' of hub '{}' for {client}", hub.name);
            }
            Verdict::Rejected(why) if why.code == Code::AlreadyExists => {}
            Verdict::Rejected(why) => return Err(EntityError::Refused(why.text)),
            Verdict::Duplicate { .. } | Verdict::TooNew { .. } => return Err(EntityError::Log(not_folded())),
        }
        look().ok_or_else(not_found)
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

fn unknown_policy(namespace: &Namespace) -> SasError {
    SasError::PolicyUnknown {
        policy: format!("(namespace '{}' is gone)", namespace.name),
        resource: ResourcePath::namespace(),
    }
}

fn not_folded() -> LogError {
    LogError::Unavailable { reason: "the catalogue takes no changes".to_owned() }
}
