"""`forebay serve` over TLS, with the SDK as it is: an authority of the user's own, and host names of namespaces."""

import subprocess

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, TransportType
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from forebay_server import ServeServer
from hub import QUICK_SOCKET_SECONDS, Hub, Reader, bodies

CONFIGURATION = """
data = "data"

[tls]
certificate = "certificate.pem"
key = "key.pem"

[[namespace]]
name = "orders"
hosts = ["orders.example.org"]

[[namespace]]
name = "sales"
hosts = ["*.sales.example.org"]
"""


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """A server whose namespaces have a hub `events` each, and make no other."""
    folder = tmp_path_factory.mktemp("serve")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    make += ["-subj", "/CN=forebay", "-addext", "subjectAltName=DNS:localhost,DNS:orders.example.org"]
    make += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(make, check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)
    server = ServeServer(folder, CONFIGURATION)
    server.start("--create-on-first-use")
    for namespace in ("orders", "sales"):
        NamespaceHub(server, namespace).send("first")
    assert server.stop() == 0
    yield server.start()
    server.end()


class NamespaceHub(Hub):
    """A hub by the connection string of its namespace's key file; the socket goes to this machine."""

    def __init__(self, server, namespace, name="events", host=None):
        text = (server.folder / "data" / "keys" / f"{namespace}.txt").read_text().strip()
        endpoint = text.split(";")[0]
        self.host = endpoint.removeprefix("Endpoint=sb://").rstrip("/").rsplit(":", 1)[0]
        super().__init__(text.replace(endpoint, f"Endpoint=sb://{host or self.host}/"), name)
        self.options = {
            "custom_endpoint_address": f"sb://localhost:{server.ready['amqps'].rsplit(':', 1)[1]}",
            # With an address of its own the SDK would take WebSockets.
            "transport_type": TransportType.Amqp,
            "connection_verify": str(server.folder / "certificate.pem"),
        }

    def producer(self, **options):
        return super().producer(**{**self.options, **options})

    def consumer(self, group="$Default", **options):
        return super().consumer(group, **{**self.options, **options})


def test_the_connection_string_of_the_key_file_sends_and_reads(serve):
    orders = NamespaceHub(serve, "orders")
    assert orders.host == "orders.example.org"
    orders.send("a", "b", partition="3")
    assert bodies(orders.read(2, partition="3")) == ["a", "b"]
    orders.close()


def test_each_namespace_has_its_own_hubs_and_events(serve):
    sales = NamespaceHub(serve, "sales")
    assert sales.host == "sales.sales.example.org", "a name that the pattern takes"
    sales.send("of sales", partition="1")
    assert bodies(sales.read(1, partition="1")) == ["of sales"]
    assert "of sales" not in [text for events in NamespaceHub(serve, "orders").read_all().values() for text in bodies(events)]
    sales.close()


def test_a_host_name_that_nobody_configured_is_refused(serve):
    other = NamespaceHub(serve, "orders", host="other.example.org")
    with other.producer() as client, pytest.raises(EventHubError):
        client.send_event(EventData("x"))
    assert "other.example.org" in serve.log(), "the log names the host asked for"


def test_the_key_of_another_namespace_is_refused(serve):
    stranger = NamespaceHub(serve, "orders", host="eu.sales.example.org")
    with stranger.producer() as client, pytest.raises(AuthenticationError):
        client.send_event(EventData("x"))


def test_an_unknown_hub_is_refused_and_not_made(serve):
    unknown = NamespaceHub(serve, "orders", name="evnets")
    for _ in range(2):
        with unknown.producer() as client, pytest.raises(ConnectError) as refused:
            client.send_event(EventData("x"))
        assert "'evnets' could not be found" in str(refused.value), refused.value
    assert "created hub 'evnets'" not in serve.log()


def test_an_unknown_group_is_refused(serve):
    hub = NamespaceHub(serve, "orders")
    client = hub.consumer("nobody", socket_timeout=QUICK_SOCKET_SECONDS)
    with Reader(client, partition_id="0") as reader:
        assert "not-found" in str(reader.error())


def test_an_authority_that_the_client_does_not_know_is_refused_by_the_client(serve):
    hub = NamespaceHub(serve, "orders")
    del hub.options["connection_verify"]
    with hub.producer() as client, pytest.raises(EventHubError) as refused:
        client.send_event(EventData("x"))
    assert "certificate verify failed" in str(refused.value).lower(), refused.value


def test_a_client_without_tls_is_not_served(serve):
    hub = NamespaceHub(serve, "orders")
    text = hub.connection_string + ";UseDevelopmentEmulator=true"
    client = EventHubProducerClient.from_connection_string(
        text,
        eventhub_name="events",
        custom_endpoint_address=hub.options["custom_endpoint_address"],
        transport_type=TransportType.Amqp,
        retry_total=0,
    )
    with client, pytest.raises(EventHubError):
        client.send_event(EventData("x"))


def test_the_same_key_and_the_events_are_there_after_a_restart(serve):
    hub = NamespaceHub(serve, "orders")
    hub.send("kept", partition="2")
    hub.close()
    before = hub.connection_string
    assert serve.stop() == 0
    serve.start()
    again = NamespaceHub(serve, "orders")
    assert again.connection_string == before
    assert "kept" in bodies(again.read(1, partition="2"))


def test_host_name_and_named_key_are_as_good_as_a_connection_string(serve):
    hub = NamespaceHub(serve, "orders")
    hub.send("named", partition="0")
    hub.close()
    parts = dict(part.split("=", 1) for part in hub.connection_string.split(";") if part)
    client = EventHubConsumerClient(
        hub.host,
        "events",
        "$Default",
        AzureNamedKeyCredential(parts["SharedAccessKeyName"], parts["SharedAccessKey"]),
        retry_total=0,
        **hub.options,
    )
    with Reader(client, partition_id="0") as reader:
        reader.wait(lambda: "named" in bodies(reader.events) or reader.errors, "the event")
        assert not reader.errors
