//! The durable state as bytes, and its hash.
//!
//! ```text
//!  0  magic "FBSNAP\r\n"   8 bytes      | 16  position  u64, that of the last durable entry
//!  8  format               u32 (1)     | 24  length    u64, bytes of the body
//! 12  level                u32         | 32  SHA-256 of the body: the state's hash
//! 64  body: the durable state as JSON, every map in the order of its keys
//!     CRC-32C of everything before, u32.                               All numbers little-endian.
//! ```
//!
//! The same state gives the same bytes on every node. Secrets stand in the body as they are: whoever stores these
//! bytes keeps them from other eyes.

use std::fmt;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::entry::LEVEL_SUPPORTED;
use crate::state::{Durable, State};

const MAGIC: [u8; 8] = *b"FBSNAP\r\n";
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 64;
const TRAILER_BYTES: usize = 4;

/// The hash of a durable state. Nodes at the same position have the same, or one of them is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

impl State {
    /// The hash of the durable state. It costs as much as a snapshot.
    #[must_use]
    pub fn hash(&self) -> StateHash {
        StateHash(Sha256::digest(body(&self.durable)).into())
    }
}

/// Writes the durable state; `None` before the first durable entry, when there is nothing to write.
#[must_use]
pub fn encode(state: &State) -> Option<Vec<u8>> {
    let position = state.durable.position?;
    let body = body(&state.durable);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + TRAILER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&state.durable.level.to_le_bytes());
    bytes.extend_from_slice(&position.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    Some(bytes)
}

/// Reads a snapshot. No reader has a place in the state that comes out, as after a restart.
///
/// # Errors
///
/// [`SnapshotError`]; an older snapshot, or the log from its beginning, may still be good.
pub fn decode(bytes: &[u8]) -> Result<State, SnapshotError> {
    if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
        return Err(SnapshotError::NotASnapshot);
    }
    let damaged = |what| SnapshotError::Damaged { what };
    if bytes.len() < HEADER_BYTES + TRAILER_BYTES {
        return Err(damaged("it is cut short"));
    }
    let (covered, trailer) = bytes.split_at(bytes.len() - TRAILER_BYTES);
    if crc32c::crc32c(covered).to_le_bytes() != trailer {
        return Err(damaged("its checksum does not match"));
    }
    let (header, body) = covered.split_at(HEADER_BYTES);
    let u32_at = |at: usize| header[at..at + 4].iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    let u64_at = |at: usize| header[at..at + 8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (format, level, position) = (u32_at(8), u32_at(12), u64_at(16));
    if format != FORMAT || level > LEVEL_SUPPORTED {
        return Err(SnapshotError::TooNew { format, level });
    }
    if u64_at(24) != body.len() as u64 {
        return Err(damaged("its length does not match"));
    }
    if header[32..] != Sha256::digest(body)[..] {
        return Err(damaged("the state's hash does not match"));
    }
    let durable: Durable = serde_json::from_slice(body).map_err(|_| damaged("its body is not a state"))?;
    if durable.position != Some(position) || durable.level != level {
        return Err(damaged("its header is another state's"));
    }
    Ok(State::from_durable(durable))
}

fn body(durable: &Durable) -> Vec<u8> {
    serde_json::to_vec(durable).expect("states hold nothing that JSON cannot: string keys, finite numbers")
}

/// Why bytes are no usable snapshot. The texts show nothing of the contents.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// They are something else.
    #[error("these bytes are not a snapshot of the control log")]
    NotASnapshot,
    /// They were a snapshot once.
    #[error("the snapshot is damaged, {what}: use the one before")]
    Damaged {
        /// How that shows.
        what: &'static str,
    },
    /// They were written by newer code.
    #[error(
        "the snapshot has format {format} and level {level}, this program reads format {FORMAT} up to level \
         {LEVEL_SUPPORTED}: update it"
    )]
    TooNew {
        /// Its format.
        format: u32,
        /// Its level.
        level: u32,
    },
}

#[cfg(test)]
mod tests;
