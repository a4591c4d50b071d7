package forebay;

import static forebay.Hub.numbers;
import static forebay.Hub.texts;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.SendOptions;
import jakarta.jms.BytesMessage;
import jakarta.jms.DeliveryMode;
import jakarta.jms.InvalidDestinationRuntimeException;
import jakarta.jms.JMSConsumer;
import jakarta.jms.JMSContext;
import jakarta.jms.JMSException;
import jakarta.jms.JMSRuntimeException;
import jakarta.jms.JMSSecurityRuntimeException;
import jakarta.jms.MapMessage;
import jakarta.jms.Message;
import jakarta.jms.ObjectMessage;
import jakarta.jms.StreamMessage;
import jakarta.jms.TextMessage;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Qpid JMS as a client that knows nothing of Event Hubs: SASL PLAIN with policy name and key, addresses as queues. */
@ExtendWith(Servers.class)
class QpidJmsTest {
    private static final int LIMIT = 1_048_576;

    private static JmsConnectionFactory factory(Server server, String key) {
        var patience = Wait.DEADLINE.toMillis();
        var uri = "amqp://127.0.0.1:" + server.port() + "?amqp.saslMechanisms=PLAIN&jms.connectTimeout=" + patience
            + "&jms.requestTimeout=" + patience + "&jms.sendTimeout=" + patience + "&jms.closeTimeout=" + patience;
        return new JmsConnectionFactory(server.setting("SharedAccessKeyName"), key, uri);
    }

    private static JMSContext connect(Server server, int acknowledgement) {
        return factory(server, server.setting("SharedAccessKey")).createContext(acknowledgement);
    }

    static JMSContext connect(Server server) {
        return connect(server, JMSContext.AUTO_ACKNOWLEDGE);
    }

    private static String source(Hub hub, String partition) {
        return hub.name() + "/ConsumerGroups/$Default/Partitions/" + partition;
    }

    private static void send(JMSContext context, Hub hub, Message... messages) {
        var target = context.createQueue(hub.name() + "/Partitions/0");
        for (var message : messages) {
            context.createProducer().send(target, message);
        }
    }

    private static JMSConsumer consumer(JMSContext context, Hub hub) {
        return context.createConsumer(context.createQueue(source(hub, "0")));
    }

    private static <T extends Message> T receive(JMSConsumer consumer, Class<T> kind) {
        var message = consumer.receive(Wait.DEADLINE.toMillis());
        return assertInstanceOf(kind, message);
    }

    private static List<String> receiveTexts(JMSConsumer consumer, int count) throws JMSException {
        var texts = new ArrayList<String>();
        while (texts.size() < count) {
            texts.add(receive(consumer, TextMessage.class).getText());
        }
        return texts;
    }

    private static Message[] textMessages(JMSContext context, List<String> texts) {
        return texts.stream().map(context::createTextMessage).toArray(Message[]::new);
    }

    @Test
    void aTextMessageAndItsPropertiesComeBack(Server server, Hub hub) throws JMSException {
        var properties = new LinkedHashMap<String, Object>();
        properties.put("text", "Grüße, 北京");
        properties.put("yes", true);
        properties.put("aByte", (byte) -128);
        properties.put("aShort", (short) -30_000);
        properties.put("anInt", Integer.MIN_VALUE);
        properties.put("aLong", Long.MIN_VALUE);
        properties.put("aFloat", 1.5f);
        properties.put("aDouble", Double.MIN_VALUE);
        properties.put("nothing", null);
        try (var context = connect(server)) {
            var sent = context.createTextMessage("Straße");
            for (var property : properties.entrySet()) {
                sent.setObjectProperty(property.getKey(), property.getValue());
            }
            sent.setJMSCorrelationID("correlation");
            sent.setJMSType("type");
            sent.setJMSReplyTo(context.createQueue("reply"));
            sent.setStringProperty("JMSXGroupID", "group");
            sent.setIntProperty("JMSXGroupSeq", 3);
            context.createProducer().setPriority(9).setTimeToLive(60_000).setDeliveryMode(DeliveryMode.PERSISTENT)
                .send(context.createQueue(hub.name() + "/Partitions/0"), sent);
            var found = receive(consumer(context, hub), TextMessage.class);
            assertEquals("Straße", found.getText());
            for (var property : properties.entrySet()) {
                assertEquals(property.getValue(), found.getObjectProperty(property.getKey()), property.getKey());
            }
            assertEquals(sent.getJMSMessageID(), found.getJMSMessageID());
            assertEquals("correlation", found.getJMSCorrelationID());
            assertEquals("type", found.getJMSType());
            assertEquals(sent.getJMSReplyTo(), found.getJMSReplyTo());
            assertEquals(sent.getJMSTimestamp(), found.getJMSTimestamp());
            assertEquals(9, found.getJMSPriority());
            assertEquals(sent.getJMSExpiration(), found.getJMSExpiration());
            assertEquals(DeliveryMode.PERSISTENT, found.getJMSDeliveryMode());
            assertEquals("group", found.getStringProperty("JMSXGroupID"));
            assertEquals(3, found.getIntProperty("JMSXGroupSeq"));
        }
    }

