//! What can be found in a folder: which check found it, what it means, and what to do.

use std::path::PathBuf;

use crate::types::{PartitionId, Sequence};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it may be after a crash, or untidy; the next start sees to it.
    Note,
    /// Bytes are not what was written, but no event is lost by it.
    Damage,
    /// Events, or what says which events there are, cannot be read.
    Loss,
}

impl Severity {
    /// Its name in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Damage => "damage",
            Self::Loss => "loss",
        }
    }
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// The file, from the folder's root.
    pub file: PathBuf,
    /// Where in the file, in bytes from its start.
    pub at: Option<u64>,
    /// Whose events are concerned, where that can be told.
    pub partition: Option<PartitionId>,
    /// The first event concerned and the first behind them, where that can be told.
    pub events: Option<(Sequence, Sequence)>,
    /// What was found.
    pub what: String,
}

impl Finding {
    pub(super) fn new(
        check: Check,
        severity: Severity,
        file: impl Into<PathBuf>,
        what: impl Into<String>,
    ) -> Self {
        let (file, what) = (file.into(), what.into());
        Self { check, severity, file, at: None, partition: None, events: None, what }
    }

    pub(super) fn at(self, at: u64) -> Self {
        Self { at: Some(at), ..self }
    }

    pub(super) fn of(self, partition: PartitionId) -> Self {
        Self { partition: Some(partition), ..self }
    }

    pub(super) fn events(self, first: Sequence, next: Sequence) -> Self {
        Self { events: Some((first, next)), ..self }
    }
}

macro_rules! checks {
    ($($(#[$doc:meta])* $check:ident $name:literal, $meaning:literal, $advice:literal;)*) => {
        /// What is checked. The names are for scripts and stay.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Check {
            $($(#[$doc])* $check,)*
        }

        impl Check {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$check,)*];

            /// Its name, for scripts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$check => $name,)* }
            }

            /// What a finding of it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$check => $meaning,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$check => $advice,)* }
            }
        }
    };
}

