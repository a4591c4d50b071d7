//! Load over one connection: sending one event a transfer, sending batches, reading back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use forebay_client::{
    BATCH_FORMAT, Batch, Client, Consumer, Destination, EventData, MESSAGE_FORMAT, Options, Outcome,
    Position, Producer, Subscription, Target,
};

/// What is sent or read.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub events: u64,
    pub event_bytes: usize,
    /// Messages sent and not acknowledged, at most: events, or batches.
    pub in_flight: u32,
    /// Events of a batch; 1 sends them one a transfer.
    pub batch_events: u32,
    /// Whether one partition or all of the hub are used.
    pub partitions: Partitions,
    /// Events that a reader has granted and not yet handled.
    pub prefetch: u32,
    /// Nothing more is sent or read after this long.
    pub time_limit: Duration,
}

/// Which partitions carry the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// Partition 0.
    One,
    /// All, in the server's turn.
    All,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    /// Acknowledged, or read.
    pub events: u64,
    pub elapsed: Duration,
}

/// A connection that waits for the signal to begin, so that setting up is not measured.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    producer: Producer,
    load: Load,
}

impl Sender {
    /// Connects and opens the link; the hub is made by that if it does not exist.
    pub async fn open(target: &Target, hub: &str, load: Load) -> Result<Self> {
        let mut client = Client::connect(target, Options::named("forebay-load")).await?;
        let destination = match load.partitions {
            Partitions::One => Destination::partition(hub, "0"),
            Partitions::All => Destination::hub(hub),
        };
        let producer = client.producer(&destination, load.in_flight).await?;
        Ok(Self { client, producer, load })
    }

    /// Sends the load and waits for the last acknowledgement.
    pub async fn run(&mut self) -> Result<Done> {
        let Load { events, event_bytes, batch_events, time_limit, .. } = self.load;
        let event = EventData::new(vec![b'x'; event_bytes]).encoded();
        let (format, message, per_message) = if batch_events > 1 {
            let mut batch = Batch::new(usize::MAX, None);
            while batch.len() < batch_events {
                ensure!(batch.push(&event), "a batch of {batch_events} events cannot be made");
            }
            (BATCH_FORMAT, batch.message().to_vec(), u64::from(batch_events))
        } else {
            (MESSAGE_FORMAT, event, 1)
        };
        ensure!(events.is_multiple_of(per_message), "--events must be a multiple of --batch-events");
        let start = Instant::now();
        let (mut sent, mut acknowledged) = (0, 0);
        while sent < events && start.elapsed() < time_limit {
            // The clock is looked at once in many sends.
            for _ in 0..256.min((events - sent) / per_message) {
                self.client.send(self.producer, format, &message).await?;
                sent += per_message;
                while let Some(settled) = self.client.try_settled(self.producer) {
                    acknowledged += accepted(&settled.outcome, per_message)?;
                }
            }
        }
        while acknowledged < sent {
            let settled = self.client.settled(self.producer).await?;
            acknowledged += accepted(&settled.outcome, per_message)?;
        }
        Ok(Done { events: acknowledged, elapsed: start.elapsed() })
    }

    pub async fn close(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}

fn accepted(outcome: &Outcome, events: u64) -> Result<u64> {
    ensure!(outcome.is_accepted(), "the server did not accept everything: {outcome}");
    Ok(events)
}

/// A connection with everything in place to read a hub from its oldest event.
#[derive(Debug)]
pub struct Reader {
    client: Client,
    hub: String,
    partitions: Vec<String>,
    /// Of each consumer, the number that must come next.
    next: Vec<(Consumer, i64)>,
    load: Load,
}

impl Reader {
    /// Connects; the links, which let events flow, are opened by [`Reader::run`].
    pub async fn open(target: &Target, hub: &str, load: Load) -> Result<Self> {
        let mut client = Client::connect(target, Options::named("forebay-load")).await?;
        let mut partitions = client.hub_properties(hub).await?.partitions;
        if load.partitions == Partitions::One {
            partitions.truncate(1);
        }
        Ok(Self { client, hub: hub.to_owned(), partitions, next: Vec::new(), load })
    }

    /// Reads until all events have come; every partition's numbers must be without gaps.
    pub async fn run(&mut self) -> Result<Done> {
        let start = Instant::now();
        for partition in &self.partitions {
            let subscription =
                Subscription::new(&self.hub, partition, Position::Earliest).with_prefetch(self.load.prefetch);
            self.next.push((self.client.consumer(&subscription).await?, 0));
        }
        let mut events = 0;
        while events < self.load.events {
            let left = self.load.time_limit.saturating_sub(start.elapsed());
            let received = tokio::time::timeout(left, self.client.receive()).await;
            let Ok(received) = received else {
                bail!("only {events} of {} events were read in time", self.load.events);
            };
            let mut next = Some(received?);
            // What came in the same burst needs no clock and no waiting.
            while let Some(event) = next {
                let sequence = event.system()?.sequence;
                let expected = self.next.iter_mut().find(|(consumer, _)| *consumer == event.consumer);
                let (_, expected) = expected.context("an event of nobody's partition")?;
                ensure!(sequence == *expected, "event {sequence} came where {expected} should have");
                *expected += 1;
                events += 1;
                next = self.client.try_receive();
            }
        }
        Ok(Done { events, elapsed: start.elapsed() })
    }

    pub async fn close(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}
