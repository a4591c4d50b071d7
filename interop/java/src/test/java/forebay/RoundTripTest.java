package forebay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.amqp.models.AmqpAddress;
import com.azure.core.amqp.models.AmqpMessageBodyType;
import com.azure.core.amqp.models.AmqpMessageId;
import com.azure.core.util.BinaryData;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.apache.qpid.proton.amqp.Binary;
import org.apache.qpid.proton.amqp.Decimal128;
import org.apache.qpid.proton.amqp.Decimal32;
import org.apache.qpid.proton.amqp.Decimal64;
import org.apache.qpid.proton.amqp.Symbol;
import org.apache.qpid.proton.amqp.UnsignedByte;
import org.apache.qpid.proton.amqp.UnsignedInteger;
import org.apache.qpid.proton.amqp.UnsignedLong;
import org.apache.qpid.proton.amqp.UnsignedShort;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What comes back is what was sent: values, types and sections. */
@ExtendWith(Servers.class)
class RoundTripTest {
    private static final OffsetDateTime MOMENT = OffsetDateTime.of(2026, 11, 21, 8, 30, 15, 123_000_000, ZoneOffset.UTC);

    /** Sends an event alone and twice in a batch, and returns the three that come back. */
    private static List<EventData> roundTrip(Hub hub, EventData event) {
        try (var producer = hub.producer()) {
            var to0 = new SendOptions().setPartitionId("0");
            producer.send(List.of(event), to0);
            producer.send(List.of(event, event), to0);
        }
        return hub.read("0", 3);
    }

    @Test
    void applicationPropertiesOfEveryTypeComeBackAsTheyWere(Hub hub) {
        var sent = new LinkedHashMap<String, Object>();
        sent.put("text", "value");
        sent.put("text, not ASCII", "Grüße, 北京");
        sent.put("text, empty", "");
        sent.put("text, long", "x".repeat(1000));
        sent.put("true", true);
        sent.put("false", false);
        sent.put("byte", (byte) -128);
        sent.put("short", (short) -30_000);
        sent.put("int", Integer.MIN_VALUE);
        sent.put("int, small", 7);
        sent.put("long", Long.MIN_VALUE);
        sent.put("long, small", -1L);
        sent.put("ubyte", UnsignedByte.valueOf((byte) 200));
        sent.put("ushort", UnsignedShort.valueOf("60000"));
        sent.put("uint", UnsignedInteger.valueOf(4_000_000_000L));
        sent.put("uint, zero", UnsignedInteger.valueOf(0));
        sent.put("ulong", UnsignedLong.valueOf("18446744073709551615"));
        sent.put("float", 1.5f);
        sent.put("double", Double.MIN_VALUE);
        sent.put("char", '北');
        sent.put("moment", Date.from(MOMENT.toInstant()));
        sent.put("moment before 1970", new Date(-5));
        sent.put("uuid", UUID.fromString("12345678-1234-5678-1234-567812345678"));
        sent.put("bytes", new Binary(new byte[] {0, 1, -1}));
        sent.put("symbol", Symbol.valueOf("a-symbol"));
        sent.put("decimal32", new Decimal32(0x2F800001));
        sent.put("decimal64", new Decimal64(1L << 62));
        sent.put("decimal128", new Decimal128(1L << 62, 5));
        var event = new EventData("with properties");
        event.getProperties().putAll(sent);
        for (var found : roundTrip(hub, event)) {
            assertEquals(sent, found.getProperties());
            sent.forEach((name, value) -> assertSame(value.getClass(), found.getProperties().get(name).getClass(), name));
            assertEquals("with properties", found.getBodyAsString());
        }
    }

    @Test
    void theFieldsOfTheEventComeBack(Hub hub) {
        var event = new EventData("x").setMessageId("m-1").setContentType("application/json").setCorrelationId("c-1");
        for (var found : roundTrip(hub, event)) {
            assertEquals("m-1", found.getMessageId());
            assertEquals("application/json", found.getContentType());
            assertEquals("c-1", found.getCorrelationId());
        }
    }

