"""Qpid Proton as a client that knows nothing of Event Hubs: plain AMQP 1.0, SASL PLAIN, no retries."""

import threading
import time

from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container
from proton.utils import BlockingConnection

TIMEOUT_SECONDS = 20


def connect(server, policy=None, key=None, **options):
    """A blocking connection that gives policy name and key as user and password."""
    return BlockingConnection(
        f"amqp://127.0.0.1:{server.port}",
        timeout=TIMEOUT_SECONDS,
        allowed_mechs="PLAIN",
        user=policy or server.setting("SharedAccessKeyName"),
        password=key or server.setting("SharedAccessKey"),
        **options,
    )


class Publisher(MessagingHandler):
    """Sends numbered events with several in flight, and notes what was acknowledged. Never sends one twice.

    When the connection breaks, it is over: what was not acknowledged by then stays unknown.
    """

    def __init__(self, server, address, body_of, in_flight, count=None):
        super().__init__(auto_settle=True)
        self._server, self._address = server, address
        self._body_of, self._in_flight, self._count = body_of, in_flight, count
        self.sent = []
        self.acknowledged = []
        self.refused = []
        self.errors = []
        self.over = threading.Event()
        self._waiting = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        try:
            Container(self).run()
        finally:
            self.over.set()

    def on_start(self, event):
        connection = event.container.connect(
            f"amqp://127.0.0.1:{self._server.port}",
            reconnect=False,
            allowed_mechs="PLAIN",
            user=self._server.setting("SharedAccessKeyName"),
            password=self._server.setting("SharedAccessKey"),
        )
        self._sender = event.container.create_sender(connection, self._address)

    def on_sendable(self, event):
        self._fill()

    def _fill(self):
        while self._sender.credit and len(self._waiting) < self._in_flight:
            if self._count is not None and len(self.sent) >= self._count:
                break
            text = self._body_of(len(self.sent))
            self.sent.append(text)
            delivery = self._sender.send(Message(body=text.encode(), inferred=True))
            self._waiting[delivery.tag] = text
        if self._count is not None and not self._waiting and len(self.sent) >= self._count:
            self._sender.connection.close()

    def on_accepted(self, event):
        self.acknowledged.append(self._waiting.pop(event.delivery.tag))
        self._fill()

    def on_rejected(self, event):
        self.refused.append((self._waiting.pop(event.delivery.tag), event.delivery.remote.condition))
        self._fill()

    def on_disconnected(self, event):
        event.container.stop()

    def on_transport_error(self, event):
        self.errors.append(event.transport.condition)
        event.container.stop()

    def on_link_error(self, event):
        self.errors.append(event.link.remote_condition)
        event.connection.close()

    def on_connection_error(self, event):
        self.errors.append(event.connection.remote_condition)
        event.container.stop()

    def wait_for_acknowledgements(self, count):
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(self.acknowledged) < count:
            assert not self.over.is_set(), f"ended after {len(self.acknowledged)} acknowledgements: {self.errors}"
            assert time.monotonic() < deadline, f"only {len(self.acknowledged)} of {count} acknowledgements came"
            time.sleep(0.002)

    def join(self):
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive(), "the publisher did not notice that its connection is gone"
