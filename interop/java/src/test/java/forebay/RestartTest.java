package forebay;

import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventContext;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What survives a stop and a kill, and clients that go on. */
@ExtendWith(Servers.class)
class RestartTest {
    private static final SendOptions TO_1 = new SendOptions().setPartitionId("1");

    private static void end(Server server, String how) {
        if (how.equals("killed")) {
            server.kill();
        } else {
            assertEquals(0, server.stop());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stopped", "killed"})
    void acknowledgedEventsSurviveARestartAndTheNumbersGoOn(String how, Servers.Own servers) {
        var server = servers.durable().start();
        var told = server.connectionString();
        var hub = new Hub(told, "orders");
        hub.send("1", "a", "b");
        var before = hub.read("1", 2);
        end(server, how);
        server.start();
        assertEquals(told, server.connectionString(), "same key, same port");
        var after = hub.read("1", 2);
        assertEquals(List.of("a", "b"), texts(after));
        for (var index = 0; index < 2; index++) {
            assertEquals(index, after.get(index).getSequenceNumber());
            assertEquals(before.get(index).getOffsetString(), after.get(index).getOffsetString());
            assertEquals(before.get(index).getEnqueuedTime(), after.get(index).getEnqueuedTime());
        }
        hub.send("1", "c");
        var last = hub.read("1", 1, EventPosition.fromSequenceNumber(1)).get(0);
        assertEquals("c", last.getBodyAsString());
        assertEquals(2, last.getSequenceNumber());
        assertTrue(!last.getEnqueuedTime().isBefore(after.get(1).getEnqueuedTime()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"stopped", "killed"})
    void anOpenProducerGoesOnAfterARestart(String how, Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        try (var producer = hub.builder().retryOptions(Hub.PATIENT).buildProducerClient()) {
            producer.send(List.of(new EventData("before")), TO_1);
            end(server, how);
            server.start();
            producer.send(List.of(new EventData("after")), TO_1);
        }
        assertEquals(List.of("before", "after"), texts(hub.read("1", 2)));
    }

    /** This SDK ends the stream when its connection breaks; the application subscribes again, on the same client. */
    @ParameterizedTest
    @ValueSource(strings = {"stopped", "killed"})
    void aReaderGoesOnWithTheSameClientAfterARestartAndRepeatsNothing(String how, Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        hub.send("1", "a", "b");
        var patient = hub.builder().retryOptions(Hub.PATIENT).consumerGroup("$Default");
        try (var reader = new Reader(patient, "1", EventPosition.earliest(), new ReceiveOptions())) {
            var last = reader.take(2).get(1);
            end(server, how);
            Wait.until(reader::ended, () -> "the end of the stream");
            reader.readOn(EventPosition.fromOffsetString(last.getOffsetString()));
            server.start();
            hub.send("1", "c", "d");
            assertEquals(List.of("a", "b", "c", "d"), texts(reader.take(4)));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"stopped", "killed"})
    void aProcessorGoesOnByItselfAfterARestartAndRepeatsNothing(String how, Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        hub.send("1", "a", "b");
        try (var processor = new Processor(hub, new MemoryStore(), EventContext::updateCheckpoint)) {
            Wait.until(() -> processor.seen.size() == 2, () -> "2 events: " + processor.seen);
            end(server, how);
            server.start();
            hub.send("1", "c", "d");
            Wait.until(
                Wait.PROCESSORS_DEADLINE, () -> processor.seen.size() >= 4, () -> "4 events: " + processor.seen);
            assertEquals(List.of("a", "b", "c", "d"), processor.seen.stream().map(Processor.Seen::text).toList());
        }
    }
}
