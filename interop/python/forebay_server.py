"""A server process of our own, on free ports, killed by its id and never by name."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlparse

#: A slow machine may take its time; a server that is not ready by then is broken.
READY_SECONDS = 30
STOP_SECONDS = 20


def binary():
    path = os.environ.get("FOREBAY_BIN")
    if not path:
        raise RuntimeError("FOREBAY_BIN names no server; run `cargo xtask interop python`")
    return path


class Server:
    """One `forebay dev` and, over restarts, its successors on the same folder and ports."""

    #: Whose ports a restart keeps.
    LISTENERS = ("amqp", "http")

    def __init__(self, folder, *arguments, listen="127.0.0.1"):
        self.folder = Path(folder)
        self.arguments = list(arguments)
        self.listen = listen
        self.log_path = self.folder / "server.log"
        self.ready_path = self.folder / "ready.json"
        self.process = None
        self.ready = None
        self._ports = ("0", "0")

    def start(self, *more):
        assert self.process is None, "already running"
        command = [binary(), *self._mode(), "--ready-file", str(self.ready_path), *self.arguments, *more]
        before = self.ready_path.stat().st_mtime_ns if self.ready_path.exists() else None
        with open(self.log_path, "ab") as log:
            log.write(f"$ {' '.join(command)}\n".encode())
            log.flush()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready(before):
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise AssertionError(f"the server ended with {code} before it was ready:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server was not ready in {READY_SECONDS} s:\n{self.log_tail()}")
            time.sleep(0.01)
        # The file appears whole: a reader never sees half of it.
        self.ready = json.loads(self.ready_path.read_text())
        # Whoever restarts us finds us where we were.
        self._ports = tuple(self.ready[listener].rsplit(":", 1)[1] for listener in self.LISTENERS)
        return self

    def _mode(self):
        amqp_port, http_port = self._ports
        return ["dev", "--listen", self.listen, "--amqp-port", amqp_port, "--http-port", http_port]

    def _is_ready(self, before):
        """The file of this process: a stale one is removed at start."""
        try:
            return self.ready_path.stat().st_mtime_ns != before
        except FileNotFoundError:
            return False

    def stop(self):
        """Asks it to stop, and returns its exit code."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop in {STOP_SECONDS} s:\n{self.log_tail()}") from None

    def kill(self):
        """SIGKILL: it cannot say goodbye."""
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def end(self):
        """Whatever state it is in, it is gone after this."""
        if self.process is not None:
            self.kill()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=60):
        return "\n".join(self.log().splitlines()[-lines:])

    @property
    def connection_string(self):
        return self.ready["connection_string"]

    @property
    def port(self):
        return int(self._ports[0])

    def setting(self, key):
        """A part of the connection string, `SharedAccessKey` for instance."""
        parts = dict(part.split("=", 1) for part in self.connection_string.split(";") if part)
        return parts[key]

    @property
    def host(self):
        """Host and port as the connection string gives them: what SDKs sign."""
        return urlparse(self.setting("Endpoint")).netloc

    def without(self, *keys):
        """The connection string less some parts."""
        parts = [part for part in self.connection_string.split(";") if part and part.split("=", 1)[0] not in keys]
        return ";".join(parts)


class ServeServer(Server):
    """One `forebay serve` on this configuration: the listeners with TLS, on free ports."""

    LISTENERS = ("amqps", "https")

    def __init__(self, folder, configuration, *arguments):
        super().__init__(folder, *arguments)
        self.configuration_path = self.folder / "forebay.toml"
        self.configuration_path.write_text(configuration)

    def _mode(self):
        amqps_port, https_port = self._ports
        flags = ["--listen", self.listen, "--amqps-port", amqps_port, "--https-port", https_port]
        return ["serve", "--config", str(self.configuration_path), *flags, "--amqp-port", "off", "--http-port", "off"]
