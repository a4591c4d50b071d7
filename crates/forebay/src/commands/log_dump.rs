//! `forebay log dump`: what a data folder holds, as it is stored.

mod render;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use forebay_log::inspect::{Folder, Item};
use forebay_log::{PartitionId, Sequence};

use self::render::Render;
use super::folder::{self, Names};
use super::{is_closed_pipe, wrong_usage};

/// Flags of `forebay log dump`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --partition, --control or --journal it lists the hubs of the folder and what they hold.
Keys and other secrets of control entries are shown as '***'; events are shown as they are.

Examples:
  forebay log dump --data ./data
  forebay log dump --data ./data --partition orders/0 --from 1000 --count 20
  forebay log dump --data ./data --control
  forebay log dump --data ./data --journal --json

Exit codes: 0 shown, 2 wrong usage or not readable (no such folder, in use, a newer format)."
)]
pub(crate) struct LogDumpArgs {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// The partition to show, such as orders/0; with its namespace if that is not the default one
    #[arg(long, value_name = "HUB/N")]
    pub(crate) partition: Option<String>,

    /// Show the control log: what was made, changed and deleted, and when
    #[arg(long, conflicts_with = "partition")]
    pub(crate) control: bool,

    /// Sequence number to begin at
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub(crate) from: u64,

    /// Show no more events than this
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    /// Show the journal's files round by round, as they lie, those that are no longer needed too
    #[arg(long)]
    pub(crate) journal: bool,

    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &LogDumpArgs) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match dump(args, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever has read enough closes the pipe.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(problem) => wrong_usage(&format!("{problem:#}")),
    }
}

fn dump(args: &LogDumpArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let folder = folder::open(&args.data)?;
    let names = Names::read(&folder)?;
    let id = match (&args.partition, args.control) {
        (Some(text), _) => Some(names.find(text)?),
        (None, true) => Some(PartitionId::CONTROL),
        (None, false) => None,
    };
    let from = Sequence(args.from);
    let render = Render { names: &names, as_json: args.json, from };
    let mut shown = Shown { out, render, left: args.count.unwrap_or(u64::MAX), of: id, failed: None };
    match (id, args.journal) {
        (_, true) => folder.journal(&mut |item| shown.item(&item))?,
        (Some(id), false) => folder.frames(id, from, &mut |item| shown.item(&item))?,
        (None, false) => shown.overview(&folder)?,
    }
    shown.failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Writes what is shown, as much as was asked for.
struct Shown<'a> {
    out: &'a mut dyn Write,
    render: Render<'a>,
    /// Events that may still be shown.
    left: u64,
    /// Only frames of this partition.
    of: Option<PartitionId>,
    failed: Option<io::Error>,
}

