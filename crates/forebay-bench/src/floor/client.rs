//! The sending half of the floor: keeps a window of events in flight and counts what is acknowledged.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{ACK_BYTES, EVENT_BYTES_MAX, EVENT_PREFIX_BYTES};

/// One write of the socket carries at most this much.
const WRITE_BYTES: usize = 256 * 1024;

/// What is sent.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Shape {
    pub events: u64,
    pub event_bytes: usize,
    /// Events sent and not yet acknowledged, at most.
    pub in_flight: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub acknowledged: u64,
    pub elapsed: Duration,
}

/// The two moments at which the caller may read the server's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Connected, nothing sent.
    Before,
    /// The last event is acknowledged; the connection still stands.
    After,
}

/// Sends `shape` to a floor server and waits until every event is acknowledged.
pub fn run(address: SocketAddr, shape: Shape, mut at: impl FnMut(Moment) -> Result<()>) -> Result<Run> {
    ensure!(
        shape.event_bytes <= EVENT_BYTES_MAX,
        "the floor takes events of at most {EVENT_BYTES_MAX} bytes"
    );
    ensure!(shape.in_flight > 0, "nothing can be sent with 0 in flight");
    let mut stream = TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
    stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;

    let event_bytes = EVENT_PREFIX_BYTES + shape.event_bytes;
    let events_per_write = (WRITE_BYTES / event_bytes).max(1) as u64;
    let burst = burst(shape.event_bytes, events_per_write);

    at(Moment::Before)?;
    let start = Instant::now();
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < shape.events {
        while sent < shape.events && sent - acknowledged < shape.in_flight {
            let now = events_per_write.min(shape.events - sent).min(shape.in_flight - (sent - acknowledged));
            stream.write_all(&burst[..now as usize * event_bytes]).context("cannot send")?;
            sent += now;
        }
        acknowledged = newest_acknowledgement(&mut stream)?;
        ensure!(acknowledged <= sent, "{acknowledged} events acknowledged of {sent} sent");
    }
    let elapsed = start.elapsed();
    at(Moment::After)?;
    Ok(Run { acknowledged, elapsed })
}

/// Waits for at least one acknowledgement; of several that lie there the last counts.
fn newest_acknowledgement(stream: &mut TcpStream) -> Result<u64> {
    let mut answers = [0; ACK_BYTES * 64];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut answers[filled..]).context("cannot read an acknowledgement")?;
        ensure!(read > 0, "the server closed the connection with events unacknowledged");
        filled += read;
        if filled.is_multiple_of(ACK_BYTES) {
            let last = answers[..filled].last_chunk().expect("filled is a multiple of the chunk, and not 0");
            return Ok(u64::from_le_bytes(*last));
        }
    }
}

/// Events of `event_bytes` each, as they go onto the wire; no two have the same first bytes.
fn burst(event_bytes: usize, events: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(events as usize * (EVENT_PREFIX_BYTES + event_bytes));
    for number in 0..events {
        out.extend_from_slice(&(event_bytes as u32).to_le_bytes());
        let start = out.len();
        out.resize(start + event_bytes, b'.');
        let label = number.to_le_bytes();
        let labelled = label.len().min(event_bytes);
        out[start..start + labelled].copy_from_slice(&label[..labelled]);
    }
    out
}
