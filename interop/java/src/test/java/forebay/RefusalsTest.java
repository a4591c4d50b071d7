package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.exception.AmqpErrorCondition;
import com.azure.core.amqp.exception.AmqpException;
import com.azure.core.credential.AzureNamedKeyCredential;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Who may not, and what is not there: each refusal is the one that the SDK knows. */
@ExtendWith(Servers.class)
class RefusalsTest {
    private static final String WRONG_KEY = "d3Jvbmc=";

    /** The hub refuses to send, to tell and to read, at once and for good. */
    private static void refusesEverything(Hub hub, AmqpErrorCondition condition) {
        var errors = new ArrayList<Throwable>();
        try (var producer = hub.producer()) {
            errors.add(assertThrows(Exception.class, () -> producer.send(List.of(new EventData("x")))));
            errors.add(assertThrows(Exception.class, producer::getEventHubProperties));
        }
        try (var reader = hub.reader("0")) {
            errors.add(reader.error());
            assertEquals(List.of(), reader.texts());
        }
        for (var thrown : errors) {
            var error = assertInstanceOf(AmqpException.class, thrown);
            assertEquals(condition, error.getErrorCondition(), error.getMessage());
            assertFalse(error.isTransient(), error.getMessage());
        }
    }

    /** A token as docs/reference/amqp.md §3.4 says, made here and not by the SDK. */
    private static String token(Server server, String path, Instant expiry) throws Exception {
        var resource = URLEncoder.encode("sb://" + server.authority() + path, StandardCharsets.UTF_8);
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(server.setting("SharedAccessKey").getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        var text = resource + "\n" + expiry.getEpochSecond();
        var signature = Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
        return "SharedAccessSignature sr=" + resource + "&sig=" + URLEncoder.encode(signature, StandardCharsets.UTF_8)
            + "&se=" + expiry.getEpochSecond() + "&skn=" + server.setting("SharedAccessKeyName");
    }

    /** The hub, with a ready token in its connection string. */
    private static Hub with(String token, Server server, Hub hub) {
        return hub.with("Endpoint=" + server.setting("Endpoint") + ";SharedAccessSignature=" + token
            + ";UseDevelopmentEmulator=true");
    }

    @Test
    void aWrongKeyIsRefused(Server server, Hub hub) {
        for (var wrong : List.of(WRONG_KEY, "SAS_KEY_VALUE")) {
            var text = hub.connectionString().replace(server.setting("SharedAccessKey"), wrong);
            refusesEverything(hub.with(text), AmqpErrorCondition.UNAUTHORIZED_ACCESS);
        }
    }

    @Test
    void anUnknownPolicyIsRefused(Hub hub) {
        var text = hub.connectionString().replaceAll("SharedAccessKeyName=[^;]*", "SharedAccessKeyName=Nobody");
        refusesEverything(hub.with(text), AmqpErrorCondition.UNAUTHORIZED_ACCESS);
    }

    @Test
    void anExpiredTokenIsRefused(Server server, Hub hub) throws Exception {
        var expired = token(server, "/" + hub.name(), Instant.now().minusSeconds(3600));
        refusesEverything(with(expired, server, hub), AmqpErrorCondition.UNAUTHORIZED_ACCESS);
    }

    @Test
    void aTokenOfAnotherHubIsRefused(Server server, Hub hub) throws Exception {
        var other = token(server, "/" + hub.name() + "-other", Instant.now().plusSeconds(3600));
        refusesEverything(with(other, server, hub), AmqpErrorCondition.UNAUTHORIZED_ACCESS);
    }

    @Test
    void aReadyTokenOfTheHubOrTheNamespaceIsAccepted(Server server, Hub hub) throws Exception {
        for (var path : List.of("/" + hub.name(), "/")) {
            with(token(server, path, Instant.now().plusSeconds(3600)), server, hub).send("0", path);
        }
        assertEquals(List.of("/" + hub.name(), "/"), Hub.texts(hub.read("0", 2)));
    }

    @Test
    void aWrongKeyTouchesNobodyElse(Server server, Hub hub) {
        try (var good = hub.producer()) {
            var to0 = new SendOptions().setPartitionId("0");
            good.send(List.of(new EventData("before")), to0);
            var text = hub.connectionString().replace(server.setting("SharedAccessKey"), WRONG_KEY);
            try (var bad = hub.with(text).producer()) {
                assertThrows(AmqpException.class, () -> bad.send(List.of(new EventData("never"))));
            }
            good.send(List.of(new EventData("after")), to0);
        }
        assertEquals(List.of("before", "after"), Hub.texts(hub.read("0", 2)));
    }

    @Test
    void anUnknownHubIsRefusedWhenCreationIsOff(Servers.Own servers) {
        var server = servers.durable("--no-auto-create").start();
        refusesEverything(new Hub(server.connectionString(), "nowhere"), AmqpErrorCondition.NOT_FOUND);
    }

    @Test
    void anUnknownGroupIsRefusedWhenCreationIsOffAndTheHubIsThere(Servers.Own servers) {
        var server = servers.durable().start();
        new Hub(server.connectionString(), "known").send("0", "here");
        assertEquals(0, server.stop());
        server.start("--no-auto-create");
        var known = new Hub(server.connectionString(), "known");
        assertEquals(List.of("here"), Hub.texts(known.read("0", 1)));
        var strangers = known.builder().consumerGroup("strangers");
        try (var reader = new Reader(strangers, "0", EventPosition.earliest(), new ReceiveOptions())) {
            var error = assertInstanceOf(AmqpException.class, reader.error());
            assertEquals(AmqpErrorCondition.NOT_FOUND, error.getErrorCondition());
            assertTrue(error.getMessage().contains("strangers"), error.getMessage());
        }
    }

    @Test
    void aPartitionThatDoesNotExistIsRefusedToSendersAndReaders(Hub hub) {
        hub.send("0", "there");
        try (var producer = hub.producer(); var reader = hub.reader("17")) {
            var nowhere = new SendOptions().setPartitionId("17");
            var sending = assertThrows(
                AmqpException.class, () -> producer.send(List.of(new EventData("x")), nowhere));
            var reading = assertInstanceOf(AmqpException.class, reader.error());
            for (var error : List.of(sending, reading)) {
                assertEquals(AmqpErrorCondition.ARGUMENT_OUT_OF_RANGE_ERROR, error.getErrorCondition());
                assertTrue(error.getMessage().contains("17"), error.getMessage());
            }
            producer.send(List.of(new EventData("goes on")), new SendOptions().setPartitionId("0"));
        }
        assertEquals(List.of("there", "goes on"), Hub.texts(hub.read("0", 2)));
    }

    @Test
    void aNameThatAzureRefusesIsRefused(Hub hub) {
        for (var name : List.of("with space", "-", "x".repeat(300))) {
            try (var producer = hub.named(name).producer()) {
                assertThrows(AmqpException.class, () -> producer.send(List.of(new EventData("x"))), name);
            }
        }
    }

    @Test
    void aNamedKeyCredentialIsAccepted(Server server, Hub hub) {
        var credential = new AzureNamedKeyCredential(
            server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"));
        // The connection string still says that there is no TLS; the credential replaces its key.
        var text = hub.connectionString().replace(server.setting("SharedAccessKey"), WRONG_KEY);
        try (var producer = hub.with(text).builder().credential(credential).buildProducerClient()) {
            producer.send(List.of(new EventData("named key")), new SendOptions().setPartitionId("0"));
        }
        assertEquals(List.of("named key"), Hub.texts(hub.read("0", 1)));
    }
}
