"""The management routes as a script would call them: plain HTTP, JSON, a shared access signature."""

import base64
import hashlib
import hmac
import http.client
import json
import time
from urllib.parse import quote, quote_plus

PROVIDER = "/subscriptions/any/resourceGroups/any/providers/Microsoft.EventHub"
TIMEOUT_SECONDS = 20


def signature(resource, policy, key, valid=3600):
    encoded, expiry = quote_plus(resource), int(time.time()) + valid
    mac = hmac.new(key.encode(), f"{encoded}\n{expiry}".encode(), hashlib.sha256).digest()
    return f"SharedAccessSignature sr={encoded}&sig={quote_plus(base64.b64encode(mac))}&se={expiry}&skn={policy}"


class NoAnswer(Exception):
    """The server went away; whether it did what was asked is not known."""


class Management:
    """One namespace of one server; a connection for each call, so that a restart is no event."""

    def __init__(self, server, namespace="default"):
        self.address = server.ready["http"]
        self.base = f"{PROVIDER}/namespaces/{namespace}"
        self.token = signature(
            f"http://{self.address}/", server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey")
        )

    def call(self, method, path, body=None, headers=None):
        """Status and, where there is one, the answer's JSON."""
        headers = {"Authorization": self.token, **(headers or {})}
        text = None
        if body is not None:
            text = json.dumps(body)
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, f"{self.base}{path}?api-version=2024-01-01", text, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        return answer.status, json.loads(content) if content else None

    def ok(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status == 200, f"{method} {path}: {status} {answer}"
        return answer

    def names(self, path):
        return sorted(item["name"] for item in self.ok("GET", path)["value"])


def hub_path(hub):
    return f"/eventhubs/{quote(hub, safe='')}"
