"""What comes back is what was sent: values, types and sections."""

import uuid
from datetime import datetime, timezone

import pytest
from azure.eventhub import EventData
from azure.eventhub.amqp import AmqpAnnotatedMessage, AmqpMessageBodyType, AmqpMessageHeader, AmqpMessageProperties

from hub import body

MOMENT = datetime(2026, 11, 21, 8, 30, 15, 123000, tzinfo=timezone.utc)
MOMENT_MS = int(MOMENT.timestamp() * 1000)
AN_ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def round_trip(hub, event):
    """Sends one event alone and once in a batch; both must come back alike. Returns the first."""
    with hub.producer() as client:
        client.send_event(event, partition_id="0")
        client.send_batch([event], partition_id="0")
    alone, batched = hub.read(2)
    for part in ("application_properties", "header", "properties", "footer", "body_type"):
        one, other = (getattr(found.raw_amqp_message, part) for found in (alone, batched))
        if part == "header" and (one is None or other is None):
            assert one is None and other is None
            continue
        assert repr(one) == repr(other), f"{part} differs between a single send and a batch"
    return alone


PROPERTIES = {
    "text": "value",
    "text, not ASCII": "Grüße, 北京",
    "text, empty": "",
    "text, long": "x" * 1000,
    "bytes": b"\x00\x01\xff",
    "true": True,
    "false": False,
    "zero": 0,
    "small": 7,
    "negative": -5,
    "int32 max": 2**31 - 1,
    "int32 min": -(2**31),
    "double": 3.25,
    "double, tiny": 5e-324,
    "moment": MOMENT,
    "uuid": AN_ID,
}

#: How the SDK shows what it reads: strings as bytes, moments as milliseconds.
READ_AS = {
    "text": b"value",
    "text, not ASCII": "Grüße, 北京".encode(),
    "text, empty": b"",
    "text, long": b"x" * 1000,
    "moment": MOMENT_MS,
}


def test_application_properties_of_every_type_come_back(hub):
    event = EventData("with properties")
    event.properties = dict(PROPERTIES)
    found = round_trip(hub, event).properties
    expected = {name.encode(): READ_AS.get(name, value) for name, value in PROPERTIES.items()}
    assert found == expected
    assert list(found) == list(expected), "in the order sent"
    for name, value in expected.items():
        assert type(found[name]) is type(value), f"{name.decode()}: {type(found[name])}"


@pytest.mark.parametrize(
    "kind, value",
    [
        ("ubyte", 200), ("ushort", 60_000), ("uint", 4_000_000_000), ("ulong", 2**64 - 1), ("byte", -100),
        ("short", -30_000), ("int", -2_000_000_000), ("long", -(2**63)), ("float", 1.5), ("double", -2.75),
        ("symbol", b"a-symbol"), ("binary", b"\x00\xff"), ("string", "text"), ("timestamp", MOMENT_MS),
        ("uuid", AN_ID), ("boolean", True),
    ],
)  # fmt: skip
def test_an_application_property_of_a_named_amqp_type_comes_back(hub, kind, value):
    from azure.eventhub._pyamqp.types import TYPE, VALUE, AMQPTypes

    event = EventData("typed")
    event.properties = {"typed": {TYPE: getattr(AMQPTypes, kind), VALUE: value}}
    found = round_trip(hub, event).properties[b"typed"]
    assert found == (value.encode() if isinstance(value, str) else value)


def test_an_event_without_properties_comes_back_without(hub):
    found = round_trip(hub, EventData("plain"))
    assert body(found) == b"plain"
    assert found.properties == {}
    message = found.raw_amqp_message
    assert message.header is None
    assert message.properties is None
    assert message.footer == {}


def test_the_service_adds_its_system_properties(hub):
    before = datetime.now(timezone.utc)
    with hub.producer() as client:
        client.send_event(EventData("x"), partition_key="device-42")
    (event,) = [event for events in hub.read_all().values() for event in events]
    assert event.sequence_number == 0
    assert event.offset == "0"
    assert event.partition_key == b"device-42"
    assert abs((event.enqueued_time - before).total_seconds()) < 60
    keys = {b"x-opt-sequence-number", b"x-opt-offset", b"x-opt-enqueued-time", b"x-opt-partition-key"}
    assert keys <= set(event.system_properties)
    assert isinstance(event.system_properties[b"x-opt-enqueued-time"], int)


def test_message_id_content_type_and_correlation_id_come_back(hub):
    event = EventData("x")
    event.message_id, event.content_type, event.correlation_id = "m-1", "application/json", "c-1"
    found = round_trip(hub, event)
    assert (found.message_id, found.content_type, found.correlation_id) == ("m-1", "application/json", "c-1")


def test_every_field_of_the_properties_section_comes_back(hub):
    sent = AmqpMessageProperties(
        message_id="id", user_id=b"\x00user", to="to", subject="subject", reply_to="reply", correlation_id="corr",
        content_type="text/plain", content_encoding="utf-8", absolute_expiry_time=MOMENT_MS + 1000,
        creation_time=MOMENT_MS, group_id="group", group_sequence=7, reply_to_group_id="reply-group",
    )  # fmt: skip
    found = round_trip(hub, AmqpAnnotatedMessage(data_body=b"x", properties=sent)).raw_amqp_message.properties
    as_bytes = lambda value: value.encode() if isinstance(value, str) else value  # noqa: E731
    for name, value in sent.items():
        assert as_bytes(getattr(found, name)) == as_bytes(value), name


