"""Event processors share the partitions of a hub and hand them over."""

import asyncio

from azure.eventhub.aio import EventHubConsumerClient as AsyncConsumer

from hub import PARTITIONS, bodies, until
from memory_store import AsyncMemoryStore, Memory, MemoryStore

QUICK = {"load_balancing_interval": 0.5, "partition_ownership_expiration_interval": 10}


def processor(hub, memory, **options):
    client_options = {"checkpoint_store": MemoryStore(memory), **QUICK}
    return hub.reader(None, client_options=client_options, **options)


def test_two_processors_end_with_a_fair_share_and_miss_nothing(hub):
    memory = Memory()
    for partition in PARTITIONS:
        hub.send(f"before {partition}", partition=partition)
    with processor(hub, memory) as first:
        first.take(4)
        assert memory.shares() == {owner: 4 for owner in memory.shares()}, "alone, it owns all four"
        with processor(hub, memory) as second:
            until(lambda: sorted(memory.shares().values()) == [2, 2], f"a fair share: {memory.shares()}", 30)
            second.wait(lambda: len(set(second.opened)) >= 2, "the second one to open its partitions")
            first.wait(lambda: len(first.closed) >= 2, "the first one to close what it lost")
            shared = memory.shares()
            for number in range(3):
                for partition in PARTITIONS:
                    hub.send(f"after {number} {partition}", partition=partition)
            wanted = {f"after {number} {partition}" for number in range(3) for partition in PARTITIONS}
            until(
                lambda: wanted <= {*bodies(first.events), *bodies(second.events)},
                "every event at one of the two",
                30,
            )
            assert sorted(memory.shares().values()) == [2, 2], "it stays fair"
            assert memory.shares() == shared
            mine = {event.from_partition for event in first.events if bodies([event])[0].startswith("after")}
            theirs = {event.from_partition for event in second.events if bodies([event])[0].startswith("after")}
            assert mine | theirs == set(PARTITIONS)
            assert mine & theirs == set(), "each partition has one reader"


def test_a_processor_that_leaves_is_replaced_by_the_other(hub):
    memory = Memory()
    with processor(hub, memory) as stays:
        with processor(hub, memory):
            until(lambda: sorted(memory.shares().values()) == [2, 2], "a fair share", 30)
        until(lambda: sorted(memory.shares().values()) == [4], "one owner of all four", 30)
        for partition in PARTITIONS:
            hub.send(f"late {partition}", partition=partition)
        until(lambda: {f"late {p}" for p in PARTITIONS} <= set(bodies(stays.events)), "all partitions", 30)


def test_a_checkpoint_is_where_the_next_processor_starts(hub):
    memory = Memory()
    hub.send(*(str(number) for number in range(10)))
    seen = []

    def on_event(context, event):
        seen.append(event)
        if event.sequence_number == 5:
            context.update_checkpoint(event)

    with processor(hub, memory, on_event=on_event):
        until(lambda: len(seen) >= 10, "10 events")
    with processor(hub, memory) as next_one:
        assert bodies(next_one.take(4)) == ["6", "7", "8", "9"]


def test_two_asynchronous_processors_end_with_a_fair_share(hub):
    memory = Memory()

    async def run():
        got = {"first": [], "second": []}

        def start(name):
            client = AsyncConsumer.from_connection_string(
                hub.connection_string,
                consumer_group="$Default",
                eventhub_name=hub.name,
                checkpoint_store=AsyncMemoryStore(memory),
                retry_total=0,
                **QUICK,
            )

            async def on_event(context, event):
                got[name].append(event)
                await context.update_checkpoint(event)

            return client, asyncio.create_task(client.receive(on_event=on_event, starting_position="-1"))

        async def become(condition):
            while not condition():
                await asyncio.sleep(0.05)

        first, first_task = start("first")
        await asyncio.wait_for(become(lambda: sorted(memory.shares().values()) == [4]), 20)
        second, second_task = start("second")
        await asyncio.wait_for(become(lambda: sorted(memory.shares().values()) == [2, 2]), 30)
        for partition in PARTITIONS:
            await asyncio.to_thread(hub.send, partition, partition=partition)
        await asyncio.wait_for(
            become(lambda: {*bodies(got["first"]), *bodies(got["second"])} == set(PARTITIONS)), 30
        )
        await asyncio.gather(first.close(), second.close())
        await asyncio.gather(first_task, second_task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 55))
