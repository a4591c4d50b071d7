"""Sending with the official SDK, in every way it offers."""

import asyncio
import threading

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient as AsyncProducer

from hub import PARTITIONS, bodies, until


def test_a_single_event_is_read_back(hub):
    with hub.producer() as client:
        client.send_event(EventData("one"), partition_id="2")
    (event,) = hub.read(1, "2")
    assert bodies([event]) == ["one"]
    assert (event.sequence_number, event.offset) == (0, "0")


def test_a_list_of_events_is_read_back_in_order(hub):
    sent = [f"event {number}" for number in range(100)]
    hub.send(*sent, partition="1")
    assert bodies(hub.read(100, "1")) == sent


def test_a_batch_object_is_read_back_in_order(hub):
    sent = [f"event {number}" for number in range(250)]
    with hub.producer() as client:
        batch = client.create_batch(partition_id="3")
        for text in sent:
            batch.add(EventData(text))
        client.send_batch(batch)
    events = hub.read(250, "3")
    assert bodies(events) == sent
    assert [event.sequence_number for event in events] == list(range(250))


def test_a_batch_that_fills_the_limit_is_accepted_whole(hub):
    with hub.producer() as client:
        batch = client.create_batch(partition_id="0")
        count = 0
        while True:
            try:
                batch.add(EventData(bytes([count % 251]) * 1000))
            except ValueError:
                break
            count += 1
        client.send_batch(batch)
    events = hub.read(count, "0")
    assert all(b"".join(event.body) == bytes([number % 251]) * 1000 for number, event in enumerate(events))


def test_events_without_a_key_reach_every_partition(hub):
    with hub.producer() as client:
        for number in range(16):
            client.send_event(EventData(str(number)))
    found = hub.read_all()
    assert sorted(found) == PARTITIONS
    assert all(found.values()), {partition: len(events) for partition, events in found.items()}
    assert sorted(int(text) for events in found.values() for text in bodies(events)) == list(range(16))


def test_a_batch_without_a_key_goes_to_one_partition(hub):
    with hub.producer() as client:
        client.send_batch([EventData(str(number)) for number in range(20)])
    counts = sorted(len(events) for events in hub.read_all().values())
    assert counts == [0, 0, 0, 20]


def test_an_empty_body_and_a_large_one_are_read_back_as_sent(hub):
    large = bytes(range(256)) * 2048  # 512 KiB: several frames each way
    with hub.producer() as client:
        client.send_event(EventData(b""), partition_id="0")
        client.send_event(EventData(large), partition_id="0")
        client.send_event(EventData(b"after"), partition_id="0")
    empty, big, after = hub.read(3)
    assert [b"".join(event.body) for event in (empty, big, after)] == [b"", large, b"after"]


def test_many_senders_at_once_lose_nothing(hub):
    failures = []

    def send(name):
        try:
            with hub.producer() as client:
                for number in range(25):
                    client.send_event(EventData(f"{name}/{number}"), partition_id="0")
        except Exception as error:  # shown below, with the thread it came from
            failures.append((name, error))

    threads = [threading.Thread(target=send, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert failures == []
    events = hub.read(150)
    assert [event.sequence_number for event in events] == list(range(150))
    for name in range(6):
        mine = [text for text in bodies(events) if text.startswith(f"{name}/")]
        assert mine == [f"{name}/{number}" for number in range(25)], "each sender's order is kept"


def test_one_client_sends_to_every_partition(hub):
    with hub.producer() as client:
        for partition in PARTITIONS:
            client.send_batch([EventData(f"{partition}-{n}") for n in range(3)], partition_id=partition)
    found = hub.read_all()
    assert {p: bodies(events) for p, events in found.items()} == {p: [f"{p}-{n}" for n in range(3)] for p in PARTITIONS}


@pytest.mark.parametrize("routing", [{}, {"partition_id": "2"}, {"partition_key": "device-42"}])
def test_the_buffered_producer_sends_everything_and_calls_back(hub, routing):
    acknowledged, failed = [], []

    def on_success(events, partition):
        acknowledged.extend((body, partition) for body in bodies(events))

    client = hub.producer(
        buffered_mode=True,
        on_success=on_success,
        on_error=lambda events, partition, error: failed.append((partition, error)),
        max_wait_time=0.2,
        max_buffer_length=50,
    )
    sent = [f"event {number}" for number in range(120)]
    with client:
        for text in sent[:20]:
            client.send_event(EventData(text), **routing)
        client.send_batch([EventData(text) for text in sent[20:]], **routing)
        client.flush()
        until(lambda: len(acknowledged) == 120 or failed, "120 acknowledged events")
    assert failed == []
    assert sorted(body for body, _ in acknowledged) == sorted(sent)
    found = hub.read_all()
    assert sorted(text for events in found.values() for text in bodies(events)) == sorted(sent)
    if "partition_id" in routing:
        assert bodies(found["2"]) == sent, "the order is kept"


def test_the_asynchronous_producer_sends_events_lists_and_batches(hub):
    async def send():
        client = AsyncProducer.from_connection_string(
            hub.connection_string, eventhub_name=hub.name, retry_total=0
        )
        async with client:
            await client.send_event(EventData("single"), partition_id="1")
            await client.send_batch([EventData("a"), EventData("b")], partition_id="1")
            batch = await client.create_batch(partition_id="1")
            batch.add(EventData("c"))
            await client.send_batch(batch)
            await asyncio.gather(*(client.send_event(EventData(str(n)), partition_id="2") for n in range(10)))

    asyncio.run(asyncio.wait_for(send(), 30))
    assert bodies(hub.read(4, "1")) == ["single", "a", "b", "c"]
    assert sorted(bodies(hub.read(10, "2")), key=int) == [str(n) for n in range(10)]


def test_the_asynchronous_buffered_producer_sends_everything(hub):
    acknowledged, failed = [], []

    async def on_success(events, partition):
        acknowledged.extend(bodies(events))

    async def on_error(events, partition, error):
        failed.append(error)

    async def send():
        client = AsyncProducer.from_connection_string(
            hub.connection_string,
            eventhub_name=hub.name,
            buffered_mode=True,
            on_success=on_success,
            on_error=on_error,
            max_wait_time=0.2,
        )
        async with client:
            for number in range(40):
                await client.send_event(EventData(str(number)))
            await client.flush()

    asyncio.run(asyncio.wait_for(send(), 30))
    assert failed == []
    assert sorted(acknowledged, key=int) == [str(n) for n in range(40)]
    found = [text for events in hub.read_all().values() for text in bodies(events)]
    assert sorted(found, key=int) == [str(n) for n in range(40)]
