package forebay;

import static forebay.Hub.PARTITIONS;
import static forebay.Hub.numbers;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the management node says about hubs and partitions, and what readers are told of the end. */
@ExtendWith(Servers.class)
class PropertiesTest {
    @Test
    void aHubHasANameABirthdayAndFourPartitions(Hub hub) {
        try (var producer = hub.producer(); var consumer = hub.consumer()) {
            var told = producer.getEventHubProperties();
            assertEquals(hub.name(), told.getName());
            assertEquals(PARTITIONS, told.getPartitionIds().stream().toList());
            assertTrue(Duration.between(told.getCreatedAt(), Instant.now()).abs().toMinutes() < 10);
            assertEquals(told.getCreatedAt(), consumer.getEventHubProperties().getCreatedAt(), "it stays");
            assertEquals(PARTITIONS, consumer.getPartitionIds().stream().toList());
        }
    }

    @Test
    void aPartitionThatWasNeverWrittenIsEmpty(Hub hub) {
        try (var consumer = hub.consumer()) {
            var told = consumer.getPartitionProperties("2");
            assertEquals(hub.name(), told.getEventHubName());
            assertEquals("2", told.getId());
            assertEquals(0, told.getBeginningSequenceNumber());
            assertEquals(-1, told.getLastEnqueuedSequenceNumber());
            assertEquals("-1", told.getLastEnqueuedOffset());
            assertTrue(told.isEmpty());
        }
    }

    @Test
    void aWrittenPartitionShowsItsLastEventAndItsNeighbourStaysEmpty(Hub hub) {
        hub.send("1", numbers(12).toArray(String[]::new));
        var last = hub.read("1", 12).get(11);
        try (var producer = hub.producer()) {
            var told = producer.getPartitionProperties("1");
            assertEquals(0, told.getBeginningSequenceNumber());
            assertEquals(11, told.getLastEnqueuedSequenceNumber());
            assertEquals(last.getOffsetString(), told.getLastEnqueuedOffset());
            assertEquals(last.getEnqueuedTime(), told.getLastEnqueuedTime());
            assertFalse(told.isEmpty());
            assertTrue(producer.getPartitionProperties("0").isEmpty());
        }
    }

    @Test
    void anAcknowledgedEventIsCountedAtOnce(Hub hub) {
        try (var producer = hub.producer()) {
            for (var number = 0; number < 5; number++) {
                producer.send(List.of(new EventData("x")), new SendOptions().setPartitionId("0"));
                assertEquals(number, producer.getPartitionProperties("0").getLastEnqueuedSequenceNumber());
            }
        }
    }

    @Test
    void aPartitionThatDoesNotExistIsNotFound(Hub hub) {
        try (var consumer = hub.consumer()) {
            var error = assertThrows(AmqpException.class, () -> consumer.getPartitionProperties("99"));
            assertEquals(AmqpErrorCondition.NOT_FOUND, error.getErrorCondition());
            assertTrue(error.getMessage().contains("99"), error.getMessage());
        }
    }

    @Test
    void theAsynchronousClientsSeeTheSame(Hub hub) {
        hub.send("3", "a", "b");
        try (var producer = hub.builder().buildAsyncProducerClient();
                var consumer = hub.builder().consumerGroup("$Default").buildAsyncConsumerClient()) {
            assertEquals(PARTITIONS, producer.getPartitionIds().collectList().block(Wait.DEADLINE));
            assertEquals(hub.name(), consumer.getEventHubProperties().block(Wait.DEADLINE).getName());
            var told = consumer.getPartitionProperties("3").block(Wait.DEADLINE);
            assertEquals(1, told.getLastEnqueuedSequenceNumber());
        }
    }

    @Test
    void aReaderThatTracksTheEndIsToldOfItWithEachEvent(Hub hub) {
        hub.send("0", numbers(10).toArray(String[]::new));
        var tracking = new ReceiveOptions().setTrackLastEnqueuedEventProperties(true);
        try (var reader = hub.reader("0", EventPosition.earliest(), tracking)) {
            reader.take(10);
            for (var event : reader.partitionEvents()) {
                var told = event.getLastEnqueuedEventProperties();
                assertEquals(9L, told.getSequenceNumber());
                assertEquals("9", told.getOffsetString());
                assertNotNull(told.getEnqueuedTime());
                assertTrue(Duration.between(told.getRetrievalTime(), Instant.now()).abs().toMinutes() < 10);
            }
            var last = reader.partitionEvents().get(9);
            assertEquals(last.getData().getEnqueuedTime(), last.getLastEnqueuedEventProperties().getEnqueuedTime());
        }
    }

    @Test
    void aReaderThatDoesNotTrackIsToldNothing(Hub hub) {
        hub.send("0", "x");
        try (var reader = hub.reader("0")) {
            reader.take(1);
            assertNull(reader.partitionEvents().get(0).getLastEnqueuedEventProperties());
        }
    }
}
