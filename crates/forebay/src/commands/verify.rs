//! `forebay verify`: a data folder checked from end to end, and said in words what is wrong with it.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use forebay_log::inspect::{Check, Finding, InspectError, Inspector, Severity, Summary};
use forebay_log::{ControlSnapshot, Sequence};
use forebay_namespace::{codec, snapshot};
use serde_json::{Value, json};

use super::folder::{self, Names};
use super::wrong_usage;

/// Flags of `forebay verify`.
#[derive(Debug, Args)]
#[command(after_help = "Nothing is written, and the folder is locked meanwhile: no server can have it open.

Examples:
  forebay verify --data ./data
  forebay verify --data ./data --json > report.jsonl

Exit codes: 0 sound, 1 damaged, 2 wrong usage or not readable (no such folder, in use, a newer format).")]
pub(crate) struct VerifyArgs {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// One JSON object a line: each finding, then a summary
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &VerifyArgs) -> ExitCode {
    let show_progress = !args.json && io::stderr().is_terminal();
    let mut out = io::stdout().lock();
    let verified = verify(args, &mut Report::new(&mut out, args.json, show_progress));
    match verified {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => wrong_usage(&problem),
    }
}

fn verify(args: &VerifyArgs, report: &mut Report<'_>) -> anyhow::Result<bool> {
    let folder = match folder::open(&args.data) {
        Ok(folder) => folder,
        Err(InspectError::Damaged(finding)) => {
            report.finding(&finding);
            let summary = report.end(None)?;
            return Ok(summary);
        }
        Err(error) => return Err(error.into()),
    };
    report.names = Some(Names::read(&folder)?);
    let summary = folder.verify(report)?;
    report.end(Some(&summary))
}

/// Writes findings as they come.
struct Report<'a> {
    out: &'a mut dyn Write,
    as_json: bool,
    progress: Option<Progress>,
    names: Option<Names>,
    found: BTreeSet<Check>,
    is_sound: bool,
    /// Writing failed; nothing more is written.
    failed: Option<io::Error>,
}

impl<'a> Report<'a> {
    fn new(out: &'a mut dyn Write, as_json: bool, show_progress: bool) -> Self {
        let progress = show_progress.then(Progress::default);
        Self { out, as_json, progress, names: None, found: BTreeSet::new(), is_sound: true, failed: None }
    }

    fn write(&mut self, text: &str) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        if self.failed.is_none() {
            self.failed = self.out.write_all(text.as_bytes()).err();
        }
    }

    /// Says what the checks that found something mean, and what was looked at. Whether all is sound.
    fn end(&mut self, summary: Option<&Summary>) -> anyhow::Result<bool> {
        if self.as_json {
            let line = summary_json(summary, self.is_sound);
            self.write(&format!("{line}\n"));
        } else {
            let found = std::mem::take(&mut self.found);
            if !found.is_empty() {
                self.write("\nWhat it means, and what to do:\n");
            }
            for check in found {
                self.write(&format!("  {}: {}\n    {}\n", check.name(), check.meaning(), check.advice()));
            }
            let text = summary_text(summary, self.is_sound);
            self.write(&text);
        }
        match self.failed.take() {
            Some(error) => Err(anyhow::Error::new(error).context("the report cannot be written")),
            None => Ok(self.is_sound),
        }
    }

    fn place(&self, finding: &Finding) -> Option<String> {
        let id = finding.partition?;
        Some(match &self.names {
            Some(names) => names.of(id),
            None => format!("log {}, partition {}", id.log, id.index),
        })
    }
}

impl Inspector for Report<'_> {
    fn finding(&mut self, finding: &Finding) {
        self.is_sound &= finding.severity == Severity::Note;
        let place = self.place(finding);
        let text = match self.as_json {
            true => format!("{}\n", finding_json(finding, place.as_deref())),
            false => finding_text(finding, place.as_deref()),
        };
        self.found.insert(finding.check);
        self.write(&text);
    }

    fn progress(&mut self, done: u64, total: u64) {
        if let Some(progress) = &mut self.progress {
            progress.draw(done, total);
        }
    }

    fn control_entry(&mut self, _sequence: Sequence, body: &[u8]) -> Result<(), String> {
        codec::decode(body).map(drop).map_err(|error| error.to_string())
    }

    fn control_snapshot(&mut self, snapshot: &ControlSnapshot) -> Result<(), String> {
        let state = snapshot::decode(&snapshot.bytes).map_err(|error| error.to_string())?;
        match state.position().map(|position| position.log) {
            Some(folded) if folded != snapshot.position.0 => {
                Err(format!("its state is of position {folded}, its file of {}", snapshot.position))
            }
            _ => Ok(()),
        }
    }
}

fn finding_text(finding: &Finding, place: Option<&str>) -> String {
    let mut text =
        format!("{} {}: {}", finding.severity.name(), finding.check.name(), finding.file.display());
    if let Some(at) = finding.at {
        text.push_str(&format!(", byte {at}"));
    }
    if let Some(place) = place {
        text.push_str(&format!("\n  {place}"));
        match finding.events {
            Some((first, next)) if next.0 == first.0 + 1 => {
                text.push_str(&format!(", sequence number {first}"))
            }
            Some((first, next)) if next > first => {
                text.push_str(&format!(", sequence numbers {first} to {}", next.0 - 1));
            }
            _ => {}
        }
    }
    text.push_str(&format!("\n  {}\n", finding.what));
    text
}

fn finding_json(finding: &Finding, place: Option<&str>) -> Value {
    json!({
        "kind": "finding",
        "severity": finding.severity.name(),
        "check": finding.check.name(),
        "file": finding.file.display().to_string(),
        "byte": finding.at,
        "partition": place,
        "log": finding.partition.map(|id| id.log.to_string()),
        "partition_index": finding.partition.map(|id| id.index),
        "first_sequence": finding.events.map(|(first, _)| first.0),
        "next_sequence": finding.events.map(|(_, next)| next.0),
        "what": finding.what,
        "meaning": finding.check.meaning(),
        "advice": finding.check.advice(),
    })
}

