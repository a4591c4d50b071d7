//! AMQP message → record → AMQP message (`docs/reference/event.md` §2 to §5).
//!
//! In: [`Incoming::parse`] is one checked pass over the message, [`Incoming::write`] one copy of its body into a batch.
//! Out: [`write_message`] is one checked pass over the record and one copy of its body into the socket's buffer. Neither
//! allocates for an event, unless a map of it has more than 16 keys to compare with each other.
//!
//! | step | file |
//! |---|---|
//! | message → sections | `section.rs`, `compound.rs` |
//! | sections → event: what is dropped, added, refused | `event.rs`, `annotations.rs`, `properties.rs`, `keys.rs` |
//! | event → record | `store.rs`, `meta.rs` (`fb.m`) |
//! | one event or a batch message | `incoming.rs` |
//! | record → message | `deliver.rs`, `kafka_record.rs` |

mod annotations;
mod compound;
mod damage;
mod deliver;
mod event;
mod incoming;
mod kafka_record;
mod keys;
mod meta;
mod properties;
mod refusal;
mod section;
mod store;

pub use damage::Damage;
pub use deliver::{RuntimeMetrics, System, write_message};
pub use incoming::{Context, Incoming, STORED_BYTES_FACTOR, STORED_BYTES_SPARE, stored_bytes_max};
pub use refusal::Refusal;
pub use section::SectionError;

/// The message format of a batch message: each data section of the envelope is one encoded message.
pub const BATCH_FORMAT: u32 = 0x8001_3700;

/// The names of the two headers of ours (`docs/reference/event.md` §2).
const META: &[u8] = b"fb.m";
const SECTIONS: &[u8] = b"fb.s";

/// Annotations that the service gives each event it delivers (`docs/reference/amqp.md` §6.7).
const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
const OFFSET: &str = "x-opt-offset";
const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
const PUBLISHER: &str = "x-opt-publisher";
const PARTITION_KEY: &str = "x-opt-partition-key";
