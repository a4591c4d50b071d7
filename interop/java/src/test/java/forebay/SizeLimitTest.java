package forebay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.models.CreateBatchOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;

/**
 * The limit that the link tells, and what the SDK makes of it: it keeps 1 KiB of every 64 back, and refuses by itself what
 * is larger. {@link QpidJmsTest} goes to the last byte.
 */
@ExtendWith(Servers.class)
class SizeLimitTest {
    private static final int LIMIT = 1_048_576;
    private static final CreateBatchOptions BATCH_TO_0 = new CreateBatchOptions().setPartitionId("0");

    @Test
    void theLinkTellsTheLimit(Hub hub) {
        try (var producer = hub.producer()) {
            assertEquals(LIMIT, producer.createBatch().getMaxSizeInBytes());
        }
    }

    @Test
    void aFullBatchSaysNoToTheNextEventAndIsAcceptedWhole(Hub hub) {
        var count = 0;
        try (var producer = hub.producer()) {
            var batch = producer.createBatch(BATCH_TO_0);
            while (batch.tryAdd(new EventData(body(count, 1000)))) {
                count++;
            }
            assertTrue(LIMIT - batch.getSizeInBytes() < 1100, "it is full: " + batch.getSizeInBytes());
            assertEquals(count, batch.getCount(), "what does not fit is not in it");
            producer.send(batch);
        }
        assertTrue(count > 900, "most of the limit is bodies: " + count);
        var events = hub.read("0", count);
        for (var number = 0; number < count; number++) {
            assertArrayEquals(body(number, 1000), events.get(number).getBody());
        }
    }

    @Test
    void theLargestEventThatTheSdkLetsThroughIsReadBack(Hub hub) {
        try (var producer = hub.producer()) {
            var size = largest(producer);
            assertTrue(size > LIMIT - LIMIT / 64 - 200, "nearly the limit less what the SDK keeps back: " + size);
            var batch = producer.createBatch(BATCH_TO_0);
            assertTrue(batch.tryAdd(new EventData(body(7, size))));
            producer.send(batch);
            assertArrayEquals(body(7, size), hub.read("0", 1).get(0).getBody());

            assertFalse(producer.createBatch(BATCH_TO_0).tryAdd(new EventData(new byte[size + 1])), "one byte more");
        }
    }

    @Test
    void anEventOverTheLimitIsRefusedWithTheSdksErrorAndTheClientGoesOn(Hub hub) {
        var to0 = new SendOptions().setPartitionId("0");
        try (var producer = hub.producer()) {
            var over = new EventData(new byte[LIMIT]);
            var batch = producer.createBatch(BATCH_TO_0);
            for (Executable attempt : List.<Executable>of(
                    () -> batch.tryAdd(over), () -> producer.send(List.of(over), to0))) {
                var error = assertThrows(AmqpException.class, attempt);
                assertEquals(AmqpErrorCondition.LINK_PAYLOAD_SIZE_EXCEEDED, error.getErrorCondition());
                assertFalse(error.isTransient());
            }
            producer.send(List.of(new EventData("after")), to0);
        }
        assertEquals(List.of("after"), Hub.texts(hub.read("0", 1)));
    }

    private static byte[] body(int number, int size) {
        var body = new byte[size];
        Arrays.fill(body, (byte) number);
        return body;
    }

    /** The largest body that a batch takes. */
    private static int largest(EventHubProducerClient producer) {
        var fits = 0;
        var tooLarge = LIMIT;
        while (tooLarge - fits > 1) {
            var size = (fits + tooLarge) / 2;
            if (fits(producer, size)) {
                fits = size;
            } else {
                tooLarge = size;
            }
        }
        return fits;
    }

    private static boolean fits(EventHubProducerClient producer, int size) {
        try {
            return producer.createBatch(BATCH_TO_0).tryAdd(new EventData(new byte[size]));
        } catch (AmqpException tooLargeByItself) {
            return false;
        }
    }
}
