package forebay;

import static forebay.Hub.numbers;
import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A key picks the partition that the hash of docs/reference/amqp.md §9.1 gives, and always the same one. */
@ExtendWith(Servers.class)
class PartitionKeysTest {
    /** Key → partition of 4, from the vectors of docs/reference/amqp.md §9.1 (computed with the JavaScript SDK). */
    static final Map<String, String> VECTORS = Map.ofEntries(
        Map.entry("7", "3"), Map.entry("131", "2"), Map.entry("7149583486996073602", "1"), Map.entry("FWfAT", "1"),
        Map.entry("sOdeEAsyQoEuEFPGerWO", "3"), Map.entry("a", "0"), Map.entry("abc", "1"), Map.entry("device-42", "0"),
        Map.entry("123456789012", "1"), Map.entry("1234567890123", "2"),
        Map.entry("order-0001-long-partition-key-value", "1"), Map.entry("contoso", "0"), Map.entry("Straße", "2"),
        Map.entry("sensor/北京", "1"), Map.entry("PartitionKey", "0"));

    @Test
    void singleEventsGoWhereTheHashOfTheirKeySays(Hub hub) {
        try (var producer = hub.producer()) {
            for (var key : VECTORS.keySet()) {
                producer.send(List.of(new EventData(key)), new SendOptions().setPartitionKey(key));
            }
        }
        assertEquals(VECTORS, whereEachIs(hub));
    }

    @Test
    void batchesGoWhereTheHashOfTheirKeySaysAndEachEventCarriesIt(Hub hub) {
        try (var producer = hub.producer()) {
            for (var key : VECTORS.keySet()) {
                var batch = producer.createBatch(new CreateBatchOptions().setPartitionKey(key));
                batch.tryAdd(new EventData(key));
                batch.tryAdd(new EventData(key));
                producer.send(batch);
            }
        }
        assertEquals(VECTORS, whereEachIs(hub));
        hub.readAll().values().forEach(events ->
            events.forEach(event -> assertEquals(event.getBodyAsString(), event.getPartitionKey())));
    }

    @Test
    void eventsOfOneKeyStayInOrderOnOnePartition(Hub hub) {
        var keys = List.of("alpha", "beta", "gamma", "delta", "epsilon");
        try (var producer = hub.producer()) {
            for (var number : numbers(10)) {
                for (var key : keys) {
                    var event = List.of(new EventData(key + " " + number));
                    producer.send(event, new SendOptions().setPartitionKey(key));
                }
            }
        }
        var found = hub.readAll();
        for (var key : keys) {
            var mine = found.values().stream()
                .map(events -> texts(events).stream().filter(text -> text.startsWith(key + " ")).toList())
                .filter(list -> !list.isEmpty())
                .toList();
            assertEquals(List.of(numbers(key + " ", 10)), mine, "one partition, in order");
        }
    }

    /** Body → partition; the bodies are the keys. */
    private static Map<String, String> whereEachIs(Hub hub) {
        var where = new HashMap<String, String>();
        hub.readAll().forEach((partition, events) -> texts(events).forEach(text -> {
            var other = where.put(text, partition);
            assertEquals(true, other == null || other.equals(partition), text + " is on " + partition + " and " + other);
        }));
        return where;
    }
}
