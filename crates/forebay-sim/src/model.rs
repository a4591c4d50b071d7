//! What must be true: every batch ever handed in and what became of it, in plain vectors.

use std::collections::{BTreeMap, BTreeSet};

use forebay_log::{LogId, PartitionId, StoredBatch};
use forebay_log_contract::bodies;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which promise; a shorter plan must break the same one.
    pub promise: &'static str,
    /// What was seen.
    pub seen: String,
}

/// Fails with a promise.
pub(crate) fn broken<T>(promise: &'static str, seen: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { promise, seen: seen.into() })
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Handed in; not answered, or with "unknown".
    Open,
    /// Acknowledged, or read: it has this number for ever.
    At(u64),
    /// Refused for sure.
    Refused,
    /// A recovery did not bring it back, and might have.
    Lost,
}

/// A batch that was handed in; its place in the vector is its name.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) partition: PartitionId,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) fate: Fate,
    /// Its append time, once it is known.
    pub(crate) time: i64,
}

/// An event's body: it names its batch and its place, so that any mix-up shows.
pub(crate) fn body(batch: usize, event: usize, bytes: usize) -> Vec<u8> {
    let mut body = format!("{batch}.{event}:").into_bytes();
    while body.len() < bytes {
        body.push(b'a' + u8::try_from((batch + event + body.len()) % 26).unwrap_or(0));
    }
    body
}

/// A partition as it must be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// Where it begins.
    pub(crate) first: u64,
    /// A trim of unknown outcome may have gone up to here.
    pub(crate) maybe_first: u64,
    /// The next number.
    pub(crate) next: u64,
    /// Batches by their first number.
    pub(crate) at: BTreeMap<u64, usize>,
    /// What an `os` level must keep in a power cut.
    pub(crate) safe: u64,
}

/// A log as it must be.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) partitions: u32,
    /// A growth of unknown outcome.
    pub(crate) maybe_partitions: u32,
    /// Milliseconds.
    pub(crate) retention: Option<i64>,
    /// Whether it is there for sure; `None`: a deletion or making of unknown outcome.
    pub(crate) there: Option<bool>,
}

/// Everything that must be true.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) batches: Vec<Batch>,
    pub(crate) logs: BTreeMap<LogId, Log>,
    pub(crate) parts: BTreeMap<PartitionId, Part>,
    /// Snapshots of the control log that were put: position, and whether that was confirmed.
    pub(crate) snapshots: Vec<(u64, bool)>,
    pub(crate) acknowledged: u64,
}

/// What a snapshot at a position holds.
pub(crate) fn snapshot_bytes(position: u64) -> Vec<u8> {
    format!("everything below {position}").into_bytes()
}

impl Model {
    /// A batch is handed in; its name.
    pub(crate) fn submit(&mut self, partition: PartitionId, events: usize, bytes: usize) -> usize {
        self.batches.push(Batch { partition, events, bytes, fate: Fate::Open, time: 0 });
        self.batches.len() - 1
    }

    /// A batch was acknowledged.
    pub(crate) fn acknowledge(
        &mut self,
        name: usize,
        base: u64,
        last: u64,
        time: i64,
    ) -> Result<(), Failure> {
        self.acknowledged += 1;
        let batch = &mut self.batches[name];
        let part = self.parts.entry(batch.partition).or_default();
        if base != part.next || last + 1 - base != batch.events as u64 {
            let (id, next, events) = (batch.partition, part.next, batch.events);
            return broken(
                "numbers are dense and never given twice",
                format!("{id}: {events} events got {base} to {last}, and {next} was next"),
            );
        }
        (batch.fate, batch.time) = (Fate::At(base), time);
        part.at.insert(base, name);
        part.next = last + 1;
        Ok(())
    }

    /// A batch was refused for sure.
    pub(crate) fn refuse(&mut self, name: usize) {
        self.batches[name].fate = Fate::Refused;
    }

    /// A batch was read: says its name, if its bytes are those that were handed in.
    pub(crate) fn recognise(&self, partition: PartitionId, read: &StoredBatch) -> Result<usize, Failure> {
        let found = bodies(read);
        let text = String::from_utf8_lossy(found.first().map_or(&[], Vec::as_slice)).into_owned();
        let name = text.split('.').next().and_then(|name| name.parse().ok());
        let Some((name, batch)) = name.and_then(|name: usize| Some((name, self.batches.get(name)?))) else {
            return broken("what is read was written", format!("{partition}: {text:?} was never handed in"));
        };
        let expected: Vec<Vec<u8>> = (0..batch.events).map(|event| body(name, event, batch.bytes)).collect();
        if found != expected || batch.partition != partition {
            return broken("what is read was written", format!("{partition}: batch {name} has other bytes"));
        }
        Ok(name)
    }

    /// A partition was read from its first event to its last: every batch in order.
    /// `holes` are ranges that could not be read and were said to be damaged.
    pub(crate) fn compare(
        &mut self,
        partition: PartitionId,
        (first, next): (u64, u64),
        read: &[std::sync::Arc<StoredBatch>],
        holes: &[(u64, u64)],
    ) -> Result<(), Failure> {
        let mut before = None;
        for batch in read {
            let name = self.recognise(partition, batch)?;
            if before.is_some_and(|before| before >= name) {
                return broken(
                    "events are read once and in order",
                    format!("{partition}: batch {name} comes after {before:?}"),
                );
            }
            before = Some(name);
            let base = batch.base.0;
            match self.batches[name].fate {
                Fate::At(own) if own == base => {}
                Fate::Open => {
                    (self.batches[name].fate, self.batches[name].time) =
                        (Fate::At(base), batch.append_time.0);
                    self.parts.entry(partition).or_default().at.insert(base, name);
                }
                fate => {
                    let seen = format!("{partition}: batch {name} is at {base}, and was {fate:?}");
                    return broken("what was refused or lost does not come back", seen);
                }
            }
        }
        let seen: BTreeSet<u64> = read.iter().map(|batch| batch.base.0).collect();
        let part = self.parts.entry(partition).or_default();
        for (base, name) in part.at.range(first..next) {
            let in_hole = holes.iter().any(|(from, to)| from <= base && base < to);
            if !seen.contains(base) && !in_hole {
                return broken(
                    "an acknowledged append is read back",
                    format!("{partition}: batch {name} at {base} is not there ({first} to {next})"),
                );
            }
        }
        part.next = part.next.max(next);
        Ok(())
    }

    /// A power cut took the end of a partition, which its level allows.
    pub(crate) fn give_up(&mut self, partition: PartitionId, next: u64) {
        let part = self.parts.entry(partition).or_default();
        for name in part.at.split_off(&next).into_values() {
            self.batches[name].fate = Fate::Lost;
        }
        part.next = next;
    }

    /// A recovery is over: what did not come back by now never will.
    pub(crate) fn settle(&mut self) {
        for batch in self.batches.iter_mut().filter(|batch| batch.fate == Fate::Open) {
            batch.fate = Fate::Lost;
        }
    }
}
