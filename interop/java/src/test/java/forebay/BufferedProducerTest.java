package forebay;

import static forebay.Hub.numbers;
import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubBufferedProducerClientBuilder;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;

/** The producer that collects events and sends them in the background. It hashes keys itself, and names a partition. */
@ExtendWith(Servers.class)
class BufferedProducerTest {
    /** Body → partition, as the callback told; and what failed. */
    private final Map<String, String> acknowledged = new ConcurrentHashMap<>();
    private final List<Throwable> failed = new CopyOnWriteArrayList<>();

    private EventHubBufferedProducerClientBuilder builder(Hub hub) {
        return new EventHubBufferedProducerClientBuilder()
            .connectionString(hub.connectionString(), hub.name())
            .retryOptions(Hub.NO_RETRY)
            .maxWaitTime(Duration.ofMillis(200))
            .maxEventBufferLengthPerPartition(50)
            .onSendBatchFailed(context -> failed.add(context.getThrowable()))
            .onSendBatchSucceeded(context -> context.getEvents()
                .forEach(event -> acknowledged.put(event.getBodyAsString(), context.getPartitionId())));
    }

    /** The SDK's `flush` may return when some batch is sent, not the last one; the callbacks tell. */
    private void awaitAcknowledged(int count) {
        Wait.until(
            () -> acknowledged.size() == count || !failed.isEmpty(),
            () -> acknowledged.size() + " of " + count + " events are acknowledged");
        assertEquals(List.of(), failed);
    }

    private static Map<String, String> stored(Hub hub) {
        var where = new HashMap<String, String>();
        hub.readAll().forEach((partition, events) ->
            texts(events).forEach(text -> assertEquals(null, where.put(text, partition), "twice: " + text)));
        return where;
    }

    @ParameterizedTest
    @ValueSource(strings = {"no routing", "a partition", "a key"})
    void everythingIsSentAndToldOfWhereItIsStored(String routing, Hub hub) {
        var options = switch (routing) {
            case "a partition" -> new SendOptions().setPartitionId("2");
            case "a key" -> new SendOptions().setPartitionKey("device-42");
            default -> new SendOptions();
        };
        var sent = numbers("event ", 120);
        try (var client = builder(hub).buildClient()) {
            sent.subList(0, 20).forEach(text -> client.enqueueEvent(new EventData(text), options));
            client.enqueueEvents(sent.subList(20, 120).stream().map(EventData::new).toList(), options);
            client.flush();
            awaitAcknowledged(120);
        }
        var stored = stored(hub);
        assertEquals(new TreeSet<>(sent), new TreeSet<>(stored.keySet()));
        assertEquals(stored, acknowledged);
        switch (routing) {
            case "a partition" -> assertEquals(sent, texts(hub.read("2", 120)), "in order");
            case "a key" -> assertEquals(sent, texts(hub.read("0", 120)), "in order, where the hash says");
            default -> assertEquals(4, new TreeSet<>(stored.values()).size(), "on every partition");
        }
    }

    @Test
    void itsHashPicksThePartitionThatTheServerWouldPick(Hub hub) {
        try (var client = builder(hub).buildClient()) {
            PartitionKeysTest.VECTORS.keySet().forEach(key ->
                client.enqueueEvent(new EventData(key), new SendOptions().setPartitionKey(key)));
            client.flush();
            awaitAcknowledged(PartitionKeysTest.VECTORS.size());
        }
        var expected = new HashMap<>(PartitionKeysTest.VECTORS);
        // This version adds the last bytes of a key with their signs: such a key goes elsewhere, where it was sent.
        expected.put("Straße", "1");
        assertEquals(expected, stored(hub));
    }

    @Test
    void theAsynchronousOneSendsEverythingToo(Hub hub) {
        var client = builder(hub).buildAsyncClient();
        try {
            Flux.fromIterable(numbers(40)).concatMap(text -> client.enqueueEvent(new EventData(text)))
                .then(client.flush()).block(Wait.DEADLINE);
            awaitAcknowledged(40);
        } finally {
            client.close();
        }
        assertEquals(new TreeSet<>(numbers(40)), new TreeSet<>(stored(hub).keySet()));
    }

    @Test
    void aRefusalReachesItsCallback(Hub hub) {
        hub.send("0", "known");
        try (var client = builder(hub).buildClient()) {
            client.enqueueEvent(new EventData("known"), new SendOptions().setPartitionId("0"));
            client.flush();
            Wait.until(() -> !acknowledged.isEmpty(), () -> "an acknowledgement; failed: " + failed);
            client.enqueueEvent(new EventData(new byte[1_048_000]), new SendOptions().setPartitionId("0"));
            client.flush();
            Wait.until(() -> !failed.isEmpty(), () -> "a failure");
        } catch (AmqpException refused) {
            // Which of the two ways it takes is the SDK's affair.
            assertEquals(AmqpErrorCondition.LINK_PAYLOAD_SIZE_EXCEEDED, refused.getErrorCondition());
        }
        assertEquals(List.of("known", "known"), texts(hub.read("0", 2)));
    }
}
