package forebay;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventHubConsumerAsyncClient;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import reactor.core.Disposable;

/** The SDK's asynchronous consumer on one partition, and what it was given. */
final class Reader implements AutoCloseable {
    private final EventHubConsumerAsyncClient client;
    private final String partition;
    private final ReceiveOptions options;
    private final List<PartitionEvent> events = new CopyOnWriteArrayList<>();
    private volatile Disposable subscription;
    private volatile Throwable error;
    private volatile boolean ended;

    Reader(EventHubClientBuilder builder, String partition, EventPosition position, ReceiveOptions options) {
        client = builder.buildAsyncConsumerClient();
        this.partition = partition;
        this.options = options;
        readOn(position);
    }

    /** Subscribes again with the same client, as an application does when its stream has ended. */
    void readOn(EventPosition position) {
        ended = false;
        error = null;
        subscription = client.receiveFromPartition(partition, position, options).subscribe(
            events::add,
            thrown -> {
                error = thrown;
                ended = true;
            },
            () -> ended = true);
    }

    /** What came until now. */
    List<EventData> events() {
        return Hub.data(events);
    }

    List<PartitionEvent> partitionEvents() {
        return List.copyOf(events);
    }

    List<String> texts() {
        return Hub.texts(events());
    }

    /** The SDK's stream is over, with an error or without. */
    boolean ended() {
        return ended;
    }

    /** The first events. A stream that ends before is an error here. */
    List<EventData> take(int count) {
        Wait.until(() -> events.size() >= count || ended, () -> count + " events; there are " + texts());
        if (events.size() < count) {
            throw new AssertionError("the stream ended after " + texts(), error);
        }
        return events().subList(0, count);
    }

    /** The error that ends the SDK's stream. */
    Throwable error() {
        Wait.until(() -> ended, () -> "an error; there are " + texts());
        if (error == null) {
            throw new AssertionError("the stream ended without an error, after " + texts());
        }
        return error;
    }

    @Override
    public void close() {
        subscription.dispose();
        client.close();
    }
}
