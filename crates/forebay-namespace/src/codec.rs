//! Entries as bytes: one JSON object each, so that a log can be read without this code.
//!
//! ```json
//! {"v":1,"id":"0000…002a","by":0,"at":1767225600000,"if":[],"kind":"create_group","body":{…}}
//! ```
//!
//! A kind, a version or a field that is unknown here does not fail: the entry becomes [`Command::Opaque`], is kept
//! with all it has, and is refused by the fold, as it is by every node until a `raise_level` entry allows it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::entry::{Command, Entry, NodeId, Opaque, ProposalId};
use crate::precondition::Precondition;

/// The version of the envelope and of all bodies in it.
pub const ENTRY_VERSION: u32 = 1;

/// What every entry has, known or not.
#[derive(Deserialize)]
struct Envelope {
    v: u32,
    id: ProposalId,
    by: NodeId,
    at: i64,
    kind: String,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    id: ProposalId,
    by: NodeId,
    at: i64,
    r#if: &'a [Precondition],
    #[serde(flatten)]
    command: &'a Command,
}

#[derive(Deserialize)]
struct Conditions {
    #[serde(default)]
    r#if: Vec<Precondition>,
}

/// Writes an entry.
#[must_use]
pub fn encode(entry: &Entry) -> Vec<u8> {
    if let Command::Opaque(opaque) = &entry.command {
        return opaque.whole.to_string().into_bytes();
    }
    let Entry { proposal: id, proposer: by, time_ms: at, ref preconditions, ref command } = *entry;
    let written = Written { v: ENTRY_VERSION, id, by, at, r#if: preconditions, command };
    serde_json::to_vec(&written).expect("entries hold nothing that JSON cannot: string keys, finite numbers")
}

/// Reads an entry.
///
/// # Errors
///
/// [`EntryError`] when even the envelope cannot be read: that is damage, not a newer version.
pub fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
    let whole: Value = serde_json::from_slice(bytes).map_err(|error| EntryError::new(&error))?;
    let envelope = Envelope::deserialize(&whole).map_err(|error| EntryError::new(&error))?;
    let known = || {
        let preconditions = Conditions::deserialize(&whole).ok()?.r#if;
        let body = serde_json::json!({"kind": whole.get("kind")?, "body": whole.get("body")?});
        let command = serde_json::from_value::<Command>(body).ok()?;
        let members = whole.as_object()?;
        let all_known = members.keys().all(|key| ENVELOPE_KEYS.contains(&key.as_str()));
        (all_known && envelope.v == ENTRY_VERSION).then_some((preconditions, command))
    };
    let (preconditions, command) = match known() {
        Some(known) => known,
        None => {
            let kind = envelope.kind.clone();
            (Vec::new(), Command::Opaque(Opaque { kind, whole }))
        }
    };
    let Envelope { id: proposal, by: proposer, at: time_ms, .. } = envelope;
    Ok(Entry { proposal, proposer, time_ms, preconditions, command })
}

const ENVELOPE_KEYS: [&str; 7] = ["v", "id", "by", "at", "if", "kind", "body"];

/// Bytes that are no entry at all. The text tells where reading stopped, and nothing of the contents.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "not an entry of the control log (line {line}, column {column}): the log is damaged, keep a copy of the folder and start with another"
)]
pub struct EntryError {
    /// Line of the first fault, from 1; 0 where the JSON is sound but not an entry.
    pub line: usize,
    /// Column of the first fault.
    pub column: usize,
}

impl EntryError {
    fn new(error: &serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

#[cfg(test)]
mod tests;
