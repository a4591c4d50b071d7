"""A hub as the tests see it: what a user would write with `azure-eventhub`, with a deadline on everything."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient

DEADLINE_SECONDS = 20
PARTITIONS = ["0", "1", "2", "3"]

#: The SDK waits this long for bytes at each step of opening and closing a link (0.2 by default). Whoever sends
#: little may make it short; it only makes the suite faster. Tests of sending keep the default.
QUICK_SOCKET_SECONDS = 0.05


def until(condition, what, seconds=DEADLINE_SECONDS):
    """Waits for a condition, with a deadline, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {seconds} s: {what}")
        time.sleep(0.02)


class Reader:
    """An SDK consumer that runs in a thread of its own and keeps what it is given."""

    def __init__(self, client, **options):
        self.client = client
        self.events = []
        self.errors = []
        self.opened = []
        self.closed = []
        self._changed = threading.Condition()
        options.setdefault("starting_position", "-1")
        options.setdefault("on_event", self._keep)
        self.options = options
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        self.client.receive(
            on_error=self._on_error,
            on_partition_initialize=lambda context: self._note(self.opened, context.partition_id),
            on_partition_close=lambda context, reason: self._note(self.closed, (context.partition_id, reason)),
            **self.options,
        )

    def _note(self, notes, item):
        with self._changed:
            notes.append(item)
            self._changed.notify_all()

    def _keep(self, context, event):
        event.from_partition = context.partition_id
        self._note(self.events, event)

    def _on_error(self, context, error):
        self._note(self.errors, error)

    def wait(self, condition, what, seconds=DEADLINE_SECONDS):
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                raise AssertionError(
                    f"did not happen in {seconds} s: {what} ({len(self.events)} events, errors: {self.errors})"
                )

    def take(self, count, seconds=DEADLINE_SECONDS):
        """The first `count` events. An error of the link is an error here."""
        self.wait(lambda: len(self.events) >= count or self.errors, f"{count} events", seconds)
        if self.errors:
            raise self.errors[0]
        return self.events[:count]

    def error(self, seconds=DEADLINE_SECONDS):
        """The first error that the SDK reports."""
        self.wait(lambda: self.errors, "an error", seconds)
        return self.errors[0]

    def close(self):
        self.client.close()
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the SDK's receive call did not return after close"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Hub:
    """One hub of one server."""

    def __init__(self, connection_string, name):
        self.connection_string = connection_string
        self.name = name
        self._sender = None

    def producer(self, **options):
        options.setdefault("retry_total", 0)
        return EventHubProducerClient.from_connection_string(
            self.connection_string, eventhub_name=self.name, **options
        )

    def consumer(self, group="$Default", **options):
        options.setdefault("retry_total", 0)
        return EventHubConsumerClient.from_connection_string(
            self.connection_string, consumer_group=group, eventhub_name=self.name, **options
        )

    def reader(self, partition="0", group="$Default", client_options=None, **options):
        client_options = {"socket_timeout": QUICK_SOCKET_SECONDS, **(client_options or {})}
        client = self.consumer(group, **client_options)
        if partition is not None:
            options["partition_id"] = partition
        return Reader(client, **options)

    def read(self, count, partition="0", position="-1", inclusive=False, **options):
        """The first `count` events from a position."""
        with self.reader(
            partition, starting_position=position, starting_position_inclusive=inclusive, **options
        ) as reader:
            return reader.take(count)

    def read_all(self):
        """Every event of the hub: {partition: [event]}."""
        with self.producer(socket_timeout=QUICK_SOCKET_SECONDS) as client:
            ends = {p: client.get_partition_properties(p) for p in client.get_partition_ids()}

        def read(item):
            partition, end = item
            count = end["last_enqueued_sequence_number"] - end["beginning_sequence_number"] + 1
            return partition, [] if end["is_empty"] else self.read(count, partition)

        with ThreadPoolExecutor(len(ends)) as pool:
            return dict(pool.map(read, ends.items()))

    def send(self, *bodies, partition="0"):
        """One batch, to one partition."""
        if self._sender is None:
            self._sender = self.producer()
        self._sender.send_batch([EventData(body) for body in bodies], partition_id=partition)

    def close(self):
        """Closes what `send` keeps open: opening a link takes the SDK a second of naps."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None


def condition(error):
    """The AMQP condition that an error of the SDK came from, less what stands before its first colon."""
    return error.error


def body(event):
    """A data body as bytes."""
    return b"".join(event.body)


def bodies(events):
    return [body(event).decode() for event in events]
