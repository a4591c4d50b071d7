import com.azure.messaging.eventhubs.EventHubClientBuilder;

/** Reads a hub from its beginning and waits for more; Ctrl-C ends it. */
public class Read {
    static final String DEV =
        "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

    public static void main(String[] arguments) {
        var connection = System.getenv().getOrDefault("EVENTHUB_CONNECTION_STRING", DEV);
        var hub = System.getenv().getOrDefault("EVENTHUB_NAME", "events");
        try (var consumer = new EventHubClientBuilder()
                .connectionString(connection, hub)
                .consumerGroup(EventHubClientBuilder.DEFAULT_CONSUMER_GROUP_NAME)
                .buildAsyncConsumerClient()) {
            consumer.receive().doOnNext(received -> {
                var partition = received.getPartitionContext().getPartitionId();
                var event = received.getData();
                System.out.println(partition + "/" + event.getSequenceNumber() + " " + event.getBodyAsString());
            }).blockLast();
        }
    }
}
