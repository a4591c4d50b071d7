//! What sentences are told with: batches, answers, a bell, and waiting for a plain future.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use forebay_event::{BatchBuf, BatchRef, Origin};
use forebay_log::{
    Appended, Completion, Conditions, Listener, LogError, PartitionLog, Sequence, StoredBatch, Submission,
};

/// A test waits no longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch with these bodies.
#[must_use]
pub fn batch_of<B: AsRef<[u8]>>(bodies: &[B]) -> BatchBuf {
    let mut batch = BatchBuf::new();
    for body in bodies {
        batch.push(None, Some(body.as_ref()), &[]);
    }
    batch
}

/// A batch of `count` events named `name.0`, `name.1`, …
#[must_use]
pub fn batch(name: &str, count: usize) -> BatchBuf {
    batch_of(&(0..count).map(|n| format!("{name}.{n}")).collect::<Vec<_>>())
}

/// The bodies of a stored batch's events; checks the batch on the way.
///
/// # Panics
/// If the batch is not sound.
#[must_use]
pub fn bodies(batch: &StoredBatch) -> Vec<Vec<u8>> {
    let parsed = BatchRef::parse(&batch.bytes).expect("a stored batch is well-formed");
    parsed.verify_crc().expect("a stored batch sums up");
    assert_eq!(parsed.base(), i64::try_from(batch.base.0).expect("small"), "the batch knows its place");
    assert_eq!(parsed.last(), i64::try_from(batch.last.0).expect("small"));
    assert_eq!(parsed.max_timestamp_ms(), batch.append_time.0, "the batch knows its time");
    parsed.records().map(|record| record.expect("sound").value.expect("has a body").to_vec()).collect()
}

/// Collects answers, in the order in which they came.
#[derive(Debug, Default)]
pub struct Answers {
    came: Mutex<Vec<Result<Appended, LogError>>>,
    more: Condvar,
}

impl Completion for Answers {
    fn complete(&self, outcome: Result<Appended, LogError>) {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        self.more.notify_all();
    }
}

impl Answers {
    /// A place for answers.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Waits until `count` answers have come, and gives all there are.
    ///
    /// # Panics
    /// If they do not come in time.
    #[must_use]
    pub fn wait(&self, count: usize) -> Vec<Result<Appended, LogError>> {
        let came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let (came, timeout) = self
            .more
            .wait_timeout_while(came, PATIENCE, |came| came.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "only {} of {count} answers came", came.len());
        came.clone()
    }

    /// A submission whose answer comes here.
    #[must_use]
    pub fn submission(self: &Arc<Self>, batch: BatchBuf) -> Submission {
        Submission {
            batch,
            origin: Origin::Amqp,
            conditions: Conditions::default(),
            done: Arc::clone(self) as Arc<dyn Completion>,
        }
    }
}

/// Appends a batch and waits for its answer.
///
/// # Errors
/// The refusal, at once or later.
pub fn append(partition: &Arc<dyn PartitionLog>, batch: BatchBuf) -> Result<Appended, LogError> {
    let answers = Answers::new();
    partition.append(answers.submission(batch))?;
    answers.wait(1).remove(0)
}

/// Appends batches without waiting in between, then waits for all.
///
/// # Panics
/// If one is refused.
pub fn append_all(partition: &Arc<dyn PartitionLog>, batches: impl IntoIterator<Item = BatchBuf>) {
    let answers = Answers::new();
    let mut count = 0;
    for batch in batches {
        partition.append(answers.submission(batch)).expect("accepted");
        count += 1;
    }
    for answer in answers.wait(count) {
        answer.expect("appended");
    }
}

/// Everything from `from` to the end, in reads of at most `max_bytes`, as text; checks that numbers are dense.
///
/// # Errors
/// The first failed read's.
///
/// # Panics
/// If what is read is not dense or not sound.
pub fn read_bodies(
    partition: &Arc<dyn PartitionLog>,
    from: Sequence,
    max_bytes: usize,
) -> Result<Vec<String>, LogError> {
    let (mut at, mut all) = (from, Vec::new());
    loop {
        let read = block_on(partition.read(at, max_bytes))?;
        assert!(read.next >= at);
        if read.batches.is_empty() {
            assert_eq!(read.next, at, "a read before the end gives something");
            return Ok(all);
        }
        for batch in read.batches {
            assert!(batch.base <= at && at <= batch.last, "{at} is in {}..={}", batch.base, batch.last);
            let skip = usize::try_from(at.0 - batch.base.0).expect("small");
            let own = bodies(&batch).into_iter().skip(skip);
            all.extend(own.map(|body| String::from_utf8(body).expect("text")));
            at = batch.end();
        }
    }
}

/// Counts calls, by token.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<Vec<u64>>,
    more: Condvar,
}

impl Listener for Bell {
    fn notify(&self, token: u64) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        self.more.notify_all();
    }
}

impl Bell {
    /// A bell, and the same as a listener.
    #[must_use]
    pub fn new() -> (Arc<Self>, Arc<dyn Listener>) {
        let bell = Arc::new(Self::default());
        let listener = Arc::clone(&bell) as Arc<dyn Listener>;
        (bell, listener)
    }

    /// Waits until it was rung `count` times; the tokens so far.
    ///
    /// # Panics
    /// If that does not happen in time.
    #[must_use]
    pub fn wait(&self, count: usize) -> Vec<u64> {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (rung, timeout) = self
            .more
            .wait_timeout_while(rung, PATIENCE, |rung| rung.len() < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "rung {} of {count} times", rung.len());
        rung.clone()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a plain future.
///
/// # Panics
/// If it does not resolve in time.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut waits = 0;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        assert!(waits < 600, "a future did not resolve in time");
        std::thread::park_timeout(PATIENCE / 600);
        waits += 1;
    }
}
