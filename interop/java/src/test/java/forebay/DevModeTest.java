package forebay;

import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.SendOptions;
import forebay.Servers.Plain;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The plain development mode, and the ways to point the SDK at it. */
@ExtendWith(Servers.class)
class DevModeTest {
    @Test
    void theConnectionStringOfTheDocumentationWorks(@Plain Hub hub) {
        hub.send("0", "a", "b");
        assertEquals(List.of("a", "b"), texts(hub.read("0", 2)));
    }

    @Test
    void itKeepsEventsInMemoryAndSaysSo(@Plain Server server, Servers.Own servers) {
        assertEquals("memory", server.ready("durability"));
        assertNull(server.ready("data"));
        assertEquals("SAS_KEY_VALUE", server.setting("SharedAccessKey"));
        var own = servers.plain().start();
        var hub = new Hub(Servers.WELL_KNOWN.formatted(own.port()), "orders");
        hub.send("0", "x");
        assertEquals(0, own.stop());
        own.start();
        try (var consumer = hub.consumer()) {
            assertTrue(consumer.getPartitionProperties("0").isEmpty());
        }
    }

    @Test
    void anotherKeyIsRefused(@Plain Hub hub) {
        var wrong = hub.with(hub.connectionString().replace("SAS_KEY_VALUE", "another"));
        try (var producer = wrong.producer()) {
            var error = assertThrows(AmqpException.class, () -> producer.send(List.of(new EventData("x"))));
            assertEquals(AmqpErrorCondition.UNAUTHORIZED_ACCESS, error.getErrorCondition());
        }
    }

    /** The port of the endpoint is obeyed, and the hub may stand in the connection string. */
    @Test
    void theEndpointMayBeSpelledInAnyWayAndNameTheHub(@Plain Server server, @Plain Hub hub) {
        for (var host : List.of("localhost", "127.0.0.1")) {
            var text = hub.connectionString().replace("127.0.0.1:", host + ":") + "EntityPath=" + hub.name();
            try (var producer = new EventHubClientBuilder().connectionString(text).buildProducerClient()) {
                producer.send(List.of(new EventData(host)), new SendOptions().setPartitionId("0"));
            }
        }
        assertEquals(List.of("localhost", "127.0.0.1"), texts(hub.read("0", 2)));
    }

    /** A namespace of its own by its Azure name, reached by the SDK's custom endpoint; the flag turns TLS off. */
    @Test
    void aCustomEndpointReachesANamespaceByItsAzureName(@Plain Server server, @Plain Hub hub) {
        var text = hub.connectionString()
            .replace("127.0.0.1:" + server.port(), "contoso.servicebus.windows.net");
        var builder = hub.with(text).builder()
            .customEndpointAddress("http://127.0.0.1:" + server.port()).consumerGroup("$Default");
        try (var producer = builder.buildProducerClient(); var consumer = builder.buildConsumerClient()) {
            producer.send(List.of(new EventData("x")), new SendOptions().setPartitionId("0"));
            var events = consumer.receiveFromPartition("0", 1, EventPosition.earliest(), Wait.DEADLINE).stream().toList();
            assertEquals(List.of("x"), texts(Hub.data(events)));
        }
        try (var consumer = hub.consumer()) {
            assertTrue(consumer.getPartitionProperties("0").isEmpty(), "it is another namespace's hub");
        }
    }
}
