//! `forebay send`: events from arguments, a file or standard input.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use forebay_amqp::wire::Value;
use forebay_client::{Batch, Client, Destination, EventData, MESSAGE_FORMAT, Producer, Settled};
use tokio::sync::mpsc;

use super::connection::ConnectionArgs;
use super::{lines, wrong_usage};

/// A server that states no limit gets batches of at most this size.
const BATCH_BYTES_MAX: u64 = 1_048_576;

/// Flags of `forebay send`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  forebay send --hub events hello world
  forebay send --hub events --key device-42 --property unit=C '{\"t\":21.5}'
  seq 100000 | forebay send --hub events --batch 100

Prints how many events the server acknowledged. Nothing is sent twice: after an error, what was not
acknowledged may or may not be stored. Ctrl-C stops reading and waits for what was sent.

Exit codes: 0 all acknowledged, 1 not all, 2 wrong usage.")]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Events, one body each [default: the lines of --file or of standard input]
    #[arg(value_name = "EVENT")]
    pub(crate) events: Vec<String>,

    /// Send the lines of this file; - is standard input
    #[arg(long, value_name = "PATH", conflicts_with = "events")]
    pub(crate) file: Option<PathBuf>,

    /// Send to this partition [default: by key, else in turn]
    #[arg(long, value_name = "ID")]
    pub(crate) partition: Option<String>,

    /// Partition key: events with the same key go to the same partition
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Application property, a string; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_property)]
    pub(crate) property: Vec<(String, String)>,

    /// Send each event this many times
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,

    /// Put up to this many events into one message; they are stored together or not at all
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,

    /// Messages that may wait for their acknowledgement at a time
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) in_flight: u32,
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

pub(crate) async fn run(args: SendArgs) -> anyhow::Result<ExitCode> {
    let place = match args.connection.place() {
        Ok(place) => place,
        Err(problem) => return Ok(wrong_usage(&problem)),
    };
    let mut bodies = bodies(&args)?;
    let mut client = place.connect("send").await?;
    let destination = match &args.partition {
        Some(partition) => Destination::partition(&place.hub, partition),
        None => Destination::hub(&place.hub),
    };
    let producer = client.producer(&destination, args.in_flight).await?;
    let mut sending = Sending::new(client, producer, &args);
    let done = tokio::select! {
        done = sending.everything(&mut bodies, args.count) => done,
        _ = tokio::signal::ctrl_c() => tokio::select! {
            // A second signal does not wait.
            waited = sending.wait_for_outcomes() => waited,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped while events were unacknowledged")),
        },
    };
    let acknowledged = sending.tally.acknowledged;
    let plural = if acknowledged == 1 { "" } else { "s" };
    writeln!(std::io::stdout(), "{acknowledged} event{plural} acknowledged")?;
    done?;
    sending.client.close().await?;
    Ok(ExitCode::SUCCESS)
}

type Bodies = mpsc::Receiver<std::io::Result<Vec<u8>>>;

/// The bodies to send, each as it comes.
fn bodies(args: &SendArgs) -> anyhow::Result<Bodies> {
    if args.events.is_empty() {
        return Ok(lines::read(lines::open(args.file.as_deref())?));
    }
    let (events, receiver) = mpsc::channel(args.events.len());
    for event in &args.events {
        events.try_send(Ok(event.clone().into_bytes())).expect("there is room for all of them");
    }
    Ok(receiver)
}

/// A producer, what waits to be sent, and what waits to be acknowledged.
struct Sending {
    client: Client,
    producer: Producer,
    /// Key and properties that every event gets.
    pattern: EventData,
    batch: Option<Pending>,
    tally: Tally,
}

/// A batch that is being filled.
struct Pending {
    batch: Batch,
    events_max: u32,
}

/// Counts events, where the client counts messages.
#[derive(Default)]
struct Tally {
    /// Events of each message whose outcome is not known, in the order sent.
    waiting: VecDeque<u64>,
    acknowledged: u64,
}

impl Tally {
    fn note(&mut self, settled: Settled) -> anyhow::Result<()> {
        let events = self.waiting.pop_front().unwrap_or(0);
        if settled.outcome.is_accepted() {
            self.acknowledged += events;
            return Ok(());
        }
        Err(forebay_client::Error::NotAccepted { number: settled.number, outcome: settled.outcome }.into())
    }
}

impl Sending {
    fn new(client: Client, producer: Producer, args: &SendArgs) -> Self {
        let mut pattern = EventData { key: args.key.clone(), ..EventData::default() };
        pattern.properties =
            args.property.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        let bytes_max = client.message_bytes_max(producer).unwrap_or(BATCH_BYTES_MAX);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let batch = (args.batch > 1)
            .then(|| Pending { batch: Batch::new(bytes_max, args.key.as_deref()), events_max: args.batch });
        Self { client, producer, pattern, batch, tally: Tally::default() }
    }