    /** No footer: the SDK writes its keys as strings, and cannot read them as such. */
    @Test
    void theMessagesPropertiesHeaderAndAnnotationsComeBack(Hub hub) {
        var event = new EventData("x");
        var raw = event.getRawAmqpMessage();
        raw.getProperties()
            .setMessageId(new AmqpMessageId("m-1")).setUserId(new byte[] {1, 2}).setTo(new AmqpAddress("to"))
            .setSubject("subject").setReplyTo(new AmqpAddress("reply")).setCorrelationId(new AmqpMessageId("c-1"))
            .setContentType("text/plain").setContentEncoding("gzip").setAbsoluteExpiryTime(MOMENT.plusHours(1))
            .setCreationTime(MOMENT).setGroupId("group").setGroupSequence(3L).setReplyToGroupId("reply-group");
        raw.getHeader().setDurable(true).setPriority((short) 9).setTimeToLive(Duration.ofSeconds(60))
            .setFirstAcquirer(true).setDeliveryCount(2L);
        raw.getMessageAnnotations().put("x-opt-own", "kept");
        raw.getMessageAnnotations().put("own", List.of(1, "two", Map.of("three", 3L)));
        for (var found : roundTrip(hub, event)) {
            var message = found.getRawAmqpMessage();
            var properties = message.getProperties();
            assertEquals("m-1", properties.getMessageId().toString());
            assertArrayEquals(new byte[] {1, 2}, properties.getUserId());
            assertEquals("to", properties.getTo().toString());
            assertEquals("subject", properties.getSubject());
            assertEquals("reply", properties.getReplyTo().toString());
            assertEquals("c-1", properties.getCorrelationId().toString());
            assertEquals("text/plain", properties.getContentType());
            assertEquals("gzip", properties.getContentEncoding());
            assertEquals(MOMENT.plusHours(1), properties.getAbsoluteExpiryTime());
            assertEquals(MOMENT, properties.getCreationTime());
            assertEquals("group", properties.getGroupId());
            assertEquals(3L, properties.getGroupSequence());
            assertEquals("reply-group", properties.getReplyToGroupId());
            var header = message.getHeader();
            assertEquals(true, header.isDurable());
            assertEquals((short) 9, header.getPriority());
            assertEquals(Duration.ofSeconds(60), header.getTimeToLive());
            assertEquals(true, header.isFirstAcquirer());
            assertEquals(2L, header.getDeliveryCount());
            assertEquals("kept", message.getMessageAnnotations().get("x-opt-own"));
            assertEquals(List.of(1, "two", Map.of("three", 3L)), message.getMessageAnnotations().get("own"));
        }
    }

    @Test
    void aBodyOfEveryKindThatTheSdkWritesComesBack(Hub hub) {
        var bytes = new byte[] {0, -1, 127, -128};
        var text = "Grüße, 北京";
        var sent = List.of(
            new EventData(bytes), new EventData(ByteBuffer.wrap(bytes)), new EventData(BinaryData.fromBytes(bytes)),
            new EventData(text));
        try (var producer = hub.producer()) {
            producer.send(sent, new SendOptions().setPartitionId("0"));
        }
        var found = hub.read("0", 4);
        for (var event : found) {
            assertEquals(AmqpMessageBodyType.DATA, event.getRawAmqpMessage().getBody().getBodyType());
        }
        for (var event : found.subList(0, 3)) {
            assertArrayEquals(bytes, event.getBody());
        }
        assertEquals(text, found.get(3).getBodyAsString());
        assertEquals(text, found.get(3).getBodyAsBinaryData().toString());
    }

    @Test
    void anEventWithoutPropertiesComesBackWithout(Hub hub) {
        for (var found : roundTrip(hub, new EventData("plain"))) {
            assertEquals(Map.of(), found.getProperties());
            assertEquals(Map.of(), found.getRawAmqpMessage().getFooter());
            assertNull(found.getMessageId());
            assertNull(found.getContentType());
            assertNull(found.getPartitionKey());
        }
    }

    @Test
    void theServerAddsItsSystemProperties(Hub hub) {
        var before = Instant.now();
        try (var producer = hub.producer()) {
            producer.send(List.of(new EventData("x")), new SendOptions().setPartitionKey("device-42"));
        }
        var event = hub.read("0", 1).get(0);
        assertEquals(0L, event.getSequenceNumber());
        assertEquals("0", event.getOffsetString());
        assertEquals("device-42", event.getPartitionKey());
        assertTrue(Duration.between(before, event.getEnqueuedTime()).abs().toSeconds() < 60);
        var keys = Set.of("x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time", "x-opt-partition-key");
        assertTrue(event.getSystemProperties().keySet().containsAll(keys), event.getSystemProperties().toString());
    }
}
