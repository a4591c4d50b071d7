//! The bare floor: the least a server can do that keeps the promise "acknowledged means flushed".
//!
//! One connection, no protocol to speak of. The client sends `length u32 LE, bytes` again and again; the server
//! copies each event once into the round being gathered, with its CRC-32C before it, and a second thread commits
//! round after round: one write, one `fdatasync`, one acknowledgement that carries the count of events now safe
//! (`u64 LE`, cumulative). The file is written over its whole length beforehand and used as a ring, so that a flush
//! covers blocks that exist already, as a recycled journal does.

pub mod client;
pub mod server;

/// Bytes before each event on the wire: its length.
const EVENT_PREFIX_BYTES: usize = 4;

/// Bytes of an acknowledgement: the count of events that are safe.
const ACK_BYTES: usize = 8;

/// Longest event that the floor takes; a longer one is a fault of the client.
const EVENT_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn every_event_sent_is_acknowledged() {
        let scratch = Scratch::inside(&std::env::temp_dir(), "floor-test").unwrap();
        let journal = server::Journal::create(&scratch.path().join("journal"), 1 << 20).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            server::serve(stream, journal)
        });
        let shape = client::Shape { events: 3_000, event_bytes: 700, in_flight: 97 };
        let run = client::run(address, shape, |_| Ok(())).unwrap();
        assert_eq!(run.acknowledged, 3_000);
        let served = serving.join().unwrap().unwrap();
        assert_eq!(served.events, 3_000);
        assert!(served.rounds > 0 && served.rounds <= 3_000);
    }
}
