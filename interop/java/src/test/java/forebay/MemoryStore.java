package forebay;

import com.azure.messaging.eventhubs.CheckpointStore;
import com.azure.messaging.eventhubs.models.Checkpoint;
import com.azure.messaging.eventhubs.models.PartitionOwnership;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Owners and checkpoints of one hub and group in memory: what processors of one process share. */
final class MemoryStore implements CheckpointStore {
    private final Map<String, PartitionOwnership> owners = new HashMap<>();
    private final Map<String, Checkpoint> checkpoints = new HashMap<>();
    private long version;

    @Override
    public Flux<PartitionOwnership> listOwnership(String namespace, String hub, String group) {
        return Flux.defer(() -> Flux.fromIterable(copies()));
    }

    private synchronized List<PartitionOwnership> copies() {
        return owners.values().stream().map(owner -> copy(owner, owner)).toList();
    }

    /** Each claim that nobody was faster with is taken; only those come back. */
    @Override
    public Flux<PartitionOwnership> claimOwnership(List<PartitionOwnership> claims) {
        return Flux.defer(() -> Flux.fromIterable(claim(claims)));
    }

    private synchronized List<PartitionOwnership> claim(List<PartitionOwnership> claims) {
        var taken = new ArrayList<PartitionOwnership>();
        for (var claim : claims) {
            var held = owners.get(claim.getPartitionId());
            if (held != null && !Objects.equals(held.getETag(), claim.getETag())) {
                continue;
            }
            var stamp = new PartitionOwnership()
                .setETag(Long.toString(++version)).setLastModifiedTime(System.currentTimeMillis());
            owners.put(claim.getPartitionId(), copy(claim, stamp));
            taken.add(copy(claim, stamp));
        }
        return taken;
    }

    private static PartitionOwnership copy(PartitionOwnership from, PartitionOwnership stamp) {
        return new PartitionOwnership()
            .setFullyQualifiedNamespace(from.getFullyQualifiedNamespace()).setEventHubName(from.getEventHubName())
            .setConsumerGroup(from.getConsumerGroup()).setPartitionId(from.getPartitionId()).setOwnerId(from.getOwnerId())
            .setETag(stamp.getETag()).setLastModifiedTime(stamp.getLastModifiedTime());
    }

    @Override
    public Flux<Checkpoint> listCheckpoints(String namespace, String hub, String group) {
        return Flux.defer(() -> Flux.fromIterable(storedCheckpoints()));
    }

    private synchronized List<Checkpoint> storedCheckpoints() {
        return List.copyOf(checkpoints.values());
    }

    @Override
    public Mono<Void> updateCheckpoint(Checkpoint checkpoint) {
        return Mono.fromRunnable(() -> {
            synchronized (this) {
                checkpoints.put(checkpoint.getPartitionId(), checkpoint);
            }
        });
    }

    /** How many partitions each owner has; a processor that stopped has given its own back. */
    synchronized Map<String, Integer> shares() {
        var shares = new TreeMap<String, Integer>();
        for (var owner : owners.values()) {
            if (!owner.getOwnerId().isEmpty()) {
                shares.merge(owner.getOwnerId(), 1, Integer::sum);
            }
        }
        return shares;
    }

    boolean sharedAs(Integer... counts) {
        return shares().values().stream().sorted().toList().equals(List.of(counts));
    }
}
