package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventPosition;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.ExtendWith;

/** Clients that are closed leave nothing behind. */
@ExtendWith(Servers.class)
class CloseTest {
    /** Connections that the server has open, as the system counts them. */
    private static long connections(Server server) {
        var local = ":%04X".formatted(server.port());
        try {
            return Files.readAllLines(Path.of("/proc/net/tcp")).stream()
                .map(line -> line.trim().split("\\s+"))
                // sl, local address, remote address, state; 01 is established, 08 half closed by the client.
                .filter(words -> words[1].endsWith(local) && List.of("01", "08").contains(words[3]))
                .count();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void clientsThatAreClosedLeaveNoConnection(Servers.Own servers) {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        try (var producer = hub.producer(); var reader = hub.reader("0", EventPosition.earliest())) {
            producer.send(List.of(new EventData("x")));
            producer.getEventHubProperties();
            Wait.until(() -> connections(server) == 2, () -> "one each; there are " + connections(server));
            assertTrue(!reader.ended());
        }
        Wait.until(() -> connections(server) == 0, () -> "none is left; there are " + connections(server));
        assertEquals(0, server.stop());
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
