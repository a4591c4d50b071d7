"""SIGKILL in the middle of sends, restart on the same data, read everything back.

These prove recovery. They prove nothing about flushes: the page cache survives a killed process. `cargo xtask flush`
proves those.
"""

import itertools
import os
import random
import threading
import time

import pytest
from azure.eventhub import EventData

from hub import Hub, bodies
from proton_client import Publisher

CYCLES = int(os.environ.get("FOREBAY_KILL_CYCLES", "5"))
SEED = int(os.environ.get("FOREBAY_KILL_SEED", "0")) or random.randrange(1, 2**31)

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120 + 20 * CYCLES)]


def stored(hub, partition):
    """Bodies of a partition, in order; its numbers have no gap."""
    with hub.producer() as client:
        end = client.get_partition_properties(partition)
    assert end["beginning_sequence_number"] == 0
    count = end["last_enqueued_sequence_number"] + 1
    events = hub.read(count, partition) if count else []
    assert [event.sequence_number for event in events] == list(range(count)), "numbers without a gap"
    return bodies(events)


@pytest.mark.parametrize("level", ["disk", "os"])
def test_without_retries_every_acknowledged_event_is_read_once_and_in_order(new_server, level):
    """Several in flight on two partitions and on the hub; the server is killed; nobody sends anything twice."""
    print(f"FOREBAY_KILL_SEED={SEED}")
    chance = random.Random(SEED)
    server = new_server("--durability", level).start()
    name = "killed"
    acknowledged = {"0": [], "1": []}
    sent = {"0": [], "1": []}
    unpinned_acknowledged, unpinned_sent = [], []
    for cycle in range(CYCLES):
        padding = "." * chance.choice([0, 100, 1000, 5000])
        publishers = {
            partition: Publisher(
                server,
                f"{name}/Partitions/{partition}",
                lambda n, c=cycle, p=partition, pad=padding: f"{p}/{c:03}/{n:07}{pad}",
                in_flight=chance.choice([2, 16, 200]),
            ).start()
            for partition in sent
        }
        unpinned = Publisher(server, name, lambda n, c=cycle: f"hub/{c:03}/{n:07}", in_flight=16).start()
        for publisher in [*publishers.values(), unpinned]:
            publisher.wait_for_acknowledgements(chance.randrange(1, 300))
        time.sleep(chance.random() * 0.2)
        server.kill()
        for publisher in [*publishers.values(), unpinned]:
            publisher.join()
            assert publisher.refused == []
        for partition, publisher in publishers.items():
            acknowledged[partition] += publisher.acknowledged
            sent[partition] += publisher.sent
        unpinned_acknowledged += unpinned.acknowledged
        unpinned_sent += unpinned.sent
        server.start()

    hub = Hub(server.connection_string, name)
    everything = {partition: stored(hub, partition) for partition in "0123"}
    for partition in sent:
        found = [text for text in everything[partition] if not text.startswith("hub/")]
        assert len(found) == len(set(found)), "nothing twice"
        assert found == sorted(found), "in order"
        assert set(acknowledged[partition]) <= set(found), "every acknowledged event"
        assert set(found) <= set(sent[partition]), "nothing that was not sent"
        for cycle in range(CYCLES):
            head = f"{partition}/{cycle:03}/"
            mine = [text for text in found if text.startswith(head)]
            expected = [text for text in sent[partition] if text.startswith(head)]
            assert mine == expected[: len(mine)], "what the kill cut is an end, not a hole"
    found = [text for texts in everything.values() for text in texts if text.startswith("hub/")]
    assert len(found) == len(set(found)), "nothing twice"
    assert set(unpinned_acknowledged) <= set(found) <= set(unpinned_sent)
    for texts in everything.values():
        mine = [text for text in texts if text.startswith("hub/")]
        assert mine == sorted(mine), "in order"
    total = sum(map(len, acknowledged.values())) + len(unpinned_acknowledged)
    print(f"{CYCLES} kills, {total} acknowledged events, {sum(map(len, everything.values()))} stored")


class RetryingSender(threading.Thread):
    """An SDK producer that sends one event after the other and leaves retrying to the SDK."""

    def __init__(self, hub, name, stop):
        super().__init__(daemon=True)
        self.hub, self.name, self.stop = hub, name, stop
        self.sends = []  # (body, began, ended, acknowledged)

    def run(self):
        partition = self.name[-1]
        options = {"retry_total": 60, "retry_mode": "fixed", "retry_backoff_factor": 0.25}
        with self.hub.producer(**options) as client:
            for number in itertools.count():
                if self.stop.is_set():
                    return
                body = f"{self.name}/{number:06}"
                began = time.monotonic()
                try:
                    client.send_event(EventData(body), partition_id=partition)
                    acknowledged = True
                except Exception as error:  # the SDK gave up: the event's fate is unknown
                    print(f"{body}: {error!r}")
                    acknowledged = False
                self.sends.append((body, began, time.monotonic(), acknowledged))


def test_with_the_sdks_retries_every_acknowledged_event_is_read_and_only_cut_sends_are_repeated(new_server):
    print(f"FOREBAY_KILL_SEED={SEED}")
    chance = random.Random(SEED + 1)
    server = new_server().start()
    hub = Hub(server.connection_string, "retried")
    stop = threading.Event()
    senders = [RetryingSender(hub, f"sender-{index}-{index % 2}", stop) for index in range(3)]
    for sender in senders:
        sender.start()
    kills = []
    for _ in range(CYCLES):
        marks = [len(sender.sends) for sender in senders]
        deadline = time.monotonic() + 40
        while not all(len(sender.sends) > mark + 3 for sender, mark in zip(senders, marks)):
            assert time.monotonic() < deadline, "the senders do not come back after a restart"
            time.sleep(0.01)
        time.sleep(chance.random() * 0.3)
        before = time.monotonic()
        server.kill()
        # What the dead server had put on the wire may still arrive for a moment.
        kills.append((before, time.monotonic()))
        server.start()
    marks = [len(sender.sends) for sender in senders]
    deadline = time.monotonic() + 40
    while not all(len(sender.sends) > mark + 3 for sender, mark in zip(senders, marks)):
        assert time.monotonic() < deadline, "the senders do not come back after the last restart"
        time.sleep(0.01)
    stop.set()
    for sender in senders:
        sender.join(60)
        assert not sender.is_alive()

    found = [text for partition in "0123" for text in stored(hub, partition)]
    counts = {text: found.count(text) for text in set(found)}
    sends = {body: (began, ended) for sender in senders for body, began, ended, _ in sender.sends}
    acknowledged = {body for sender in senders for body, _, _, ok in sender.sends if ok}
    assert len(acknowledged) > CYCLES
    assert acknowledged <= set(found), f"lost: {sorted(acknowledged - set(found))}"
    assert set(found) <= set(sends)
    for text, count in counts.items():
        if count > 1:
            began, ended = sends[text]
            cut_by = [kill for kill in kills if began <= kill[1] and ended >= kill[0]]
            assert cut_by, f"{text} is stored {count} times, and no kill cut its send"
            assert count <= 1 + len(cut_by), f"{text} is stored {count} times for {len(cut_by)} kills"
    repeated = sum(count - 1 for count in counts.values())
    print(f"{CYCLES} kills, {len(acknowledged)} acknowledged events, {repeated} repeated")
