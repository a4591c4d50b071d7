package forebay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.azure.core.amqp.AmqpRetryMode;
import com.azure.core.amqp.AmqpRetryOptions;
import com.azure.messaging.eventhubs.EventData;
import com.azure.messaging.eventhubs.EventHubClientBuilder;
import com.azure.messaging.eventhubs.EventHubConsumerClient;
import com.azure.messaging.eventhubs.EventHubProducerClient;
import com.azure.messaging.eventhubs.models.EventPosition;
import com.azure.messaging.eventhubs.models.PartitionEvent;
import com.azure.messaging.eventhubs.models.ReceiveOptions;
import com.azure.messaging.eventhubs.models.SendOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A hub as the tests see it: what a user would write with the SDK, with a deadline on everything. */
record Hub(String connectionString, String name) {
    static final List<String> PARTITIONS = List.of("0", "1", "2", "3");

    /** A failure is shown at once; whoever needs the SDK's patience asks for it. */
    static final AmqpRetryOptions NO_RETRY = new AmqpRetryOptions().setMaxRetries(0).setTryTimeout(Wait.DEADLINE);

    /** Outlasts a restart of the server. */
    static final AmqpRetryOptions PATIENT = new AmqpRetryOptions()
        .setMode(AmqpRetryMode.FIXED).setDelay(Duration.ofMillis(300)).setMaxRetries(40).setTryTimeout(Duration.ofSeconds(5));

    Hub named(String other) {
        return new Hub(connectionString, other);
    }

    Hub with(String otherConnectionString) {
        return new Hub(otherConnectionString, name);
    }

    EventHubClientBuilder builder() {
        return new EventHubClientBuilder().connectionString(connectionString, name).retryOptions(NO_RETRY);
    }

    EventHubProducerClient producer() {
        return builder().buildProducerClient();
    }

    EventHubConsumerClient consumer() {
        return builder().consumerGroup("$Default").buildConsumerClient();
    }

    /** One batch, to one partition. */
    void send(String partition, String... bodies) {
        try (var producer = producer()) {
            producer.send(Arrays.stream(bodies).map(EventData::new).toList(), new SendOptions().setPartitionId(partition));
        }
    }

    /** The first events of a partition. */
    List<EventData> read(String partition, int count) {
        return read(partition, count, EventPosition.earliest());
    }

    /** The first events from a position: exactly so many, or the test fails. */
    List<EventData> read(String partition, int count, EventPosition position) {
        return read("$Default", partition, count, position).stream().map(PartitionEvent::getData).toList();
    }

    List<PartitionEvent> read(String group, String partition, int count, EventPosition position) {
        try (var client = builder().consumerGroup(group).buildConsumerClient()) {
            var events = new ArrayList<PartitionEvent>();
            client.receiveFromPartition(partition, count, position, Wait.DEADLINE).forEach(events::add);
            assertEquals(count, events.size(), () -> "of partition " + partition + " came " + texts(data(events)));
            return events;
        }
    }

    /** Every event of the hub, by partition. */
    Map<String, List<EventData>> readAll() {
        var found = new TreeMap<String, List<EventData>>();
        try (var client = consumer()) {
            for (var partition : client.getPartitionIds()) {
                var told = client.getPartitionProperties(partition);
                var count = told.getLastEnqueuedSequenceNumber() - told.getBeginningSequenceNumber() + 1;
                found.put(partition, told.isEmpty() ? List.of() : read(partition, (int) count));
            }
        }
        return found;
    }

    /** A reader of one partition from its beginning, in the background. */
    Reader reader(String partition) {
        return reader(partition, EventPosition.earliest());
    }

    Reader reader(String partition, EventPosition position) {
        return reader(partition, position, new ReceiveOptions());
    }

    Reader reader(String partition, EventPosition position, ReceiveOptions options) {
        return new Reader(builder().consumerGroup("$Default"), partition, position, options);
    }

    static List<EventData> data(List<PartitionEvent> events) {
        return events.stream().map(PartitionEvent::getData).toList();
    }

    static List<String> texts(List<EventData> events) {
        return events.stream().map(EventData::getBodyAsString).toList();
    }

    /** "0", "1", … */
    static List<String> numbers(int count) {
        return numbers("", count);
    }

    static List<String> numbers(String before, int count) {
        var numbers = new ArrayList<String>();
        for (var number = 0; number < count; number++) {
            numbers.add(before + number);
        }
        return numbers;
    }
}
