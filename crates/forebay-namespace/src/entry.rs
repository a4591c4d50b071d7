//! Entries of the control log: who proposes what, under which conditions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::group::{CreateGroup, DeleteGroup, UpdateGroup};
use crate::hub::{CreateHub, DeleteHub, UpdateHub};
use crate::namespace::{CreateNamespace, SetNamespaceHosts, SetNamespaceLimits};
use crate::policy::{CreatePolicy, DeletePolicy, ReplaceKey, SetPolicyRights};
use crate::precondition::Precondition;
use crate::receiver::{ClaimReceiver, ReleaseReceiver};
use crate::setting::PutSetting;

/// The highest level whose entries this code understands.
///
/// A kind of entry belongs to a level and is applied only after a [`RaiseLevel`] entry has allowed it. A node
/// that meets a higher level stops folding and leaves ([`crate::Verdict::TooNew`]), so that all nodes that
/// fold understand all that is applied.
///
/// | level | what came with it |
/// |---|---|
/// | 1 | namespaces, hubs, groups, policies, settings, readers |
/// | 2 | limits of namespaces, changes of hubs and groups, user metadata, hubs of more than 1,024 partitions |
///
/// A state that has not reached a level is written without that level's members, so that it has the same bytes and
/// hash as in code that never knew them.
pub const LEVEL_SUPPORTED: u32 = 2;

/// An entry of the control log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names the proposal, so that one that was appended twice is applied once.
    pub proposal: ProposalId,
    /// The node that proposes.
    pub proposer: NodeId,
    /// The proposer's clock, in milliseconds since 1970 (UTC). The fold takes the greater of this and the time of
    /// the entry before.
    pub time_ms: i64,
    /// What must hold at the entry's position; all of it.
    pub preconditions: Vec<Precondition>,
    /// What is to be done.
    pub command: Command,
}

impl Entry {
    /// An entry without preconditions.
    #[must_use]
    pub fn new(proposal: ProposalId, proposer: NodeId, time_ms: i64, command: impl Into<Command>) -> Self {
        Self { proposal, proposer, time_ms, preconditions: Vec::new(), command: command.into() }
    }

    /// With one more precondition.
    #[must_use]
    pub fn only_if(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }
}

/// What an entry asks for; each variant is described in its noun's file. The kinds' names are persisted: they are
/// kept stable and never used again for something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum Command {
    /// Allows entries of a level.
    #[serde(rename = "raise_level")]
    RaiseLevel(RaiseLevel),
    /// Makes a namespace.
    #[serde(rename = "create_namespace")]
    CreateNamespace(CreateNamespace),
    /// Sets a namespace's host names.
    #[serde(rename = "set_namespace_hosts")]
    SetNamespaceHosts(SetNamespaceHosts),
    /// Sets what a namespace may have.
    #[serde(rename = "set_namespace_limits")]
    SetNamespaceLimits(SetNamespaceLimits),
    /// Makes a hub.
    #[serde(rename = "create_hub")]
    CreateHub(CreateHub),
    /// Changes a hub.
    #[serde(rename = "update_hub")]
    UpdateHub(UpdateHub),
    /// Deletes a hub with its groups and policies.
    #[serde(rename = "delete_hub")]
    DeleteHub(DeleteHub),
    /// Makes a consumer group.
    #[serde(rename = "create_group")]
    CreateGroup(CreateGroup),
    /// Changes what is noted on a consumer group.
    #[serde(rename = "update_group")]
    UpdateGroup(UpdateGroup),
    /// Deletes a consumer group.
    #[serde(rename = "delete_group")]
    DeleteGroup(DeleteGroup),
    /// Makes a shared access policy.
    #[serde(rename = "create_policy")]
    CreatePolicy(CreatePolicy),
    /// Changes what a policy allows.
    #[serde(rename = "set_policy_rights")]
    SetPolicyRights(SetPolicyRights),
    /// Deletes a policy.
    #[serde(rename = "delete_policy")]
    DeletePolicy(DeletePolicy),
    /// Replaces one key of a policy.
    #[serde(rename = "replace_key")]
    ReplaceKey(ReplaceKey),
    /// Sets a setting of the server.
    #[serde(rename = "put_setting")]
    PutSetting(PutSetting),
    /// A reader claims its place; a session entry.
    #[serde(rename = "claim_receiver")]
    ClaimReceiver(ClaimReceiver),
    /// A reader leaves its place; a session entry.
    #[serde(rename = "release_receiver")]
    ReleaseReceiver(ReleaseReceiver),
    /// An entry of a kind, or in a form, that this code does not know. It is kept and refused.
    #[serde(skip)]
    Opaque(Opaque),
}

