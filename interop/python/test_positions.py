"""Reading from every kind of position, with both clients of the SDK."""

import asyncio
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumer

from hub import Hub, bodies, condition, until


def send_apart(hub, *texts):
    """Events whose enqueued times differ, and what the server says about each."""
    with hub.producer() as client:
        for text in texts:
            client.send_event(EventData(text), partition_id="0")
            time.sleep(0.01)
    return hub.read(len(texts))


def test_earliest_gives_everything(hub):
    hub.send("a", "b", "c")
    assert bodies(hub.read(3, position="-1")) == ["a", "b", "c"]


@pytest.mark.parametrize("inclusive, expected", [(False, ["c", "d"]), (True, ["b", "c", "d"])])
def test_an_offset_starts_after_it_or_with_it(hub, inclusive, expected):
    events = send_apart(hub, "a", "b", "c", "d")
    found = hub.read(len(expected), position=events[1].offset, inclusive=inclusive)
    assert bodies(found) == expected


@pytest.mark.parametrize("inclusive, expected", [(False, ["c", "d"]), (True, ["b", "c", "d"])])
def test_a_sequence_number_starts_after_it_or_with_it(hub, inclusive, expected):
    events = send_apart(hub, "a", "b", "c", "d")
    found = hub.read(len(expected), position=events[1].sequence_number, inclusive=inclusive)
    assert bodies(found) == expected


def test_sequence_number_zero_is_a_position_like_any_other(hub):
    hub.send("a", "b")
    assert bodies(hub.read(2, position=0, inclusive=True)) == ["a", "b"]
    assert bodies(hub.read(1, position=0, inclusive=False)) == ["b"]


@pytest.mark.parametrize("inclusive, expected", [(False, ["c", "d"]), (True, ["b", "c", "d"])])
def test_a_time_starts_after_it_or_with_it(hub, inclusive, expected):
    events = send_apart(hub, "a", "b", "c", "d")
    times = [event.enqueued_time for event in events]
    assert len(set(times)) == 4, "sent apart"
    found = hub.read(len(expected), position=times[1], inclusive=inclusive)
    assert bodies(found) == expected


def test_a_time_before_everything_gives_everything_and_one_after_gives_what_comes(hub):
    hub.send("old")
    assert bodies(hub.read(1, position=datetime(2000, 1, 1, tzinfo=timezone.utc))) == ["old"]
    (old,) = hub.read(1)
    with hub.reader(starting_position=old.enqueued_time + timedelta(milliseconds=1)) as reader:
        time.sleep(0.01)
        hub.send("new")
        assert bodies(reader.take(1)) == ["new"]


def test_a_position_inside_a_batch_lands_on_its_event(hub):
    hub.send(*(str(number) for number in range(50)))
    assert bodies(hub.read(10, position=39)) == [str(n) for n in range(40, 50)]
    assert bodies(hub.read(10, position="39")) == [str(n) for n in range(40, 50)]


def test_latest_gives_nothing_that_was_there_before(hub):
    hub.send("before 1", "before 2")
    with hub.reader(starting_position="@latest") as reader:
        number = 0

        def arrived():
            nonlocal number
            hub.send(f"after {number}")
            number += 1
            return reader.events

        until(arrived, "an event that was sent after the reader had attached")
        first = reader.events[0]
    texts = bodies(hub.read(2 + number))
    assert bodies([first])[0].startswith("after")
    assert first.sequence_number >= 2
    assert texts[first.sequence_number] == bodies([first])[0]


