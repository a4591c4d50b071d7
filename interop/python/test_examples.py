"""The programs of examples/python, as a newcomer starts them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"
SECONDS = 40


class Example:
    """A program that runs until it is told to stop; what it prints is in a file."""

    def __init__(self, folder, name, hub, **more):
        self.output = folder / f"{name}.{time.monotonic_ns()}.out"
        environment = {
            **os.environ,
            "EVENTHUB_CONNECTION_STRING": hub.connection_string,
            "EVENTHUB_NAME": hub.name,
            "PYTHONDONTWRITEBYTECODE": "1",
            **more,
        }
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen([sys.executable, str(EXAMPLES / f"{name}.py")], env=environment, stdout=output, stderr=output)

    def lines(self):
        return [line for line in self.output.read_text().splitlines() if re.match(r"\d+/\d+ ", line)]

    def wait_for(self, wanted):
        deadline = time.monotonic() + SECONDS
        while not wanted(self.lines()):
            assert self.process.poll() is None, f"it ended:\n{self.output.read_text()}"
            assert time.monotonic() < deadline, f"not in time:\n{self.output.read_text()}"
            time.sleep(0.05)
        return self.lines()

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start(tmp_path, hub):
    running = []

    def start(name, **more):
        running.append(Example(tmp_path, name, hub, **more))
        return running[-1]

    yield start
    for example in running:
        example.end()


def sent(start):
    example = start("send")
    assert example.process.wait(SECONDS) == 0, example.output.read_text()
    assert "sent 3 events" in example.output.read_text()


def test_what_the_first_program_sends_the_second_reads_in_order(start):
    sent(start)
    lines = start("read").wait_for(lambda lines: len(lines) >= 3)
    partition = lines[0].split("/")[0]
    assert lines == [f"{partition}/0 one", f"{partition}/1 two", f"{partition}/2 three"]


def test_a_processor_that_starts_again_goes_on_after_its_checkpoint(start, tmp_path):
    store = {"CHECKPOINTS": str(tmp_path / "checkpoints.sqlite")}
    sent(start)
    first = start("processor", **store)
    assert len(first.wait_for(lambda lines: len(lines) >= 3)) == 3
    time.sleep(0.5)  # the last checkpoint comes after the last line
    first.end()
    sent(start)
    # Its claims must run out before another may have them.
    lines = start("processor", **store).wait_for(lambda lines: len(lines) >= 3)
    assert [line.split("/")[1] for line in lines] == ["3 one", "4 two", "5 three"]