checks! {
    /// `FORMAT` is sound.
    Format "format",
        "The folder's id is in this file, and every sum in the folder begins with it.",
        "Put back FORMAT from any copy of this folder; it never changes.";
    /// There is a manifest.
    ManifestMissing "manifest-missing",
        "The file that says which logs and segments there are is gone. The server refuses to start.",
        "Put back the folder from a copy; what is in logs/ and journal/ is still there.";
    /// A manifest begins with a whole snapshot.
    ManifestSnapshot "manifest-snapshot",
        "A manifest cannot be read from its beginning, so it does not count.",
        "Keep a copy of the folder before the next start; if no other manifest counts, put the folder back from a copy.";
    /// Every entry of the manifest is sound.
    ManifestEntry "manifest-entry",
        "What this entry and those behind it recorded is not known.",
        "Keep a copy of the folder before the next start, which would cut the manifest here.";
    /// Every entry of the manifest follows from those before it.
    ManifestOrder "manifest-order",
        "The manifest contradicts itself. The server refuses to start.",
        "Put back the folder from a copy, and report this: it is a fault of the program.";
    /// The manifest is as long as it was when it was flushed.
    ManifestEnd "manifest-end",
        "The journal knows of entries that the manifest no longer has. The server refuses to start.",
        "Put back the folder from a copy.";
    /// The manifest ends with a whole entry.
    ManifestTail "manifest-tail",
        "An entry was being written when the process or the machine stopped.",
        "Nothing; the next start cuts it.";
    /// What a clean stop recorded agrees with the segments on record.
    CleanStop "clean-stop",
        "The last stop recorded other ends than the segments have; the next start does not trust it.",
        "Report this: it is a fault of the program.";
    /// A journal file that has rounds has a sound header.
    JournalHeader "journal-header",
        "The rounds behind it are found all the same.",
        "Nothing at once. A disk that gives back other bytes than were written should be replaced.";
    /// What must be zeros in the journal is.
    JournalPadding "journal-padding",
        "Bytes that nothing reads have changed. No event is concerned.",
        "Nothing at once. A disk that gives back other bytes than were written should be replaced.";
    /// No round is missing at or below the greatest mark.
    RoundMissing "round-missing",
        "Acknowledged events were in it; which ones can only be told where later ones follow.",
        "Keep a copy of the folder, and ask the publishers for what they sent at that time.";
    /// The journal ends with a whole round.
    TornTail "torn-tail",
        "These rounds were being written when the process or the machine stopped. None was acknowledged for sure.",
        "Nothing; the next start cuts them.";
    /// Every frame's header is sound.
    FrameHeader "frame-header",
        "Where the next frame begins is not known from here; an index entry or the next round leads on.",
        "Keep a copy of the folder. Events outside of the range are served.";
    /// Every frame lies where it belongs.
    FramePlace "frame-place",
        "A sound frame lies in another's place.",
        "Keep a copy of the folder, and report this: it is a fault of the program or of the file system.";
    /// Every batch sums up.
    BatchSum "batch-sum",
        "The batch's bytes are not what was written.",
        "Keep a copy of the folder. Reading the range gives a definite error, the events around it are served.";
    /// The records of a batch can be walked.
    BatchRecords "batch-records",
        "The batch is what was written, but its records cannot be read one by one.",
        "Keep a copy of the folder, and report this: it is a fault of the program or of the publisher.";
    /// No sequence number is missing that retention or a trim does not explain.
    EventGap "event-gap",
        "These events were lost to damage before.",
        "Nothing brings them back here; ask their publishers. Reading the range gives a definite error.";
    /// Every segment on record has its file.
    SegmentMissing "segment-missing",
        "The segment's events cannot be read.",
        "Put the file back from a copy of the folder.";
    /// Every segment's file has the bytes on record.
    SegmentShort "segment-short",
        "The file ends before its recorded end.",
        "Put the file back from a copy of the folder.";
    /// A segment ends as recorded.
    SegmentEnd "segment-end",
        "The frames of the segment are sound but do not end as the manifest says.",
        "Keep a copy of the folder, and report this: it is a fault of the program.";
    /// Nothing lies behind a segment's recorded end.
    SegmentTail "segment-tail",
        "It was written before a crash and never put on record; the journal has it if it was acknowledged.",
        "Nothing; it is written over or left alone.";
    /// A closed segment has an index.
    IndexMissing "index-missing",
        "Reads of this segment begin at its start until an index has been learnt.",
        "Nothing; it is made again when it is needed.";
    /// Every index entry is sound and leads to its frame.
    Index "index",
        "The index is a hint and is not believed. No event is concerned.",
        "Remove the .idx file while the server is stopped; it is made again.";
    /// Every control snapshot is sound.
    Snapshot "snapshot",
        "This copy of the catalogue cannot be used; an older one, or the control log from its start, may do.",
        "Keep a copy of the folder. Remove the file only if another snapshot is sound.";
    /// Every control snapshot is a state that this program reads.
    SnapshotState "snapshot-state",
        "The file is what was written, but its contents are no catalogue that this version can read.",
        "Start the version that wrote it.";
    /// Every entry of the control log can be read.
    ControlEntry "control-entry",
        "The entry is what was written, but this version cannot read it.",
        "Start the version that wrote it.";
    /// Files can be read.
    Unreadable "unreadable",
        "The system could not read the file.",
        "Look at the system's log; copy the folder to another disk.";
    /// Nobody's files.
    Stray "stray",
        "No record claims it.",
        "Look at it; a start after a crash moves it to orphans/.";
    /// Files of work that was not finished.
    Leftover "leftover",
        "It was left by something that a crash cut short, and counts for nothing.",
        "Nothing; a start after a crash removes it.";
    /// What earlier starts moved aside.
    Orphan "orphan",
        "An earlier start moved it aside; nothing reads it.",
        "Remove it once nobody needs it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own_and_says_what_to_do() {
        let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
        for check in Check::ALL {
            assert!(check.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{check:?}");
            assert!(check.meaning().ends_with('.') && check.advice().ends_with('.'), "{check:?}");
        }
    }
}