/// Whether an entry outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Written to disk, in snapshots and in the state's hash.
    Durable,
    /// Void after a restart. On one node it touches no disk.
    Session,
}

impl Command {
    /// Whether it outlives a restart; `None` where the kind is unknown.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::ClaimReceiver(_) | Self::ReleaseReceiver(_) => Some(Class::Session),
            Self::Opaque(_) => None,
            _ => Some(Class::Durable),
        }
    }

    /// The level that must be reached before it is applied. A kind that is unknown here is above ours.
    #[must_use]
    pub fn level(&self) -> u32 {
        match self {
            Self::Opaque(_) => LEVEL_SUPPORTED + 1,
            Self::SetNamespaceLimits(_) | Self::UpdateHub(_) | Self::UpdateGroup(_) => 2,
            Self::CreateHub(create) if create.user_metadata.is_some() => 2,
            Self::CreateGroup(create) if create.user_metadata.is_some() => 2,
            _ => 1,
        }
    }
}

macro_rules! commands {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Command {
            fn from(command: $kind) -> Self {
                Self::$kind(command)
            }
        })*
    };
}

commands!(
    RaiseLevel,
    CreateNamespace,
    SetNamespaceHosts,
    SetNamespaceLimits,
    CreateHub,
    UpdateHub,
    DeleteHub,
    CreateGroup,
    UpdateGroup,
    DeleteGroup,
    CreatePolicy,
    SetPolicyRights,
    DeletePolicy,
    ReplaceKey,
    PutSetting,
    ClaimReceiver,
    ReleaseReceiver
);

/// Allows entries up to a level. A level that is reached already changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RaiseLevel {
    /// The level.
    pub level: u32,
}

/// An entry that this code cannot read, kept so that it can be written again. `Debug` does not show its contents,
/// which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Opaque {
    /// The kind it names.
    pub kind: String,
    pub(crate) whole: serde_json::Value,
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A proposal's id, chosen by the proposer so that no two proposals ever share one. Written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProposalId(pub u128);

impl fmt::Display for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProposalId({self})")
    }
}

impl Serialize for ProposalId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProposalId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits
            .then(|| u128::from_str_radix(&text, 16).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a proposal id is 32 hex digits"))
    }
}

/// A node of the server. A single node is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

/// An entry's place in the one order of durable and session entries.
///
/// On one node a session entry has no number of its own: it comes after the durable entry at `log` and is
/// counted from 1 in `session`. In a shared log every entry has its own number and `session` is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The sequence number in the control log.
    pub log: u64,
    /// The count behind it; 0 for the entry at `log` itself.
    pub session: u64,
}

impl Position {
    /// The place of the entry with this sequence number.
    #[must_use]
    pub fn in_log(log: u64) -> Self {
        Self { log, session: 0 }
    }

    /// The place of the `count`-th session entry (from 1) behind the durable entry at `log`.
    #[must_use]
    pub fn behind(log: u64, count: u64) -> Self {
        Self { log, session: count }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.log)?;
        if self.session == 0 { Ok(()) } else { write!(f, "+{}", self.session) }
    }
}
