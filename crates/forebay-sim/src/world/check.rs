//! The promises, one after another.

use std::task::Waker;

use forebay_log::{Health, PartitionLog, Read, StoredBatch};

use super::*;
use crate::model::Part;

impl World {
    /// After a start: everything is there, nothing else is, and it goes on.
    pub(super) fn check_recovered(&mut self, down: Option<Down>) -> Result<(), Failure> {
        let may_lose = self.durability == Durability::Os && down == Some(Down::Power);
        self.check_logs()?;
        self.check_snapshot()?;
        let mut all = vec![PartitionId::CONTROL];
        for (id, log) in &self.model.logs {
            if log.there == Some(true) {
                all.extend((0..log.partitions).map(|index| PartitionId { log: *id, index }));
            }
        }
        for partition in all {
            let Ok(door) = self.log()?.partition(partition) else {
                return broken("a partition that was made is there", partition.to_string());
            };
            let next = door.bounds().next.0;
            let part = self.model.parts.entry(partition).or_default();
            if next < part.next {
                if !may_lose || next < part.safe {
                    let seen = format!("{partition} ends at {next}, and {} was next", part.next);
                    return broken("an acknowledged append is read back", seen);
                }
                self.model.give_up(partition, next);
            }
            self.check_partition(partition, false)?;
        }
        self.model.settle();
        self.check_control()
    }

    fn check_logs(&mut self) -> Result<(), Failure> {
        let there = match self.log()?.logs() {
            Ok(there) => there,
            Err(error) => return broken("a log that opened answers", error.to_string()),
        };
        for (id, log) in &mut self.model.logs {
            let is_there = there.contains(id);
            match log.there {
                Some(true) if !is_there => return broken("a log that was made is there", id.to_string()),
                Some(false) if is_there => return broken("deleted logs stay deleted", id.to_string()),
                _ => log.there = Some(is_there),
            }
        }
        let ids: Vec<LogId> = self.model.logs.keys().copied().collect();
        for id in ids {
            let Some(known) = self.model.logs.get(&id).filter(|log| log.there == Some(true)).cloned() else {
                continue;
            };
            let grown = PartitionId { log: id, index: known.maybe_partitions - 1 };
            let partitions =
                if self.log()?.partition(grown).is_ok() { known.maybe_partitions } else { known.partitions };
            if let Some(log) = self.model.logs.get_mut(&id) {
                (log.partitions, log.maybe_partitions) = (partitions, partitions);
            }
        }
        Ok(())
    }

    fn check_snapshot(&self) -> Result<(), Failure> {
        let found = match self.log()?.snapshot_get() {
            Ok(found) => found,
            Err(error) => return broken("a control snapshot that was put is there", error.to_string()),
        };
        let sure = self.model.snapshots.iter().filter(|(_, sure)| *sure).map(|(at, _)| *at).max();
        let position = found.as_ref().map(|found| found.position.0);
        if position < sure {
            return broken("a control snapshot that was put is there", format!("{position:?}, not {sure:?}"));
        }
        if let Some(found) = found {
            let end = self.log()?.end().durable;
            if found.bytes != snapshot_bytes(found.position.0) || found.position > end {
                return broken("a control snapshot says what was put", format!("{position:?} of {end}"));
            }
        }
        Ok(())
    }

