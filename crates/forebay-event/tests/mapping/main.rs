//! AMQP message → record → AMQP message (`docs/reference/event.md`).

mod batches;
mod damage;
mod kafka;
mod model;
mod refusals;
mod round_trip;
mod size;
mod support;
mod vectors;
