use super::*;
use crate::entry::{Entry, NodeId, Position, ProposalId};
use crate::hub::CreateHub;
use crate::namespace::CreateNamespace;
use crate::setting::{PutSetting, Setting};
use crate::{Command, Secret, apply};

fn state() -> State {
    let mut state = State::new();
    let commands: [Command; 3] = [
        CreateNamespace { name: "default".into(), hosts: vec!["*.example".into()] }.into(),
        CreateHub::with_defaults("default", "Orders").into(),
        PutSetting { name: "dev.key".into(), value: Setting::Secret(Secret::new("s3cr3t")) }.into(),
    ];
    for (index, command) in commands.into_iter().enumerate() {
        let entry = Entry::new(ProposalId(index as u128), NodeId(0), 1_000, command);
        apply(&mut state, Position::in_log(index as u64), &entry);
    }
    state
}

/// The bytes with a checksum that fits them again.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - TRAILER_BYTES);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

#[test]
fn a_snapshot_reads_back_as_the_state() {
    let state = state();
    let bytes = encode(&state).unwrap();
    assert_eq!(decode(&bytes).unwrap(), state);
    assert_eq!(encode(&decode(&bytes).unwrap()).unwrap(), bytes);
    assert_eq!(bytes[32..64], state.hash().0);
    assert_eq!(encode(&State::new()), None);
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let bytes = encode(&state()).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        assert!(decode(&flipped).is_err(), "byte {at}");
        assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn faults_are_told_apart_even_where_the_checksum_fits() {
    let bytes = encode(&state()).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        decode(&resealed(bytes)).unwrap_err()
    };
    assert_eq!(changed(0, b'X'), SnapshotError::NotASnapshot);
    assert_eq!(changed(8, 2), SnapshotError::TooNew { format: 2, level: 1 });
    assert_eq!(
        changed(12, 9).to_string(),
        "the snapshot has format 1 and level 9, this program reads format 1 up to level 2: update it"
    );
    assert_eq!(changed(16, 99), SnapshotError::Damaged { what: "its header is another state's" });
    assert_eq!(changed(24, 1), SnapshotError::Damaged { what: "its length does not match" });
    assert_eq!(changed(40, 0), SnapshotError::Damaged { what: "the state's hash does not match" });
    assert_eq!(decode(&bytes[..20]), Err(SnapshotError::Damaged { what: "it is cut short" }));
    assert_eq!(decode(b""), Err(SnapshotError::NotASnapshot));
}

#[test]
fn a_state_is_printed_without_its_secrets() {
    let printed = format!("{:?}", state());
    assert!(printed.contains("***") && !printed.contains("s3cr3t"), "{printed}");
}
