//! A hub as the tests see it: what a user would write with `azure_messaging_eventhubs`, with a deadline on everything.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use azure_core_amqp::{AmqpDescribedError, AmqpError, error::AmqpErrorKind};
use azure_messaging_eventhubs::builders::{ConsumerClientBuilder, ProducerClientBuilder};
use azure_messaging_eventhubs::error::{ErrorKind, EventHubsError, Result};
use azure_messaging_eventhubs::models::{EventData, ReceivedEventData};
use azure_messaging_eventhubs::{
    ConsumerClient, EventDataBatchOptions, OpenReceiverOptions, ProducerClient, RetryOptions, StartLocation,
    StartPosition,
};
use tokio::sync::OnceCell;

use crate::reader::Reader;
use crate::server::{Server, shared};

/// Bounds every wait of every test.
pub const WAIT: Duration = Duration::from_secs(20);
/// What the server accepts: bytes of a message as sent.
pub const LIMIT: usize = 1_048_576;
pub const PARTITIONS: [&str; 4] = ["0", "1", "2", "3"];

/// One hub of one server.
pub struct Hub {
    /// Keeps a shared server alive as long as a test uses it.
    pub server: Option<Arc<Server>>,
    pub connection: String,
    pub endpoint: String,
    pub name: String,
    pub retry: RetryOptions,
    sender: OnceCell<ProducerClient>,
}

impl Hub {
    /// A hub of the shared server that no other test knows, made on first use.
    pub async fn new() -> Self {
        Self::of(shared().await)
    }

    pub fn of(server: Arc<Server>) -> Self {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("rust-{}", NUMBERS.fetch_add(1, Ordering::Relaxed));
        let mut hub = Self::at(&server, &name);
        hub.server = Some(server);
        hub
    }

    pub fn at(server: &Server, name: &str) -> Self {
        notice_panics_of_the_sdk();
        Self {
            server: None,
            connection: server.connection().to_owned(),
            endpoint: server.endpoint(),
            name: name.to_owned(),
            retry: no_retries(),
            sender: OnceCell::new(),
        }
    }

    /// The same hub through another connection string.
    pub fn with(&self, old: &str, new: &str) -> Self {
        let connection = self.connection.replacen(old, new, 1);
        assert_ne!(connection, self.connection, "{old:?} is not in the connection string");
        self.through(connection)
    }

    pub fn through(&self, connection: String) -> Self {
        Self {
            server: self.server.clone(),
            connection,
            endpoint: self.endpoint.clone(),
            name: self.name.clone(),
            retry: self.retry.clone(),
            sender: OnceCell::new(),
        }
    }

    pub fn producer_builder(&self) -> ProducerClientBuilder {
        ProducerClient::builder()
            .with_custom_endpoint(self.endpoint.clone())
            .with_retry_options(self.retry.clone())
    }

    pub fn consumer_builder(&self) -> ConsumerClientBuilder {
        ConsumerClient::builder()
            .with_custom_endpoint(self.endpoint.clone())
            .with_retry_options(self.retry.clone())
    }

    pub async fn producer(&self) -> ProducerClient {
        let opening = self.producer_builder().open_with_connection_string(&self.connection, Some(&self.name));
        within("a producer", opening).await.expect("a producer")
    }

    pub async fn consumer(&self) -> ConsumerClient {
        self.consumer_of("$Default", None).await
    }

    pub async fn consumer_of(&self, group: &str, instance: Option<&str>) -> ConsumerClient {
        let mut builder = self.consumer_builder().with_consumer_group(group.to_owned());
        if let Some(instance) = instance {
            builder = builder.with_instance_id(instance.to_owned());
        }
        let opening = builder.open_with_connection_string(&self.connection, Some(&self.name));
        within("a consumer", opening).await.expect("a consumer")
    }

    /// A reader of one partition, with a client of its own.
    pub async fn reader(&self, partition: &str, options: OpenReceiverOptions) -> Reader {
        Reader::open(self.consumer().await, partition, options).await
    }

    /// The first events from a position.
    pub async fn read(&self, partition: &str, from: StartPosition, count: usize) -> Vec<ReceivedEventData> {
        let mut reader = self.reader(partition, starting(from)).await;
        let events = reader.take(count).await;
        reader.close().await;
        events
    }

    /// Every event of the hub, by partition.
    pub async fn read_all(&self) -> BTreeMap<String, Vec<ReceivedEventData>> {
        let client = self.consumer().await;
        let mut found = BTreeMap::new();
        for partition in PARTITIONS {
            let end =
                within("properties", client.get_partition_properties(partition)).await.expect("properties");
            let count = end.last_enqueued_sequence_number - end.beginning_sequence_number + 1;
            let count = if end.is_empty { 0 } else { usize::try_from(count).expect("a count") };
            let events = if count == 0 { Vec::new() } else { self.read(partition, earliest(), count).await };
            found.insert(partition.to_owned(), events);
        }
        within("the close", client.close()).await.expect("a clean close");
        found
    }

