//! Verifying a folder from end to end.

use std::io;
use std::path::Path;

use forebay_event::BatchRef;

use super::finding::{Check, Finding, Severity};
use super::{Folder, InspectError, files, io_error, rounds, segments};
use crate::control::ControlSnapshot;
use crate::types::{PartitionId, Sequence};

/// Progress is told each time so many more bytes have been looked at.
const PROGRESS_BYTES: u64 = 4 * 1024 * 1024;

/// Hears what a verification finds, as it finds it.
pub trait Inspector {
    /// Something was found.
    fn finding(&mut self, finding: &Finding);

    /// So many bytes of so many have been looked at.
    fn progress(&mut self, _done: u64, _total: u64) {}

    /// An entry of the control log, in order; the log does not look into it. `sequence` is its number.
    ///
    /// # Errors
    /// Why it cannot be read, if it cannot: that becomes a finding.
    fn control_entry(&mut self, _sequence: Sequence, _body: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// A sound control snapshot.
    ///
    /// # Errors
    /// Why it cannot be read, if it cannot: that becomes a finding.
    fn control_snapshot(&mut self, _snapshot: &ControlSnapshot) -> Result<(), String> {
        Ok(())
    }
}

/// What was looked at, and how much was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Findings that are only notes.
    pub notes: u64,
    /// Findings of damage by which no event is lost.
    pub damage: u64,
    /// Findings of loss.
    pub loss: u64,
    /// Sound entries of the manifest.
    pub manifest_entries: u64,
    /// Files of the journal.
    pub journal_files: u64,
    /// Rounds of the journal looked at.
    pub rounds: u64,
    /// Partitions with a segment.
    pub partitions: u64,
    /// Segments.
    pub segments: u64,
    /// Frames, in segments and in the journal.
    pub frames: u64,
    /// Records in frames that are sound.
    pub records: u64,
    /// Index entries.
    pub index_entries: u64,
    /// Control snapshots.
    pub snapshots: u64,
    /// Entries of the control log.
    pub control_entries: u64,
    /// Bytes of frames looked at.
    pub bytes: u64,
}

impl Summary {
    /// Whether everything is what was written.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damage == 0 && self.loss == 0
    }
}

impl Folder {
    /// Looks at everything and tells `inspector` what is found. Writes nothing.
    ///
    /// # Errors
    /// Only where the system forbids it; a file that cannot be read is a finding.
    pub fn verify(&self, inspector: &mut dyn Inspector) -> Result<Summary, InspectError> {
        let frames = self.journal.rounds.iter().chain(&self.journal.spent).map(|round| round.header.padded());
        let segments = self.manifest.catalog.used().map(|(_, used)| used.segments.bytes());
        let total = frames.chain(segments).sum();
        let summary = Summary {
            manifest_entries: self.manifest.entries,
            journal_files: self.journal.files.len() as u64,
            ..Summary::default()
        };
        let mut run = Run { folder: self, inspector, summary, done: 0, told: 0, total };
        for finding in &self.found {
            run.report(finding);
        }
        if !self.manifest.catalog.clean_stop_agrees() {
            let what = "the last entry, a clean stop, names other ends than the segments on record have";
            let name = crate::format::names::manifest(self.manifest.number);
            run.report(&Finding::new(Check::CleanStop, Severity::Damage, name, what));
        }
        for (id, used) in self.manifest.catalog.used() {
            segments::verify_partition(&mut run, id, used)?;
        }
        let control_end = rounds::verify_journal(&mut run)?;
        files::verify_snapshots(&mut run, control_end)?;
        files::look_for_strays(&mut run)?;
        run.inspector.progress(total, total);
        Ok(run.summary)
    }
}

/// A verification under way.
pub(super) struct Run<'a> {
    pub(super) folder: &'a Folder,
    inspector: &'a mut dyn Inspector,
    pub(super) summary: Summary,
    done: u64,
    told: u64,
    total: u64,
}

impl Run<'_> {
    pub(super) fn report(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Note => self.summary.notes += 1,
            Severity::Damage => self.summary.damage += 1,
            Severity::Loss => self.summary.loss += 1,
        }
        self.inspector.finding(finding);
    }

    /// So many more bytes have been looked at.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done - self.told >= PROGRESS_BYTES {
            self.told = self.done;
            self.inspector.progress(self.done.min(self.total), self.total);
        }
    }

    /// A sound frame was looked at. Hands on the entries of one of the control log's.
    pub(super) fn sound_frame(&mut self, id: PartitionId, place: (&Path, u64), base: Sequence, batch: &[u8]) {
        if id != PartitionId::CONTROL {
            return;
        }
        let Ok(parsed) = BatchRef::parse(batch) else { return };
        for record in parsed.records().map_while(Result::ok) {
            let sequence = base.plus(u64::from(record.offset_delta));
            self.summary.control_entries += 1;
            if let Err(what) = self.inspector.control_entry(sequence, record.value.unwrap_or_default()) {
                let finding = Finding::new(Check::ControlEntry, Severity::Loss, place.0, what);
                self.report(&finding.at(place.1).of(id).events(sequence, sequence.plus(1)));
            }
        }
    }

    /// A sound control snapshot. Says why it cannot be read, if it cannot.
    pub(super) fn snapshot(&mut self, snapshot: &ControlSnapshot) -> Result<(), String> {
        self.summary.snapshots += 1;
        self.inspector.control_snapshot(snapshot)
    }

    /// A file could not be read: a finding, unless it is only forbidden to us.
    pub(super) fn unreadable(&mut self, finding: Finding, error: io::Error) -> Result<(), InspectError> {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Err(io_error("read", &self.folder.root.join(&finding.file))(error));
        }
        self.report(&Finding { check: Check::Unreadable, what: error.to_string(), ..finding });
        Ok(())
    }
}
