//! A run: the shipped log on the simulated disk, driven step by step, held against the model.

mod check;
mod restart;
mod rot;

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use forebay_event::Origin;
use forebay_log::{
    Answer, Appended, BackgroundSteps, ByteBudget, Clock as _, CommitSteps, Completion, Conditions,
    ControlEntry, ControlLog as _, ControlPosition, ControlSnapshot, Durability, Effect, EmbeddedLog,
    EntryClass, LogError, LogId, LogPolicy, Millis, OpenOptions, PartitionId, PartitionLogs as _, Sequence,
    Stepped, Storage, Submission,
};
use forebay_log_contract::{ManualClock, batch_of};

use crate::disk::{Down, Fault, FaultDisk};
use crate::model::{Failure, Fate, Log, Model, body, broken, snapshot_bytes};
use crate::plan::{Plan, Step, Verb};

const ROOT: &str = "/data";
const FOREVER: i64 = i64::MAX;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The promise that was broken.
    pub failure: Option<Failure>,
    /// How often each kind of fault struck.
    pub faults: std::collections::BTreeMap<Fault, u64>,
    /// Batches whose acknowledgement was held against what was read later.
    pub acknowledged: u64,
    /// Recoveries that were checked.
    pub recoveries: u64,
    /// Operations of the disk.
    pub operations: u64,
    /// The sum over the trace, and its lines if they were asked for.
    pub trace: (Vec<String>, u64),
}

type Came = Arc<Mutex<Vec<(usize, Result<Appended, LogError>)>>>;

/// Takes an answer, unless the machine is down: then nobody hears it.
#[derive(Debug)]
struct Ticket {
    name: usize,
    came: Came,
    disk: FaultDisk,
}

impl Completion for Ticket {
    fn complete(&self, outcome: Result<Appended, LogError>) {
        if self.disk.down().is_none() {
            self.came.lock().unwrap_or_else(PoisonError::into_inner).push((self.name, outcome));
        }
    }
}

/// An open log and what drives it.
#[derive(Debug)]
struct Open {
    log: EmbeddedLog,
    /// Shared with the hook that lets a round run in the middle of something else.
    commit: Arc<Mutex<Option<CommitSteps>>>,
    background: BackgroundSteps,
}

pub(crate) struct World {
    disk: FaultDisk,
    clock: ManualClock,
    durability: Durability,
    open: Option<Open>,
    model: Model,
    came: Came,
    control: Vec<(usize, Answer<Vec<ControlPosition>>)>,
    /// The wall clock jumped forward: expiry rests until this monotonic time, and what had expired by this wall time
    /// may go before.
    resting: Option<(u64, i64)>,
    /// The `os` level: what had been acknowledged when the background looked.
    looks: Vec<(u64, Vec<(PartitionId, u64)>)>,
    next_log: u64,
    recoveries: u64,
    at: usize,
}

/// Runs a plan.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    run_traced(plan, false)
}

/// Runs a plan, and keeps the trace's lines if asked.
#[must_use]
pub fn run_traced(plan: &Plan, keep_trace: bool) -> Outcome {
    let clock = ManualClock::new();
    let disk = FaultDisk::new(plan.seed, Path::new(ROOT), clock.clone());
    if keep_trace {
        disk.keep_trace();
    }
    let mut world = World {
        disk: disk.clone(),
        clock,
        durability: plan.durability,
        open: None,
        model: Model::default(),
        came: Came::default(),
        control: Vec::new(),
        resting: None,
        looks: Vec::new(),
        next_log: 1,
        recoveries: 0,
        at: 0,
    };
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run(plan)));
    let failure = match ran {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Failure { promise: "nothing panics", seen: text.unwrap_or_default() })
        }
    };
    let failure = failure.map(|failure| {
        let step = plan.steps.get(world.at).map_or("the end".to_owned(), Step::to_string);
        Failure { seen: format!("{} (step {}: {step})", failure.seen, world.at), ..failure }
    });
    world.disk.calm();
    world.drop_log();
    Outcome {
        failure,
        faults: disk.counts(),
        acknowledged: world.model.acknowledged,
        recoveries: world.recoveries,
        operations: disk.operations(),
        trace: disk.trace(),
    }
}

