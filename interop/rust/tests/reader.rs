//! A reader of one partition that runs beside the test and keeps what it is given.

use azure_messaging_eventhubs::error::{EventHubsError, Result};
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{ConsumerClient, OpenReceiverOptions};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::hub::within;

pub struct Reader {
    events: mpsc::UnboundedReceiver<Result<ReceivedEventData>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Reader {
    /// The client is the reader's own: it is closed with it. Two readers of one partition need two clients anyway, the
    /// SDK shares a link between the readers of one.
    pub async fn open(consumer: ConsumerClient, partition: &str, options: OpenReceiverOptions) -> Self {
        let opening = consumer.open_receiver_on_partition(partition.to_owned(), Some(options));
        let receiver = within("a receiver", opening).await.expect("a receiver");
        let (keep, events) = mpsc::unbounded_channel();
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut stream = Box::pin(receiver.stream_events());
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    next = stream.next() => match next {
                        Some(item) => drop(keep.send(item)),
                        // After an error the stream is over.
                        None => {
                            drop((&mut stopped).await);
                            break;
                        }
                    },
                }
            }
            drop(stream);
            receiver.close().await?;
            consumer.close().await
        });
        Self { events, stop, task }
    }

    /// What the SDK gives next.
    pub async fn next(&mut self) -> Result<ReceivedEventData> {
        within("an event", self.events.recv()).await.expect("the reader's task has ended")
    }

    /// So many events.
    pub async fn take(&mut self, count: usize) -> Vec<ReceivedEventData> {
        let mut events = Vec::new();
        for number in 0..count {
            match self.next().await {
                Ok(event) => events.push(event),
                Err(error) => panic!("{number} of {count} events, then {error:?}"),
            }
        }
        events
    }

    /// The error that must come next.
    pub async fn error(&mut self) -> EventHubsError {
        match self.next().await {
            Ok(event) => panic!("an event where an error was expected: {event:?}"),
            Err(error) => error,
        }
    }

    /// Whether it has something that was not taken.
    pub fn has_more(&self) -> bool {
        !self.events.is_empty()
    }

    /// Closes the link and the connection.
    pub async fn close(self) {
        // The task may have ended by itself: its result says how.
        self.stop.send(()).ok();
        within("the close", self.task).await.expect("the reader's task").expect("a clean close");
    }
}
