package forebay;

import com.azure.messaging.eventhubs.EventProcessorClient;
import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import com.azure.messaging.eventhubs.models.CloseReason;
import com.azure.messaging.eventhubs.models.EventContext;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A running processor of a hub, from its beginning, and what it was given. */
final class Processor implements AutoCloseable {
    record Seen(String partition, String text) {}

    final List<Seen> seen = new CopyOnWriteArrayList<>();
    final List<CloseReason> closed = new CopyOnWriteArrayList<>();
    private final EventProcessorClient client;

    /** `then` is called with each event before it counts as seen. */
    Processor(Hub hub, MemoryStore store, Consumer<EventContext> then) {
        client = new EventProcessorClientBuilder()
            .connectionString(hub.connectionString(), hub.name())
            .consumerGroup("$Default")
            .checkpointStore(store)
            .retryOptions(Hub.NO_RETRY)
            .loadBalancingUpdateInterval(Duration.ofMillis(300))
            .partitionOwnershipExpirationInterval(Duration.ofSeconds(5))
            .initialPartitionEventPosition(partition -> EventPosition.earliest())
            .processEvent(context -> {
                then.accept(context);
                var partition = context.getPartitionContext().getPartitionId();
                seen.add(new Seen(partition, context.getEventData().getBodyAsString()));
            })
            // Losing a partition to another processor is an error to the SDK, and none to us.
            .processError(error -> { })
            .processPartitionClose(context -> closed.add(context.getCloseReason()))
            .buildEventProcessorClient();
        client.start();
    }

    Set<String> texts() {
        return seen.stream().map(Seen::text).collect(Collectors.toSet());
    }

    /** Partitions on which it saw events that begin so. */
    Set<String> partitionsOf(String beginning) {
        return seen.stream()
            .filter(event -> event.text().startsWith(beginning)).map(Seen::partition).collect(Collectors.toSet());
    }

    @Override
    public void close() {
        client.stop();
    }
}