fn commit_round(commit: &Mutex<Option<CommitSteps>>) -> Stepped {
    // Taken by whoever is in the middle of a round: then this one is that one's next.
    match commit.try_lock() {
        Ok(mut commit) => commit.as_mut().map_or(Stepped::Nothing, CommitSteps::round),
        Err(_) => Stepped::Nothing,
    }
}

impl World {
    fn run(&mut self, plan: &Plan) -> Result<(), Failure> {
        self.start(0)?;
        for retention in [None, Some(3_600_000)] {
            self.create(2, retention)?;
        }
        for (at, step) in plan.steps.iter().enumerate() {
            self.at = at;
            self.disk.note(format_args!("step {at}: {step}"));
            if step.verb == Verb::Rot && self.durability != Durability::Memory {
                return self.rot(step.numbers);
            }
            self.step(*step)?;
            self.take_answers()?;
            if self.disk.down().is_some() {
                self.restart(0)?;
            }
        }
        self.at = plan.steps.len();
        self.finish()
    }

    fn log(&self) -> Result<&EmbeddedLog, Failure> {
        match &self.open {
            Some(open) => Ok(&open.log),
            None => broken("the log is open", "it is not"),
        }
    }

    fn step(&mut self, step: Step) -> Result<(), Failure> {
        let [a, b, c] = step.numbers;
        match step.verb {
            Verb::Append => self.append(self.pick(a, b), c % 10_000, c / 10_000)?,
            Verb::Burst => {
                for _ in 0..c.min(16) {
                    self.append(self.pick(a, b), 4, 2_400)?;
                    self.round()?;
                    self.take_answers()?;
                    if self.disk.down().is_some() {
                        break;
                    }
                }
            }
            Verb::Round => self.round()?,
            Verb::Idle => {
                if let Some(open) = &self.open
                    && let Some(commit) = open.commit.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
                {
                    commit.idle();
                }
            }
            Verb::Background => self.background()?,
            Verb::Advance => {
                self.clock.advance(Millis(a.min(100_000_000)));
                self.background()?;
            }
            Verb::Jump => self.jump(a),
            Verb::Read => {
                let partition = self.pick(a, b);
                self.check_partition(partition, true)?;
            }
            Verb::Trim => self.trim(self.pick(a, b), c.min(100))?,
            Verb::Maintain => {
                // A refusal shows in the log's health; what it did is checked below.
                drop(self.log()?.maintain());
                self.check_starts()?;
            }
            Verb::Evict => self.log()?.evict_tail(),
            Verb::Create => {
                let hours = i64::try_from(b % 3).unwrap_or(0);
                self.create(1 + u32::try_from(a % 3).unwrap_or(0), (hours > 0).then(|| hours * 3_600_000))?;
            }
            Verb::Grow => self.grow(self.pick(a, 0).log)?,
            Verb::Delete => self.delete(self.pick(a, 0).log)?,
            Verb::Control => self.control(1 + a % 4)?,
            Verb::Snapshot => self.snapshot()?,
            Verb::Truncate => self.truncate()?,
            Verb::Kill | Verb::Cut => {
                self.disk.go_down(if step.verb == Verb::Cut { Down::Power } else { Down::Kill });
                self.take_answers()?;
                self.restart(a)?;
            }
            Verb::Close => self.close()?,
            Verb::Fault => {
                let fault = Fault::ALL[usize::try_from(a).unwrap_or(0) % Fault::ALL.len()];
                self.disk.arm(fault, b);
            }
            // The run ends with it; see `run`.
            Verb::Rot => {}
            Verb::Full => self.disk.set_full(a > 0),
            Verb::Meanwhile => {
                if let Some(open) = &self.open {
                    let commit = Arc::clone(&open.commit);
                    self.disk.meanwhile(a, move || {
                        commit_round(&commit);
                    });
                }
            }
        }
        Ok(())
    }

    /// A partition that there may be.
    fn pick(&self, log: u64, partition: u64) -> PartitionId {
        let there: Vec<_> = self.model.logs.iter().filter(|(_, log)| log.there == Some(true)).collect();
        let at = usize::try_from(log).unwrap_or(0) % there.len().max(1);
        match there.get(at) {
            Some((id, log)) => {
                let index = u32::try_from(partition).unwrap_or(0) % log.partitions.max(1);
                PartitionId { log: **id, index }
            }
            None => PartitionId { log: LogId(u64::MAX), index: 0 },
        }
    }

