"""A key picks the partition that the hash of docs/reference/amqp.md §9.1 gives, and always the same one."""

import pytest
from azure.eventhub import EventData

from hub import bodies

#: key → partition of 4, from the vectors of docs/reference/amqp.md §9.1 (computed with the JavaScript SDK).
VECTORS = {
    "7": 3,
    "131": 2,
    "7149583486996073602": 1,
    "FWfAT": 1,
    "sOdeEAsyQoEuEFPGerWO": 3,
    "a": 0,
    "abc": 1,
    "device-42": 0,
    "123456789012": 1,
    "1234567890123": 2,
    "order-0001-long-partition-key-value": 1,
    "contoso": 0,
    "Straße": 2,
    "sensor/北京": 1,
    "PartitionKey": 0,
}


def test_single_events_go_where_the_hash_of_their_key_says(hub):
    with hub.producer() as client:
        for key in VECTORS:
            client.send_event(EventData(key), partition_key=key)
    where = {text: int(p) for p, events in hub.read_all().items() for text in bodies(events)}
    assert where == VECTORS


def test_batches_go_where_the_hash_of_their_key_says(hub):
    with hub.producer() as client:
        for key in VECTORS:
            batch = client.create_batch(partition_key=key)
            batch.add(EventData(f"{key}|1"))
            batch.add(EventData(f"{key}|2"))
            client.send_batch(batch)
    found = hub.read_all()
    where = {text: int(p) for p, events in found.items() for text in bodies(events)}
    assert where == {f"{key}|{n}": partition for key, partition in VECTORS.items() for n in (1, 2)}
    for events in found.values():
        for event in events:
            assert event.partition_key.decode() == bodies([event])[0].split("|")[0]


def test_events_of_one_key_stay_in_order_on_one_partition(hub):
    keys = ["alpha", "beta", "gamma", "delta", "epsilon"]
    with hub.producer() as client:
        for number in range(20):
            for key in keys:
                client.send_event(EventData(f"{key} {number}"), partition_key=key)
    found = hub.read_all()
    for key in keys:
        places = {p for p, events in found.items() if any(text.startswith(f"{key} ") for text in bodies(events))}
        assert len(places) == 1, f"{key} is on {places}"
        mine = [text for text in bodies(found[places.pop()]) if text.startswith(f"{key} ")]
        assert mine == [f"{key} {number}" for number in range(20)]


def test_a_list_with_a_key_goes_to_one_partition_and_carries_it(hub):
    with hub.producer() as client:
        client.send_batch([EventData(str(n)) for n in range(10)], partition_key="device-42")
    events = hub.read(10, str(VECTORS["device-42"]))
    assert bodies(events) == [str(n) for n in range(10)]
    assert {event.partition_key for event in events} == {b"device-42"}


@pytest.mark.parametrize("partition", ["0", "3"])
def test_sequence_numbers_of_a_partition_have_no_gap(hub, partition):
    with hub.producer() as client:
        client.send_event(EventData("single"), partition_id=partition)
        client.send_batch([EventData(str(n)) for n in range(7)], partition_id=partition)
        client.send_event(EventData("last"), partition_id=partition)
    events = hub.read(9, partition)
    assert [event.sequence_number for event in events] == list(range(9))
    times = [event.enqueued_time for event in events]
    assert times == sorted(times)
