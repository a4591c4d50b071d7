//! The conformance vectors, both ways.

use forebay_event::Origin;
use serde::Deserialize;

use crate::model::{self, Message};
use crate::support::{COMPACTED, PLAIN, Stored, store_one, unhex};

#[derive(Deserialize)]
struct Vector {
    name: String,
    amqp: String,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, String)>,
    #[serde(default)]
    compacted: bool,
}

impl Vector {
    fn record(&self) -> Stored {
        Stored {
            key: self.key.as_deref().map(unhex),
            value: self.value.as_deref().map(unhex),
            headers: self.headers.iter().map(|(n, v)| (n.clone().into_bytes(), Some(unhex(v)))).collect(),
        }
    }
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/event-vectors.json")).expect("the vectors are JSON");
    assert!(vectors.len() >= 30);
    vectors
}

#[test]
fn messages_become_the_records_of_the_vectors() {
    for vector in vectors() {
        let context = if vector.compacted { &COMPACTED } else { &PLAIN };
        let record = store_one(&unhex(&vector.amqp), context);
        assert_eq!(record, Ok(vector.record()), "{}", vector.name);
    }
}

#[test]
fn records_become_messages_that_become_the_same_records() {
    for vector in vectors() {
        let context = if vector.compacted { &COMPACTED } else { &PLAIN };
        for origin in [Origin::Amqp, Origin::Http] {
            let message = vector.record().deliver(origin).expect(&vector.name);
            assert_eq!(store_one(&message, context), Ok(vector.record()), "{}", vector.name);
        }
    }
}

#[test]
fn records_become_messages_that_mean_the_same() {
    let dropped = ["x-opt-offset", "x-opt-enqueued-time", "x-opt-publisher", "x-opt-sequence-number"]
        .map(|name| [model::symbol(name), model::string(name)])
        .concat();
    for vector in vectors() {
        let delivered = model::delivered(&vector.record().deliver(Origin::Amqp).expect(&vector.name));
        let mut sent = sent(&vector.amqp, &vector.name);
        sent.annotations.retain(|(name, _)| !dropped.contains(name));
        sent.delivery_annotations.clear();
        let mut expected = sent;
        let ours = [
            (model::symbol("x-opt-sequence-number"), vec![0x81, 0, 0, 0, 0, 0, 0, 0x30, 0x39]),
            (model::symbol("x-opt-offset"), model::string("12345")),
            (model::symbol("x-opt-enqueued-time"), unhex("830000018bcfe5687b")),
        ];
        expected.annotations.splice(0..0, ours);
        assert_eq!(delivered, expected, "{}", vector.name);
    }
}

/// The vector's message, its sections put in order and their descriptors made short.
fn sent(amqp: &str, name: &str) -> Message {
    let bytes = unhex(amqp);
    let mut sections: Vec<_> =
        forebay_amqp::types::sections::Sections::new(&bytes).map(|section| section.expect(name)).collect();
    sections.sort_by_key(|section| section.kind as u8);
    let ordered: Vec<u8> = sections
        .iter()
        .flat_map(|section| crate::support::section(section.kind as u8, section.body))
        .collect();
    model::delivered(&ordered)
}
