//! The catalogue: the control log folded into a state, and how a change is made.
//!
//! A proposer appends an entry and waits until its own fold has passed it; the verdict is the answer. There is one
//! fold, in one task, and it is the only writer of the state. What a change means for the rest of the broker
//! ([`Effects`]) is done before the proposer is answered, so whoever holds an answer sees its effect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use forebay_log::{
    ControlEntry, ControlFollower, ControlLog, ControlRecord, ControlSnapshot, EntryClass, LogError, Sequence,
};
use forebay_namespace::{
    Change, Class, Command, Entry, NodeId, Position, Precondition, ProposalId, Rejection, State, Verdict,
    codec, snapshot,
};
use tokio::sync::oneshot;

/// How long a proposer waits for its own entry. After that the outcome is unknown to it.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(10);
/// Durable entries between two snapshots.
const SNAPSHOT_EVERY: u64 = 1_000;

/// What a change of the catalogue means outside of it. Called by the fold, in order; must not block.
pub(crate) trait Effects: Send + Sync {
    fn on_change(&self, change: &Change);
}

/// The folded control log.
pub(crate) struct Catalog {
    control: Arc<dyn ControlLog>,
    state: RwLock<State>,
    waiting: Mutex<HashMap<ProposalId, oneshot::Sender<Verdict>>>,
    /// Set when the fold has ended: entries of a level above ours, or a damaged log.
    halted: Mutex<Option<String>>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog").finish_non_exhaustive()
    }
}

/// Where the fold is.
pub(crate) struct Fold {
    follower: ControlFollower,
    /// All durable entries below this number are folded.
    folded: Sequence,
    snapshot_at: Sequence,
    /// The position of the snapshot before the last: what is below it may go.
    previous_snapshot: Option<Sequence>,
}

/// A catalogue that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The control log says why.
    #[error("the control log cannot be read: {0}")]
    Log(#[from] LogError),
    /// A snapshot or an entry is damaged.
    #[error("the catalogue is damaged: {0}")]
    Damaged(String),
    /// The folder was written by a newer version.
    #[error("the data needs a newer Forebay: its catalogue has level {level}; update this program")]
    TooNew {
        /// The level found.
        level: u32,
    },
}