    fn append(&mut self, partition: PartitionId, events: u64, bytes: u64) -> Result<(), Failure> {
        let (events, bytes) =
            (usize::try_from(events.clamp(1, 8)).unwrap_or(1), usize::try_from(bytes % 2_500).unwrap_or(0));
        let Ok(door) = self.log()?.partition(partition) else { return Ok(()) };
        let name = self.model.submit(partition, events, bytes);
        let bodies: Vec<Vec<u8>> = (0..events).map(|event| body(name, event, bytes)).collect();
        let done = Arc::new(Ticket { name, came: Arc::clone(&self.came), disk: self.disk.clone() });
        let submission = Submission {
            batch: batch_of(&bodies),
            origin: Origin::Amqp,
            conditions: Conditions::default(),
            done,
        };
        if let Err(error) = door.append(submission) {
            self.answered(name, Err(error))?;
        }
        Ok(())
    }

    fn control(&mut self, entries: u64) -> Result<(), Failure> {
        let events = usize::try_from(entries).unwrap_or(1);
        let name = self.model.submit(PartitionId::CONTROL, events, 40);
        let entries = (0..events)
            .map(|event| ControlEntry { class: EntryClass::Durable, body: body(name, event, 40) })
            .collect();
        let answer = self.log()?.append(entries);
        self.control.push((name, answer));
        Ok(())
    }

    /// A round; if it waits for a journal file the background frees one, or says why not.
    fn round(&mut self) -> Result<(), Failure> {
        for _ in 0..8 {
            let Some(open) = &mut self.open else { return Ok(()) };
            if commit_round(&open.commit) != Stepped::Waiting {
                return Ok(());
            }
            open.background.due();
            if self.disk.down().is_some() {
                return Ok(());
            }
            self.clock.advance(Millis(1_000));
        }
        broken(
            "a round that waits for a journal file gets one or is refused",
            "it still waits after 8 passes",
        )
    }

    fn background(&mut self) -> Result<(), Failure> {
        let now = self.clock.monotonic().0;
        // Before the step: what is acknowledged in its middle is seen by the next one.
        let before: Vec<_> = self.model.parts.iter().map(|(id, part)| (*id, part.next)).collect();
        let Some(open) = &mut self.open else { return Ok(()) };
        for _ in 0..4 {
            if open.background.due() == Stepped::Nothing {
                break;
            }
        }
        self.take_answers()?;
        if self.disk.down().is_some() {
            return Ok(());
        }
        if self.durability == Durability::Os {
            let poisoned = matches!(self.log()?.health(), forebay_log::Health::ReadOnly(_));
            let due = self.looks.iter().rposition(|(at, _)| at + 1_000 <= now).filter(|_| !poisoned);
            if let Some(last) = due {
                for (partition, next) in self.looks.drain(..=last).flat_map(|(_, nexts)| nexts) {
                    let part = self.model.parts.entry(partition).or_default();
                    part.safe = part.safe.max(next);
                }
            }
            self.looks.push((now, before));
        }
        self.check_starts()
    }

    fn jump(&mut self, minutes: u64) {
        let by = i64::try_from(minutes.min(20 * 24 * 60)).unwrap_or(0) * 60_000;
        let wall = self.clock.wall().0;
        self.clock.jump(by);
        if by > 5 * 60_000 {
            let until = self.clock.monotonic().0 + 3_600_000;
            let before = self.resting.filter(|(until, _)| *until > self.clock.monotonic().0);
            self.resting = Some((until, before.map_or(wall, |(_, wall)| wall)));
        }
    }

    fn trim(&mut self, partition: PartitionId, percent: u64) -> Result<(), Failure> {
        let Ok(door) = self.log()?.partition(partition) else { return Ok(()) };
        let bounds = door.bounds();
        let below = bounds.first.0 + (bounds.next.0 - bounds.first.0) * percent / 100;
        let part = self.model.parts.entry(partition).or_default();
        // The engine may show a batch at once as acknowledged, and the model hears of it a moment later.
        part.maybe_first = part.maybe_first.max(below);
        let trimmed = door.trim(Sequence(below));
        if self.disk.down().is_none() && trimmed.is_ok() {
            let part = self.model.parts.entry(partition).or_default();
            part.first = part.first.max(below);
        }
        Ok(())
    }

