//! Sends three events; run it as often as you like.

use std::error::Error;

use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};
use forebay_examples::{connection, endpoint, hub};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let connection = connection();
    let producer = ProducerClient::builder()
        .with_custom_endpoint(endpoint(&connection))
        .open_with_connection_string(&connection, Some(&hub()))
        .await?;
    let key = EventDataBatchOptions { partition_key: Some("device-7".to_owned()), ..Default::default() };
    let batch = producer.create_batch(Some(key)).await?;
    for body in ["one", "two", "three"] {
        if !batch.try_add_event_data(body, None)? {
            return Err("the batch is full".into());
        }
    }
    producer.send_batch(batch, None).await?;
    println!("sent 3 events");
    producer.close().await?;
    Ok(())
}
