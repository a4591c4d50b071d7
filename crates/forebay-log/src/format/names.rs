//! Names of files and folders, both ways. What does not come back from its own name is a stray.

use crate::types::{LogId, Sequence};

pub(crate) const FORMAT: &str = "FORMAT";
pub(crate) const LOCK: &str = "LOCK";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const LOGS: &str = "logs";
pub(crate) const SNAPSHOTS: &str = "snapshots";
pub(crate) const ORPHANS: &str = "orphans";
/// The end of a name that is being written; such a file counts for nothing.
pub(crate) const TEMPORARY: &str = ".tmp";

/// `MANIFEST-{n:08x}`.
pub(crate) fn manifest(number: u32) -> String {
    format!("MANIFEST-{number:08x}")
}

/// The number of a manifest's name.
pub(crate) fn parse_manifest(name: &str) -> Option<u32> {
    let number = u32::from_str_radix(name.strip_prefix("MANIFEST-")?, 16).ok()?;
    (manifest(number) == name).then_some(number)
}

/// `{generation:016x}`.
pub(crate) fn journal(generation: u32) -> String {
    format!("{generation:016x}")
}

/// The generation of a journal file's name.
pub(crate) fn parse_journal(name: &str) -> Option<u32> {
    let generation = u32::from_str_radix(name, 16).ok()?;
    (journal(generation) == name).then_some(generation)
}

/// `{log id:016x}`.
pub(crate) fn log(id: LogId) -> String {
    id.to_string()
}

/// The id of a log's folder.
pub(crate) fn parse_log(name: &str) -> Option<LogId> {
    let id = LogId(u64::from_str_radix(name, 16).ok()?);
    (log(id) == name).then_some(id)
}

/// A partition's folder.
pub(crate) fn partition(index: u32) -> String {
    index.to_string()
}

/// The index of a partition's folder.
pub(crate) fn parse_partition(name: &str) -> Option<u32> {
    let index = name.parse().ok()?;
    (partition(index) == name).then_some(index)
}

/// Which of a segment's two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentFile {
    /// Frames.
    Log,
    /// The index.
    Index,
}

/// `{base:020}-{generation:08x}.log` or `.idx`.
pub(crate) fn segment(base: Sequence, generation: u32, file: SegmentFile) -> String {
    let end = match file {
        SegmentFile::Log => "log",
        SegmentFile::Index => "idx",
    };
    format!("{:020}-{generation:08x}.{end}", base.0)
}

/// What a segment file's name says.
pub(crate) fn parse_segment(name: &str) -> Option<(Sequence, u32, SegmentFile)> {
    let (stem, end) = name.rsplit_once('.')?;
    let (base, generation) = stem.split_once('-')?;
    let file = match end {
        "log" => SegmentFile::Log,
        "idx" => SegmentFile::Index,
        _ => return None,
    };
    let (base, generation) = (Sequence(base.parse().ok()?), u32::from_str_radix(generation, 16).ok()?);
    (segment(base, generation, file) == name).then_some((base, generation, file))
}

/// `control-{position:020}`.
pub(crate) fn snapshot(position: Sequence) -> String {
    format!("control-{:020}", position.0)
}

/// The position of a snapshot's name.
pub(crate) fn parse_snapshot(name: &str) -> Option<Sequence> {
    let position = Sequence(name.strip_prefix("control-")?.parse().ok()?);
    (snapshot(position) == name).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_comes_back_and_strays_do_not() {
        assert_eq!(parse_manifest("MANIFEST-0000001f"), Some(31));
        assert_eq!(parse_manifest(&manifest(u32::MAX)), Some(u32::MAX));
        assert_eq!(parse_journal("000000000000000a"), Some(10));
        assert_eq!(parse_log("00000000000000ff"), Some(LogId(255)));
        assert_eq!(parse_partition("12"), Some(12));
        let name = segment(Sequence(7), 3, SegmentFile::Index);
        assert_eq!(name, "00000000000000000007-00000003.idx");
        assert_eq!(parse_segment(&name), Some((Sequence(7), 3, SegmentFile::Index)));
        assert_eq!(parse_snapshot("control-00000000000000000042"), Some(Sequence(42)));
        for stray in ["MANIFEST-1f", "MANIFEST-0000001F", "MANIFEST-+000001f", "manifest-0000001f", ""] {
            assert_eq!(parse_manifest(stray), None, "{stray}");
        }
        for stray in ["012", "+1", "-1", "", "1.tmp"] {
            assert_eq!(parse_partition(stray), None, "{stray}");
        }
        for stray in ["00000000000000000007-00000003.tmp", "7-3.log", "00000000000000000007.log"] {
            assert_eq!(parse_segment(stray), None, "{stray}");
        }
        assert_eq!(parse_snapshot("control-42"), None);
        assert_eq!(parse_journal("a"), None);
    }
}