/// A change that was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeRefused {
    /// A rule of the catalogue is against it.
    #[error(transparent)]
    Rule(Rejection),
    /// Storage failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Catalog {
    /// Reads the newest snapshot and folds everything behind it.
    pub(crate) async fn open(control: Arc<dyn ControlLog>) -> Result<(Arc<Self>, Fold), CatalogError> {
        let (mut state, from) = match control.snapshot_get()? {
            Some(ControlSnapshot { position, bytes }) => {
                let state =
                    snapshot::decode(&bytes).map_err(|error| CatalogError::Damaged(error.to_string()))?;
                (state, position)
            }
            None => (State::new(), Sequence::ZERO),
        };
        let mut follower = control.follow(from)?;
        let end = control.end().durable;
        let mut folded = from;
        while folded < end {
            let record = follower.next().await?;
            folded = record.position.durable;
            if let (_, Verdict::TooNew { level }) = fold_one(&mut state, &record)? {
                return Err(CatalogError::TooNew { level });
            }
        }
        let catalog =
            Self { control, state: RwLock::new(state), waiting: Mutex::default(), halted: Mutex::default() };
        let fold = Fold { follower, folded, snapshot_at: from, previous_snapshot: None };
        Ok((Arc::new(catalog), fold))
    }

    /// Looks at the state. Short: the fold waits meanwhile.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Proposes a change and waits for its verdict.
    pub(crate) async fn propose(
        &self,
        time_ms: i64,
        command: impl Into<Command>,
        preconditions: Vec<Precondition>,
    ) -> Result<Verdict, LogError> {
        let command = command.into();
        let class = match command.class() {
            Some(Class::Session) => EntryClass::Session,
            _ => EntryClass::Durable,
        };
        let proposal = ProposalId(crate::random::u128());
        let entry = Entry { proposal, proposer: NodeId::default(), time_ms, preconditions, command };
        let (sender, verdict) = oneshot::channel();
        lock(&self.waiting).insert(proposal, sender);
        let _forget = Forget { catalog: self, proposal };
        if let Some(why) = lock(&self.halted).clone() {
            return Err(LogError::Unavailable { reason: why });
        }
        self.control.append(vec![ControlEntry { class, body: codec::encode(&entry) }]).await?;
        match tokio::time::timeout(VERDICT_TIMEOUT, verdict).await {
            Ok(Ok(verdict)) => Ok(verdict),
            _ => Err(LogError::Indeterminate { reason: "the catalogue's verdict did not come".to_owned() }),
        }
    }

    /// Makes a change: what it changed, in order, which may be nothing.
    pub(crate) async fn change(
        &self,
        time_ms: i64,
        command: impl Into<Command>,
    ) -> Result<Vec<Change>, ChangeRefused> {
        match self.propose(time_ms, command, Vec::new()).await? {
            Verdict::Applied(changes) => Ok(changes),
            Verdict::Rejected(why) => Err(ChangeRefused::Rule(why)),
            Verdict::Duplicate { .. } | Verdict::TooNew { .. } => {
                Err(ChangeRefused::Log(LogError::Unavailable {
                    reason: "the catalogue takes no changes".to_owned(),
                }))
            }
        }
    }

    /// Folds for ever. Ends with the reason why it cannot go on.
    pub(crate) async fn fold(self: Arc<Self>, mut fold: Fold, effects: Arc<dyn Effects>) {
        loop {
            let halted = match fold.follower.next().await {
                Ok(record) => match self.fold_live(&record, &*effects) {
                    Ok(()) => {
                        fold.folded = fold.folded.max(record.position.durable);
                        self.snapshot_if_due(&mut fold).await;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            tracing::error!("the catalogue takes no changes any more: {halted}");
            *lock(&self.halted) = Some(halted);
            lock(&self.waiting).clear();
            return;
        }
    }

    fn fold_live(&self, record: &ControlRecord, effects: &dyn Effects) -> Result<(), CatalogError> {
        let (proposal, verdict) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            fold_one(&mut state, record)?
        };
        if let Verdict::TooNew { level } = verdict {
            return Err(CatalogError::TooNew { level });
        }
        if let Verdict::Applied(changes) = &verdict {
            for change in changes {
                effects.on_change(change);
            }
        }
        if let Some(waiter) = lock(&self.waiting).remove(&proposal) {
            // A proposer that has given up does not mind.
            let _unheard = waiter.send(verdict);
        }
        Ok(())
    }

    async fn snapshot_if_due(&self, fold: &mut Fold) {
        if fold.folded.0 - fold.snapshot_at.0 < SNAPSHOT_EVERY {
            return;
        }
        let position = fold.folded;
        let Some(bytes) = self.read(snapshot::encode) else { return };
        fold.snapshot_at = position;
        // The second-newest snapshot still needs what is behind it.
        let below = fold.previous_snapshot.replace(position);
        let control = Arc::clone(&self.control);
        let kept = tokio::task::spawn_blocking(move || {
            control.snapshot_put(&ControlSnapshot { position, bytes })?;
            below.map_or(Ok(()), |below| control.truncate(below))
        });
        let why = match kept.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(died) => died.to_string(),
        };
        // Nothing may go that the last snapshot on disk needs.
        fold.previous_snapshot = below;
        tracing::warn!("the catalogue's snapshot was not kept: {why}; trying again later");
    }
}

/// A durable entry's place counts from 1, so that session entries before the first have one too.
fn fold_one(state: &mut State, record: &ControlRecord) -> Result<(ProposalId, Verdict), CatalogError> {
    let entry = codec::decode(&record.body).map_err(|error| CatalogError::Damaged(error.to_string()))?;
    let (log, session) = (record.position.durable.0, record.position.session);
    let position = if session == 0 { Position::in_log(log) } else { Position::behind(log, session) };
    let verdict = forebay_namespace::apply(state, position, &entry);
    Ok((entry.proposal, verdict))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets a proposer that no longer waits, whichever way it left.
struct Forget<'a> {
    catalog: &'a Catalog,
    proposal: ProposalId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.catalog.waiting).remove(&self.proposal);
    }
}
