//! What became of an entry.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entry::{NodeId, Position};
use crate::hub::HubId;
use crate::receiver::{ReceiverId, SeatRef};

/// What became of an entry, the same on every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done; this is what changed, in order.
    Applied(Vec<Change>),
    /// It was not done, and never will be.
    Rejected(Rejection),
    /// The same proposal stood in the log before; this time nothing was done.
    Duplicate {
        /// Where it was judged.
        first: Position,
        /// How.
        outcome: Outcome,
    },
    /// The log has reached a level that this code does not understand. Nothing was done, nothing more will be:
    /// this node must leave, and be updated.
    TooNew {
        /// The level.
        level: u32,
    },
}

/// How a proposal was judged, as far as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Applied,
    /// It was refused.
    Rejected(Code),
}

/// A refusal: a code for programs, a text for people that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which rule.
    pub code: Code,
    /// What is wrong and what helps.
    pub text: String,
}

impl Rejection {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Rejection {}

/// Why an entry was refused. The names are persisted: kept stable, added to, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The thing, or what it would belong to, does not exist.
    NotFound,
    /// A thing of this name exists.
    AlreadyExists,
    /// A precondition does not hold.
    PreconditionFailed,
    /// The name is not allowed.
    InvalidName,
    /// Another value is not allowed.
    InvalidArgument,
    /// There are as many of these as there may be.
    LimitReached,
    /// The thing cannot be deleted.
    Protected,
    /// The entry needs a level that is not reached, or is of an unknown kind.
    LevelTooLow,
    /// The hub has no such partition.
    PartitionOutOfRange,
    /// A reader with a higher epoch is there.
    EpochLower,
    /// A reader with an epoch is there, and this one has none.
    EpochMissing,
    /// There are five readers without an epoch.
    TooManyReaders,
    /// The same link has claimed this place before.
    AlreadyClaimed,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Entries up to this level are applied from now on.
    LevelRaised {
        /// The level.
        level: u32,
    },
    /// There is a new namespace.
    NamespaceCreated {
        /// Its name.
        namespace: String,
    },
    /// A namespace has other host names.
    NamespaceHostsChanged {
        /// Its name.
        namespace: String,
    },
    /// A namespace has other limits. What there is keeps to them.
    NamespaceLimitsChanged {
        /// Its name.
        namespace: String,
    },
    /// There is a new hub, and a log to be made for it.
    HubCreated {
        /// The namespace.
        namespace: String,
        /// The hub's id, which is its log's.
        hub: HubId,
        /// Its name as first written.
        name: String,
    },
    /// A hub has more partitions, another retention or other user metadata, and its log is to follow.
    HubUpdated {
        /// The namespace.
        namespace: String,
        /// The hub's id.
        hub: HubId,
        /// Its name as first written.
        name: String,
        /// How many partitions it has now; never fewer than before.
        partitions: u32,
        /// How long events are kept now, in milliseconds.
        retention_ms: u64,
    },
    /// A hub is gone, and its log is to be deleted.
    HubDeleted {
        /// The namespace.
        namespace: String,
        /// The id it had.
        hub: HubId,
        /// The name it had.
        name: String,
    },
    /// There is a new consumer group.
    GroupCreated {
        /// The hub.
        hub: HubId,
        /// The group's name.
        group: String,
    },
    /// Other user metadata stands on a consumer group.
    GroupUpdated {
        /// The hub.
        hub: HubId,
        /// The group's name as first written.
        group: String,
    },
    /// A consumer group is gone.
    GroupDeleted {
        /// The hub.
        hub: HubId,
        /// The name it had.
        group: String,
    },
    /// A policy was made, changed or deleted, or has another key: grants of this namespace are to be looked at
    /// again.
    PolicyChanged {
        /// The namespace.
        namespace: String,
        /// The hub, for a hub's policy.
        hub: Option<HubId>,
        /// The policy's name.
        policy: String,
    },
    /// A setting has a value.
    SettingChanged {
        /// The setting.
        setting: String,
    },
    /// A reader has its place. In the list of changes it comes after those whom it puts out.
    ReceiverAdmitted {
        /// The place.
        seat: SeatRef,
        /// The reader.
        receiver: ReceiverId,
    },
    /// A reader has lost its place to another, and is to be detached with `amqp:link:stolen` and this text before
    /// anything later is done.
    ReceiverSuperseded {
        /// The place.
        seat: SeatRef,
        /// The reader.
        receiver: ReceiverId,
        /// What it is told.
        text: String,
    },
    /// A reader has lost its place because hub or group were deleted, and is to be detached.
    ReceiverVoided {
        /// The place.
        seat: SeatRef,
        /// The reader.
        receiver: ReceiverId,
    },
    /// A reader has left its place.
    ReceiverReleased {
        /// The place.
        seat: SeatRef,
        /// The reader.
        receiver: ReceiverId,
    },
}

impl Change {
    /// The node whose link must be told, for changes that concern one.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::ReceiverSuperseded { receiver, .. } | Self::ReceiverVoided { receiver, .. } => {
                Some(receiver.node)
            }
            _ => None,
        }
    }
}
