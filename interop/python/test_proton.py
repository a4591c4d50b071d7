"""A general AMQP 1.0 client, with nothing of Event Hubs in it, sends and reads."""

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from proton import (
    UNDESCRIBED, Array, ConnectionException, Data, Delivery, Described, Message, byte, char, decimal32, decimal64,
    decimal128, float32, int32, short, symbol, timestamp, ubyte, uint, ulong, ushort,
)  # fmt: skip
from proton.reactor import Filter
from proton.utils import LinkDetached, SendException

from hub import bodies
from proton_client import Publisher, connect

SELECTOR = symbol("apache.org:selector-filter:string")
LIMIT = 1_048_576


@pytest.fixture
def connection(server):
    connection = connect(server)
    yield connection
    connection.close()


def source(hub, partition="0", group="$Default"):
    return f"{hub.name}/ConsumerGroups/{group}/Partitions/{partition}"


def selector(text):
    return Filter({SELECTOR: Described(SELECTOR, text)})


def send(connection, hub, *messages, partition="0"):
    sender = connection.create_sender(f"{hub.name}/Partitions/{partition}")
    for message in messages:
        if not isinstance(message, Message):
            message = Message(body=message.encode(), inferred=True)
        assert sender.send(message).remote_state == Delivery.ACCEPTED
    sender.close()


def receive(connection, address, count, *options, credit=None):
    receiver = connection.create_receiver(address, credit=credit or count, options=list(options) or None)
    found = []
    for _ in range(count):
        found.append(receiver.receive(timeout=20))
        # As with Event Hubs, there is something to accept, and nothing depends on it.
        receiver.accept()
    receiver.close()
    return found


def same_type(found, value):
    """Proton shows binary as a view of its bytes."""
    return type(found) is (memoryview if type(value) is bytes else type(value))


def texts(messages):
    return [bytes(message.body).decode() for message in messages]


def test_it_reads_from_the_beginning_when_it_gives_no_filter(connection, hub):
    send(connection, hub, "a", "b", "c")
    found = receive(connection, source(hub), 3)
    assert texts(found) == ["a", "b", "c"]
    assert [message.annotations[symbol("x-opt-sequence-number")] for message in found] == [0, 1, 2]
    assert [message.annotations[symbol("x-opt-offset")] for message in found] == ["0", "1", "2"]
    assert all(message.annotations[symbol("x-opt-enqueued-time")] > 1_600_000_000_000 for message in found)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("amqp.annotation.x-opt-offset > '1'", "cd"),
        ("amqp.annotation.x-opt-offset >= '1'", "bcd"),
        ("amqp.annotation.x-opt-offset >'1'", "cd"),
        ("amqp.annotation.x-opt-offset > 1", "cd"),
        ("amqp.annotation.x-opt-offset > '-1'", "abcd"),
        ("amqp.annotation.x-opt-offset > -1", "abcd"),
        ("amqp.annotation.x-opt-sequence-number > '0'", "bcd"),
        ("amqp.annotation.x-opt-sequence-number >= 3", "d"),
        ("amqp.annotation.x-opt-enqueued-time > '0'", "abcd"),
        ("amqp.annotation.x-opt-enqueuedtimeutc > 0", "abcd"),
    ],
)
def test_it_reads_from_where_its_filter_says(connection, hub, text, expected):
    send(connection, hub, *"abcd")
    assert "".join(texts(receive(connection, source(hub), len(expected), selector(text)))) == expected


@pytest.mark.parametrize("descriptor", [SELECTOR, ulong(0x0000468C00000004), ulong(0x000000137000000A)])
def test_each_descriptor_that_an_sdk_uses_is_understood(connection, hub, descriptor):
    send(connection, hub, *"abc")
    option = Filter({SELECTOR: Described(descriptor, "amqp.annotation.x-opt-sequence-number > '1'")})
    assert texts(receive(connection, source(hub), 1, option)) == ["c"]


def test_what_it_sends_the_sdk_reads_and_the_other_way_round(connection, hub):
    send(connection, hub, "from proton")
    hub.send("from the sdk")
    assert bodies(hub.read(2)) == ["from proton", "from the sdk"]
    assert texts(receive(connection, source(hub), 2)) == ["from proton", "from the sdk"]


@pytest.mark.parametrize("address", ["{hub}", "/{hub}", "amqps://localhost/{hub}", "{hub}/Partitions/1", "{hub}/partitions/1/"])
def test_every_spelling_of_a_target_is_understood(connection, hub, address):
    sender = connection.create_sender(address.format(hub=hub.name))
    assert sender.send(Message(body=b"x", inferred=True)).remote_state == Delivery.ACCEPTED
    found = {p: len(events) for p, events in hub.read_all().items() if events}
    assert list(found.values()) == [1]
    assert "artitions/1" not in address or "1" in found


