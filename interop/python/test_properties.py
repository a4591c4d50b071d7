"""What the management node says about hubs and partitions."""

import asyncio
from datetime import datetime, timezone

import pytest
from azure.eventhub import EventData
from azure.eventhub._utils import get_last_enqueued_event_properties
from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumer
from azure.eventhub.exceptions import EventHubError

from hub import PARTITIONS, condition, until


def test_a_hub_has_a_name_a_birthday_and_four_partitions(hub):
    with hub.producer() as client:
        found = client.get_eventhub_properties()
    assert found["eventhub_name"] == hub.name
    assert found["partition_ids"] == PARTITIONS
    assert abs((datetime.now(timezone.utc) - found["created_at"]).total_seconds()) < 600


def test_asking_twice_gives_the_same_birthday(hub):
    with hub.consumer() as client:
        assert client.get_eventhub_properties()["created_at"] == client.get_eventhub_properties()["created_at"]


def test_a_partition_that_was_never_written_is_empty(hub):
    with hub.consumer() as client:
        found = client.get_partition_properties("2")
    assert found["eventhub_name"] == hub.name
    assert found["id"] == "2"
    assert found["beginning_sequence_number"] == 0
    assert found["last_enqueued_sequence_number"] == -1
    assert found["last_enqueued_offset"] == "-1"
    assert found["is_empty"] is True


def test_a_written_partition_shows_its_last_event_and_its_neighbour_stays_empty(hub):
    hub.send(*(str(number) for number in range(12)), partition="1")
    with hub.producer() as client:
        found = client.get_partition_properties("1")
        neighbour = client.get_partition_properties("0")
    (last,) = hub.read(1, "1", position=10)
    assert found["beginning_sequence_number"] == 0
    assert found["last_enqueued_sequence_number"] == 11 == last.sequence_number
    assert found["last_enqueued_offset"] == "11" == last.offset
    assert found["last_enqueued_time_utc"] == last.enqueued_time
    assert found["is_empty"] is False
    assert neighbour["is_empty"] is True


def test_an_acknowledged_event_is_counted_at_once(hub):
    with hub.producer() as client:
        for number in range(5):
            client.send_event(EventData("x"), partition_id="0")
            assert client.get_partition_properties("0")["last_enqueued_sequence_number"] == number


def test_a_partition_that_does_not_exist_is_an_error(hub):
    with hub.consumer() as client, pytest.raises(EventHubError) as raised:
        client.get_partition_properties("99")
    # This version of the SDK drops the description of a management error.
    assert condition(raised.value) == "not-found"
    assert "404" in str(raised.value)


def test_the_asynchronous_client_sees_the_same(hub):
    hub.send("a", "b", partition="3")

    async def ask():
        client = AsyncConsumer.from_connection_string(
            hub.connection_string, consumer_group="$Default", eventhub_name=hub.name, retry_total=0
        )
        async with client:
            return await client.get_partition_ids(), await client.get_partition_properties("3")

    partitions, third = asyncio.run(asyncio.wait_for(ask(), 30))
    assert partitions == PARTITIONS
    assert third["last_enqueued_sequence_number"] == 1


def test_a_reader_that_tracks_the_end_is_told_about_it_with_each_event(hub):
    hub.send(*(str(number) for number in range(10)))
    events = hub.read(10, track_last_enqueued_event_properties=True)
    told = get_last_enqueued_event_properties(events[-1])
    assert told["sequence_number"] == 9
    assert told["offset"] == "9"
    assert told["enqueued_time"] == events[-1].enqueued_time
    assert abs((datetime.now(timezone.utc) - told["retrieval_time"]).total_seconds()) < 600


def test_the_partition_context_shows_the_tracked_end(hub):
    hub.send(*(str(number) for number in range(10)))
    seen = []

    def on_event(context, event):
        seen.append((event.sequence_number, context.last_enqueued_event_properties))

    with hub.reader(track_last_enqueued_event_properties=True, on_event=on_event):
        until(lambda: len(seen) >= 10, "10 events")
    assert [number for number, _ in seen] == list(range(10))
    assert all(told["sequence_number"] >= number for number, told in seen)
    assert seen[-1][1]["sequence_number"] == 9


def test_a_reader_that_does_not_track_is_told_nothing(hub):
    hub.send("x")
    (event,) = hub.read(1)
    assert not event.raw_amqp_message.delivery_annotations
