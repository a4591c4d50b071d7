"""Exclusive readers: a higher or equal owner level takes over, a lower one is refused."""

import asyncio

import pytest
from azure.eventhub import CloseReason
from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumer
from azure.eventhub.exceptions import ConnectionLostError

from hub import bodies, condition

#: A reader that lost its place must not come back by itself while the test looks on.
STAY_AWAY = {"load_balancing_interval": 60}


def reading(hub, level, **options):
    """A reader that is known to be attached: it has received what is there."""
    reader = hub.reader("0", client_options=STAY_AWAY, owner_level=level, **options)
    try:
        reader.take(1)
    except BaseException:
        reader.close()
        raise
    return reader


@pytest.mark.parametrize("older, newer", [(1, 2), (1, 1), (0, 0), (0, 10)])
def test_a_higher_or_equal_level_takes_over_and_the_older_reader_is_told(hub, older, newer):
    hub.send("there")
    with reading(hub, older) as loser, reading(hub, newer) as winner:
        error = loser.error()
        assert isinstance(error, ConnectionLostError)
        assert condition(error) == "link:stolen", error
        loser.wait(lambda: loser.closed, "on_partition_close")
        assert loser.closed == [("0", CloseReason.OWNERSHIP_LOST)]
        hub.send("after")
        assert bodies(winner.take(2)) == ["there", "after"]
        assert winner.errors == []
        assert bodies(loser.events) == ["there"], "the older reader gets nothing more"


def test_a_lower_level_is_refused_and_the_holder_reads_on(hub):
    hub.send("there")
    with reading(hub, 5) as holder:
        with hub.reader("0", client_options=STAY_AWAY, owner_level=4) as refused:
            error = refused.error()
        assert condition(error) == "link:stolen", error
        assert "5" in str(error) and "4" in str(error), f"both levels are named: {error}"
        assert refused.events == []
        hub.send("after")
        assert bodies(holder.take(2)) == ["there", "after"]
        assert holder.errors == []


def test_a_reader_without_a_level_is_put_out_by_one_with_a_level(hub):
    hub.send("there")
    with reading(hub, None) as shared, reading(hub, 0) as exclusive:
        assert condition(shared.error()) == "link:stolen"
        hub.send("after")
        assert bodies(exclusive.take(2)) == ["there", "after"]


def test_a_reader_without_a_level_is_refused_while_one_with_a_level_reads(hub):
    hub.send("there")
    with reading(hub, 0) as exclusive:
        with hub.reader("0", client_options=STAY_AWAY) as refused:
            assert condition(refused.error()) == "link:stolen"
        assert refused.events == []
        assert exclusive.errors == []


def test_the_level_ends_with_the_link(hub):
    hub.send("there")
    with reading(hub, 9):
        pass
    with reading(hub, None) as shared, reading(hub, None) as other:
        assert bodies(shared.events) == bodies(other.events) == ["there"]
        assert shared.errors == other.errors == []
    with reading(hub, 1) as lower:
        assert lower.errors == []


def test_levels_hold_for_one_partition_and_one_group(hub):
    hub.send("zero", partition="0")
    hub.send("one", partition="1")
    with reading(hub, 5) as holder:
        assert bodies(hub.read(1, "1", owner_level=1)) == ["one"]
        assert bodies(hub.read(1, "0", group="other", owner_level=1)) == ["zero"]
        assert holder.errors == []


def test_five_readers_without_a_level_are_allowed_and_a_sixth_is_refused(hub):
    hub.send("there")
    readers = []
    try:
        for _ in range(5):
            readers.append(reading(hub, None))
        with hub.reader("0", client_options=STAY_AWAY) as sixth:
            error = sixth.error()
        assert condition(error) == "resource-limit-exceeded", error
        assert "5" in str(error)
        assert all(reader.errors == [] for reader in readers)
    finally:
        for reader in readers:
            reader.close()


def test_the_asynchronous_reader_is_told_too(hub):
    hub.send("there")

    async def lose():
        client = AsyncConsumer.from_connection_string(
            hub.connection_string, consumer_group="$Default", eventhub_name=hub.name, retry_total=0, **STAY_AWAY
        )
        got, errors, closed = asyncio.Event(), asyncio.Queue(), asyncio.Queue()

        async def on_event(context, event):
            got.set()

        async def on_error(context, error):
            await errors.put(error)

        async def on_partition_close(context, reason):
            await closed.put(reason)

        async with client:
            task = asyncio.create_task(
                client.receive(
                    on_event=on_event,
                    on_error=on_error,
                    on_partition_close=on_partition_close,
                    partition_id="0",
                    starting_position="-1",
                    owner_level=1,
                )
            )
            await asyncio.wait_for(got.wait(), 20)
            winner = await asyncio.to_thread(reading, hub, 2)
            try:
                error = await asyncio.wait_for(errors.get(), 20)
                reason = await asyncio.wait_for(closed.get(), 20)
            finally:
                await asyncio.to_thread(winner.close)
            task.cancel()
        return error, reason

    error, reason = asyncio.run(asyncio.wait_for(lose(), 50))
    assert condition(error) == "link:stolen"
    assert reason == CloseReason.OWNERSHIP_LOST
