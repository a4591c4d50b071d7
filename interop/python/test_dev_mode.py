"""The plain development mode: the well-known key, memory only, and the connection string of the documentation."""

import pytest
from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError

from conftest import WELL_KNOWN
from hub import Hub, bodies


def test_the_connection_string_of_the_documentation_works(dev_hub):
    dev_hub.send("a", "b")
    assert bodies(dev_hub.read(2)) == ["a", "b"]


def test_the_ready_file_gives_the_well_known_key_and_says_memory(dev_server):
    assert dev_server.setting("SharedAccessKeyName") == "RootManageSharedAccessKey"
    assert dev_server.setting("SharedAccessKey") == "SAS_KEY_VALUE"
    assert dev_server.ready["durability"] == "memory"
    assert dev_server.ready["data"] is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_endpoint_may_be_spelled_in_any_way(dev_server, host, request):
    text = (
        f"Endpoint=sb://{host}:{dev_server.port}/;SharedAccessKeyName=RootManageSharedAccessKey;"
        "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;EntityPath=events"
    )
    hub = Hub(text, None)
    hub.send(request.node.name, partition="3")
    assert request.node.name in bodies(hub.read_all()["3"])


def test_another_key_is_refused(dev_hub):
    wrong = Hub(dev_hub.connection_string.replace("SAS_KEY_VALUE", "another"), dev_hub.name)
    with wrong.producer() as client, pytest.raises(AuthenticationError):
        client.send_event(EventData("x"))


def test_a_hub_made_on_first_use_is_announced_with_its_name(dev_server, dev_hub):
    dev_hub.send("x")
    assert dev_hub.name in dev_server.log()


def test_the_start_block_says_that_memory_is_lost(dev_server):
    log = dev_server.log()
    assert "MEMORY ONLY" in log
    assert "--data" in log
    assert dev_server.connection_string in log


def test_beyond_loopback_the_well_known_key_is_used_only_when_it_is_allowed(new_server):
    careful = new_server(durable=False, listen="0.0.0.0").start()
    assert careful.setting("SharedAccessKey") != "SAS_KEY_VALUE", "a random key, printed"
    assert careful.setting("SharedAccessKey") in careful.log()
    hub = Hub(WELL_KNOWN.format(host=f"127.0.0.1:{careful.port}"), "orders")
    with hub.producer() as client, pytest.raises(AuthenticationError):
        client.send_event(EventData("x"))
    open_handed = new_server("--allow-well-known-key", durable=False, listen="0.0.0.0").start()
    hub = Hub(WELL_KNOWN.format(host=f"127.0.0.1:{open_handed.port}"), "orders")
    hub.send("x")
    assert bodies(hub.read(1)) == ["x"]


def test_memory_forgets_when_the_server_stops(new_server):
    server = new_server(durable=False).start()
    Hub(server.connection_string, "orders").send("x")
    assert server.stop() == 0
    server.start()
    with Hub(server.connection_string, "orders").producer() as client:
        assert client.get_partition_properties("0")["is_empty"] is True


def test_the_memory_bound_drops_the_oldest_events_and_reading_goes_on(new_server):
    server = new_server("--memory-bytes", str(16 * 1024 * 1024), durable=False).start()
    hub = Hub(server.connection_string, "orders")
    with hub.producer() as client:
        for number in range(48):
            client.send_batch([EventData(bytes([number]) * 900_000)], partition_id="0")
        found = client.get_partition_properties("0")
    assert found["last_enqueued_sequence_number"] == 47
    assert found["beginning_sequence_number"] > 0, "the oldest are gone"
    (first,) = hub.read(1)
    assert first.sequence_number >= found["beginning_sequence_number"]
    (last,) = hub.read(1, position=46)
    assert b"".join(last.body) == bytes([47]) * 900_000