    @Test
    void bodiesOfEveryKindComeBack(Server server, Hub hub) throws JMSException {
        var bytes = new byte[300_000]; // several frames each way
        for (var index = 0; index < bytes.length; index++) {
            bytes[index] = (byte) (index * 31);
        }
        try (var context = connect(server)) {
            var binary = context.createBytesMessage();
            binary.writeBytes(bytes);
            var map = context.createMapMessage();
            map.setString("name", "value");
            map.setLong("number", 1L << 40);
            var list = context.createStreamMessage();
            list.writeInt(7);
            list.writeString("seven");
            var object = context.createObjectMessage(Instant.EPOCH);
            send(context, hub, binary, map, list, object, context.createTextMessage(""), context.createMessage());
            var consumer = consumer(context, hub);
            assertArrayEquals(bytes, receive(consumer, BytesMessage.class).getBody(byte[].class));
            assertEquals(Map.of("name", "value", "number", 1L << 40), receive(consumer, MapMessage.class).getBody(Map.class));
            var foundList = receive(consumer, StreamMessage.class);
            assertEquals(7, foundList.readInt());
            assertEquals("seven", foundList.readString());
            assertEquals(Instant.EPOCH, receive(consumer, ObjectMessage.class).getBody(Instant.class));
            assertEquals("", receive(consumer, TextMessage.class).getText());
            assertNull(receive(consumer, Message.class).getBody(Object.class));
        }
    }

    @Test
    void whatItSendsTheSdkReadsAndTheOtherWayRound(Server server, Hub hub) throws JMSException {
        try (var context = connect(server)) {
            var binary = context.createBytesMessage();
            binary.writeBytes("from JMS".getBytes());
            binary.setStringProperty("unit", "C");
            send(context, hub, binary);
            var event = new EventData("from the SDK").setMessageId("m-1").setCorrelationId("c-1");
            event.getProperties().put("unit", "F");
            try (var producer = hub.producer()) {
                producer.send(List.of(event, event), new SendOptions().setPartitionId("0"));
            }
            var read = hub.read("0", 3);
            assertEquals(List.of("from JMS", "from the SDK", "from the SDK"), texts(read));
            assertEquals("C", read.get(0).getProperties().get("unit"));
            var consumer = consumer(context, hub);
            assertEquals("C", receive(consumer, BytesMessage.class).getStringProperty("unit"));
            var found = receive(consumer, BytesMessage.class);
            assertEquals("from the SDK", new String(found.getBody(byte[].class)));
            assertEquals("F", found.getStringProperty("unit"));
            assertEquals("c-1", found.getJMSCorrelationID());
            assertEquals("ID:AMQP_NO_PREFIX:m-1", found.getJMSMessageID());
        }
    }

    @Test
    void aHubAndAPartitionAreAddressesToSendTo(Server server, Hub hub) {
        try (var context = connect(server)) {
            for (var address : List.of(hub.name() + "/Partitions/1", "/" + hub.name() + "/partitions/1")) {
                context.createProducer().send(context.createQueue(address), context.createTextMessage(address));
            }
            for (var text : numbers(8)) {
                context.createProducer().send(context.createQueue(hub.name()), context.createTextMessage(text));
            }
        }
        var found = hub.readAll();
        assertEquals(10, found.values().stream().mapToInt(List::size).sum());
        assertEquals(0L, found.get("1").get(0).getSequenceNumber());
        found.forEach((partition, events) -> assertEquals(partition.equals("1") ? 4 : 2, events.size(), partition));
    }

