package forebay;

import static forebay.Hub.numbers;
import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reading from every kind of position, with both consumers of the SDK. */
@ExtendWith(Servers.class)
class PositionsTest {
    /** "a" to "d" on partition 0, at four different times. */
    private static List<EventData> sendApart(Hub hub) {
        try (var producer = hub.producer()) {
            for (var text : List.of("a", "b", "c", "d")) {
                producer.send(List.of(new EventData(text)), new SendOptions().setPartitionId("0"));
                Wait.nap(10);
            }
        }
        return hub.read("0", 4);
    }

    private static List<String> read(Hub hub, int count, EventPosition position) {
        return texts(hub.read("0", count, position));
    }

    @Test
    void earliestGivesEverything(Hub hub) {
        hub.send("0", "a", "b", "c");
        assertEquals(List.of("a", "b", "c"), read(hub, 3, EventPosition.earliest()));
    }

    @Test
    void anOffsetStartsAfterIt(Hub hub) {
        var events = sendApart(hub);
        assertEquals(List.of("c", "d"), read(hub, 2, EventPosition.fromOffsetString(events.get(1).getOffsetString())));
    }

    @Test
    void aSequenceNumberStartsAfterItOrWithIt(Hub hub) {
        sendApart(hub);
        assertEquals(List.of("c", "d"), read(hub, 2, EventPosition.fromSequenceNumber(1)));
        assertEquals(List.of("c", "d"), read(hub, 2, EventPosition.fromSequenceNumber(1, false)));
        assertEquals(List.of("b", "c", "d"), read(hub, 3, EventPosition.fromSequenceNumber(1, true)));
        assertEquals(List.of("a", "b", "c", "d"), read(hub, 4, EventPosition.fromSequenceNumber(0, true)));
    }

    @Test
    void aTimeStartsAfterIt(Hub hub) {
        var events = sendApart(hub);
        var times = events.stream().map(EventData::getEnqueuedTime).distinct().toList();
        assertEquals(4, times.size(), "sent apart");
        assertEquals(List.of("c", "d"), read(hub, 2, EventPosition.fromEnqueuedTime(times.get(1))));
        assertEquals(
            List.of("b", "c", "d"), read(hub, 3, EventPosition.fromEnqueuedTime(times.get(1).minusMillis(1))));
        assertEquals(List.of("a", "b", "c", "d"), read(hub, 4, EventPosition.fromEnqueuedTime(Instant.EPOCH)));
    }

    @Test
    void aTimeAfterEverythingGivesWhatComes(Hub hub) {
        var last = sendApart(hub).get(3);
        try (var reader = hub.reader("0", EventPosition.fromEnqueuedTime(last.getEnqueuedTime()))) {
            hub.send("0", "new");
            assertEquals(List.of("new"), texts(reader.take(1)));
        }
    }

    @Test
    void aPositionInsideABatchLandsOnItsEvent(Hub hub) {
        hub.send("0", numbers(50).toArray(String[]::new));
        var expected = numbers(50).subList(40, 50);
        assertEquals(expected, read(hub, 10, EventPosition.fromSequenceNumber(39)));
        assertEquals(expected, read(hub, 10, EventPosition.fromOffsetString("39")));
    }

    @Test
    void latestGivesNothingThatWasThereBeforeAndMissesNothingAfter(Hub hub) {
        hub.send("0", "before 1", "before 2");
        try (var reader = hub.reader("0", EventPosition.latest())) {
            Wait.until(
                () -> {
                    hub.send("0", "probe");
                    return !reader.events().isEmpty();
                },
                () -> "an event that was sent after the reader had attached");
            hub.send("0", numbers("after ", 100).toArray(String[]::new));
            Wait.until(() -> reader.texts().contains("after 99"), () -> "the last event; there are " + reader.texts());
            var events = reader.events();
            assertEquals("probe", events.get(0).getBodyAsString());
            assertTrue(events.get(0).getSequenceNumber() >= 2);
            for (var index = 1; index < events.size(); index++) {
                var expected = events.get(0).getSequenceNumber() + index;
                assertEquals(expected, events.get(index).getSequenceNumber(), "no gap");
            }
        }
    }

    @Test
    void aReaderOfAHubThatIsStillEmptyGetsTheFirstEvent(Hub hub) {
        try (var reader = hub.reader("1", EventPosition.fromSequenceNumber(0, true))) {
            hub.send("1", "first");
            assertEquals(List.of("first"), texts(reader.take(1)));
        }
    }

