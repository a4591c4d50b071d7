package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exclusive readers: a higher or equal owner level takes over, a lower one is refused. */
@ExtendWith(Servers.class)
class OwnerLevelTest {
    private static Reader open(Hub hub, String partition, String group, Long level) {
        var builder = hub.builder().consumerGroup(group);
        return new Reader(builder, partition, EventPosition.earliest(), new ReceiveOptions().setOwnerLevel(level));
    }

    private static Reader open(Hub hub, Long level) {
        return open(hub, "0", "$Default", level);
    }

    /** A reader that is known to be attached: it has received what is there. */
    private static Reader reading(Hub hub, Long level) {
        var reader = open(hub, level);
        try {
            reader.take(1);
            return reader;
        } catch (RuntimeException | Error failed) {
            reader.close();
            throw failed;
        }
    }

    private static AmqpException errorOf(Reader reader, AmqpErrorCondition condition) {
        var error = assertInstanceOf(AmqpException.class, reader.error());
        assertEquals(condition, error.getErrorCondition(), error.getMessage());
        assertFalse(error.isTransient());
        return error;
    }

    @ParameterizedTest
    @CsvSource({"1, 2", "1, 1", "0, 0", "0, 10"})
    void aHigherOrEqualLevelTakesOverAndTheOlderReaderIsTold(long older, long newer, Hub hub) {
        hub.send("0", "there");
        try (var loser = reading(hub, older); var winner = reading(hub, newer)) {
            errorOf(loser, AmqpErrorCondition.LINK_STOLEN);
            hub.send("0", "after");
            assertEquals(List.of("there", "after"), Hub.texts(winner.take(2)));
            assertEquals(List.of("there"), loser.texts(), "the older reader gets nothing more");
        }
    }

    @Test
    void aLowerLevelIsRefusedAndTheHolderReadsOn(Hub hub) {
        hub.send("0", "there");
        try (var holder = reading(hub, 5L); var refused = open(hub, 4L)) {
            var error = errorOf(refused, AmqpErrorCondition.LINK_STOLEN);
            assertTrue(error.getMessage().matches("(?s).*5.*4.*"), "both levels are named: " + error.getMessage());
            assertEquals(List.of(), refused.texts());
            hub.send("0", "after");
            assertEquals(List.of("there", "after"), Hub.texts(holder.take(2)));
        }
    }

    @Test
    void aReaderWithoutALevelIsPutOutByOneWithALevel(Hub hub) {
        hub.send("0", "there");
        try (var shared = reading(hub, null); var exclusive = reading(hub, 0L)) {
            errorOf(shared, AmqpErrorCondition.LINK_STOLEN);
            hub.send("0", "after");
            assertEquals(List.of("there", "after"), Hub.texts(exclusive.take(2)));
        }
    }

    @Test
    void aReaderWithoutALevelIsRefusedWhileOneWithALevelReads(Hub hub) {
        hub.send("0", "there");
        try (var exclusive = reading(hub, 0L); var refused = open(hub, null)) {
            errorOf(refused, AmqpErrorCondition.LINK_STOLEN);
            assertEquals(List.of(), refused.texts());
            assertFalse(exclusive.ended());
        }
    }

    @Test
    void theLevelEndsWithTheReader(Hub hub) {
        hub.send("0", "there");
        reading(hub, 9L).close();
        // The SDK closes its link in the background.
        Wait.until(
            () -> {
                try (var lower = open(hub, 1L)) {
                    Wait.until(() -> lower.ended() || !lower.texts().isEmpty(), () -> "an answer");
                    return !lower.ended();
                }
            },
            () -> "a lower level after the higher one has gone");
    }

    @Test
    void levelsHoldForOnePartitionAndOneGroup(Hub hub) {
        hub.send("0", "zero");
        hub.send("1", "one");
        try (var holder = reading(hub, 5L);
                var otherPartition = open(hub, "1", "$Default", 1L);
                var otherGroup = open(hub, "0", "other", 1L)) {
            assertEquals(List.of("one"), Hub.texts(otherPartition.take(1)));
            assertEquals(List.of("zero"), Hub.texts(otherGroup.take(1)));
            assertFalse(holder.ended());
        }
    }

    @Test
    void fiveReadersWithoutALevelAreAllowedAndASixthIsRefused(Hub hub) {
        hub.send("0", "there");
        var readers = new ArrayList<Reader>();
        try {
            for (var number = 0; number < 5; number++) {
                readers.add(reading(hub, null));
            }
            try (var sixth = open(hub, null)) {
                var error = errorOf(sixth, AmqpErrorCondition.RESOURCE_LIMIT_EXCEEDED);
                assertTrue(error.getMessage().contains("5"), error.getMessage());
            }
            readers.forEach(reader -> assertFalse(reader.ended()));
        } finally {
            readers.forEach(Reader::close);
        }
    }
}
