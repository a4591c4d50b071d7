use azure_core_amqp::AmqpMessage;
use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::{EventDataBatchOptions, SendMessageOptions};

use crate::hub::{Hub, LIMIT, bodies, body, condition, earliest, said, to_partition, within};

fn size_of(message: &AmqpMessage) -> usize {
    AmqpMessage::serialize(message).expect("its bytes").len()
}

/// A message that is so large as sent.
fn message_of(size: usize) -> AmqpMessage {
    let mut message = AmqpMessage::builder().with_body(vec![b'x'; 1000]).build();
    message.set_message_id("m");
    // A body of more than 255 bytes has a longer head: 1,000 tells it as well as a million.
    let around = size_of(&message) - 1000;
    message.set_message_body(vec![b'x'; size - around]);
    assert_eq!(size_of(&message), size);
    message
}

fn to_zero() -> Option<SendMessageOptions> {
    Some(SendMessageOptions { partition_id: Some("0".to_owned()) })
}

#[tokio::test]
async fn the_link_tells_the_limit_and_the_sdk_holds_batches_to_it() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let sized =
        |size: usize| EventDataBatchOptions { max_size_in_bytes: Some(size as u64), ..Default::default() };
    within("a batch", client.create_batch(Some(sized(LIMIT)))).await.expect("a batch at the limit");
    let Err(error) = within("an answer", client.create_batch(Some(sized(LIMIT + 1)))).await else {
        panic!("a batch over the limit");
    };
    let ErrorKind::InvalidBatchSize { requested, max_allowed } = error.kind else { panic!("{error:?}") };
    assert_eq!((requested, max_allowed), (LIMIT as u64 + 1, LIMIT as u64));
}

#[tokio::test]
async fn an_event_at_the_limit_is_accepted_and_read_back() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let message = message_of(LIMIT);
    within("a send", client.send_message(message.clone(), to_zero())).await.expect("a send");
    let found = hub.read("0", earliest(), 1).await.remove(0);
    assert!(found.raw_amqp_message().body == message.body, "another body");
}

#[tokio::test]
async fn one_byte_over_the_limit_is_refused_with_the_sdks_error_and_the_sender_goes_on() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    for size in [LIMIT + 1, 2 * LIMIT, 3 * LIMIT] {
        let refused = within("an answer", client.send_message(message_of(size), to_zero())).await;
        let error = refused.expect_err("it was accepted");
        assert_eq!(condition(&error), "amqp:link:message-size-exceeded", "{error:?}");
        let text = said(&error).and_then(|said| said.description.clone()).expect("a text");
        assert!(text.contains(&LIMIT.to_string()), "{text}");
    }
    within("a send", client.send_message(message_of(2000), to_zero())).await.expect("a send");
    assert!(
        hub.read("0", earliest(), 1).await[0].raw_amqp_message().body == message_of(2000).body,
        "another body"
    );
}

/// The SDK counts the first event of a batch twice, once as envelope: a batch that it calls full of one large event is
/// half as large on the wire. What it lets through must be accepted.
#[tokio::test]
async fn a_batch_of_the_largest_size_that_the_sdk_allows_is_accepted_and_read_back() {
    let hub = Hub::new().await;
    let client = hub.producer().await;
    let batch = within("a batch", client.create_batch(Some(to_partition("0")))).await.expect("a batch");
    assert!(batch.try_add_event_data("first", None).expect("an answer"));
    // What an event costs beside its body.
    let before = batch.size();
    assert!(batch.try_add_event_data(vec![b'y'; 1000], None).expect("an answer"));
    let around = batch.size() - before - 1000;
    let left = LIMIT as u64 - batch.size() - around;
    assert!(
        !batch.try_add_event_data(vec![b'x'; left as usize + 1], None).expect("an answer"),
        "one byte too many fits"
    );
    assert!(
        batch.try_add_event_data(vec![b'x'; left as usize], None).expect("an answer"),
        "{left} bytes do not fit"
    );
    assert_eq!((batch.size(), batch.len()), (LIMIT as u64, 3));
    within("a send", client.send_batch(batch, None)).await.expect("a send");
    let events = hub.read("0", earliest(), 3).await;
    assert_eq!(bodies(&events[..1]), ["first"]);
    assert!(
        body(&events[1]) == vec![b'y'; 1000] && body(&events[2]) == vec![b'x'; left as usize],
        "other bodies"
    );
}
