//! Reads a hub from its beginning and waits for more; Ctrl-C ends it.

use std::error::Error;

use azure_messaging_eventhubs::{ConsumerClient, OpenReceiverOptions, StartLocation, StartPosition};
use forebay_examples::{connection, endpoint, hub};
use futures::StreamExt;
use futures::stream::select_all;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection = connection();
    let consumer = ConsumerClient::builder()
        .with_custom_endpoint(endpoint(&connection))
        .open_with_connection_string(&connection, Some(&hub()))
        .await?;
    let mut receivers = Vec::new();
    for partition in consumer.get_eventhub_properties().await?.partition_ids {
        let beginning = StartPosition { location: StartLocation::Earliest, ..Default::default() };
        let options = OpenReceiverOptions { start_position: Some(beginning), ..Default::default() };
        receivers.push(consumer.open_receiver_on_partition(partition, Some(options)).await?);
    }
    let mut events = select_all(receivers.iter().map(|receiver| {
        let partition = receiver.partition_id();
        receiver.stream_events().map(move |event| (partition, event))
    }));
    loop {
        tokio::select! {
            result = tokio::signal::ctrl_c() => break result?,
            Some((partition, event)) = events.next() => {
                let event = event?;
                let body = String::from_utf8_lossy(event.event_data().body().unwrap_or_default());
                println!("{partition}/{} {body}", event.sequence_number().unwrap_or_default());
            }
        }
    }
    drop(events);
    consumer.close().await?;
    Ok(())
}
