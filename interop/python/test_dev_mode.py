"""The plain development mode: the well-known key, memory only, and the connection string of the documentation."""

from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError
import pytest

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