    /// Sends one batch to one partition, over a client that stays open.
    pub async fn send<T: AsRef<str>>(&self, partition: &str, bodies: &[T]) {
        let client = self.sender.get_or_init(|| self.producer()).await;
        send_batch(client, to_partition(partition), bodies.iter().map(|body| body.as_ref()))
            .await
            .expect("a send");
    }

    /// What `send` sends with.
    pub async fn sender(&self) -> &ProducerClient {
        self.sender.get_or_init(|| self.producer()).await
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(panic) = PANIC_OF_THE_SDK.get()
            && !std::thread::panicking()
        {
            panic!("the SDK panicked, in this test or one beside it: {panic}");
        }
    }
}

static PANIC_OF_THE_SDK: OnceLock<String> = OnceLock::new();

/// A panic in a task that the SDK keeps to itself would go unseen; here it fails the test.
fn notice_panics_of_the_sdk() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_none_or(|at| at.file().starts_with("tests/"));
            if !ours {
                PANIC_OF_THE_SDK.get_or_init(|| panic.to_string());
            }
            before(panic);
        }));
    });
}

/// A refusal shows at once; the SDK's default tries for a minute.
pub fn no_retries() -> RetryOptions {
    RetryOptions { max_retries: 0, ..RetryOptions::default() }
}

/// Lets the SDK live through a restart.
pub fn patient() -> RetryOptions {
    use azure_core::time::Duration;
    RetryOptions {
        initial_delay: Duration::milliseconds(50),
        max_delay: Duration::milliseconds(200),
        max_retries: 30,
        ..RetryOptions::default()
    }
}

/// What happens, if it happens in time.
pub async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(WAIT, happens).await else {
        panic!("did not happen in {WAIT:?}: {what}");
    };
    value
}

/// Waits for a condition.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Sends one batch, and what the SDK says about it.
pub async fn send_batch<E: Into<EventData>>(
    client: &ProducerClient,
    options: EventDataBatchOptions,
    events: impl IntoIterator<Item = E>,
) -> Result<()> {
    within("a send", async {
        let batch = client.create_batch(Some(options)).await?;
        for event in events {
            assert!(batch.try_add_event_data(event, None)?, "the batch is full");
        }
        client.send_batch(batch, None).await
    })
    .await
}

pub fn to_partition(id: &str) -> EventDataBatchOptions {
    EventDataBatchOptions { partition_id: Some(id.to_owned()), ..EventDataBatchOptions::default() }
}

pub fn with_key(key: &str) -> EventDataBatchOptions {
    EventDataBatchOptions { partition_key: Some(key.to_owned()), ..EventDataBatchOptions::default() }
}

pub fn earliest() -> StartPosition {
    StartPosition { location: StartLocation::Earliest, inclusive: false }
}

pub fn starting(from: StartPosition) -> OpenReceiverOptions {
    OpenReceiverOptions { start_position: Some(from), ..OpenReceiverOptions::default() }
}

/// `prefix` and a number, so many times.
pub fn counted(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

pub fn body(event: &ReceivedEventData) -> &[u8] {
    event.event_data().body().expect("a data body")
}

pub fn bodies(events: &[ReceivedEventData]) -> Vec<String> {
    events.iter().map(|event| String::from_utf8(body(event).to_vec()).expect("a text")).collect()
}

pub fn numbers(events: &[ReceivedEventData]) -> Vec<i64> {
    events.iter().map(number).collect()
}

pub fn number(event: &ReceivedEventData) -> i64 {
    event.sequence_number().expect("a sequence number")
}

pub fn offset(event: &ReceivedEventData) -> String {
    event.offset().clone().expect("an offset")
}

/// The AMQP errors that an error came from, outermost first.
fn amqp_errors(error: &EventHubsError) -> Vec<&AmqpErrorKind> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut found = Vec::new();
    while let Some(one) = cause {
        found.extend(one.downcast_ref::<AmqpError>().map(AmqpError::kind));
        cause = one.source();
    }
    found
}

/// What the server said: a condition and a text.
pub fn said(error: &EventHubsError) -> Option<&AmqpDescribedError> {
    if let ErrorKind::ConsumerDisconnected(Some(said)) | ErrorKind::SendRejected(Some(said)) = &error.kind {
        return Some(said);
    }
    amqp_errors(error).into_iter().find_map(|kind| match kind {
        AmqpErrorKind::AmqpDescribedError(said) => Some(said),
        _ => None,
    })
}

/// The AMQP condition that an error came from: "" if it came from none.
pub fn condition(error: &EventHubsError) -> &str {
    said(error).map_or("", |said| (&said.condition).into())
}

/// An error with everything that it came from: the SDK shows only the outermost.
pub fn causes(error: &EventHubsError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

/// The status of the management reply that an error came from.
pub fn status(error: &EventHubsError) -> Option<u16> {
    amqp_errors(error).into_iter().find_map(|kind| match kind {
        AmqpErrorKind::ManagementStatusCode(code, _) => Some(u16::from(*code)),
        _ => None,
    })
}
