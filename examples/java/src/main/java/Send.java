import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import java.util.List;

/** Sends three events; run it as often as you like. */
public class Send {
    static final String DEV =
        "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

    public static void main(String[] arguments) {
        var connection = System.getenv().getOrDefault("EVENTHUB_CONNECTION_STRING", DEV);
        var hub = System.getenv().getOrDefault("EVENTHUB_NAME", "events");
        try (var producer = new EventHubClientBuilder().connectionString(connection, hub).buildProducerClient()) {
            var batch = producer.createBatch(new CreateBatchOptions().setPartitionKey("device-7"));
            for (var body : List.of("one", "two", "three")) {
                batch.tryAdd(new EventData(body));
            }
            producer.send(batch);
            System.out.println("sent 3 events");
        }
    }
}
