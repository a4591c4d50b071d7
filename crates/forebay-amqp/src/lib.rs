//! AMQP 1.0 as a sans-IO core: types, codec, frames, SASL, connection, session and link state machines.
