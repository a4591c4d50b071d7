"""`forebay send`, `tail` and `healthcheck` as a script uses them, against what the SDK sends and reads."""

import json
import subprocess
import time

import pytest
from azure.eventhub import EventData

from forebay_server import binary
from hub import bodies
from test_refusals import an_hour_from_now, sas


def run(*words, stdin=None, seconds=30):
    return subprocess.run(
        [binary(), *words], input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )


def tool(command, hub, *words, connection_string=None, **options):
    return run(
        command, "--connection-string", connection_string or hub.connection_string, "--hub", hub.name, *words, **options
    )


def tail_json(hub, *words):
    done = tool("tail", hub, "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_the_tool_sends_the_sdk_reads(hub):
    done = tool("send", hub, "--partition", "1", "--property", "unit=C", "hello", "world")
    assert done.returncode == 0, done.stderr
    assert "2" in done.stdout + done.stderr
    events = hub.read(2, "1")
    assert bodies(events) == ["hello", "world"]
    assert [event.properties for event in events] == [{b"unit": b"C"}] * 2


def test_lines_of_standard_input_are_events_in_order(hub):
    lines = [f"line {number}" for number in range(300)]
    done = tool("send", hub, "--partition", "0", "--batch", "50", stdin="\n".join(lines) + "\n")
    assert done.returncode == 0, done.stderr
    assert bodies(hub.read(300)) == lines


def test_a_key_goes_where_the_sdks_would_send_it(hub):
    assert tool("send", hub, "--key", "sOdeEAsyQoEuEFPGerWO", "x").returncode == 0
    (event,) = hub.read(1, "3")
    assert event.partition_key == b"sOdeEAsyQoEuEFPGerWO"


def test_tail_shows_what_the_sdk_sent(hub):
    event = EventData("with everything")
    event.properties = {"n": 7, "s": "text"}
    event.message_id = "m-1"
    with hub.producer() as client:
        client.send_event(event, partition_id="2")
    (found,) = tail_json(hub, "--no-follow")
    assert (found["partition"], found["sequence"], found["offset"]) == ("2", 0, "0")
    assert found["body"] == "with everything"
    assert found["properties"] == {"n": 7, "s": "text"}
    assert "m-1" in json.dumps(found["message"])


@pytest.mark.parametrize(
    "position, expected", [("earliest", "abcd"), ("offset:1", "cd"), ("sequence:1", "cd"), ("1h", "abcd")]
)
def test_tail_starts_where_it_is_told(hub, position, expected):
    hub.send(*"abcd")
    found = tail_json(hub, "--no-follow", "--partition", "0", "--from", position)
    told = "".join(event["body"] for event in found)
    # Whether a number is shown again is the tool's choice; help says which, and order and end are not.
    assert told.endswith(expected) and "abcd".endswith(told), told


def test_tail_follows_until_it_has_enough(hub):
    hub.send("first")
    with subprocess.Popen(
        [binary(), "tail", "--connection-string", hub.connection_string, "--hub", hub.name, "--max", "2", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert json.loads(process.stdout.readline())["body"] == "first"
            hub.send("second")
            assert json.loads(process.stdout.readline())["body"] == "second"
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_a_body_that_is_no_text_is_shown_in_base64(hub):
    with hub.producer() as client:
        client.send_event(EventData(b"\xff\xfe"), partition_id="0")
    (found,) = tail_json(hub, "--no-follow")
    assert found["body_base64"] == "//4="


@pytest.mark.parametrize("scheme", ["sb", "amqp", "http"])
def test_every_scheme_and_key_case_of_a_connection_string_is_read(server, hub, scheme):
    text = hub.connection_string.replace("sb://", f"{scheme}://")
    for word in ("Endpoint", "SharedAccessKeyName", "SharedAccessKey"):
        text = text.replace(f"{word}=", f"{word.lower()}=")
    done = run("send", "--connection-string", f"{text.rstrip(';')};EntityPath={hub.name}", "--partition", "0", "x")
    assert done.returncode == 0, done.stderr
    assert bodies(hub.read(1)) == ["x"]


def test_a_ready_token_is_used(server, hub):
    token = sas(
        f"sb://{server.host}/{hub.name}",
        server.setting("SharedAccessKeyName"),
        server.setting("SharedAccessKey"),
        an_hour_from_now(),
    )
    text = f"{server.without('SharedAccessKeyName', 'SharedAccessKey')};SharedAccessSignature={token}"
    done = tool("send", hub, "--partition", "0", "x", connection_string=text)
    assert done.returncode == 0, done.stderr
    assert bodies(hub.read(1)) == ["x"]


def test_errors_name_the_fix_and_fail_the_script(server, hub):
    wrong = hub.connection_string.replace(server.setting("SharedAccessKey"), "d3Jvbmc=")
    for command, words in (("send", ["x"]), ("tail", ["--no-follow"])):
        done = tool(command, hub, *words, connection_string=wrong)
        assert done.returncode == 1, done
        assert "SharedAccessKey" in done.stderr or "key" in done.stderr, done.stderr
    done = tool("send", hub, "--partition", "99", "x")
    assert done.returncode == 1 and "99" in done.stderr, done
    nobody = hub.connection_string.replace(f":{server.port}", ":1")
    done = tool("send", hub, "x", connection_string=nobody)
    assert done.returncode == 1 and ":1" in done.stderr, done
    assert run("send", "--no-such-option").returncode == 2
    assert tool("tail", hub, "--from", "somewhere").returncode == 2


@pytest.mark.parametrize("command", ["send", "tail", "healthcheck", "dev"])
def test_help_has_an_example_for_each_tool(command):
    done = run(command, "--help")
    assert done.returncode == 0
    assert command == "dev" or f"forebay {command}" in done.stdout


def test_healthcheck_says_with_its_exit_code_whether_the_server_serves(new_server):
    server = new_server(durable=False).start()
    assert run("healthcheck", "--http", server.ready["http"]).returncode == 0
    assert run("healthcheck", "--ready-file", str(server.ready_path)).returncode == 0
    address = server.ready["http"]
    assert server.stop() == 0
    began = time.monotonic()
    assert run("healthcheck", "--http", address, "--timeout", "2").returncode == 1
    assert time.monotonic() - began < 30


def test_options_that_contradict_each_other_are_refused(tmp_path):
    for words in (
        ["--durability", "disk"],
        ["--durability", "os"],
        ["--durability", "memory", "--data", str(tmp_path / "data")],
        ["--durability", "paper"],
    ):
        done = run("dev", "--amqp-port", "0", "--http-port", "0", *words)
        assert done.returncode not in (0, None), words
        assert "--data" in done.stderr or "durability" in done.stderr, done.stderr
