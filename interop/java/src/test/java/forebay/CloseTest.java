package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.ExtendWith;

/** Clients that are closed leave nothing behind. */
@ExtendWith(Servers.class)
class CloseTest {
    @Test
    @EnabledOnOs(OS.LINUX)
    void clientsThatAreClosedLeaveNoConnection(Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        try (var producer = hub.producer(); var reader = hub.reader("0", EventPosition.earliest())) {
            producer.send(List.of(new EventData("x")));
            producer.getEventHubProperties();
            Wait.until(() -> server.connections() == 2, () -> "one each; there are " + server.connections());
            assertTrue(!reader.ended());
        }
        Wait.until(() -> server.connections() == 0, () -> "none is left; there are " + server.connections());
        assertEquals(0, server.stop());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void anAmqpClientThatIsClosedLeavesNoConnection(Servers.Own servers) {
        var server = servers.durable().start();
        try (var context = QpidJmsTest.connect(server)) {
            context.createProducer().send(context.createQueue("orders"), "x");
            Wait.until(() -> server.connections() == 1, () -> "there are " + server.connections());
        }
        Wait.until(() -> server.connections() == 0, () -> "none is left; there are " + server.connections());
    }

    @Test
    void aServerStopsWhileClientsAreConnected(Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        try (var producer = hub.producer(); var reader = hub.reader("0", EventPosition.earliest())) {
            producer.send(List.of(new EventData("x")));
            assertTrue(!reader.ended());
            assertEquals(0, server.stop(), "it ends by itself");
        }
    }
}
