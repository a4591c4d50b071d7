"""What survives a stop, and what a start tells."""

import json
import os
import urllib.request

import pytest
from azure.eventhub import EventData, parse_connection_string

from forebay_server import Server
from hub import Hub, bodies


def test_a_restart_keeps_events_hubs_and_the_generated_key(new_server):
    server = new_server().start()
    hub = Hub(server.connection_string, "orders")
    hub.send("a", "b", partition="1")
    with hub.producer() as client:
        born = client.get_eventhub_properties()["created_at"]
    (before,) = hub.read(1, "1")
    told = server.connection_string
    assert server.stop() == 0
    server.start()
    assert server.connection_string == told, "same key, same port"
    hub = Hub(server.connection_string, "orders")
    events = hub.read(2, "1")
    assert bodies(events) == ["a", "b"]
    assert [event.sequence_number for event in events] == [0, 1]
    assert events[0].enqueued_time == before.enqueued_time
    with hub.producer() as client:
        assert client.get_eventhub_properties()["created_at"] == born
    hub.send("c", partition="1")
    (last,) = hub.read(1, "1", position=1)
    assert (last.sequence_number, bodies([last])) == (2, ["c"])
    assert last.enqueued_time >= events[1].enqueued_time


def test_many_restarts_count_on(new_server):
    server = new_server()
    for cycle in range(4):
        server.start()
        Hub(server.connection_string, "orders").send(f"{cycle}.0", f"{cycle}.1")
        assert server.stop() == 0
    server.start()
    events = Hub(server.connection_string, "orders").read(8)
    assert bodies(events) == [f"{cycle}.{n}" for cycle in range(4) for n in range(2)]
    assert [event.sequence_number for event in events] == list(range(8))


def test_an_open_sender_goes_on_after_a_restart(new_server):
    server = new_server().start()
    hub = Hub(server.connection_string, "orders")
    with hub.producer(retry_total=10, retry_mode="fixed", retry_backoff_factor=0.3) as client:
        client.send_event(EventData("before"), partition_id="0")
        assert server.stop() == 0
        server.start()
        client.send_event(EventData("after"), partition_id="0")
    assert bodies(hub.read(2)) == ["before", "after"]


def test_an_open_reader_goes_on_after_a_restart_and_repeats_nothing(new_server):
    server = new_server().start()
    hub = Hub(server.connection_string, "orders")
    hub.send("before")
    options = {"retry_total": 10, "retry_mode": "fixed", "retry_backoff_factor": 0.3}
    with hub.reader(client_options={**options, "load_balancing_interval": 1}) as reader:
        reader.take(1)
        assert server.stop() == 0
        server.start()
        hub.close()
        hub.send("after")
        reader.wait(lambda: len(reader.events) >= 2, "the event sent after the restart")
        assert bodies(reader.events) == ["before", "after"]


def test_the_ready_file_says_what_there_is(server):
    ready = json.loads(server.ready_path.read_text())
    assert ready["durability"] == "disk"
    assert os.path.samefile(ready["data"], server.folder / "data")
    assert ready["version"]
    for listener in ("amqp", "http"):
        host, port = ready[listener].rsplit(":", 1)
        assert host == "127.0.0.1" and 0 < int(port) < 65536
    found = parse_connection_string(ready["connection_string"])
    assert found.shared_access_key and found.shared_access_key_name
    assert "UseDevelopmentEmulator=true" in ready["connection_string"].split(";")
    assert not list(server.folder.glob("ready.json?*")), "what it was written to is gone"


def test_health_answers_like_the_emulator(server):
    with urllib.request.urlopen(f"http://{server.ready['http']}/health", timeout=10) as answer:
        assert answer.status == 200
        assert json.loads(answer.read())["status"] == "healthy"


def test_a_stale_ready_file_is_gone_before_the_server_serves(new_server):
    server = new_server()
    server.ready_path.write_text("{}")
    os.utime(server.ready_path, (1, 1))
    server.start()
    assert server.ready["amqp"]


def test_two_servers_do_not_share_a_folder(new_server, tmp_path):
    server = new_server().start()
    rival = Server(tmp_path, "--data", str(server.folder / "data"), "--generate-key")
    try:
        with pytest.raises(AssertionError, match="ended with"):
            rival.start()
    finally:
        rival.end()
    assert str(server.folder / "data") in rival.log()
    Hub(server.connection_string, "orders").send("still here")


def test_a_busy_port_is_an_error_that_names_it(server, new_server):
    rival = new_server(durable=False)
    rival._ports = (str(server.port), "0")
    with pytest.raises(AssertionError, match="ended with"):
        rival.start()
    assert str(server.port) in rival.log()
    assert "--amqp-port" in rival.log()


@pytest.mark.parametrize("level", ["disk", "os"])
def test_each_durable_level_keeps_events_over_a_clean_stop(new_server, level):
    server = new_server("--durability", level).start()
    assert server.ready["durability"] == level
    Hub(server.connection_string, "orders").send("kept")
    assert server.stop() == 0
    server.start()
    assert bodies(Hub(server.connection_string, "orders").read(1)) == ["kept"]