    @Test
    void manyAtOnceAreAllAcknowledgedAndStoredInOrder(Server server, Hub hub) throws JMSException {
        try (var context = connect(server)) {
            var target = context.createQueue(hub.name() + "/Partitions/0");
            var failed = new CopyOnWriteArrayList<Exception>();
            var completed = new CopyOnWriteArrayList<String>();
            var producer = context.createProducer().setAsync(new jakarta.jms.CompletionListener() {
                @Override
                public void onCompletion(Message message) {
                    try {
                        completed.add(((TextMessage) message).getText());
                    } catch (JMSException error) {
                        failed.add(error);
                    }
                }

                @Override
                public void onException(Message message, Exception error) {
                    failed.add(error);
                }
            });
            numbers(2000).forEach(text -> producer.send(target, text));
            Wait.until(() -> completed.size() + failed.size() == 2000, () -> completed.size() + " are acknowledged");
            assertEquals(List.of(), failed);
            assertEquals(numbers(2000), completed);
            assertEquals(numbers(2000), receiveTexts(consumer(context, hub), 2000));
        }
    }

    /** A hub is a log: nothing that a reader acknowledges, or does not, changes what the next one gets. */
    @ParameterizedTest
    @ValueSource(ints = {JMSContext.AUTO_ACKNOWLEDGE, JMSContext.CLIENT_ACKNOWLEDGE, JMSContext.DUPS_OK_ACKNOWLEDGE})
    void everyConsumerReadsFromTheBeginningWhateverTheOthersAcknowledge(int mode, Server server, Hub hub)
            throws JMSException {
        var sent = numbers(30);
        try (var sender = connect(server)) {
            send(sender, hub, textMessages(sender, sent));
        }
        for (var acknowledges : List.of(true, false, true)) {
            try (var context = connect(server, mode); var consumer = consumer(context, hub)) {
                for (var text : sent) {
                    var message = receive(consumer, TextMessage.class);
                    assertEquals(text, message.getText());
                    assertEquals(1, message.getIntProperty("JMSXDeliveryCount"));
                    if (acknowledges) {
                        message.acknowledge();
                    }
                }
            }
        }
    }

    @Test
    void aConsumerThatWaitsGetsWhatComesLater(Server server, Hub hub) throws JMSException {
        try (var context = connect(server); var consumer = consumer(context, hub)) {
            assertNull(consumer.receive(100), "nothing yet");
            hub.send("0", "an event");
            assertEquals("an event", new String(receive(consumer, BytesMessage.class).getBody(byte[].class)));
        }
    }

    @Test
    void aWrongPasswordOrPolicyIsRefused(Server server) {
        var wrongKey = factory(server, "d3Jvbmc=");
        var wrongPolicy = factory(server, server.setting("SharedAccessKey"));
        wrongPolicy.setUsername("Nobody");
        for (var factory : List.of(wrongKey, wrongPolicy)) {
            assertThrows(JMSSecurityRuntimeException.class, () -> {
                try (var context = factory.createContext()) {
                    context.start();
                }
            });
        }
    }

    @Test
    void aPartitionThatDoesNotExistIsRefusedAndTheConnectionGoesOn(Server server, Hub hub) throws JMSException {
        hub.send("0", "there");
        try (var context = connect(server)) {
            for (var partition : List.of("17", "x")) {
                var reading = assertThrows(
                    JMSRuntimeException.class,
                    () -> context.createConsumer(context.createQueue(source(hub, partition))));
                assertTrue(reading.getMessage().contains("com.microsoft:argument-out-of-range"), reading.getMessage());
                var nowhere = context.createQueue(hub.name() + "/Partitions/" + partition);
                var sending = assertThrows(
                    JMSRuntimeException.class, () -> context.createProducer().send(nowhere, "never"));
                assertTrue(sending.getMessage().contains("com.microsoft:argument-out-of-range"), sending.getMessage());
            }
            assertEquals("there", new String(receive(consumer(context, hub), BytesMessage.class).getBody(byte[].class)));
        }
    }

    @Test
    void anUnknownHubIsNoDestinationWhenCreationIsOff(Servers.Own servers) {
        var server = servers.durable("--no-auto-create").start();
        try (var context = connect(server)) {
            for (var address : List.of("nowhere", "nowhere/ConsumerGroups/$Default/Partitions/0")) {
                var queue = context.createQueue(address);
                var sending = address.equals("nowhere");
                var error = assertThrows(InvalidDestinationRuntimeException.class, () -> {
                    if (sending) {
                        context.createProducer().send(queue, "never");
                    } else {
                        context.createConsumer(queue);
                    }
                });
                assertTrue(
                    error.getMessage().matches("(?s).*The messaging entity .*nowhere.* could not be found.*"),
                    error.getMessage());
            }
        }
    }

