//! The control log's entries and the snapshots of what they come to.

use forebay_namespace::{Command, Position, State, apply, codec, snapshot as format};
use sha2::{Digest as _, Sha256};

use crate::memory::within;
use crate::tape::Tape;

/// A JSON value takes 32 bytes and more for each byte that it had, a map's entry a few hundred for six.
const FACTOR: usize = 400;
const SPARE: usize = 64 << 10;

const HEADER_BYTES: usize = 64;

/// A log of one entry a line: each reads as what it is written as, and all of them fold to a state that a snapshot
/// carries over.
pub(crate) fn entries(bytes: &[u8]) {
    let (mut state, mut twin) = (State::new(), State::new());
    for (position, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let decoded = within(line.len(), FACTOR, SPARE, || codec::decode(line));
        let Ok(entry) = decoded else { continue };
        let again = codec::decode(&codec::encode(&entry)).expect("what we write is read");
        match (&entry.command, &again.command) {
            // A number of a later version may be finer than ours; nothing is done with it but to refuse it.
            (Command::Opaque(entry), Command::Opaque(again)) => assert_eq!(again.kind, entry.kind),
            _ => assert_eq!(again, entry, "it reads as the same"),
        }
        let verdict = apply(&mut state, Position::in_log(position as u64), &entry);
        assert_eq!(
            apply(&mut twin, Position::in_log(position as u64), &entry),
            verdict,
            "the fold is a function"
        );
    }
    assert_eq!(state.hash(), twin.hash());
    let Some(snapshot) = format::encode(&state) else { return };
    let again = format::decode(&snapshot).expect("what we write is read");
    assert_eq!(again.hash(), state.hash());
    assert_eq!(format::encode(&again).as_deref(), Some(&snapshot[..]));
}

/// The first byte says whether the rest is a file as it is, or a body that gets the header and sums it should have.
pub(crate) fn snapshot(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let as_it_is = tape.flag();
    let file = if as_it_is { tape.0.to_vec() } else { sealed(tape.0) };
    let decoded = within(file.len(), FACTOR, SPARE, || format::decode(&file));
    let Ok(state) = decoded else { return };
    let written = format::encode(&state).expect("a state that was read has a position");
    let again = format::decode(&written).expect("what we write is read");
    assert_eq!(again.hash(), state.hash());
    assert_eq!(format::encode(&again), Some(written), "it is written as the same");
    assert_eq!(again.position(), state.position());
}

/// A snapshot's file around this body.
fn sealed(body: &[u8]) -> Vec<u8> {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let number = |name: &str| json.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let level = u32::try_from(number("level")).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(HEADER_BYTES + body.len() + 4);
    file.extend_from_slice(b"FBSNAP\r\n");
    file.extend_from_slice(&1_u32.to_le_bytes());
    file.extend_from_slice(&level.to_le_bytes());
    file.extend_from_slice(&number("position").to_le_bytes());
    file.extend_from_slice(&(body.len() as u64).to_le_bytes());
    file.extend_from_slice(&Sha256::digest(body));
    file.extend_from_slice(body);
    let sum = crc32c::crc32c(&file);
    file.extend_from_slice(&sum.to_le_bytes());
    file
}