def test_a_partition_key_annotation_routes_and_comes_back(connection, hub):
    sender = connection.create_sender(hub.name)
    for text in ("one", "two"):
        message = Message(body=text.encode(), inferred=True, annotations={symbol("x-opt-partition-key"): "sOdeEAsyQoEuEFPGerWO"})
        sender.send(message)
    found = receive(connection, source(hub, "3"), 2)
    assert texts(found) == ["one", "two"]
    assert [message.annotations[symbol("x-opt-partition-key")] for message in found] == ["sOdeEAsyQoEuEFPGerWO"] * 2


def test_a_publisher_link_stamps_its_name(connection, hub):
    sender = connection.create_sender(f"{hub.name}/Publishers/meter-7")
    sender.send(Message(body=b"x", inferred=True))
    ((partition, (event,)),) = [(p, events) for p, events in hub.read_all().items() if events]
    assert event.raw_amqp_message.annotations[b"x-opt-publisher"] == b"meter-7"
    assert event.partition_key == b"meter-7"


VALUES = {
    "null": None, "true": True, "false": False, "ubyte": ubyte(255), "ushort": ushort(65535), "uint": uint(2**32 - 1),
    "uint small": uint(7), "uint zero": uint(0), "ulong": ulong(2**64 - 1), "byte": byte(-128), "short": short(-32768),
    "int": int32(-(2**31)), "long": -(2**63), "long small": -1, "float": float32(1.5), "double": -2.75,
    "decimal32": decimal32(0x2F800001), "decimal64": decimal64(2**62), "decimal128": decimal128(bytes(range(16))),
    "char": char("北"), "timestamp": timestamp(1_700_000_000_123), "timestamp before 1970": timestamp(-5),
    "uuid": uuid.UUID(int=5), "binary": b"\x00\xff", "binary long": bytes(300), "string": "Grüße", "string long": "x" * 300,
    "symbol": symbol("a-symbol"),
}  # fmt: skip

