//! Figures of the log alone, on this machine: `cargo run --release -p forebay-log --example figures -- DIR`.
#![expect(clippy::print_stdout, reason = "it is a program for people")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use forebay_event::{BatchBuf, Origin};
use forebay_log::{
    Appended, ByteBudget, Completion, Conditions, Durability, EmbeddedLog, LogError, LogId, LogPolicy,
    OpenOptions, PartitionId, PartitionLog, PartitionLogs, Read, Sequence, Submission,
};

#[derive(Debug, Default)]
struct Count {
    done: AtomicU64,
    lock: Mutex<()>,
    more: Condvar,
}

impl Completion for Count {
    fn complete(&self, outcome: Result<Appended, LogError>) {
        outcome.expect("appended");
        self.done.fetch_add(1, Ordering::SeqCst);
        drop(self.lock.lock().expect("no panic"));
        self.more.notify_one();
    }
}

impl Count {
    fn wait(&self, count: u64) {
        let mut guard = self.lock.lock().expect("no panic");
        while self.done.load(Ordering::SeqCst) < count {
            guard = self.more.wait(guard).expect("no panic");
        }
    }
}

fn batch(events: usize, bytes: usize) -> BatchBuf {
    let body = vec![b'x'; bytes];
    let mut batch = BatchBuf::with_capacity(events * (bytes + 16));
    for _ in 0..events {
        batch.push(None, Some(&body), &[]);
    }
    batch
}

fn submission(batch: BatchBuf, count: &Arc<Count>) -> Submission {
    let done = Arc::clone(count) as Arc<dyn Completion>;
    Submission { batch, origin: Origin::Amqp, conditions: Conditions::default(), done }
}

fn cpu() -> Duration {
    let times = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(times.tv_sec).unwrap_or(0), u32::try_from(times.tv_nsec).unwrap_or(0))
}

/// Appends `total` batches of `events` × `bytes`, at most `window` on their way at a time, over `partitions`.
fn run(
    log: &EmbeddedLog,
    name: &str,
    total: u64,
    window: u64,
    partitions: u32,
    (events, bytes): (usize, usize),
) {
    let doors: Vec<Arc<dyn PartitionLog>> = (0..partitions)
        .map(|index| log.partition(PartitionId { log: LogId(1), index }).expect("there"))
        .collect();
    let count = Arc::new(Count::default());
    let (start, cpu_before) = (Instant::now(), cpu());
    let (mut turns, mut last) = (Vec::new(), Instant::now());
    for n in 0..total {
        count.wait((n + 1).saturating_sub(window));
        turns.push(last.elapsed());
        last = Instant::now();
        let door = &doors[usize::try_from(n).expect("small") % doors.len()];
        while let Err(error) = door.append(submission(batch(events, bytes), &count)) {
            assert!(error.is_retryable(), "{error}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    count.wait(total);
    let (took, used) = (start.elapsed(), cpu() - cpu_before);
    turns.sort();
    let turn = |share: f64| turns[(turns.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    let all = (total * events as u64) as f64;
    println!(
        "{name:34} {:>9.0} events/s {:>8.1} MB/s {:>7.3} CPU s a million events; turns µs: {:.0} median, {:.0} p99",
        all / took.as_secs_f64(),
        all * bytes as f64 / took.as_secs_f64() / 1e6,
        used.as_secs_f64() / all * 1e6,
        turn(0.5),
        turn(0.99),
    );
}

fn open(root: &Path, durability: Durability) -> EmbeddedLog {
    let options = match durability {
        Durability::Memory => OpenOptions::memory(),
        durability => OpenOptions { durability, ..OpenOptions::dir(root) },
    };
    let start = Instant::now();
    let budget = ByteBudget::new(1 << 30);
    let (log, report) = EmbeddedLog::open(OpenOptions { budget, ..options }).expect("opens");
    println!(
        "open {durability}: {:.2} ms (created {}, clean {}, recovered {} batches, {} bytes)",
        start.elapsed().as_secs_f64() * 1e3,
        report.created,
        report.clean,
        report.recovered_batches,
        report.recovered_bytes,
    );
    log
}

fn main() {
    let root = std::env::args().nth(1).map_or_else(|| PathBuf::from("target/figures"), PathBuf::from);
    for durability in [Durability::Memory, Durability::Os, Durability::Disk] {
        let root = root.join(durability.to_string());
        let log = open(&root, durability);
        log.create(LogId(1), 1000, LogPolicy::KEEP).expect("made");
        std::thread::sleep(Duration::from_millis(500));
        run(&log, "1 KB, one at a time", 2000, 1, 1, (1, 1000));
        run(&log, "1 KB, 500 on their way", 100_000, 500, 4, (1, 1000));
        run(&log, "100 × 1 KB batches, 32 on their way", 5000, 32, 4, (100, 1000));
        run(&log, "1 KB over 1,000 partitions", 50_000, 1000, 1000, (1, 1000));
        run(&log, "100 B × 1,000 batches, 16", 2000, 16, 4, (1000, 100));
        let idle = cpu();
        std::thread::sleep(Duration::from_secs(3));
        println!("idle for 3 s: {:.2} ms CPU", (cpu() - idle).as_secs_f64() * 1e3);
        let door = log.partition(PartitionId { log: LogId(1), index: 0 }).expect("there");
        let (mut at, end, start, mut bytes) = (door.bounds().first, door.bounds().next, Instant::now(), 0);
        while at < end {
            let read = match door.read(at, 1 << 20) {
                Read::Ready(read) => read,
                Read::Pending(_) => break,
            };
            let read = read.expect("read");
            bytes += read.batches.iter().map(|batch| batch.bytes.len()).sum::<usize>();
            at = read.batches.last().map_or(Sequence(u64::MAX), |batch| batch.end());
        }
        println!("read {bytes} bytes from memory in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        log.close().expect("closed");
        println!("close: {:.2} ms\n", start.elapsed().as_secs_f64() * 1e3);
        if durability != Durability::Memory {
            open(&root, durability).close().expect("closed");
        }
    }
}
