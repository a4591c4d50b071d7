//! Starts, stops and accidents.

use super::*;

impl World {
    pub(super) fn options(&self) -> OpenOptions {
        let storage = match self.durability {
            Durability::Memory => Storage::Memory,
            Durability::Disk | Durability::Os => Storage::Dir(ROOT.into()),
        };
        OpenOptions {
            storage,
            durability: self.durability,
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            budget: ByteBudget::new(64 << 20),
            segment_bytes_max: 6_000,
            journal_file_bytes: 64 << 10,
            journal_bytes_max: 256 << 10,
            ..OpenOptions::dir(ROOT)
        }
    }

    /// Drops the log as a dead process does.
    pub(super) fn drop_log(&mut self) {
        if let Some(open) = self.open.take()
            && let Some(commit) = open.commit.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            commit.abandon(&open.log);
        }
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.control.clear();
        self.looks.clear();
        self.resting = None;
    }

    /// The machine comes up and the log is opened; in the recovery, a further accident after so many operations.
    pub(super) fn restart(&mut self, accident: u64) -> Result<(), Failure> {
        let down = self.disk.down().unwrap_or(Down::Kill);
        self.drop_log();
        self.disk.come_up();
        self.disk.calm();
        if self.durability == Durability::Memory {
            // Everything is gone, as was said.
            self.model = Model { acknowledged: self.model.acknowledged, ..Model::default() };
            self.start(0)?;
            return self.create(2, None);
        }
        if accident > 0 {
            self.disk.arm(if down == Down::Power { Fault::Power } else { Fault::Kill }, accident - 1);
        }
        self.start_after(Some(down))
    }

    /// The first start.
    pub(super) fn start(&mut self, accident: u64) -> Result<(), Failure> {
        if accident > 0 {
            self.disk.arm(Fault::Power, accident - 1);
        }
        self.start_after(None)
    }

    pub(super) fn start_after(&mut self, mut down: Option<Down>) -> Result<(), Failure> {
        loop {
            match EmbeddedLog::open_stepped(self.options()) {
                Ok((log, commit, background, report)) => {
                    let commit = Arc::new(Mutex::new(Some(commit)));
                    self.open = Some(Open { log, commit, background });
                    self.disk.calm();
                    self.disk.note(format_args!("opened: {report:?}"));
                    if !report.damage.is_empty() {
                        let seen = format!("{:?}", report.damage);
                        return broken("without rot nothing is damaged", seen);
                    }
                    if !report.orphans.is_empty() {
                        return broken("no file of ours is an orphan", format!("{:?}", report.orphans));
                    }
                    self.recoveries += 1;
                    return self.check_recovered(down);
                }
                Err(error) => {
                    let Some(how) = self.disk.down() else {
                        return broken("a folder opens after any accident", error.to_string());
                    };
                    down = if how == Down::Power { Some(how) } else { down.or(Some(how)) };
                    self.disk.come_up();
                    self.disk.calm();
                }
            }
        }
    }

    /// A clean stop and a start; faults that wait may strike it.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let commit = open.commit.lock().unwrap_or_else(PoisonError::into_inner).take();
        let closed = commit.map(|commit| commit.close(&open.log));
        drop(open);
        self.take_answers()?;
        if self.disk.down().is_none() && matches!(closed, Some(Ok(()))) && !self.control.is_empty() {
            return broken("a clean stop answers everyone", "the control log did not");
        }
        if self.disk.down().is_none() {
            self.disk.go_down(Down::Kill);
        }
        self.restart(0)
    }
}