@pytest.mark.parametrize("value", ["text", b"\x00\x01binary", AN_ID, 2**63 + 5])
def test_message_and_correlation_ids_keep_their_type(hub, value):
    sent = AmqpMessageProperties(message_id=value, correlation_id=value)
    found = round_trip(hub, AmqpAnnotatedMessage(data_body=b"x", properties=sent)).raw_amqp_message.properties
    expected = value.encode() if isinstance(value, str) else value
    assert (found.message_id, found.correlation_id) == (expected, expected)


def test_the_header_comes_back(hub):
    sent = AmqpMessageHeader(delivery_count=3, time_to_live=90_000, first_acquirer=True, durable=True, priority=9)
    found = round_trip(hub, AmqpAnnotatedMessage(data_body=b"x", header=sent)).raw_amqp_message.header
    for name, value in sent.items():
        assert getattr(found, name) == value, name


def test_annotations_of_the_user_come_back_and_those_of_the_service_are_replaced(hub):
    sent = {
        "x-opt-mine": "kept", "plain": 5, "x-opt-sequence-number": 999, "x-opt-offset": "999",
        "x-opt-enqueued-time": 999, "x-opt-publisher": "nobody",
    }  # fmt: skip
    found = round_trip(hub, AmqpAnnotatedMessage(data_body=b"x", annotations=sent)).raw_amqp_message.annotations
    assert found[b"x-opt-mine"] == b"kept"
    assert found[b"plain"] == 5
    assert found[b"x-opt-sequence-number"] == 0
    assert found[b"x-opt-offset"] == b"0"
    assert found[b"x-opt-enqueued-time"] > MOMENT_MS - 10**10
    assert b"x-opt-publisher" not in found


def test_delivery_annotations_of_the_sender_are_dropped(hub):
    message = AmqpAnnotatedMessage(data_body=b"x", delivery_annotations={"hop": "one"})
    found = round_trip(hub, message)
    assert body(found) == b"x"
    assert not found.raw_amqp_message.delivery_annotations


def test_the_footer_comes_back(hub):
    message = AmqpAnnotatedMessage(data_body=b"x", footer={"x-checksum": "abc", "x-number": 5})
    found = round_trip(hub, message).raw_amqp_message.footer
    assert found == {b"x-checksum": b"abc", b"x-number": 5}


def test_several_data_sections_stay_several(hub):
    sections = [b"first", b"", b"third", b"x" * 300]
    found = round_trip(hub, AmqpAnnotatedMessage(data_body=sections)).raw_amqp_message
    assert found.body_type == AmqpMessageBodyType.DATA
    assert list(found.body) == sections


@pytest.mark.parametrize(
    "value, expected",
    [
        ("text", b"text"), (b"bytes", b"bytes"), (5, 5), (-1, -1), (True, True), (2.5, 2.5), (AN_ID, AN_ID),
        (["a", 1, None], [b"a", 1, None]), ({"key": "value", "n": [1, 2]}, {b"key": b"value", b"n": [1, 2]}),
    ],
)  # fmt: skip
def test_a_value_body_comes_back_with_its_type(hub, value, expected):
    found = round_trip(hub, AmqpAnnotatedMessage(value_body=value)).raw_amqp_message
    assert found.body_type == AmqpMessageBodyType.VALUE
    assert found.body == expected
    assert type(found.body) is type(expected)


@pytest.mark.parametrize("sections", [[["a", 1, True]], [["a"], [1, 2], [None]]])
def test_sequence_bodies_come_back(hub, sections):
    found = round_trip(hub, AmqpAnnotatedMessage(sequence_body=sections)).raw_amqp_message
    assert found.body_type == AmqpMessageBodyType.SEQUENCE
    as_read = lambda item: item.encode() if isinstance(item, str) else item  # noqa: E731
    assert [list(section) for section in found.body] == [[as_read(item) for item in s] for s in sections]


def test_everything_at_once_comes_back(hub):
    message = AmqpAnnotatedMessage(
        data_body=[b"a", b"b"],
        header=AmqpMessageHeader(durable=True, priority=1),
        properties=AmqpMessageProperties(message_id="id", subject="s"),
        application_properties={"n": 1, "s": "t"},
        annotations={"x-opt-mine": 1},
        delivery_annotations={"d": 1},
        footer={"f": 1},
    )
    found = round_trip(hub, message).raw_amqp_message
    assert list(found.body) == [b"a", b"b"]
    assert (found.header.durable, found.header.priority) == (True, 1)
    assert (found.properties.message_id, found.properties.subject) == (b"id", b"s")
    assert found.application_properties == {b"n": 1, b"s": b"t"}
    assert found.annotations[b"x-opt-mine"] == 1
    assert found.footer == {b"f": 1}