    fn create(&mut self, partitions: u32, retention: Option<i64>) -> Result<(), Failure> {
        let id = LogId(self.next_log);
        self.next_log += 1;
        let policy = match retention {
            Some(ms) => LogPolicy::retain(Millis(ms.unsigned_abs())),
            None => LogPolicy::KEEP,
        };
        let made = self.log()?.create(id, partitions, policy);
        let there = self.certain(made.err().as_ref(), true);
        self.model.logs.insert(id, Log { partitions, maybe_partitions: partitions, retention, there });
        Ok(())
    }

    /// Whether something is there after a call that should have made or removed it.
    fn certain(&self, error: Option<&LogError>, done: bool) -> Option<bool> {
        if self.disk.down().is_some() {
            return None;
        }
        match error.map(LogError::effect) {
            None | Some(Effect::Done) => Some(done),
            Some(Effect::NotDone) => Some(!done),
            Some(Effect::Unknown) => None,
        }
    }

    fn grow(&mut self, id: LogId) -> Result<(), Failure> {
        let Some(log) = self.model.logs.get(&id) else { return Ok(()) };
        let partitions = log.partitions + 1;
        let grown = self.log()?.grow(id, partitions);
        let certain = self.certain(grown.err().as_ref(), true);
        if let Some(log) = self.model.logs.get_mut(&id) {
            log.maybe_partitions = if certain == Some(false) { log.maybe_partitions } else { partitions };
            log.partitions = if certain == Some(true) { partitions } else { log.partitions };
        }
        Ok(())
    }

    fn delete(&mut self, id: LogId) -> Result<(), Failure> {
        if !self.model.logs.contains_key(&id) {
            return Ok(());
        }
        let deleted = self.log()?.delete(id);
        let there = self.certain(deleted.err().as_ref(), false);
        if let Some(log) = self.model.logs.get_mut(&id) {
            log.there = there;
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), Failure> {
        let position = self.log()?.end().durable;
        let snapshot = ControlSnapshot { position, bytes: snapshot_bytes(position.0) };
        let put = self.log()?.snapshot_put(&snapshot);
        let sure = put.is_ok() && self.disk.down().is_none();
        self.model.snapshots.push((position.0, sure));
        Ok(())
    }

    fn truncate(&mut self) -> Result<(), Failure> {
        let mut sure: Vec<u64> =
            self.model.snapshots.iter().filter(|(_, sure)| *sure).map(|(position, _)| *position).collect();
        sure.sort_unstable();
        sure.dedup();
        let Some(below) = sure.len().checked_sub(2).map(|second| sure[second]) else { return Ok(()) };
        let part = self.model.parts.entry(PartitionId::CONTROL).or_default();
        part.maybe_first = part.maybe_first.max(below);
        let truncated = self.log()?.truncate(Sequence(below));
        if truncated.is_ok() && self.disk.down().is_none() {
            let part = self.model.parts.entry(PartitionId::CONTROL).or_default();
            part.first = part.first.max(below);
        }
        Ok(())
    }

    /// Passes the answers that came on to the model.
    fn take_answers(&mut self) -> Result<(), Failure> {
        let came = core::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, outcome) in came {
            self.answered(name, outcome)?;
        }
        if self.disk.down().is_some() {
            return Ok(());
        }
        let mut context = Context::from_waker(Waker::noop());
        for (name, mut answer) in core::mem::take(&mut self.control) {
            match Pin::new(&mut answer).poll(&mut context) {
                Poll::Pending => self.control.push((name, answer)),
                Poll::Ready(Ok(places)) => {
                    let base = places.first().map_or(0, |place| place.durable.0 - 1);
                    let last = places.last().map_or(0, |place| place.durable.0 - 1);
                    self.model.acknowledge(name, base, last, self.clock.wall().0)?;
                }
                Poll::Ready(Err(error)) => self.answered(name, Err(error))?,
            }
        }
        Ok(())
    }

    fn answered(&mut self, name: usize, outcome: Result<Appended, LogError>) -> Result<(), Failure> {
        match outcome {
            Ok(appended) => {
                self.model.acknowledge(name, appended.base.0, appended.last.0, appended.append_time.0)
            }
            Err(error) if error.effect() == Effect::NotDone => {
                self.model.refuse(name);
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }
}
