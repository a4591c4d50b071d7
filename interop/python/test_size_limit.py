"""The limit counts the bytes of the message as sent: at 1,048,576 it is accepted, one more is refused."""

import pytest
from azure.eventhub import EventData
from azure.eventhub._pyamqp.utils import get_message_encoded_size
from azure.eventhub._transport._pyamqp_transport import PyamqpTransport
from azure.eventhub.exceptions import EventDataSendError

from hub import bodies, condition

LIMIT = 1_048_576


def encoded_size(event):
    """The bytes that the SDK puts on the wire for a single event."""
    return get_message_encoded_size(PyamqpTransport.to_outgoing_amqp_message(event.raw_amqp_message))


def event_of(size):
    probe = 1000
    overhead = encoded_size(EventData(b"x" * probe)) - probe
    event = EventData(b"x" * (size - overhead))
    assert encoded_size(event) == size
    return event


def test_the_link_tells_the_limit(hub):
    with hub.producer() as client:
        assert client.create_batch().max_size_in_bytes == LIMIT


@pytest.mark.parametrize("below", [0, 1, 1000])
def test_an_event_at_the_limit_is_accepted(hub, below):
    event = event_of(LIMIT - below)
    with hub.producer() as client:
        client.send_event(event, partition_id="0")
    (found,) = hub.read(1)
    assert b"".join(found.body) == b"".join(event.body)


@pytest.mark.parametrize("above", [1, 100, LIMIT])
def test_an_event_over_the_limit_is_refused_and_the_link_goes_on(hub, above):
    with hub.producer() as client:
        client.send_event(EventData("before"), partition_id="0")
        with pytest.raises(EventDataSendError) as raised:
            client.send_event(event_of(LIMIT + above), partition_id="0")
        assert condition(raised.value) == "link:message-size-exceeded", raised.value
        assert str(LIMIT) in str(raised.value).replace(",", ""), raised.value
        client.send_event(EventData("after"), partition_id="0")
    assert bodies(hub.read(2)) == ["before", "after"]


def test_a_batch_exactly_at_the_limit_is_accepted_and_one_byte_more_does_not_fit(hub):
    with hub.producer() as client:
        batch = client.create_batch(partition_id="0")
        batch.add(EventData(b"first"))
        probe = client.create_batch(partition_id="0")
        before = probe.size_in_bytes
        probe.add(EventData(b"x" * 1000))
        overhead = probe.size_in_bytes - before - 1000
        batch.add(EventData(b"x" * (LIMIT - batch.size_in_bytes - overhead)))
        assert batch.size_in_bytes == LIMIT
        with pytest.raises(ValueError):
            batch.add(EventData(b""))
        client.send_batch(batch)
    assert [len(b"".join(event.body)) for event in hub.read(2)][0] == 5
