"""Servers and hubs for the suites. The server is a real process; nothing of it is mocked."""

import itertools
import re

import pytest

from forebay_server import Server
from hub import Hub

#: What the plain development mode is known to accept, from the documentation, not from the ready file.
WELL_KNOWN = "Endpoint=sb://{host};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"

_numbers = itertools.count(1)


@pytest.fixture
def new_server(tmp_path_factory, request):
    """Makes servers that end with the test; their last words are shown if it fails."""
    servers = []

    def make(*arguments, durable=True, **options):
        folder = tmp_path_factory.mktemp("server")
        if durable:
            arguments = ("--data", str(folder / "data"), "--generate-key", *arguments)
        servers.append(Server(folder, *arguments, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A durable server with a generated key, shared by all tests that do not restart it."""
    folder = tmp_path_factory.mktemp("durable")
    server = Server(folder, "--data", str(folder / "data"), "--generate-key").start()
    yield server
    if server.process is not None and server.process.poll() is not None:
        server.process = None
        pytest.fail(f"the server died during the run:\n{server.log_tail()}")
    server.end()


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory):
    """The plain development mode: memory only, the well-known key."""
    server = Server(tmp_path_factory.mktemp("dev")).start()
    yield server
    server.end()


def hub_name(request):
    words = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.lower()).strip("-")
    return f"{words[:60].strip('-')}-{next(_numbers)}"


@pytest.fixture
def hub(server, request):
    """A hub that no other test knows, made on first use."""
    hub = Hub(server.connection_string, hub_name(request))
    yield hub
    hub.close()


@pytest.fixture
def dev_hub(dev_server, request):
    hub = Hub(WELL_KNOWN.format(host=dev_server.ready["amqp"]), hub_name(request))
    yield hub
    hub.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what the server said."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for name in ("server", "dev_server"):
            shared = item.funcargs.get(name)
            if isinstance(shared, Server):
                report.sections.append((f"log of {name}", shared.log_tail()))
        for cell in getattr(item.funcargs.get("new_server"), "__closure__", None) or ():
            if isinstance(cell.cell_contents, list):
                for own in cell.cell_contents:
                    if isinstance(own, Server):
                        report.sections.append((f"log of {own.folder.name}", own.log_tail()))
