"""Microsoft's emulator's `Config.json` in place of creation on first use."""

import json
from pathlib import Path

import pytest
from azure.eventhub import EventData, TransportType
from azure.eventhub.exceptions import ConnectError

from conftest import WELL_KNOWN
from hub import QUICK_SOCKET_SECONDS, Hub, bodies, until

#: As it comes with the emulator: hub `eh1` with two partitions and the group `cg1`.
THEIRS = Path(__file__).parents[2] / "crates/forebay/tests/server/emulator-config.json"


def with_entities(folder, *entities):
    """Their file, with other hubs."""
    config = json.loads(THEIRS.read_text())
    config["UserConfig"]["NamespaceConfig"][0]["Entities"] = list(entities)
    path = folder / "Config.json"
    path.write_text(json.dumps(config))
    return path


def partitions(hub):
    with hub.producer(socket_timeout=QUICK_SOCKET_SECONDS) as client:
        return client.get_partition_ids()


def test_the_emulators_own_file_gives_its_hub_and_group_and_no_other(new_server):
    server = new_server("--emulator-config", str(THEIRS), durable=False).start()
    text = WELL_KNOWN.format(host=server.ready["amqp"])
    hub = Hub(text, "eh1")
    assert partitions(hub) == ["0", "1"]
    hub.send("a", partition="1")
    assert bodies(hub.read(1, partition="1", group="cg1")) == ["a"]
    assert bodies(hub.read(1, partition="1")) == ["a"], "the default group is always there"
    with Hub(text, "eh2").producer() as client, pytest.raises(ConnectError) as refused:
        client.send_event(EventData("x"))
    assert "'eh2' could not be found" in str(refused.value)
    with hub.reader("0", group="cg2") as reader:
        assert "not-found" in str(reader.error())
    hub.close()
    assert f"--hub eh1 --connection-string '{server.connection_string}'" in server.log(), "what works when pasted"


def test_first_use_can_be_asked_for_beside_the_file(new_server):
    server = new_server("--emulator-config", str(THEIRS), "--auto-create", durable=False).start()
    text = WELL_KNOWN.format(host=server.ready["amqp"])
    assert partitions(Hub(text, "eh1")) == ["0", "1"]
    assert len(partitions(Hub(text, "other"))) == 4


def test_hubs_of_a_data_folder_grow_and_never_shrink(new_server, tmp_path):
    small = with_entities(tmp_path, {"Name": "eh1", "PartitionCount": 2})
    server = new_server("--emulator-config", str(small)).start()
    hub = Hub(server.connection_string, "eh1")
    hub.send("kept", partition="1")
    hub.close()
    assert server.stop() == 0

    with_entities(tmp_path, {"Name": "EH1", "PartitionCount": "4", "ConsumerGroups": [{"Name": "late"}]})
    server.start()
    assert len(partitions(hub)) == 4
    assert bodies(hub.read(1, partition="1", group="late")) == ["kept"]
    assert server.stop() == 0
    assert "WARN" not in server.log()

    with_entities(tmp_path, {"Name": "eh1", "PartitionCount": "2"})
    server.start()
    assert len(partitions(hub)) == 4
    until(lambda: "4 partitions and keeps them" in server.log(), "the warning")


def test_a_second_namespace_is_one_of_its_own(new_server, tmp_path):
    config = json.loads(THEIRS.read_text())
    other = {"Name": "second", "Entities": [{"Name": "only-there", "PartitionCount": 1}]}
    config["UserConfig"]["NamespaceConfig"].append(other)
    path = tmp_path / "Config.json"
    path.write_text(json.dumps(config))
    server = new_server("--emulator-config", str(path), durable=False).start()
    text = WELL_KNOWN.format(host=server.ready["amqp"])
    with Hub(text, "only-there").producer() as client, pytest.raises(ConnectError):
        client.get_partition_ids()
    # Not every machine finds names under localhost: the socket goes where it must.
    hub = Hub(WELL_KNOWN.format(host="second.localhost"), "only-there")
    place = {"custom_endpoint_address": f"sb://{server.ready['amqp']}", "transport_type": TransportType.Amqp}
    with hub.producer(**place) as client:
        assert client.get_partition_ids() == ["0"]