impl Shown<'_> {
    fn item(&mut self, item: &Item<'_>) -> ControlFlow<()> {
        if let Item::Frame(frame) = item {
            if self.of.is_some_and(|id| id != frame.partition) {
                return ControlFlow::Continue(());
            }
            if self.left == 0 {
                return ControlFlow::Break(());
            }
        }
        let text = self.render.item(item, &mut self.left);
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> ControlFlow<()> {
        match self.out.write_all(text.as_bytes()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// What there is to be shown.
    fn overview(&mut self, folder: &Folder) -> anyhow::Result<()> {
        for (log, partitions) in folder.logs() {
            for index in 0..partitions {
                let id = PartitionId { log, index };
                let bounds = folder.bounds(id).unwrap_or_default();
                if self.write(&self.render.partition(id, bounds)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::path::Path;

    use forebay_event::{BatchBuf, Origin};
    use forebay_log::{
        ByteBudget, Completion, Conditions, ControlEntry, ControlLog as _, EmbeddedLog, EntryClass, LogError,
        LogId, LogPolicy, OpenOptions, PartitionLogs as _, Submission,
    };
    use forebay_namespace::entry::{Entry, NodeId, ProposalId, RaiseLevel};
    use forebay_namespace::hub::CreateHub;
    use forebay_namespace::namespace::CreateNamespace;
    use forebay_namespace::policy::CreatePolicy;
    use forebay_namespace::setting::PutSetting;
    use forebay_namespace::{Command, HubId, Rights, Secret, Setting, codec};
    use serde_json::Value;

    const PRIMARY: &str = "cHJpbWFyeSBrZXkgdGhhdCBub2JvZHkgbWF5IHNlZQ==";
    const SECONDARY: &str = "c2Vjb25kYXJ5IGtleSB0aGF0IG5vYm9keSBzZWVz";
    const HIDDEN: &str = "a setting that nobody may see";

    #[derive(Debug)]
    struct Answered(std::sync::mpsc::Sender<Result<forebay_log::Appended, LogError>>);

    impl Completion for Answered {
        fn complete(&self, outcome: Result<forebay_log::Appended, LogError>) {
            self.0.send(outcome).unwrap();
        }
    }

    fn commands() -> Vec<Command> {
        let namespace = "default".to_owned();
        vec![
            RaiseLevel { level: 1 }.into(),
            CreateNamespace { name: namespace.clone(), hosts: Vec::new() }.into(),
            CreateHub {
                namespace: namespace.clone(),
                name: "orders".into(),
                partitions: 2,
                retention_ms: 3_600_000,
                user_metadata: None,
            }
            .into(),
            CreatePolicy {
                namespace,
                hub: None,
                name: "p".into(),
                rights: Rights::LISTEN,
                primary: Secret::new(PRIMARY.to_owned()),
                secondary: Some(Secret::new(SECONDARY.to_owned())),
            }
            .into(),
            PutSetting { name: "s".into(), value: Setting::Secret(Secret::new(HIDDEN.to_owned())) }.into(),
        ]
    }

    async fn folder(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("forebay-dump-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&root));
        let options = OpenOptions { budget: ByteBudget::new(64 << 20), ..OpenOptions::dir(&root) };
        let (log, _) = EmbeddedLog::open(options).unwrap();
        for (n, command) in commands().into_iter().enumerate() {
            let entry = Entry::new(ProposalId(n as u128), NodeId(0), 1_767_225_600_000, command);
            let entry = ControlEntry { class: EntryClass::Durable, body: codec::encode(&entry) };
            log.append(vec![entry]).await.unwrap();
        }
        let hub = LogId(HubId::FIRST.0);
        log.create(hub, 2, LogPolicy::KEEP).unwrap();
        let door = log.partition(PartitionId { log: hub, index: 1 }).unwrap();
        for n in 0..3 {
            let mut batch = BatchBuf::new();
            batch.push(Some(b"k"), Some(format!("event {n} \u{1b}[2J").as_bytes()), &[]);
            batch.push(None, Some(&[0xff, n]), &[]);
            let (sender, answer) = std::sync::mpsc::channel();
            let done = std::sync::Arc::new(Answered(sender));
            let conditions = Conditions::default();
            door.append(Submission { batch, origin: Origin::Amqp, conditions, done }).unwrap();
            answer.recv().unwrap().unwrap();
        }
        log.close().unwrap();
        root
    }

    fn shown(data: &Path, change: impl FnOnce(&mut LogDumpArgs)) -> anyhow::Result<String> {
        let mut args = LogDumpArgs {
            data: data.to_owned(),
            partition: None,
            control: false,
            from: 0,
            count: None,
            journal: false,
            json: false,
        };
        change(&mut args);
        let mut out = Vec::new();
        dump(&args, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn the_control_log_is_shown_without_its_secrets() {
        let root = folder("control").await;
        for journal in [false, true] {
            for json in [false, true] {
                let text = shown(&root, |args| {
                    (args.control, args.journal, args.json) = (true, journal, json);
                })
                .unwrap();
                for secret in [PRIMARY, SECONDARY, HIDDEN] {
                    assert!(!text.contains(secret), "{text}");
                }
                if journal {
                    // How much of it is still in the journal is a matter of time.
                    continue;
                }
                for kind in ["raise_level", "create_namespace", "create_hub", "create_policy", "put_setting"]
                {
                    assert!(text.contains(kind), "{kind}: {text}");
                }
                assert_eq!(text.matches("\"***\"").count(), 3, "two keys and a setting: {text}");
            }
        }
        std::fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn a_partition_is_shown_from_a_number_on_and_so_many_events() {
        let root = folder("partition").await;
        let of = |from, count| {
            let text = shown(&root, |args| {
                (args.partition, args.json) = (Some("ORDERS/1".into()), true);
                (args.from, args.count) = (from, count);
            })
            .unwrap();
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let numbers = |kind: &str, field: &str| -> Vec<u64> {
                let of_kind = lines.iter().filter(|line| line["kind"] == kind);
                of_kind.map(|line| line[field].as_u64().unwrap()).collect()
            };
            (numbers("frame", "first_sequence"), numbers("record", "sequence"))
        };
        assert_eq!(of(0, None), (vec![0, 2, 4], vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(of(3, None), (vec![2, 4], vec![3, 4, 5]), "a frame may begin before");
        assert_eq!(of(1, Some(2)), (vec![0, 2], vec![1, 2]));
        assert_eq!(of(6, None), (vec![], vec![]));
        let text = shown(&root, |args| args.partition = Some("orders/1".into())).unwrap();
        assert!(text.contains("event 0 \\u{1b}[2J") && text.contains("base64:/wA="), "{text}");
        let error = |partition: &str| {
            shown(&root, |args| args.partition = Some(partition.into())).unwrap_err().to_string()
        };
        assert!(error("order/1").contains("perhaps 'orders'"));
        assert!(error("orders/2").contains("partitions 0 to 1"));
        assert!(error("orders").contains("HUB/N"));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn without_a_partition_the_folder_is_listed_and_the_journal_is_shown_as_it_lies() {
        let root = folder("overview").await;
        let text = shown(&root, |_| {}).unwrap();
        assert!(text.contains("orders/1") && text.contains("the control log"), "{text}");
        let text = shown(&root, |args| args.journal = true).unwrap();
        assert!(text.contains("journal/") && text.contains("  round ") && text.contains("mark "), "{text}");
        let lines = shown(&root, |args| (args.journal, args.json) = (true, true)).unwrap();
        let kinds: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].take()).collect();
        assert!(kinds.contains(&"journal_file".into()) && kinds.contains(&"round".into()), "{lines}");
        std::fs::remove_dir_all(root).unwrap();
    }
}
