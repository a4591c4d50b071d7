import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import com.azure.messaging.eventhubs.models.Checkpoint;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionOwnership;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Processes the partitions of a hub and keeps a checkpoint after each event; Ctrl-C ends it. */
public class Processor {
    static final String DEV =
        "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";

    public static void main(String[] arguments) throws InterruptedException {
        var connection = System.getenv().getOrDefault("EVENTHUB_CONNECTION_STRING", DEV);
        var hub = System.getenv().getOrDefault("EVENTHUB_NAME", "events");
        var processor = new EventProcessorClientBuilder()
            .connectionString(connection, hub)
            .consumerGroup(EventHubClientBuilder.DEFAULT_CONSUMER_GROUP_NAME)
            .checkpointStore(new MemoryStore())
            .initialPartitionEventPosition(partition -> EventPosition.earliest())
            .loadBalancingUpdateInterval(Duration.ofSeconds(2))
            .processEvent(context -> {
                var partition = context.getPartitionContext().getPartitionId();
                var event = context.getEventData();
                System.out.println(partition + "/" + event.getSequenceNumber() + " " + event.getBodyAsString());
                context.updateCheckpoint();
            })
            .processError(context -> System.err.println(context.getThrowable().getMessage()))
            .buildEventProcessorClient();
        processor.start();
        Thread.currentThread().join();
    }

    /**
     * Claims and checkpoints of one process, gone when it ends. Copies that share a hub keep them in a store that all of
     * them reach, Azure's {@code BlobCheckpointStore} for instance.
     */
    static class MemoryStore implements CheckpointStore {
        private final Map<String, PartitionOwnership> owners = new ConcurrentHashMap<>();
        private final Map<String, Checkpoint> checkpoints = new ConcurrentHashMap<>();

        @Override
        public Flux<PartitionOwnership> listOwnership(String namespace, String hub, String group) {
            return Flux.fromIterable(owners.values());
        }

        @Override
        public Flux<PartitionOwnership> claimOwnership(List<PartitionOwnership> claims) {
            return Flux.fromIterable(claims).doOnNext(claim -> {
                claim.setETag(UUID.randomUUID().toString()).setLastModifiedTime(System.currentTimeMillis());
                owners.put(claim.getPartitionId(), claim);
            });
        }

        @Override
        public Flux<Checkpoint> listCheckpoints(String namespace, String hub, String group) {
            return Flux.fromIterable(checkpoints.values());
        }

        @Override
        public Mono<Void> updateCheckpoint(Checkpoint checkpoint) {
            return Mono.fromRunnable(() -> checkpoints.put(checkpoint.getPartitionId(), checkpoint));
        }
    }
}
