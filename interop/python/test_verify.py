"""`forebay verify` and `forebay log dump` on folders that a real server left behind."""

import json

from azure.eventhub import EventData

from hub import Hub
from test_tools import run


def verify(folder, *words):
    return run("verify", "--data", str(folder / "data"), *words)


def dump(folder, *words):
    return run("log", "dump", "--data", str(folder / "data"), *words)


def filled(new_server):
    """A server that has taken a hundred events, and its folder."""
    server = new_server().start()
    hub = Hub(server.connection_string, "kept")
    with hub.producer() as client:
        for number in range(100):
            client.send_event(EventData(f"event {number}"), partition_id="0")
    return server, server.folder


def test_a_folder_in_use_is_left_alone_and_a_killed_one_is_sound(new_server):
    server, folder = filled(new_server)
    used = verify(folder)
    assert used.returncode == 2 and "in use" in used.stderr, used
    server.kill()
    for _ in range(2):
        sound = verify(folder, "--json")
        assert sound.returncode == 0, sound
        summary = json.loads(sound.stdout.splitlines()[-1])
        assert summary["sound"] and summary["losses"] == 0 and summary["records"] >= 100, summary
    server.start()
    assert server.stop() == 0
    sound = verify(folder)
    assert sound.returncode == 0 and "The folder is sound." in sound.stdout, sound


def test_a_flipped_byte_is_named_with_its_hub_and_its_sequence_numbers(new_server):
    server, folder = filled(new_server)
    server.stop()
    (segment,) = (folder / "data" / "logs").glob("*[1-9]/0/*.log")
    contents = bytearray(segment.read_bytes())
    contents[-1] ^= 1
    segment.write_bytes(contents)
    damaged = verify(folder)
    assert damaged.returncode == 1, damaged
    assert "loss batch-sum: logs/" in damaged.stdout and "kept/0, sequence number 99" in damaged.stdout, damaged
    first = json.loads(verify(folder, "--json").stdout.splitlines()[0])
    assert (first["first_sequence"], first["next_sequence"]) == (99, 100)


def test_the_dump_shows_events_and_hides_keys(new_server):
    server, folder = filled(new_server)
    key = server.connection_string.split("SharedAccessKey=")[1].split(";")[0]
    server.kill()
    lines = dump(folder, "--partition", "kept/0", "--from", "41", "--count", "3", "--json").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["value"] for record in records if record["kind"] == "record"] == ["event 41", "event 42", "event 43"]
    for words in (["--control"], ["--control", "--json"], ["--journal"], ["--journal", "--json"]):
        shown = dump(folder, *words)
        assert shown.returncode == 0 and shown.stdout and key not in shown.stdout, shown
