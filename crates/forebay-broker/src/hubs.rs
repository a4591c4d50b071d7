//! The hubs that are open here, and how their logs follow the catalogue.
//!
//! The catalogue decides, the logs follow: a change is an entry first, and [`Hubs::settle`] then brings the hub's log
//! to what the catalogue says: made, grown, given its retention, deleted. It may be called at any time and any number of
//! times, so what a crash left out between the two is made good by the next call: at the next use of the hub, or when
//! the server opens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use forebay_log::{ByteBudget, LogError, LogId, LogPolicy, Millis, PartitionId, PartitionLogs};
use forebay_namespace::{Change, HubId, State};

use crate::catalog::Catalog;
use crate::hub::Hub;

/// How long after a failure a log's change is tried again; the time doubles up to the second number.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// All hubs that were used since the start.
#[derive(Debug)]
pub(crate) struct Hubs {
    me: Weak<Self>,
    catalog: Arc<Catalog>,
    logs: Arc<dyn PartitionLogs>,
    budget: Arc<ByteBudget>,
    open: RwLock<HashMap<HubId, Arc<Hub>>>,
    /// One log is settled at a time, by what the catalogue says at that time.
    turn: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
}

/// What the catalogue says about a hub's log.
struct Wanted {
    name: String,
    created_ms: i64,
    partitions: u32,
    policy: LogPolicy,
}

impl Wanted {
    fn of(state: &State, id: HubId) -> Option<Self> {
        let hub = state.hub(id)?;
        Some(Self {
            name: hub.name.clone(),
            created_ms: hub.created_ms,
            partitions: hub.partitions,
            policy: policy(hub.retention_ms),
        })
    }
}

/// The largest number stands for ever.
fn policy(retention_ms: u64) -> LogPolicy {
    if retention_ms == u64::MAX { LogPolicy::KEEP } else { LogPolicy::retain(Millis(retention_ms)) }
}