    @Test
    void anUnknownGroupIsNoDestinationWhenCreationIsOffAndTheHubIsThere(Servers.Own servers) throws JMSException {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "known");
        hub.send("0", "here");
        assertEquals(0, server.stop());
        server.start("--no-auto-create");
        try (var context = connect(server)) {
            var strangers = context.createQueue("known/ConsumerGroups/strangers/Partitions/0");
            var error = assertThrows(
                InvalidDestinationRuntimeException.class, () -> context.createConsumer(strangers));
            assertTrue(error.getMessage().contains("strangers"), error.getMessage());
            assertEquals("here", new String(receive(consumer(context, hub), BytesMessage.class).getBody(byte[].class)));
        }
    }

    /** The client's own failover; a consumer that comes back begins where every consumer begins. */
    @ParameterizedTest
    @ValueSource(strings = {"stopped", "killed"})
    void aClientWithFailoverGoesOnAfterARestart(String how, Servers.Own servers) throws JMSException {
        var server = servers.durable().start();
        var hub = new Hub(server.connectionString(), "orders");
        var factory = factory(server, server.setting("SharedAccessKey"));
        factory.setRemoteURI("failover:(" + factory.getRemoteURI() + ")?failover.reconnectDelay=100"
            + "&failover.useReconnectBackOff=false&failover.maxReconnectAttempts=200");
        try (var context = factory.createContext()) {
            var target = context.createQueue("orders/Partitions/0");
            var producer = context.createProducer();
            producer.send(target, "before");
            if (how.equals("killed")) {
                server.kill();
            } else {
                assertEquals(0, server.stop());
            }
            server.start();
            producer.send(target, "after");
            assertEquals(List.of("before", "after"), receiveTexts(consumer(context, hub), 2));
        }
    }

    /** The client makes the last byte: the refusal of a probe says how large a message of its is around the body. */
    @Test
    void aMessageAtTheLimitIsAcceptedAndOneByteMoreIsRefused(Server server, Hub hub) throws JMSException {
        try (var context = connect(server)) {
            var target = context.createQueue(hub.name() + "/Partitions/0");
            // Neither id nor time: every message is as large around its body.
            var producer = context.createProducer().setDisableMessageID(true).setDisableMessageTimestamp(true);
            var around = sizeInRefusal(assertThrows(JMSRuntimeException.class, () -> producer.send(target, new byte[LIMIT])))
                - LIMIT;
            assertTrue(around > 0 && around < 300, "bytes around the body: " + around);
            var over = assertThrows(JMSRuntimeException.class, () -> producer.send(target, new byte[LIMIT - around + 1]));
            assertEquals(LIMIT + 1, sizeInRefusal(over));
            var largest = new byte[LIMIT - around];
            largest[largest.length - 1] = 7;
            producer.send(target, largest);
            assertArrayEquals(largest, receive(consumer(context, hub), BytesMessage.class).getBody(byte[].class));
            assertArrayEquals(largest, hub.read("0", 1).get(0).getBody(), "through the SDK too");
        }
    }

    private static int sizeInRefusal(JMSRuntimeException refusal) {
        var text = refusal.getMessage();
        assertTrue(text.contains("amqp:link:message-size-exceeded"), text);
        var sizes = Pattern.compile("\\b[0-9]{7}\\b").matcher(text).results()
            .map(size -> Integer.parseInt(size.group())).filter(size -> size != LIMIT).toList();
        assertEquals(1, sizes.size(), text);
        return sizes.get(0);
    }

    /** Qpid JMS names its filter `jms-selector`, and does not look whether the answer has it. */
    @Test
    void aSelectorThatCannotBeAppliedIsRefused(Server server, Hub hub) throws JMSException {
        try (var context = connect(server)) {
            send(context, hub, textMessages(context, List.of("a", "b")));
            var queue = context.createQueue(source(hub, "0"));
            var refused = assertThrows(
                JMSRuntimeException.class, () -> context.createConsumer(queue, "colour = 'red'"));
            assertTrue(refused.getMessage().contains("com.microsoft:argument-error"), refused.getMessage());
            assertEquals(List.of("a", "b"), receiveTexts(consumer(context, hub), 2));
        }
    }
}
