//! The event and its stored form: record batches, AMQP to record and back, partition-key hash.
