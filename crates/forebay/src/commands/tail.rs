//! `forebay tail`: the events of a hub, as they come.

mod position;
mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use forebay_client::{Client, Consumer, Position, Received, Subscription};

use self::position::From;
use super::connection::{ConnectionArgs, Place};
use super::{is_closed_pipe, wrong_usage};

/// Silence after which `--no-follow` asks whether what it waits for is still there.
const SILENCE: Duration = Duration::from_secs(2);

/// Flags of `forebay tail`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay tail --hub events
  forebay tail --hub events --from latest --partition 0 --partition 1
  forebay tail --hub events --from 15m --json | jq -r .body
  forebay tail --hub events --no-follow --max 10

A line is: time stored, partition/sequence number, key if any, body. With --json it is an object with
partition, sequence, offset, enqueued_time, key, body (text; else body_base64, body_value or body_sequence),
properties and message (the set fields of the AMQP properties).

Exit codes: 0 stopped by --max, --no-follow, Ctrl-C or a closed output, 1 it failed, 2 wrong usage.")]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Consumer group
    #[arg(long, value_name = "NAME", default_value = "$Default")]
    pub(crate) group: String,

    /// Read only this partition; may be given several times [default: all]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) partition: Vec<String>,

    /// Where to start: earliest, latest, offset:N, sequence:N, time:RFC3339, time:MILLISECONDS, or how long
    /// ago: 30s, 15m, 2h, 7d
    #[arg(long, value_name = "POSITION", default_value = "earliest")]
    pub(crate) from: From,

    /// Wait for new events (the default)
    #[arg(long, overrides_with = "no_follow")]
    pub(crate) follow: bool,

    /// Stop at the end of what is stored now
    #[arg(long, overrides_with = "follow")]
    pub(crate) no_follow: bool,

    /// Stop after this many events
    #[arg(long, value_name = "N")]
    pub(crate) max: Option<u64>,

    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(args: TailArgs) -> anyhow::Result<ExitCode> {
    let place = match args.connection.place() {
        Ok(place) => place,
        Err(problem) => return Ok(wrong_usage(&problem)),
    };
    match tail(&args, &place).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever read our output has seen enough.
        Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error),
    }
}

async fn tail(args: &TailArgs, place: &Place) -> anyhow::Result<()> {
    if args.max == Some(0) {
        return Ok(());
    }
    let interrupted = tokio::signal::ctrl_c();
    let hung_up = output_closed();
    tokio::pin!(interrupted, hung_up);
    let mut reading = tokio::select! {
        reading = Reading::start(args, place) => reading?,
        _ = &mut interrupted => return Ok(()),
    };
    let mut lines = Lines::new(args);
    while !reading.is_done() {
        tokio::select! {
            event = reading.client.receive() => {
                if lines.write(event?, &mut reading.partitions)? {
                    break;
                }
            }
            () = tokio::time::sleep(SILENCE), if args.no_follow => {
                reading.partitions.look_again(&mut reading.client, &place.hub).await?;
                continue;
            }
            _ = &mut interrupted => break,
            () = &mut hung_up => return Ok(()),
        }
        // What came in the same burst goes out in the same write.
        while !reading.is_done()
            && let Some(event) = reading.client.try_receive()
        {
            if lines.write(event, &mut reading.partitions)? {
                lines.flush()?;
                return Ok(reading.client.close().await?);
            }
        }
        lines.flush()?;
    }
    lines.flush()?;
    Ok(reading.client.close().await?)
}

/// A connection with a consumer for each partition.
struct Reading {
    client: Client,
    partitions: Partitions,
}

/// Whose events are whose, and how far to go.
struct Partitions {
    ids: BTreeMap<Consumer, String>,
    /// Without following: the last number to wait for. `None`: there is no end.
    ends: Option<BTreeMap<String, i64>>,
}

impl Reading {
    async fn start(args: &TailArgs, place: &Place) -> anyhow::Result<Self> {
        let mut client = place.connect("tail").await?;
        let hub = client.hub_properties(&place.hub).await?;
        let ids = chosen(&args.partition, &hub.partitions).with_context(|| {
            format!("the hub '{}' has partitions {}", hub.name, hub.partitions.join(", "))
        })?;
        let from = args.from.position(SystemTime::now());
        let mut partitions = Partitions { ids: BTreeMap::new(), ends: args.no_follow.then(BTreeMap::new) };
        for id in ids {
            if let Some(ends) = &mut partitions.ends {
                let partition = client.partition_properties(&place.hub, &id).await?;
                if !position::has_events_from(&from, &partition) {
                    continue;
                }
                ends.insert(id.clone(), partition.last_sequence);
            }
            let subscription = subscription(args, &place.hub, &id, &from);
            partitions.ids.insert(client.consumer(&subscription).await?, id);
        }
        Ok(Self { client, partitions })
    }

    fn is_done(&self) -> bool {
        self.partitions.ends.as_ref().is_some_and(BTreeMap::is_empty)
    }
}

fn subscription(args: &TailArgs, hub: &str, partition: &str, from: &Position) -> Subscription {
    let mut subscription = Subscription::new(hub, partition, from.clone()).with_group(&args.group);
    subscription.name = Some("forebay tail".to_owned());
    subscription
}