NESTED = {
    "empty list": [], "empty map": {}, "list": ["a", [1, []], None], "map": {"a": {"b": [1, 2]}}, "described": Described(symbol("com.microsoft:timespan"), 5),
    "described by number": Described(ulong(7), ["x"]), "array": Array(UNDESCRIBED, Data.LONG, 1, 2, 3),
    "array of strings": Array(UNDESCRIBED, Data.STRING, "a", "b"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_an_application_property_of_every_primitive_type_comes_back(connection, hub, name):
    value = VALUES[name]
    send(connection, hub, Message(body=b"x", inferred=True, properties={"p": value, "after": "kept"}))
    (found,) = receive(connection, source(hub), 1)
    assert found.properties == {"p": value, "after": "kept"}
    assert same_type(found.properties["p"], value)


@pytest.mark.parametrize("name", [*VALUES, *NESTED])
def test_a_value_body_of_every_type_comes_back(connection, hub, name):
    value = {**VALUES, **NESTED}[name]
    send(connection, hub, Message(body=value, inferred=False))
    (found,) = receive(connection, source(hub), 1)
    assert found.inferred is False
    assert found.body == value
    assert same_type(found.body, value)


@pytest.mark.parametrize("name", NESTED)
def test_a_nested_message_annotation_comes_back(connection, hub, name):
    send(connection, hub, Message(body=b"x", inferred=True, annotations={symbol("x-opt-nested"): NESTED[name]}))
    (found,) = receive(connection, source(hub), 1)
    assert found.annotations[symbol("x-opt-nested")] == NESTED[name]


def test_header_and_properties_come_back(connection, hub):
    sent = Message(
        body=b"x", inferred=True, durable=True, priority=9, ttl=60.0, id=uuid.UUID(int=9), user_id=b"user",
        address="to", subject="subject", reply_to="reply", correlation_id=ulong(5), content_type="text/plain",
        content_encoding="gzip", group_id="group", group_sequence=3, reply_to_group_id="reply-group",
        creation_time=1_700_000_000.123, expiry_time=1_700_000_001.5,
    )  # fmt: skip
    send(connection, hub, sent)
    (found,) = receive(connection, source(hub), 1)
    for field in (
        "durable", "priority", "ttl", "id", "user_id", "address", "subject", "reply_to", "correlation_id",
        "content_type", "content_encoding", "group_id", "group_sequence", "reply_to_group_id", "creation_time",
        "expiry_time",
    ):  # fmt: skip
        assert getattr(found, field) == getattr(sent, field), field


def test_small_credit_gets_everything_in_order(connection, hub):
    hub.send(*(str(number) for number in range(40)))
    receiver = connection.create_receiver(source(hub), credit=1)
    found = []
    for _ in range(40):
        found.append(receiver.receive(timeout=20))
    assert texts(found) == [str(number) for number in range(40)]


def test_many_in_flight_are_all_acknowledged_and_stored_in_order(server, hub):
    publisher = Publisher(server, f"{hub.name}/Partitions/0", lambda n: f"{n}", in_flight=200, count=2000).start()
    assert publisher.over.wait(40)
    assert publisher.refused == []
    # One disposition may settle many; in which order Proton then calls back is its own affair.
    assert sorted(publisher.acknowledged, key=int) == [str(n) for n in range(2000)]
    assert bodies(hub.read(2000)) == [str(n) for n in range(2000)]


def test_small_frames_carry_large_events_both_ways(server, hub):
    connection = connect(server, max_frame_size=4096)
    large = bytes(range(256)) * 1024
    try:
        send(connection, hub, Message(body=large, inferred=True), "after")
        big, after = receive(connection, source(hub), 2)
    finally:
        connection.close()
    assert bytes(big.body) == large
    assert texts([after]) == ["after"]


def test_an_oversize_event_is_rejected_and_the_link_goes_on(connection, hub):
    sender = connection.create_sender(f"{hub.name}/Partitions/0")
    over = Message(body=b"x" * LIMIT, inferred=True)
    assert len(over.encode()) > LIMIT
    with pytest.raises(SendException) as raised:
        sender.send(over)
    assert raised.value.state == Delivery.REJECTED
    at_limit = Message(body=b"x" * (LIMIT - (len(over.encode()) - LIMIT)), inferred=True)
    assert len(at_limit.encode()) == LIMIT
    assert sender.send(at_limit).remote_state == Delivery.ACCEPTED
    (found,) = receive(connection, source(hub), 1)
    assert len(bytes(found.body)) == len(bytes(at_limit.body))


@pytest.mark.parametrize("wrong", [{"key": "d3Jvbmc="}, {"policy": "Nobody"}])
def test_a_wrong_password_is_refused(server, wrong):
    with pytest.raises(ConnectionException) as raised:
        connect(server, **wrong)
    assert "authent" in str(raised.value).lower(), raised.value


@pytest.mark.parametrize(
    "address, condition",
    [
        ("{hub}/ConsumerGroups/$Default/Partitions/99", "com.microsoft:argument-out-of-range"),
        ("{hub}/ConsumerGroups/$Default/Partitions/x", "com.microsoft:argument-out-of-range"),
    ],
)
def test_a_refused_link_says_why_and_the_connection_goes_on(connection, hub, address, condition):
    hub.send("x")
    with pytest.raises(LinkDetached) as raised:
        connection.create_receiver(address.format(hub=hub.name))
    assert condition in str(raised.value)
    assert texts(receive(connection, source(hub), 1)) == ["x"]


def test_an_unknown_hub_or_group_is_not_found_in_the_words_that_sdks_look_for(new_server):
    connection = connect(new_server("--no-auto-create").start())
    try:
        for address in ("nowhere", "nowhere/Partitions/0"):
            with pytest.raises(LinkDetached) as raised:
                connection.create_sender(address)
            assert "amqp:not-found" in str(raised.value)
            assert re.search("The messaging entity .*nowhere.* could not be found", str(raised.value)), raised.value
        with pytest.raises(LinkDetached, match="amqp:not-found"):
            connection.create_receiver("nowhere/ConsumerGroups/$Default/Partitions/0")
    finally:
        connection.close()


def test_many_clients_may_make_a_hub_at_once(server, hub):
    """First use by several clients in the same instant: the hub is made once, and nobody is turned away."""
    start = threading.Barrier(8)

    def first_use(number):
        connection = connect(server)
        try:
            start.wait(20)
            sender = connection.create_sender(f"{hub.name}/Partitions/{number % 4}")
            return sender.send(Message(body=str(number).encode(), inferred=True)).remote_state
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(first_use, range(8))) == [Delivery.ACCEPTED] * 8
    assert sorted(text for events in hub.read_all().values() for text in bodies(events)) == [str(n) for n in range(8)]


def test_an_unreadable_filter_is_refused(connection, hub):
    hub.send("x")
    with pytest.raises(LinkDetached) as raised:
        connection.create_receiver(source(hub), options=selector("colour = 'red'"))
    assert "com.microsoft:argument-error" in str(raised.value) or "amqp:not-implemented" in str(raised.value)