fn summary_text(summary: Option<&Summary>, is_sound: bool) -> String {
    let verdict = if is_sound { "The folder is sound." } else { "The folder is damaged." };
    let Some(summary) = summary else {
        return format!("\n{verdict} Nothing else could be checked.\n");
    };
    let Summary { loss, damage, notes, .. } = summary;
    format!(
        "\n{verdict} Losses: {loss}, other damage: {damage}, notes: {notes}.\n\
         Checked: {} partitions, {} segments, {} journal files with {} rounds, {} frames with {} records ({}),\n\
         {} index entries, {} manifest entries, {} control entries, {} control snapshots.\n",
        summary.partitions,
        summary.segments,
        summary.journal_files,
        summary.rounds,
        summary.frames,
        summary.records,
        megabytes(summary.bytes),
        summary.index_entries,
        summary.manifest_entries,
        summary.control_entries,
        summary.snapshots,
    )
}

fn summary_json(summary: Option<&Summary>, is_sound: bool) -> Value {
    let Some(summary) = summary else { return json!({"kind": "summary", "sound": is_sound}) };
    json!({
        "kind": "summary",
        "sound": is_sound,
        "losses": summary.loss,
        "damage": summary.damage,
        "notes": summary.notes,
        "partitions": summary.partitions,
        "segments": summary.segments,
        "journal_files": summary.journal_files,
        "rounds": summary.rounds,
        "frames": summary.frames,
        "records": summary.records,
        "bytes": summary.bytes,
        "index_entries": summary.index_entries,
        "manifest_entries": summary.manifest_entries,
        "control_entries": summary.control_entries,
        "control_snapshots": summary.snapshots,
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// A line on the terminal that is drawn over and over.
#[derive(Default)]
struct Progress {
    drawn: bool,
}

impl Progress {
    const CELLS: u64 = 30;

    fn draw(&mut self, done: u64, total: u64) {
        if done >= total {
            self.clear();
            return;
        }
        let cells = usize::try_from(done * Self::CELLS / total.max(1)).unwrap_or_default();
        let (full, empty) = ("#".repeat(cells), "-".repeat(Self::CELLS as usize - cells));
        let line = format!(
            "\r[{full}{empty}] {:3} %  {} of {} ",
            done * 100 / total.max(1),
            megabytes(done),
            megabytes(total)
        );
        self.drawn = true;
        self.put(&line);
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.put("\r\x1b[K");
        }
    }

    /// A terminal that went away has nobody to be told.
    fn put(&self, text: &str) {
        let mut terminal = io::stderr().lock();
        drop(terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use forebay_log::{ByteBudget, ControlEntry, ControlLog as _, EmbeddedLog, EntryClass, OpenOptions};

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("forebay-verify-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        dir
    }

    fn report(data: &std::path::Path, as_json: bool) -> (anyhow::Result<bool>, String) {
        let args = VerifyArgs { data: data.to_owned(), json: as_json };
        let mut out = Vec::new();
        let verified = verify(&args, &mut Report::new(&mut out, as_json, false));
        (verified, String::from_utf8(out).unwrap())
    }

    async fn make(root: &std::path::Path, body: &[u8]) {
        let options = OpenOptions { budget: ByteBudget::new(64 << 20), ..OpenOptions::dir(root) };
        let (log, _) = EmbeddedLog::open(options).unwrap();
        let entry = ControlEntry { class: EntryClass::Durable, body: body.to_vec() };
        log.append(vec![entry]).await.unwrap();
        log.close().unwrap();
    }

    const ENTRY: &str = r#"{"v":1,"id":"0000000000000000000000000000002a","by":0,"at":1,"if":[],"kind":"raise_level","body":{"level":1}}"#;

    #[tokio::test]
    async fn a_sound_folder_and_a_damaged_one_are_told_apart() {
        let root = scratch("flip");
        make(&root, ENTRY.as_bytes()).await;
        let (sound, text) = report(&root, false);
        assert!(sound.unwrap() && text.contains("The folder is sound."), "{text}");
        assert!(text.contains("1 control entries"), "{text}");
        let segment = root.join("logs/0000000000000000/0/00000000000000000000-00000001.log");
        let mut bytes = std::fs::read(&segment).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let (sound, text) = report(&root, false);
        assert!(!sound.unwrap(), "{text}");
        for expected in
            ["loss batch-sum: logs/", ", byte 0", "the control log, sequence number 0", "What it means"]
        {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let (sound, lines) = report(&root, true);
        assert!(!sound.unwrap());
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["check"], &lines[0]["first_sequence"]), (&json!("batch-sum"), &json!(0)));
        assert_eq!(lines.last().unwrap()["sound"], json!(false));
        std::fs::write(root.join("FORMAT"), "forebay data folder").unwrap();
        let (sound, text) = report(&root, false);
        assert!(!sound.unwrap() && text.contains("loss format: FORMAT"), "{text}");
        std::fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn an_entry_that_is_none_is_found_and_a_folder_that_is_none_is_no_report() {
        let root = scratch("entry");
        make(&root, b"not an entry").await;
        let (sound, text) = report(&root, false);
        assert!(!sound.unwrap() && text.contains("loss control-entry"), "{text}");
        std::fs::remove_dir_all(&root).unwrap();
        let (refused, text) = report(&root, false);
        assert!(refused.unwrap_err().to_string().contains("no FORMAT file") && text.is_empty());
        assert!(!root.exists(), "nothing is made");
    }
}