/// The partitions asked for, or all; each once, in the hub's order.
fn chosen(asked: &[String], there: &[String]) -> anyhow::Result<Vec<String>> {
    if let Some(missing) = asked.iter().find(|id| !there.contains(id)) {
        anyhow::bail!("there is no partition '{missing}'");
    }
    let asked: BTreeSet<_> = asked.iter().collect();
    Ok(there.iter().filter(|id| asked.is_empty() || asked.contains(id)).cloned().collect())
}

impl Partitions {
    /// Notes that an event came; `false` if it lies beyond the end and is not to be shown.
    fn came(&mut self, id: &str, sequence: i64) -> bool {
        let Some(ends) = &mut self.ends else { return true };
        let Some(&end) = ends.get(id) else { return false };
        if sequence >= end {
            ends.remove(id);
        }
        sequence <= end
    }

    /// Gives up on ends that retention has taken away meanwhile.
    async fn look_again(&mut self, client: &mut Client, hub: &str) -> anyhow::Result<()> {
        let Some(ends) = &mut self.ends else { return Ok(()) };
        for (id, end) in ends.clone() {
            let partition = client.partition_properties(hub, &id).await?;
            if partition.is_empty || partition.begin_sequence > end {
                ends.remove(&id);
            }
        }
        Ok(())
    }
}

/// The output, one event a line.
struct Lines {
    out: BufWriter<io::StdoutLock<'static>>,
    line: String,
    json: bool,
    left: Option<u64>,
}

impl Lines {
    fn new(args: &TailArgs) -> Self {
        Self {
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            line: String::new(),
            json: args.json,
            left: args.max,
        }
    }

    /// Writes an event; `true` when that was the last one asked for.
    fn write(&mut self, event: Received<'_>, partitions: &mut Partitions) -> anyhow::Result<bool> {
        let id = partitions.ids.get(&event.consumer).cloned().unwrap_or_default();
        let sequence = event.system().map_or(-1, |system| system.sequence);
        if !partitions.came(&id, sequence) {
            return Ok(false);
        }
        self.line.clear();
        let render = if self.json { render::json } else { render::text };
        render(event.message, &id, &mut self.line)
            .with_context(|| format!("event {sequence} of partition {id} cannot be read"))?;
        self.out.write_all(self.line.as_bytes())?;
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Ok(self.left == Some(0))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Comes when standard output is a pipe whose reader has gone; never otherwise. Without it, `tail | head -1` would
/// stay until the next event.
async fn output_closed() {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsFd as _;
        use tokio::io::Interest;
        use tokio::net::unix::pipe::Sender;
        // Unchecked, so that the descriptor, which others share, is not made non-blocking. Only its end is watched.
        let watched = io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
        if let Ok(watched) = watched
            && watched.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        args: TailArgs,
    }

    fn parse(line: &[&str]) -> Result<TailArgs, clap::Error> {
        Tool::try_parse_from(std::iter::once(&"tail").chain(line)).map(|tool| tool.args)
    }

    #[test]
    fn by_default_everything_is_shown_and_followed() {
        let args = parse(&["--hub", "h"]).unwrap();
        assert_eq!((args.group.as_str(), &args.from, args.no_follow), ("$Default", &From::Earliest, false));
        assert!(args.partition.is_empty() && args.max.is_none() && !args.json);
    }

    #[test]
    fn the_last_of_follow_and_no_follow_counts() {
        assert!(parse(&["--no-follow"]).unwrap().no_follow);
        assert!(!parse(&["--no-follow", "--follow"]).unwrap().no_follow);
        assert!(parse(&["--follow", "--no-follow"]).unwrap().no_follow);
    }

    #[test]
    fn partitions_and_positions_are_read() {
        let args =
            parse(&["--partition", "1,3", "--partition", "0", "--from", "15m ago", "--max", "3"]).unwrap();
        assert_eq!(args.partition, ["1", "3", "0"]);
        assert_eq!(args.from, From::Ago(Duration::from_secs(900)));
        assert_eq!(args.max, Some(3));
        assert_eq!(parse(&["--from", "noon"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn partitions_come_in_the_hubs_order_and_unknown_ones_are_refused() {
        let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let there = ids(&["0", "1", "2"]);
        assert_eq!(chosen(&[], &there).unwrap(), there);
        assert_eq!(chosen(&ids(&["2", "0", "2"]), &there).unwrap(), ids(&["0", "2"]));
        assert!(chosen(&ids(&["7"]), &there).unwrap_err().to_string().contains("'7'"));
    }

    #[test]
    fn without_following_each_partition_ends_where_it_ended_at_the_start() {
        let ends = Some(BTreeMap::from([("0".to_owned(), 1), ("1".to_owned(), 0)]));
        let mut partitions = Partitions { ids: BTreeMap::new(), ends };
        assert!(partitions.came("0", 0));
        assert!(partitions.came("1", 0), "its last");
        assert!(!partitions.came("1", 1), "stored since");
        assert!(partitions.came("0", 1));
        assert!(partitions.ends.unwrap().is_empty());
    }
}
