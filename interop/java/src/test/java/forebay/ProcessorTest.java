package forebay;

import static forebay.Hub.PARTITIONS;
import static forebay.Hub.numbers;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventProcessorClientBuilder;
import com.azure.messaging.eventhubs.models.CloseReason;
import com.azure.messaging.eventhubs.models.EventContext;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Event processors share the partitions of a hub, take over from each other, and go on from checkpoints. */
@ExtendWith(Servers.class)
class ProcessorTest {
    private static final Consumer<EventContext> CHECKPOINT = EventContext::updateCheckpoint;

    private static void until(BooleanSupplier condition, Supplier<String> what) {
        Wait.until(Wait.PROCESSORS_DEADLINE, condition, what);
    }

    private static void sendEverywhere(Hub hub, String text) {
        for (var partition : PARTITIONS) {
            hub.send(partition, text + " " + partition);
        }
    }

    @Test
    void twoProcessorsShareFourPartitionsFairlyAndMissNothing(Hub hub) {
        var store = new MemoryStore();
        sendEverywhere(hub, "before");
        try (var first = new Processor(hub, store, CHECKPOINT)) {
            until(() -> first.partitionsOf("before").size() == 4, () -> "alone it reads all: " + first.seen);
            assertTrue(store.sharedAs(4), () -> "alone it owns all: " + store.shares());
            try (var second = new Processor(hub, store, CHECKPOINT)) {
                until(() -> store.sharedAs(2, 2), () -> "a fair share: " + store.shares());
                until(() -> first.closed.size() >= 2, () -> "the first one closed only " + first.closed);
                assertEquals(Set.of(CloseReason.LOST_PARTITION_OWNERSHIP), new HashSet<>(first.closed));
                var shares = store.shares();
                var wanted = new HashSet<String>();
                for (var round : numbers("after ", 3)) {
                    sendEverywhere(hub, round);
                    PARTITIONS.forEach(partition -> wanted.add(round + " " + partition));
                }
                until(
                    () -> {
                        var all = new HashSet<>(first.texts());
                        all.addAll(second.texts());
                        return all.containsAll(wanted);
                    },
                    () -> "every event at one of the two; the first: " + first.seen + ", the second: " + second.seen);
                assertEquals(shares, store.shares(), "it stays as it is");
                var mine = first.partitionsOf("after");
                var theirs = second.partitionsOf("after");
                assertEquals(2, mine.size(), "the first reads " + mine);
                assertEquals(2, theirs.size(), "the second reads " + theirs);
                mine.addAll(theirs);
                assertEquals(Set.copyOf(PARTITIONS), mine, "each partition has one reader");
            }
        }
    }

    @Test
    void aProcessorThatStopsIsReplacedByTheOther(Hub hub) {
        var store = new MemoryStore();
        try (var stays = new Processor(hub, store, CHECKPOINT)) {
            try (var leaves = new Processor(hub, store, CHECKPOINT)) {
                until(() -> store.sharedAs(2, 2), () -> "a fair share: " + store.shares());
                sendEverywhere(hub, "early");
                // While a partition changes hands both may see an event of it.
                until(
                    () -> {
                        var read = stays.partitionsOf("early");
                        read.addAll(leaves.partitionsOf("early"));
                        return read.size() == 4 && leaves.partitionsOf("early").size() >= 2;
                    },
                    () -> "both read: " + stays.seen + " and " + leaves.seen);
            }
            until(() -> store.sharedAs(4), () -> "one owner of all four: " + store.shares());
            sendEverywhere(hub, "late");
            until(() -> stays.partitionsOf("late").size() == 4, () -> "all partitions: " + stays.seen);
        }
    }

    @Test
    void aCheckpointIsWhereTheNextProcessorStarts(Hub hub) {
        var store = new MemoryStore();
        hub.send("0", numbers(10).toArray(String[]::new));
        Consumer<EventContext> checkpointAt5 = context -> {
            if (context.getEventData().getSequenceNumber() == 5) {
                context.updateCheckpoint();
            }
        };
        try (var first = new Processor(hub, store, checkpointAt5)) {
            until(() -> first.seen.size() >= 10, () -> "10 events: " + first.seen);
        }
        try (var next = new Processor(hub, store, context -> { })) {
            until(() -> next.seen.size() >= 4, () -> "4 events: " + next.seen);
            assertEquals(List.of("6", "7", "8", "9"), next.seen.stream().map(Processor.Seen::text).toList());
        }
    }

    @Test
    void batchesReachTheProcessorInOrder(Hub hub) {
        hub.send("0", numbers(100).toArray(String[]::new));
        var texts = new CopyOnWriteArrayList<String>();
        var largest = new CopyOnWriteArrayList<Integer>();
        var client = new EventProcessorClientBuilder()
            .connectionString(hub.connectionString(), hub.name())
            .consumerGroup("$Default")
            .checkpointStore(new MemoryStore())
            .retryOptions(Hub.NO_RETRY)
            .loadBalancingUpdateInterval(Duration.ofMillis(300))
            .initialPartitionEventPosition(partition -> EventPosition.earliest())
            .processEventBatch(
                batch -> {
                    largest.add(batch.getEvents().size());
                    batch.getEvents().forEach(event -> texts.add(event.getBodyAsString()));
                },
                25)
            .processError(error -> { })
            .buildEventProcessorClient();
        client.start();
        try {
            until(() -> texts.size() >= 100, () -> "100 events; there are " + texts);
        } finally {
            client.stop();
        }
        assertEquals(numbers(100), texts);
        assertTrue(largest.stream().allMatch(size -> size <= 25), () -> "batches of " + largest);
    }
}