    /// Sends all bodies and waits for every outcome, also for those that come after a bad one.
    async fn everything(&mut self, bodies: &mut Bodies, count: u64) -> anyhow::Result<()> {
        let sent = self.send_all(bodies, count).await;
        let waited = self.wait_for_outcomes().await;
        sent.and(waited)
    }

    async fn send_all(&mut self, bodies: &mut Bodies, count: u64) -> anyhow::Result<()> {
        loop {
            let body = match bodies.try_recv() {
                Ok(body) => Some(body),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    // A batch does not wait for what a person has not typed yet.
                    self.send_batch().await?;
                    tokio::select! {
                        body = bodies.recv() => body,
                        error = self.progress() => return Err(error),
                    }
                }
            };
            let Some(body) = body else { return self.send_batch().await };
            self.pattern.body = body.context("cannot read the events")?;
            let event = self.pattern.encoded();
            for _ in 0..count {
                self.send(&event).await?;
            }
        }
    }

    async fn send(&mut self, event: &[u8]) -> anyhow::Result<()> {
        if let Some(pending) = &mut self.batch {
            if pending.batch.push(event) {
                if pending.batch.len() >= pending.events_max {
                    self.send_batch().await?;
                }
                return Ok(());
            }
            self.send_batch().await?;
            // Alone it may still be too large; then the single send says so.
            if self.batch.as_mut().is_some_and(|pending| pending.batch.push(event)) {
                return Ok(());
            }
        }
        self.client.send(self.producer, MESSAGE_FORMAT, event).await?;
        self.sent(1)
    }

    async fn send_batch(&mut self) -> anyhow::Result<()> {
        let Some(pending) = &mut self.batch else { return Ok(()) };
        if pending.batch.is_empty() {
            return Ok(());
        }
        let events = u64::from(pending.batch.len());
        self.client.send_batch(self.producer, &pending.batch).await?;
        pending.batch.clear();
        self.sent(events)
    }

    fn sent(&mut self, events: u64) -> anyhow::Result<()> {
        self.tally.waiting.push_back(events);
        while let Some(settled) = self.client.try_settled(self.producer) {
            self.tally.note(settled)?;
        }
        Ok(())
    }

    /// Reads outcomes while the caller waits for something else; ends only with an error.
    async fn progress(&mut self) -> anyhow::Error {
        loop {
            if self.tally.waiting.is_empty() {
                return self.client.idle().await.into();
            }
            let noted = match self.client.settled(self.producer).await {
                Ok(settled) => self.tally.note(settled),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = noted {
                return error;
            }
        }
    }

    /// Waits for what is in flight; the first that was not accepted is the error.
    async fn wait_for_outcomes(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        while !self.tally.waiting.is_empty() {
            match self.client.settled(self.producer).await {
                Ok(settled) => first = first.and(self.tally.note(settled)),
                Err(error) => return first.and(Err(error.into())),
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use forebay_client::Outcome;

    use super::*;

    #[derive(Debug, Parser)]
    struct Tool {
        #[command(flatten)]
        args: SendArgs,
    }

    fn parse(line: &[&str]) -> Result<SendArgs, clap::Error> {
        Tool::try_parse_from(std::iter::once(&"send").chain(line)).map(|tool| tool.args)
    }

    #[test]
    fn events_may_be_given_as_arguments_with_key_and_properties() {
        let args =
            parse(&["--hub", "h", "--key", "k", "--property", "a=1", "--property", "b=x=y", "e1", "e2"])
                .unwrap();
        assert_eq!(args.events, ["e1", "e2"]);
        assert_eq!(args.key.as_deref(), Some("k"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(args.property, [pair("a", "1"), pair("b", "x=y")]);
        assert_eq!((args.count, args.batch, args.in_flight), (1, 1, 500));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            &["--property", "novalue"][..],
            &["--property", "=x"],
            &["--batch", "0"],
            &["--in-flight", "0"],
            &["--file", "f", "event"],
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn arguments_are_bodies_and_end() {
        let mut bodies = bodies(&parse(&["a", ""]).unwrap()).unwrap();
        assert_eq!(bodies.try_recv().unwrap().unwrap(), b"a");
        assert_eq!(bodies.try_recv().unwrap().unwrap(), b"");
        assert_eq!(bodies.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
    }

    #[test]
    fn a_refused_message_does_not_count_as_acknowledged() {
        let mut tally = Tally { waiting: VecDeque::from([10, 5, 1]), acknowledged: 0 };
        tally.note(Settled { number: 0, outcome: Outcome::Accepted }).unwrap();
        tally.note(Settled { number: 1, outcome: Outcome::Released }).unwrap_err();
        tally.note(Settled { number: 2, outcome: Outcome::Accepted }).unwrap();
        assert_eq!((tally.waiting.len(), tally.acknowledged), (0, 11));
    }
}