    /// The control log's entries as a follower sees them.
    fn check_control(&mut self) -> Result<(), Failure> {
        let first = self.model.parts.entry(PartitionId::CONTROL).or_default().first;
        let log = self.log()?;
        let mut follower = match log.follow(Sequence(first)) {
            Ok(follower) => follower,
            Err(error) => return broken("the control log is read back", error.to_string()),
        };
        let mut at = first;
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match follower.poll_next(&mut context) {
                Poll::Ready(Ok(record)) if record.position.durable.0 == at + 1 => at += 1,
                Poll::Ready(other) => {
                    return broken("the control log is read back", format!("after {at}: {other:?}"));
                }
                Poll::Pending => {
                    let Some(open) = &mut self.open else { return Ok(()) };
                    if open.background.read() == Stepped::Nothing {
                        break;
                    }
                }
            }
        }
        let next = self.model.parts.entry(PartitionId::CONTROL).or_default().next;
        if at != next {
            return broken("the control log is read back", format!("up to {at}, not {next}"));
        }
        Ok(())
    }

    /// Reads a partition from its first event to its last and holds it against the model. While running, faults may
    /// keep a read from its answer.
    pub(super) fn check_partition(&mut self, partition: PartitionId, running: bool) -> Result<(), Failure> {
        let Ok(door) = self.log()?.partition(partition) else { return Ok(()) };
        let bounds = door.bounds();
        self.check_start(partition, bounds.first.0)?;
        let mut from = bounds.first;
        let mut read: Vec<Arc<StoredBatch>> = Vec::new();
        while from < bounds.next {
            match self.read_some(&door, from) {
                Ok(batches) => {
                    for batch in batches {
                        if batch.base > from || batch.last < from {
                            let seen = format!("{partition}: asked for {from}, got {}", batch.base);
                            return broken("numbers are dense and never given twice", seen);
                        }
                        from = batch.end();
                        read.push(batch);
                    }
                }
                Err(_) if running && (self.disk.is_troubled() || self.disk.down().is_some()) => return Ok(()),
                // A read that a fault struck may be tried again.
                Err(LogError::Unavailable { .. }) if running => return Ok(()),
                Err(LogError::Damaged { what, .. })
                    if running && what != "these events were lost to damage" =>
                {
                    // A bit flipped on the way: said so, and gone when the disk is calm.
                    self.disk.calm();
                    if let Err(error) = self.read_some(&door, from) {
                        return broken(
                            "an acknowledged append is read back",
                            format!("{partition}: {error}"),
                        );
                    }
                }
                Err(error) => {
                    return broken("an acknowledged append is read back", format!("{partition}: {error}"));
                }
            }
        }
        self.take_answers()?;
        self.model.compare(partition, (bounds.first.0, bounds.next.0), &read, &[])
    }

    pub(super) fn read_some(
        &mut self,
        door: &Arc<dyn PartitionLog>,
        from: Sequence,
    ) -> Result<Vec<Arc<StoredBatch>>, LogError> {
        let mut read: Read = door.read(from, 20_000);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut read).poll(&mut context) {
                Poll::Ready(result) => return result.map(|found| found.batches),
                Poll::Pending => {
                    let worked = self.open.as_mut().map(|open| open.background.read());
                    if worked != Some(Stepped::Worked) {
                        return Err(LogError::Unavailable { reason: "nobody reads".into() });
                    }
                }
            }
        }
    }

    /// While running: nothing went that nobody asked for.
    pub(super) fn check_starts(&mut self) -> Result<(), Failure> {
        if self.durability == Durability::Memory {
            return Ok(());
        }
        let all: Vec<PartitionId> = self.model.parts.keys().copied().collect();
        for partition in all {
            if let Ok(door) = self.log()?.partition(partition) {
                self.check_start(partition, door.bounds().first.0)?;
            }
        }
        Ok(())
    }

    /// Where a partition begins: never further back, and what went was trimmed or has expired.
    fn check_start(&mut self, partition: PartitionId, first: u64) -> Result<(), Failure> {
        let retention = self.model.logs.get(&partition.log).and_then(|log| log.retention).unwrap_or(FOREVER);
        let (wall, mono) = (self.clock.wall().0, self.clock.monotonic().0);
        let now = self.resting.filter(|(until, _)| mono < *until).map_or(wall, |(_, wall)| wall);
        let part: &mut Part = self.model.parts.entry(partition).or_default();
        if first < part.first {
            let seen = format!("{partition} begins at {first}, and began at {}", part.first);
            return broken("what was trimmed stays away", seen);
        }
        for (base, name) in part.at.range(part.first.max(part.maybe_first).min(first)..first) {
            let batch = &self.model.batches[*name];
            let end = base + batch.events as u64;
            let expired = now.saturating_sub(batch.time) >= retention;
            if end <= first && !expired {
                let seen = format!("{partition}: batch {name} at {base} of {} went at {now}", batch.time);
                return broken("only what was trimmed or has expired goes", seen);
            }
        }
        part.first = first;
        Ok(())
    }

    /// The end of a run: with a calm disk everything works again, if need be after a restart.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.disk.calm();
        if matches!(self.log()?.health(), Health::ReadOnly(_)) {
            self.disk.go_down(Down::Kill);
            self.restart(0)?;
        }
        self.clock.advance(Millis(61_000));
        self.background()?;
        let before = self.model.batches.len();
        let logs: Vec<LogId> = self.model.logs.keys().copied().collect();
        for log in logs {
            self.append(PartitionId { log, index: 0 }, 2, 50)?;
        }
        self.control(1)?;
        self.round()?;
        self.round()?;
        self.take_answers()?;
        for (name, batch) in self.model.batches.iter().enumerate().skip(before) {
            if !matches!(batch.fate, Fate::At(_)) {
                let seen = format!("batch {name} for {} is {:?}", batch.partition, batch.fate);
                return broken("with a calm disk appends are taken again", seen);
            }
        }
        if self.durability == Durability::Memory {
            return Ok(());
        }
        self.disk.go_down(Down::Power);
        self.restart(0)
    }
}
