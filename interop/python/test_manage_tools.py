"""`forebay hub`, `group` and `policy`: what an operator types, and what the SDK sees of it."""

import json
import os
import subprocess

import pytest
from azure.eventhub import EventData

from forebay_server import binary
from hub import Hub, bodies

SECONDS = 30


@pytest.fixture(scope="module")
def managed(tmp_path_factory):
    """A server that makes nothing by itself, so that what is there was made by a command."""
    from forebay_server import Server

    folder = tmp_path_factory.mktemp("managed")
    server = Server(folder, "--data", str(folder / "data"), "--generate-key", "--no-auto-create").start()
    yield server
    server.end()


def run(server, *words, connection_string=None, code=0, url=True):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("CONNECTION_STRING")}
    command = [binary(), *words, "--connection-string", connection_string or server.connection_string]
    if url:
        command += ["--url", f"http://{server.ready['http']}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def as_json(server, *words, **options):
    return json.loads(run(server, *words, "--json", **options))


def test_a_hub_made_by_a_command_has_the_partitions_that_the_sdk_sees(managed):
    assert "created hub 'orders'" in run(managed, "hub", "create", "orders", "--partitions", "3", "--retention", "7d")
    with Hub(managed.connection_string, "orders").producer() as client:
        assert client.get_partition_ids() == ["0", "1", "2"]
    shown = as_json(managed, "hub", "show", "ORDERS")
    assert shown["name"] == "orders", "found in any case, shown as first written"
    assert shown["properties"]["partitionCount"] == 3
    assert shown["properties"]["retentionDescription"]["retentionTimeInHours"] == 168
    [line] = [line for line in run(managed, "hub", "list").splitlines() if line.startswith("orders ")]
    assert line.split()[:3] == ["orders", "3", "7d"]
    assert "3" in run(managed, "hub", "show", "orders")


def test_a_hub_grows_and_a_link_that_is_open_reaches_the_new_partitions(managed):
    run(managed, "hub", "create", "growing", "--partitions", "1")
    hub = Hub(managed.connection_string, "growing")
    with hub.producer() as sender:
        sender.send_event(EventData("before"))
        run(managed, "hub", "update", "growing", "--partitions", "4", "--retention", "48h")
        # The same link as before: it knows nothing of partitions.
        for n in range(8):
            sender.send_event(EventData(f"after {n}"))
    hub.send("pinned", partition="3")
    events = hub.read_all()
    assert sorted(events) == ["0", "1", "2", "3"]
    assert all(events.values()), "each partition has its share"
    assert bodies(events["0"])[0] == "before"
    assert bodies(events["3"])[-1] == "pinned"
    assert sum(map(len, events.values())) == 10
    hub.close()
    assert as_json(managed, "hub", "show", "growing")["properties"]["messageRetentionInDays"] == 2
    error = run(managed, "hub", "update", "growing", "--partitions", "2", code=1)
    assert "grow" in error or "more" in error, error


def test_a_deleted_hub_is_gone_for_the_sdk_and_comes_back_empty(managed):
    run(managed, "hub", "create", "brief", "--partitions", "1")
    hub = Hub(managed.connection_string, "brief")
    hub.send("old")
    hub.close()
    assert "--yes" in run(managed, "hub", "delete", "brief", code=1), "a script must say that it means it"
    assert "deleted hub 'brief'" in run(managed, "hub", "delete", "brief", "--yes")
    with hub.producer() as client, pytest.raises(Exception) as refused:
        client.get_eventhub_properties()
    assert "could not be found" in str(refused.value)
    run(managed, "hub", "create", "brief", "--partitions", "1")
    hub.send("new")
    [event] = hub.read(1)
    assert (event.sequence_number, event.body_as_str()) == (0, "new")
    hub.close()
    assert "no hub" in run(managed, "hub", "delete", "missing", "--yes", code=1)


def test_groups_are_made_listed_and_deleted_and_the_default_one_stays(managed):
    run(managed, "hub", "create", "grouped")
    run(managed, "group", "create", "billing", "--hub", "grouped", "--user-metadata", "owned by finance")
    names = [group["name"] for group in as_json(managed, "group", "list", "--hub", "grouped")]
    assert sorted(names) == ["$Default", "billing"]
    assert "owned by finance" in run(managed, "group", "show", "billing", "--hub", "grouped")
    hub = Hub(managed.connection_string, "grouped")
    hub.send("x")
    assert bodies(hub.read(1, group="billing")) == ["x"]
    hub.close()
    run(managed, "group", "delete", "billing", "--hub", "grouped")
    assert "$Default" in run(managed, "group", "delete", "$Default", "--hub", "grouped", code=1)
    assert "no consumer group" in run(managed, "group", "delete", "billing", "--hub", "grouped", code=1)


def test_a_policy_allows_what_it_says_and_a_replaced_key_opens_nothing(managed):
    run(managed, "hub", "create", "guarded", "--partitions", "1")
    run(managed, "policy", "create", "devices", "--hub", "guarded", "--rights", "send")
    keys = as_json(managed, "policy", "keys", "devices", "--hub", "guarded")
    first, second = keys["primaryConnectionString"], keys["secondaryConnectionString"]
    for string in (first, second):
        assert "EntityPath=guarded" in string
        device = Hub(string, "guarded")
        device.send("from a device")
        device.close()
    with Hub(first, "guarded").reader() as reader:
        reader.error()
    assert "Manage" in run(managed, "hub", "list", connection_string=first, code=1)
    renewed = as_json(managed, "policy", "regenerate", "devices", "--hub", "guarded", "--key", "primary")
    assert renewed["primaryKey"] != keys["primaryKey"]
    assert renewed["secondaryKey"] == keys["secondaryKey"]
    with pytest.raises(Exception):
        Hub(first, "guarded").send("with the old key")
    for string in (renewed["primaryConnectionString"], second):
        device = Hub(string, "guarded")
        device.send("from a device")
        device.close()
    assert [line.split()[0] for line in run(managed, "policy", "list", "--hub", "guarded").splitlines()[1:]] == ["devices"]
    assert "last" in run(managed, "policy", "delete", "RootManageSharedAccessKey", code=1), "nobody locks himself out"
    run(managed, "policy", "delete", "devices", "--hub", "guarded")
    assert "no policy" in run(managed, "policy", "delete", "devices", "--hub", "guarded", code=1)


def test_a_policy_of_the_namespace_covers_every_hub(managed):
    run(managed, "hub", "create", "one-of-many", "--partitions", "1")
    run(managed, "policy", "create", "Everything", "--rights", "manage")
    string = as_json(managed, "policy", "keys", "Everything")["primaryConnectionString"]
    assert "one-of-many" in run(managed, "hub", "list", connection_string=string)
    hub = Hub(string, "one-of-many")
    hub.send("x")
    assert bodies(hub.read(1)) == ["x"]
    hub.close()
    assert "Listen, Manage, Send" in run(managed, "policy", "list")


def test_a_connection_string_for_one_hub_manages_what_its_policy_covers(managed):
    run(managed, "hub", "create", "pathed")
    run(managed, "policy", "create", "Own", "--hub", "pathed", "--rights", "manage")
    of_namespace = managed.connection_string.rstrip(";") + ";EntityPath=pathed"
    assert "pathed" in run(managed, "hub", "list", connection_string=of_namespace)
    run(managed, "hub", "create", "beside", connection_string=of_namespace)
    of_hub = as_json(managed, "policy", "keys", "Own", "--hub", "pathed")["primaryConnectionString"]
    assert "EntityPath=pathed" in of_hub
    assert "pathed" in run(managed, "hub", "show", "pathed", connection_string=of_hub)
    for words in (("hub", "list"), ("hub", "show", "beside"), ("hub", "create", "third"), ("policy", "list")):
        assert "Manage claims are required" in run(managed, *words, connection_string=of_hub, code=1)


def test_a_server_on_other_ports_must_be_named_and_is_never_guessed(managed):
    error = run(managed, "hub", "delete", "events", "--yes", code=2, url=False)
    assert "--url http://" in error and managed.setting("SharedAccessKey") not in error


def test_errors_name_the_fix_and_never_a_key(managed):
    key = managed.setting("SharedAccessKey")
    for words, expected in [
        (("hub", "create", "bad name!"), "name"),
        (("hub", "create", "huge", "--partitions", "2001"), "2000"),
        (("hub", "show", "nothing-here"), "There is no 'nothing-here'"),
        (("group", "list", "--hub", "nothing-here"), "There is no 'nothing-here'"),
        (("policy", "keys", "nobody"), "nobody"),
    ]:
        error = run(managed, *words, code=1)
        assert expected in error, f"{words}: {error}"
        assert key not in error
    error = run(managed, "hub", "list", "--url", "http://127.0.0.1:1", code=1, url=False)
    assert "cannot" in error and "--url" in error
    wrong = managed.connection_string.replace(key, "bm90IHRoZSBrZXk=")
    error = run(managed, "hub", "list", connection_string=wrong, code=1)
    assert "bm90IHRoZSBrZXk=" not in error
    error = run(managed, "hub", "list", "--url", "localhost", code=2, url=False)
    assert "http://HOST:PORT" in error


def test_a_dev_server_of_this_machine_needs_no_key(dev_server, hub):
    command = [binary(), "hub", "list", "--json", "--url", f"http://{dev_server.ready['http']}"]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("CONNECTION_STRING")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)


@pytest.mark.parametrize("noun", ["hub", "group", "policy"])
def test_help_has_examples(noun):
    done = subprocess.run([binary(), noun, "--help"], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0 and "Examples:" in done.stdout and "--json" in done.stdout