def test_latest_misses_nothing_once_it_has_attached(hub):
    hub.send("before")
    with hub.reader(starting_position="@latest") as reader:
        until(lambda: hub.send("probe") or reader.events, "the reader to be attached")
        hub.send(*(f"after {number}" for number in range(100)))
        reader.wait(lambda: bodies(reader.events[-1:]) == ["after 99"], "the last event")
        numbers = [event.sequence_number for event in reader.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no gap"


def test_the_default_position_is_latest(hub):
    hub.send("before")
    with hub.reader(starting_position=None) as reader:
        until(lambda: hub.send("after") or reader.events, "an event")
        assert bodies(reader.events[:1]) == ["after"]


def test_a_reader_of_a_hub_that_is_still_empty_gets_the_first_event(hub):
    with hub.reader("1") as reader:
        reader.wait(lambda: reader.opened, "the reader to start")
        hub.send("first", partition="1")
        assert bodies(reader.take(1)) == ["first"]


def test_a_number_that_comes_next_waits_for_its_event(hub):
    hub.send("a", "b")
    with hub.reader(starting_position=2, starting_position_inclusive=True) as reader:
        hub.send("c")
        assert bodies(reader.take(1)) == ["c"]


@pytest.mark.parametrize("position, inclusive", [(2, False), ("2", False), (3, True), (1000, False), ("1000", True)])
def test_a_position_beyond_the_end_is_refused_and_the_text_gives_both_numbers(hub, position, inclusive):
    hub.send("a", "b")  # the next number is 2
    with hub.reader(starting_position=position, starting_position_inclusive=inclusive) as reader:
        error = reader.error()
    assert condition(error) == "argument-error", error
    assert str(position) in str(error), error
    assert reader.events == []


def test_an_offset_that_is_no_number_is_refused(hub):
    hub.send("a")
    with hub.reader(starting_position="not-a-number") as reader:
        assert condition(reader.error()) == "argument-error"


def test_prefetch_of_one_still_gives_everything_in_order(hub):
    hub.send(*(str(number) for number in range(30)))
    assert bodies(hub.read(30, prefetch=1)) == [str(n) for n in range(30)]


def test_batches_are_received_whole(hub):
    hub.send(*(str(number) for number in range(500)))
    got = []
    client = hub.consumer()
    done = threading.Event()

    def on_event_batch(context, events):
        got.extend(events)
        if len(got) >= 500:
            done.set()

    thread = threading.Thread(
        target=client.receive_batch,
        args=(on_event_batch,),
        kwargs={"partition_id": "0", "starting_position": "-1", "max_batch_size": 100, "max_wait_time": 1},
        daemon=True,
    )
    thread.start()
    try:
        assert done.wait(20), f"{len(got)} events"
    finally:
        client.close()
        thread.join(20)
    assert bodies(got) == [str(n) for n in range(500)]


def test_every_partition_is_read_when_none_is_named(hub):
    for partition in "0123":
        hub.send(f"from {partition}", partition=partition)
    with hub.reader(None) as reader:
        events = reader.take(4)
    assert sorted((event.from_partition, text) for event, text in zip(events, bodies(events))) == [
        (p, f"from {p}") for p in "0123"
    ]


def test_two_groups_read_the_same_events(hub):
    hub.send("a", "b")
    assert bodies(hub.read(2, group="billing")) == ["a", "b"]
    assert bodies(hub.read(2, group="$Default")) == ["a", "b"]
    assert bodies(hub.read(2, group="$default")) == ["a", "b"], "the default group in any case"


def test_the_hub_and_the_group_are_found_in_any_case(hub):
    hub.send("a")
    assert bodies(Hub(hub.connection_string, hub.name.upper()).read(1)) == ["a"]
    Hub(hub.connection_string, hub.name.title()).send("b")
    assert bodies(hub.read(2)) == ["a", "b"]


@pytest.mark.parametrize(
    "position, inclusive, expected",
    [("-1", False, "abcd"), ("1", False, "cd"), ("1", True, "bcd"), (1, False, "cd"), (1, True, "bcd")],
)
def test_the_asynchronous_client_reads_from_the_same_positions(hub, position, inclusive, expected):
    hub.send(*"abcd")
    got = []

    async def read():
        client = AsyncConsumer.from_connection_string(
            hub.connection_string, consumer_group="$Default", eventhub_name=hub.name, retry_total=0
        )
        enough = asyncio.Event()
        errors = []

        async def on_event(context, event):
            got.append(event)
            if len(got) >= len(expected):
                enough.set()

        async def on_error(context, error):
            errors.append(error)
            enough.set()

        async with client:
            task = asyncio.create_task(
                client.receive(
                    on_event=on_event,
                    on_error=on_error,
                    partition_id="0",
                    starting_position=position,
                    starting_position_inclusive=inclusive,
                )
            )
            await asyncio.wait_for(enough.wait(), 20)
            task.cancel()
        assert errors == []

    asyncio.run(asyncio.wait_for(read(), 40))
    assert "".join(bodies(got)) == expected
