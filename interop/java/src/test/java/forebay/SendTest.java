package forebay;

import static forebay.Hub.PARTITIONS;
import static forebay.Hub.numbers;
import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Sending with the producers of the SDK, in every way they offer. */
@ExtendWith(Servers.class)
class SendTest {
    private static final SendOptions TO_0 = new SendOptions().setPartitionId("0");

    @Test
    void aSingleEventIsReadBack(Hub hub) {
        hub.send("2", "one");
        var event = hub.read("2", 1).get(0);
        assertEquals("one", event.getBodyAsString());
        assertEquals(0L, event.getSequenceNumber());
        assertEquals("0", event.getOffsetString());
    }

    @Test
    void aListOfEventsIsReadBackInOrder(Hub hub) {
        var sent = numbers("event ", 100);
        hub.send("1", sent.toArray(String[]::new));
        assertEquals(sent, texts(hub.read("1", 100)));
    }

    @Test
    void aBatchIsReadBackInOrderAndNumberedWithoutAGap(Hub hub) {
        var sent = numbers("event ", 250);
        try (var producer = hub.producer()) {
            var batch = producer.createBatch(new CreateBatchOptions().setPartitionId("3"));
            sent.forEach(text -> assertTrue(batch.tryAdd(new EventData(text))));
            assertEquals(250, batch.getCount());
            producer.send(batch);
        }
        var events = hub.read("3", 250);
        assertEquals(sent, texts(events));
        for (var number = 0; number < 250; number++) {
            assertEquals(number, events.get(number).getSequenceNumber());
        }
    }

    @Test
    void oneClientSendsToEveryPartitionByItsId(Hub hub) {
        try (var producer = hub.producer()) {
            for (var partition : PARTITIONS) {
                var events = List.of(new EventData(partition + " a"), new EventData(partition + " b"));
                producer.send(events, new SendOptions().setPartitionId(partition));
            }
        }
        hub.readAll().forEach((partition, events) ->
            assertEquals(List.of(partition + " a", partition + " b"), texts(events)));
    }

    @Test
    void eventsWithoutAKeyReachEveryPartition(Hub hub) {
        try (var producer = hub.producer()) {
            for (var text : numbers(16)) {
                producer.send(List.of(new EventData(text)));
            }
        }
        var found = hub.readAll();
        assertEquals(PARTITIONS, List.copyOf(found.keySet()));
        var all = new TreeSet<Integer>();
        found.forEach((partition, events) -> {
            assertTrue(!events.isEmpty(), "nothing on partition " + partition);
            texts(events).forEach(text -> assertTrue(all.add(Integer.parseInt(text)), "twice: " + text));
        });
        assertEquals(16, all.size());
    }

    @Test
    void aBatchWithoutAKeyStaysTogether(Hub hub) {
        try (var producer = hub.producer()) {
            producer.send(numbers(20).stream().map(EventData::new).toList());
        }
        var filled = hub.readAll().values().stream().filter(events -> !events.isEmpty()).toList();
        assertEquals(1, filled.size(), "on one partition");
        assertEquals(numbers(20), texts(filled.get(0)));
    }

    @Test
    void anEmptyBodyAndALargeOneAreReadBackAsSent(Hub hub) {
        var large = new byte[512 * 1024]; // several frames each way
        for (var index = 0; index < large.length; index++) {
            large[index] = (byte) (index * 31);
        }
        try (var producer = hub.producer()) {
            for (var body : List.of(new byte[0], large, new byte[] {1})) {
                producer.send(List.of(new EventData(body)), TO_0);
            }
        }
        var events = hub.read("0", 3);
        assertArrayEquals(new byte[0], events.get(0).getBody());
        assertArrayEquals(large, events.get(1).getBody());
        assertArrayEquals(new byte[] {1}, events.get(2).getBody());
    }

    @Test
    void thousandsOfEventsArriveInOrderOnEachPartition(Hub hub) {
        var batches = 10;
        var perBatch = 200;
        try (var producer = hub.builder().buildAsyncProducerClient()) {
            var sending = Flux.fromIterable(PARTITIONS).flatMap(partition ->
                Flux.range(0, batches).concatMap(batch -> {
                    var events = new ArrayList<EventData>();
                    for (var number = 0; number < perBatch; number++) {
                        // 300 bytes: a batch is several frames.
                        events.add(new EventData((batch * perBatch + number) + "." + "x".repeat(300)));
                    }
                    return producer.send(events, new SendOptions().setPartitionId(partition));
                }));
            sending.then().block(Wait.DEADLINE);
        }
        var expected = numbers(batches * perBatch);
        hub.readAll().forEach((partition, events) -> {
            assertEquals(expected, texts(events).stream().map(text -> text.split("\\.")[0]).toList());
            for (var number = 0; number < expected.size(); number++) {
                assertEquals(number, events.get(number).getSequenceNumber(), "partition " + partition);
            }
        });
    }

    @Test
    void manySendersAtOnceLoseNothing(Hub hub) throws Exception {
        var pool = Executors.newFixedThreadPool(6);
        try {
            var sending = new ArrayList<Future<?>>();
            for (var sender : numbers(6)) {
                sending.add(pool.submit(() -> {
                    try (var producer = hub.producer()) {
                        for (var text : numbers(sender + "/", 25)) {
                            producer.send(List.of(new EventData(text)), TO_0);
                        }
                    }
                }));
            }
            for (var future : sending) {
                future.get(Wait.DEADLINE.toSeconds(), TimeUnit.SECONDS);
            }
        } finally {
            pool.shutdownNow();
        }
        var found = texts(hub.read("0", 150));
        for (var sender : numbers(6)) {
            var mine = found.stream().filter(text -> text.startsWith(sender + "/")).toList();
            assertEquals(numbers(sender + "/", 25), mine, "each sender's order is kept");
        }
    }

    @Test
    void theAsynchronousProducerSendsListsAndBatchesAndManyAtOnce(Hub hub) {
        try (var producer = hub.builder().buildAsyncProducerClient()) {
            producer.send(Arrays.asList(new EventData("a"), new EventData("b")), TO_0).block(Wait.DEADLINE);
            producer.createBatch(new CreateBatchOptions().setPartitionId("0"))
                .flatMap(batch -> {
                    assertTrue(batch.tryAdd(new EventData("c")));
                    return producer.send(batch);
                })
                .block(Wait.DEADLINE);
            var to1 = new SendOptions().setPartitionId("1");
            var single = numbers(50).stream().map(text -> producer.send(List.of(new EventData(text)), to1)).toList();
            Mono.when(single).block(Wait.DEADLINE);
        }
        assertEquals(List.of("a", "b", "c"), texts(hub.read("0", 3)));
        assertEquals(new TreeSet<>(numbers(50)), new TreeSet<>(texts(hub.read("1", 50))));
    }
}