impl Hubs {
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        logs: Arc<dyn PartitionLogs>,
        budget: Arc<ByteBudget>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            catalog,
            logs,
            budget,
            open: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
        })
    }

    /// The hub of the catalogue that has this id and so many partitions there, for whoever is to use it. `None`: it was
    /// deleted meanwhile. A hub whose log cannot grow now (the disk is full, perhaps) is used as it is.
    ///
    /// # Errors
    /// What the log says, where there is nothing yet that could be used.
    pub(crate) async fn open(&self, id: HubId, partitions: u32) -> Result<Option<Arc<Hub>>, LogError> {
        if let Some(hub) = self.get(id, partitions) {
            return Ok(Some(hub));
        }
        match self.settle(id).await {
            Err(error) => self.get(id, 1).map(Some).ok_or(error),
            settled => settled,
        }
    }

    /// The hub, if it is open with at least so many partitions.
    fn get(&self, id: HubId, partitions: u32) -> Option<Arc<Hub>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&id).filter(|hub| hub.partition_count() >= partitions).cloned()
    }

    /// Brings a hub's log to what the catalogue says, and opens the hub. `None`: there is no such hub, and nothing is
    /// left of its log. It is done whole even if the caller stops waiting.
    ///
    /// # Errors
    /// What the log says; another call tries again.
    pub(crate) async fn settle(&self, id: HubId) -> Result<Option<Arc<Hub>>, LogError> {
        let Some(hubs) = self.me.upgrade() else { return Err(stopping()) };
        tokio::spawn(async move { hubs.settle_in_turn(id).await }).await.map_err(|_| stopping())?
    }

    async fn settle_in_turn(&self, id: HubId) -> Result<Option<Arc<Hub>>, LogError> {
        let _turn = self.turn.lock().await;
        let Some(wanted) = self.catalog.read(|state| Wanted::of(state, id)) else {
            self.forget(id);
            let logs = Arc::clone(&self.logs);
            blocking(move || logs.delete(LogId(id.0))).await?;
            return Ok(None);
        };
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let (logs, budget) = (Arc::clone(&self.logs), Arc::clone(&self.budget));
        let (hub, behind) = blocking(move || {
            let Wanted { name, created_ms, partitions, policy } = wanted;
            let log = LogId(id.0);
            // A log that is there is grown and given its policy by this. One that cannot grow now serves what it has.
            let (usable, behind) = match logs.create(log, partitions, policy) {
                Ok(()) => (partitions, None),
                Err(error) => match partitions_there(&*logs, log, partitions) {
                    0 => return Err(error),
                    there => (there, Some(error)),
                },
            };
            let hub = match open {
                Some(hub) => hub.grow(&*logs, &budget, usable).map(|()| hub),
                None => Hub::open(&*logs, &budget, log, name, created_ms, usable).map(Arc::new),
            };
            Ok((hub?, behind))
        })
        .await?;
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&hub));
        behind.map_or(Ok(Some(hub)), Err)
    }

    /// The hub was deleted: what holds it publishes nothing more.
    fn forget(&self, id: HubId) {
        let hub = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(hub) = hub {
            hub.set_gone();
        }
    }

    /// What a change of the catalogue means for hubs and logs. Called by the fold; does not block.
    pub(crate) fn on_change(&self, change: &Change) {
        match change {
            Change::HubDeleted { hub, .. } => {
                self.forget(*hub);
                self.settle_until_done(*hub);
            }
            Change::HubUpdated { hub, .. } => self.settle_until_done(*hub),
            // Logs of new hubs are made when they are first used.
            _ => {}
        }
    }

    /// Settles in the background, and again after a failure, as long as the server runs.
    fn settle_until_done(&self, id: HubId) {
        let me = Weak::clone(&self.me);
        tokio::spawn(async move {
            let mut wait = RETRY_FIRST;
            while let Some(hubs) = me.upgrade() {
                let Err(error) = hubs.settle_in_turn(id).await else { return };
                if hubs.stopping.load(Ordering::Relaxed) {
                    return;
                }
                drop(hubs);
                tracing::warn!(
                    "the log of hub {id} does not follow the catalogue yet: {error}; trying again"
                );
                tokio::time::sleep(wait).await;
                wait = RETRY_MAX.min(wait * 2);
            }
        });
    }

    /// When the server opens: logs of hubs that are no more are deleted, the others are brought to what the catalogue
    /// says, since a crash may have come between an entry and its log. A log that cannot follow now (the disk is full,
    /// perhaps) keeps nobody from the others: it is tried again.
    ///
    /// # Errors
    /// Where it cannot even be said which logs there are.
    pub(crate) async fn settle_all(&self) -> Result<(), LogError> {
        let _turn = self.turn.lock().await;
        let wanted: HashMap<HubId, (u32, LogPolicy)> = self.catalog.read(|state| {
            state.hubs().map(|hub| (hub.id, (hub.partitions, policy(hub.retention_ms)))).collect()
        });
        let logs = Arc::clone(&self.logs);
        let behind = blocking(move || {
            let mut behind = Vec::new();
            for log in logs.logs()?.into_iter().filter(|log| *log != LogId::CONTROL) {
                if !wanted.contains_key(&HubId(log.0)) && logs.delete(log).is_err() {
                    behind.push(HubId(log.0));
                }
            }
            for (hub, (partitions, policy)) in wanted {
                if logs.create(LogId(hub.0), partitions, policy).is_err() {
                    behind.push(hub);
                }
            }
            Ok(behind)
        });
        for hub in behind.await? {
            self.settle_until_done(hub);
        }
        Ok(())
    }

    /// The server stops: what could not be done until now is left to the next open.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// How many partitions a log has, of those that it should have; 0 where there is no log.
fn partitions_there(logs: &dyn PartitionLogs, log: LogId, wanted: u32) -> u32 {
    let is_there = |index: &u32| logs.partition(PartitionId { log, index: *index }).is_ok();
    (0..wanted).take_while(is_there).fold(0, |count, _| count + 1)
}

/// Changes of logs wait for the disk: never on the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| stopping())?
}

fn stopping() -> LogError {
    LogError::Unavailable { reason: "the server is stopping".to_owned() }
}

#[cfg(test)]
mod tests;
