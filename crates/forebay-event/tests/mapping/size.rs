//! The bound of what a message may take in storage (`docs/reference/event.md` §4, "Size").

use forebay_event::amqp::{BATCH_FORMAT, Context, Incoming, Refusal, stored_bytes_max};
use proptest::prelude::*;

use crate::round_trip::message;
use crate::support::{COMPACTED, LIMIT, PLAIN, data, keyed, publisher_link, unhex};

/// A batch message, as large as the limit allows, of this event over and over.
fn full_of(envelope: &[u8], event: &[u8]) -> Vec<u8> {
    let section = match u8::try_from(event.len()) {
        Ok(len) => [&[0, 0x53, 0x75, 0xa0, len], event].concat(),
        Err(_) => data(event),
    };
    let count = (LIMIT - envelope.len()) / section.len();
    [envelope, &section.repeat(count)].concat()
}

fn stored(message: &[u8], context: &Context<'_>) -> Result<usize, Refusal> {
    Incoming::parse(message, BATCH_FORMAT, context).map(|incoming| incoming.stored_size_bound())
}

#[test]
fn the_worst_legal_message_fits() {
    // A byte each for 13 fields, each of which becomes a header with a name, and all of them once more in fb.s.
    let worst = unhex("005373c00e0d43434343434343434343434343");
    let bytes = stored(&full_of(&[], &worst), &PLAIN).expect("it fits");
    assert!(bytes > 8 * LIMIT + 64 * 1024, "a factor of 8 would not do: {bytes}");
    assert!(bytes <= stored_bytes_max(LIMIT));
}

#[test]
fn small_events_fit() {
    let tiny =
        [unhex(""), unhex("005375a000"), unhex("00537740"), unhex("00537645"), unhex("005373c0020143")];
    let maps = [
        unhex("005374c10302a10040"),
        unhex("005374c1020240"),
        unhex("005372c103024040"),
        unhex("005370c0020141"),
    ];
    for event in tiny.iter().chain(&maps).filter(|event| store(event)) {
        stored(&full_of(&[], event), &PLAIN).expect("it fits");
    }
    fn store(event: &[u8]) -> bool {
        Incoming::parse(event, 0, &PLAIN).is_ok()
    }
}

#[test]
fn keys_added_to_very_many_events_are_refused_beyond_the_bound() {
    let long = "k".repeat(200);
    for message in [full_of(&keyed(&long), &[]), full_of(&keyed(&long), &data(b"a"))] {
        for context in [PLAIN, COMPACTED] {
            match stored(&message, &context) {
                Err(Refusal::Event { refusal, .. }) => {
                    assert_eq!(*refusal, Refusal::StoredTooLarge { max: stored_bytes_max(LIMIT) });
                    assert_eq!(refusal.condition(), "amqp:link:message-size-exceeded");
                }
                other => panic!("refused: {other:?}"),
            }
        }
    }
    let name = "n".repeat(200);
    assert!(stored(&full_of(&[], &[]), &publisher_link(&name)).is_err());
    // Events of an ordinary size are far from it.
    stored(&full_of(&keyed(&long), &data(&[0; 100])), &PLAIN).expect("it fits");
}

#[test]
fn the_bound_never_passes_what_a_batch_can_hold() {
    assert_eq!(stored_bytes_max(0), 65_536);
    assert_eq!(stored_bytes_max(usize::MAX), 2_147_483_647);
}

proptest! {
    #[test]
    fn no_event_grows_past_the_factor(sent in message()) {
        // Alone among its like in a batch message of the limit: what one adds, all add.
        if Incoming::parse(&sent.bytes, 0, &PLAIN).is_ok() && sent.bytes.len() < 10_000 {
            let message = full_of(&[], &sent.bytes);
            let bytes = stored(&message, &Context { partition_count: None, ..PLAIN });
            prop_assert!(bytes.is_ok(), "{bytes:?}");
        }
    }
}
