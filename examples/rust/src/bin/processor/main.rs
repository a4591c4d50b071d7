//! Shares the partitions of a hub with every other copy of itself that is started; Ctrl-C ends it.
//!
//! Claims and checkpoints are in a folder, so that the copies of one machine see each other's. On several machines they
//! belong into a store that all of them reach, Azure's blob checkpoint store for instance.

mod store;

use std::env;
use std::error::Error;
use std::sync::Arc;

use azure_core::time::Duration;
use azure_messaging_eventhubs::error::{ErrorKind, Result};
use azure_messaging_eventhubs::models::StartPositions;
use azure_messaging_eventhubs::processor::PartitionClient;
use azure_messaging_eventhubs::{ConsumerClient, EventProcessor, StartLocation, StartPosition};
use forebay_examples::{connection, endpoint, hub};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use store::FolderStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let connection = connection();
    let consumer = ConsumerClient::builder()
        .with_custom_endpoint(endpoint(&connection))
        .open_with_connection_string(&connection, Some(&hub()))
        .await?;
    let store =
        Arc::new(FolderStore::new(env::var("CHECKPOINTS").unwrap_or_else(|_| "checkpoints".to_owned())));
    let beginning = StartPosition { location: StartLocation::Earliest, ..Default::default() };
    let processor = EventProcessor::builder()
        .with_start_positions(StartPositions { default: beginning, ..Default::default() })
        .with_update_interval(Duration::seconds(2))
        .with_partition_expiration_duration(Duration::seconds(10))
        .build(consumer, Arc::clone(&store) as _)
        .await?;
    let mut balancing = Box::pin(processor.run());
    let mut partitions = FuturesUnordered::new();
    loop {
        tokio::select! {
            result = tokio::signal::ctrl_c() => break result?,
            result = &mut balancing => break result?,
            client = processor.next_partition_client() => partitions.push(process(client?)),
            Some(()) = partitions.next() => {}
        }
    }
    // The SDK's processor keeps its claims until they are too old.
    store.release()?;
    Ok(())
}

async fn process(client: Arc<PartitionClient>) {
    let partition = client.get_partition_id();
    let mut events = client.stream_events();
    while let Some(event) = events.next().await {
        let done: Result<()> = async {
            let event = event?;
            let body = String::from_utf8_lossy(event.event_data().body().unwrap_or_default());
            println!("{partition}/{} {body}", event.sequence_number().unwrap_or_default());
            client.update_checkpoint(&event).await
        }
        .await;
        match done {
            Ok(()) => {}
            // Another copy has it now.
            Err(error) if matches!(error.kind, ErrorKind::ConsumerDisconnected(_)) => break,
            Err(error) => {
                eprintln!("partition {partition}: {error}");
                break;
            }
        }
    }
    drop(events);
    // A partition that is closed is handed out again, from its checkpoint, if it still is ours.
    if let Ok(client) = Arc::try_unwrap(client)
        && let Err(error) = client.close().await
    {
        eprintln!("{error}");
    }
}
