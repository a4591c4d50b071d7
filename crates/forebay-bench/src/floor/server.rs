//! The serving half of the floor: a reader that gathers rounds and a committer that makes them durable.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::{mem, thread};

use anyhow::{Context, Result, bail};

use super::{EVENT_BYTES_MAX, EVENT_PREFIX_BYTES};

/// One read of the socket takes at most this much.
const READ_BYTES: usize = 256 * 1024;

/// A round is written in whole blocks of this size, as a journal would.
const BLOCK_BYTES: usize = 4096;

/// The reader waits when this much has been gathered and not yet been taken by the committer.
const ROUND_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes that the server puts before each stored event: length and CRC-32C.
const STORED_PREFIX_BYTES: usize = 8;

/// The one file, written over its whole length once and then used as a ring.
#[derive(Debug)]
pub struct Journal {
    file: File,
    bytes: u64,
    at: u64,
}

impl Journal {
    /// Creates the file and writes zeros over all of it, so that later flushes allocate nothing.
    pub fn create(path: &Path, bytes: u64) -> Result<Self> {
        let context = || format!("cannot lay out the journal {}", path.display());
        let file =
            OpenOptions::new().create(true).truncate(true).write(true).open(path).with_context(context)?;
        let zeros = vec![0; 1 << 20];
        let mut at = 0;
        while at < bytes {
            let now = zeros.len().min((bytes - at) as usize);
            file.write_all_at(&zeros[..now], at).with_context(context)?;
            at += now as u64;
        }
        file.sync_all().with_context(context)?;
        Ok(Self { file, bytes, at: 0 })
    }

    /// One write of whole blocks, one flush.
    fn commit(&mut self, round: &mut Vec<u8>) -> Result<()> {
        round.resize(round.len().next_multiple_of(BLOCK_BYTES), 0);
        if self.at + round.len() as u64 > self.bytes {
            self.at = 0;
        }
        self.file.write_all_at(round, self.at).context("cannot write the journal")?;
        self.file.sync_data().context("cannot flush the journal")?;
        self.at += round.len() as u64;
        Ok(())
    }
}

/// What one connection came to.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub events: u64,
    pub rounds: u64,
}

/// What the reader has gathered and the committer has not taken yet.
#[derive(Debug, Default)]
struct Gathering {
    round: Vec<u8>,
    events: u64,
    ended: bool,
}

#[derive(Debug, Default)]
struct Rounds {
    gathering: Mutex<Gathering>,
    changed: Condvar,
}

/// Serves one connection until the peer closes it. The calling thread reads, a second one commits.
pub fn serve(stream: TcpStream, journal: Journal) -> Result<Served> {
    stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
    let answers = stream.try_clone().context("cannot share the socket")?;
    let rounds = Rounds::default();
    thread::scope(|scope| {
        let committer = scope.spawn(|| commit_rounds(&rounds, answers, journal));
        let read = read_events(&rounds, stream);
        let mut gathering = rounds.gathering.lock().expect("the committer does not panic with the lock held");
        gathering.ended = true;
        drop(gathering);
        rounds.changed.notify_all();
        let served = committer.join().expect("the committer does not panic");
        read.and(served)
    })
}

/// Reads, cuts into events, copies each once. The lock is taken once per read, not per event.
fn read_events(rounds: &Rounds, mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).context("cannot read from the client")?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut gathering = rounds
            .changed
            .wait_while(rounds.gathering.lock().expect("no panic under the lock"), |gathering| {
                gathering.round.len() >= ROUND_BYTES_MAX
            })
            .expect("no panic under the lock");
        let was_empty = gathering.events == 0;
        let taken = gather(&buffer[..filled], &mut gathering)?;
        let wake = was_empty && gathering.events > 0;
        drop(gathering);
        if wake {
            rounds.changed.notify_all();
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
    }
}

/// Copies all whole events of `bytes` into the round; returns how many bytes that were.
fn gather(bytes: &[u8], gathering: &mut Gathering) -> Result<usize> {
    let mut at = 0;
    while let Some((prefix, rest)) = bytes[at..].split_first_chunk::<EVENT_PREFIX_BYTES>() {
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > EVENT_BYTES_MAX {
            bail!("an event of {length} bytes: the floor takes at most {EVENT_BYTES_MAX}");
        }
        let Some(event) = rest.get(..length) else { break };
        gathering.round.reserve(STORED_PREFIX_BYTES + length);
        gathering.round.extend_from_slice(prefix);
        gathering.round.extend_from_slice(&crc32c::crc32c(event).to_le_bytes());
        gathering.round.extend_from_slice(event);
        gathering.events += 1;
        at += EVENT_PREFIX_BYTES + length;
    }
    Ok(at)
}

fn commit_rounds(rounds: &Rounds, mut answers: TcpStream, mut journal: Journal) -> Result<Served> {
    let mut served = Served { events: 0, rounds: 0 };
    let mut round = Vec::with_capacity(ROUND_BYTES_MAX);
    loop {
        let mut gathering = rounds
            .changed
            .wait_while(rounds.gathering.lock().expect("no panic under the lock"), |gathering| {
                gathering.events == 0 && !gathering.ended
            })
            .expect("no panic under the lock");
        if gathering.events == 0 {
            return Ok(served);
        }
        mem::swap(&mut round, &mut gathering.round);
        let events = mem::take(&mut gathering.events);
        let was_full = round.len() >= ROUND_BYTES_MAX;
        drop(gathering);
        if was_full {
            rounds.changed.notify_all();
        }
        journal.commit(&mut round)?;
        round.clear();
        served.events += events;
        served.rounds += 1;
        answers.write_all(&served.events.to_le_bytes()).context("cannot acknowledge")?;
    }
}
