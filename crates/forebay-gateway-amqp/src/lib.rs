//! The AMQP shell: sockets, timers and buffers around [`forebay_amqp`], and what Event Hubs makes of its events.
//!
//! To follow an event in, start at [`connection`]'s turn, then `handler`, `publish`, and the broker's `Burst`; out,
//! at `reader`. Everything about one connection lives in its task: there is no lock but the inbox's.
//!
//! This crate never touches the log's files, and decides nothing about AMQP itself: that is the core's.

mod attach;
mod buffers;
mod cbs;
mod conditions;
mod config;
mod connection;
mod filter;
mod grants;
mod handler;
mod in_flight;
mod inbox;
mod links;
mod listener;
mod management;
mod open;
mod peer;
mod publish;
mod reader;
mod request;
mod requests;
mod tls;

pub use config::Listening;
pub use listener::Gateway;
