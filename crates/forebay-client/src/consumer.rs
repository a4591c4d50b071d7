//! Receivers: where to read from, and how much ahead.

use forebay_amqp::types::{Attach, Handle, ReceiverSettleMode, Role, SenderSettleMode, Source, Target};
use forebay_amqp::wire::{Symbol, Value};

use crate::links::LinkIndex;
use crate::position::Position;

const EPOCH: Symbol = Symbol::from_static("com.microsoft:epoch");
const RECEIVER_NAME: Symbol = Symbol::from_static("com.microsoft:receiver-name");

/// Events that may be on their way or waiting, unless the caller says otherwise: what Event Hubs' clients ask for.
const PREFETCH: u32 = 300;

/// A receiver link of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Consumer(pub(crate) LinkIndex);

/// What to read: one partition as one consumer group sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The hub.
    pub hub: String,
    /// The consumer group; `$Default` unless changed.
    pub group: String,
    /// The partition's id.
    pub partition: String,
    /// Where to start.
    pub from: Position,
    /// Read alone: a reader with a lower epoch, or none, is cut off.
    pub epoch: Option<i64>,
    /// How the server names this reader to others.
    pub name: Option<String>,
    /// Events on their way or waiting here, at most. 0 grants nothing until
    /// [`Client::grant`](crate::Client::grant) is called.
    pub prefetch: u32,
}

impl Subscription {
    /// Reads a partition with the group `$Default`.
    #[must_use]
    pub fn new(hub: &str, partition: &str, from: Position) -> Self {
        Self {
            hub: hub.to_owned(),
            group: "$Default".to_owned(),
            partition: partition.to_owned(),
            from,
            epoch: None,
            name: None,
            prefetch: PREFETCH,
        }
    }

    /// As another consumer group.
    #[must_use]
    pub fn with_group(mut self, group: &str) -> Self {
        self.group = group.to_owned();
        self
    }

    /// As the only reader, with this epoch.
    #[must_use]
    pub const fn with_epoch(mut self, epoch: i64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// With that many events on their way or waiting.
    #[must_use]
    pub const fn with_prefetch(mut self, prefetch: u32) -> Self {
        self.prefetch = prefetch;
        self
    }

    pub(crate) fn address(&self) -> String {
        format!("{}/ConsumerGroups/{}/Partitions/{}", self.hub, self.group, self.partition)
    }

    pub(crate) fn attach(&self, name: String) -> Attach {
        let mut source = Source::new(self.address());
        source.filter = self.from.filter();
        let mut attach = Attach::new(name, Handle(0), Role::Receiver);
        attach.source = Some(source);
        attach.target = Some(Target::default());
        attach.snd_settle_mode = SenderSettleMode::SETTLED;
        attach.rcv_settle_mode = ReceiverSettleMode::FIRST;
        if let Some(epoch) = self.epoch {
            attach.properties.push(EPOCH, Value::Long(epoch));
        }
        if let Some(name) = &self.name {
            attach.properties.push(RECEIVER_NAME, Value::String(name.clone()));
        }
        attach
    }
}