    @Test
    void aNumberThatComesNextWaitsForItsEvent(Hub hub) {
        hub.send("0", "a", "b");
        try (var reader = hub.reader("0", EventPosition.fromSequenceNumber(2, true))) {
            hub.send("0", "c");
            assertEquals(List.of("c"), texts(reader.take(1)));
        }
    }

    @ParameterizedTest
    @CsvSource({"sequence after, 2", "sequence with, 3", "sequence after, 1000", "offset, 2", "offset, 1000"})
    void aPositionBeyondTheEndIsRefusedAndTheTextNamesIt(String kind, long position, Hub hub) {
        hub.send("0", "a", "b"); // the next number is 2
        var start = switch (kind) {
            case "sequence after" -> EventPosition.fromSequenceNumber(position);
            case "sequence with" -> EventPosition.fromSequenceNumber(position, true);
            default -> EventPosition.fromOffsetString(Long.toString(position));
        };
        try (var reader = hub.reader("0", start)) {
            var error = assertInstanceOf(AmqpException.class, reader.error());
            assertEquals(AmqpErrorCondition.ARGUMENT_ERROR, error.getErrorCondition());
            assertTrue(error.getMessage().contains(Long.toString(position)), error.getMessage());
            assertEquals(List.of(), reader.texts());
        }
    }

    @Test
    void anOffsetThatIsNoNumberIsRefused(Hub hub) {
        hub.send("0", "a");
        try (var reader = hub.reader("0", EventPosition.fromOffsetString("not-a-number"))) {
            var error = assertInstanceOf(AmqpException.class, reader.error());
            assertEquals(AmqpErrorCondition.ARGUMENT_ERROR, error.getErrorCondition());
        }
    }

    @Test
    void prefetchOfOneStillGivesEverythingInOrder(Hub hub) {
        hub.send("0", numbers(30).toArray(String[]::new));
        try (var client = hub.builder().consumerGroup("$Default").prefetchCount(1).buildAsyncConsumerClient()) {
            var events = client.receiveFromPartition("0", EventPosition.earliest())
                .take(30).collectList().block(Wait.DEADLINE);
            assertEquals(numbers(30), texts(Hub.data(events)));
        }
    }

    @Test
    void everyPartitionIsReadWhenNoneIsNamed(Hub hub) {
        for (var partition : Hub.PARTITIONS) {
            hub.send(partition, "from " + partition);
        }
        try (var client = hub.builder().consumerGroup("$Default").buildAsyncConsumerClient()) {
            var events = client.receive(true).take(4).collectList().block(Wait.DEADLINE);
            var found = events.stream().collect(Collectors.toMap(
                event -> event.getPartitionContext().getPartitionId(), event -> event.getData().getBodyAsString()));
            assertEquals(Map.of("0", "from 0", "1", "from 1", "2", "from 2", "3", "from 3"), new TreeMap<>(found));
        }
    }

    @Test
    void theSynchronousConsumerGoesOnWhereItsLastCallEnded(Hub hub) {
        hub.send("0", numbers(10).toArray(String[]::new));
        try (var client = hub.consumer()) {
            var first = client.receiveFromPartition("0", 4, EventPosition.earliest(), Wait.DEADLINE).stream().toList();
            assertEquals(numbers(10).subList(0, 4), texts(Hub.data(first)));
            var last = first.get(3).getData().getSequenceNumber();
            var next = client.receiveFromPartition("0", 6, EventPosition.fromSequenceNumber(last), Wait.DEADLINE);
            assertEquals(numbers(10).subList(4, 10), texts(Hub.data(next.stream().toList())));
        }
    }

    @Test
    void twoGroupsReadTheSameEvents(Hub hub) {
        hub.send("0", "a", "b");
        for (var group : List.of("billing", "$Default", "$default")) {
            var events = hub.read(group, "0", 2, EventPosition.earliest());
            assertEquals(List.of("a", "b"), texts(events.stream().map(PartitionEvent::getData).toList()), group);
        }
    }

    @Test
    void theHubIsFoundInAnyCase(Hub hub) {
        hub.send("0", "a");
        assertEquals(List.of("a"), texts(hub.named(hub.name().toUpperCase()).read("0", 1)));
    }
}
