//! Microsoft's Rust SDK, unmodified, against a server process. Nothing of it is mocked.

mod hub;
mod memory_store;
mod proxy;
mod reader;
mod server;
mod token;

mod buffered;
mod close;
mod dev_mode;
mod examples;
mod limits;
mod management;
mod many_events;
mod owner_level;
mod positions;
mod processor;
mod refusals;
mod restart;
mod round_trip;
mod send;
mod system_properties;
