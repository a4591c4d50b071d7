"""What a client leaves behind."""

import sys
from pathlib import Path

import pytest

from hub import Hub, until

ESTABLISHED = "01"


def connections(port):
    """Established connections of a port of this machine: each is seen from both its ends, one counts."""
    found = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            found += state == ESTABLISHED and int(local.rsplit(":", 1)[1], 16) == port
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sockets are counted in /proc/net")
def test_a_clean_close_leaves_no_connection(new_server):
    server = new_server().start()
    hub = Hub(server.connection_string, "closed")
    hub.send("x")
    with hub.reader() as reader:
        reader.take(1)
        assert connections(server.port) >= 2, "a sender and a reader"
    hub.close()
    until(lambda: connections(server.port) == 0, "no connection is left")
