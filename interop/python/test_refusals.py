"""Who may not, and what is not there: each refusal is the one that the SDK knows."""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote_plus

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, EventHubError

from hub import Hub, bodies, condition


def sas(resource, policy, key, expiry):
    """A token as docs/reference/amqp.md §3.4 says, made here and not by the SDK."""
    resource = quote_plus(resource)
    signature = hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    return (
        f"SharedAccessSignature sr={resource}&sig={quote_plus(base64.b64encode(signature))}"
        f"&se={expiry}&skn={quote_plus(policy)}"
    )


def an_hour_from_now():
    return int(time.time()) + 3600


def with_token(server, hub, token):
    """A hub whose connection string carries a ready token."""
    base = server.without("SharedAccessKeyName", "SharedAccessKey", "EntityPath")
    return Hub(f"{base};SharedAccessSignature={token}", hub.name)


def refused_everywhere(hub):
    """The hub refuses to send, to read and to tell; the error of each."""
    errors = []
    with hub.producer() as client:
        with pytest.raises(EventHubError) as raised:
            client.send_event(EventData("x"))
        errors.append(raised.value)
        with pytest.raises(EventHubError) as raised:
            client.get_eventhub_properties()
        errors.append(raised.value)
    with hub.reader() as reader:
        errors.append(reader.error())
        assert reader.events == []
    return errors


def test_a_wrong_key_is_refused(server, hub):
    key = server.setting("SharedAccessKey")
    other = key[:-2] + ("A=" if not key.endswith("A=") else "B=")
    wrong = Hub(hub.connection_string.replace(key, other), hub.name)
    for error in refused_everywhere(wrong):
        assert isinstance(error, AuthenticationError), repr(error)


def test_the_well_known_key_is_refused_when_a_key_was_generated(server, hub):
    key = server.setting("SharedAccessKey")
    assert key != "SAS_KEY_VALUE"
    wrong = Hub(hub.connection_string.replace(key, "SAS_KEY_VALUE"), hub.name)
    for error in refused_everywhere(wrong):
        assert isinstance(error, AuthenticationError), repr(error)


def test_an_unknown_policy_is_refused(server, hub):
    policy = server.setting("SharedAccessKeyName")
    wrong = Hub(hub.connection_string.replace(f"SharedAccessKeyName={policy}", "SharedAccessKeyName=Nobody"), hub.name)
    for error in refused_everywhere(wrong):
        assert isinstance(error, AuthenticationError), repr(error)


def test_an_expired_token_is_refused(server, hub):
    token = sas(
        f"sb://{server.host}/{hub.name}",
        server.setting("SharedAccessKeyName"),
        server.setting("SharedAccessKey"),
        int(time.time()) - 3600,
    )
    for error in refused_everywhere(with_token(server, hub, token)):
        assert isinstance(error, AuthenticationError), repr(error)


def test_a_token_whose_expiry_was_moved_is_refused(server, hub):
    past = int(time.time()) - 3600
    token = sas(
        f"sb://{server.host}/{hub.name}", server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"), past
    )
    moved = token.replace(f"se={past}", f"se={an_hour_from_now()}")
    for error in refused_everywhere(with_token(server, hub, moved)):
        assert isinstance(error, AuthenticationError), repr(error)


def test_a_ready_token_of_the_hub_is_accepted(server, hub):
    token = sas(
        f"sb://{server.host}/{hub.name}",
        server.setting("SharedAccessKeyName"),
        server.setting("SharedAccessKey"),
        an_hour_from_now(),
    )
    ready = with_token(server, hub, token)
    ready.send("with a ready token")
    assert bodies(ready.read(1)) == ["with a ready token"]


@pytest.mark.parametrize("scheme", ["sb", "amqps", "amqp", "http", "https"])
def test_a_token_of_the_namespace_covers_every_hub_whatever_its_scheme(server, hub, scheme):
    token = sas(
        f"{scheme}://{server.host}/",
        server.setting("SharedAccessKeyName"),
        server.setting("SharedAccessKey"),
        an_hour_from_now(),
    )
    ready = with_token(server, hub, token)
    ready.send("x")
    assert bodies(ready.read(1)) == ["x"]


def test_a_token_of_one_hub_is_refused_at_another(server, hub):
    token = sas(
        f"sb://{server.host}/{hub.name}-other",
        server.setting("SharedAccessKeyName"),
        server.setting("SharedAccessKey"),
        an_hour_from_now(),
    )
    for error in refused_everywhere(with_token(server, hub, token)):
        assert isinstance(error, AuthenticationError), repr(error)


def test_credential_objects_of_the_sdk_are_accepted(server, hub):
    named = AzureNamedKeyCredential(server.setting("SharedAccessKeyName"), server.setting("SharedAccessKey"))
    with EventHubProducerClient(server.host, hub.name, named, use_tls=False, retry_total=0) as client:
        client.send_event(EventData("named key"), partition_id="0")
    token = sas(f"sb://{server.host}/{hub.name}", *named.named_key, an_hour_from_now())
    signature = AzureSasCredential(token)
    with EventHubConsumerClient(
        server.host, hub.name, "$Default", signature, use_tls=False, retry_total=0
    ) as client:
        assert client.get_partition_properties("0")["last_enqueued_sequence_number"] == 0


def test_a_connection_survives_its_neighbours_bad_token(server, hub):
    """A refusal touches nobody else."""
    with hub.producer() as good:
        good.send_event(EventData("before"), partition_id="0")
        wrong = Hub(hub.connection_string.replace(server.setting("SharedAccessKey"), "d3Jvbmc="), hub.name)
        with wrong.producer() as bad, pytest.raises(AuthenticationError):
            bad.send_event(EventData("never"))
        good.send_event(EventData("after"), partition_id="0")
    assert bodies(hub.read(2)) == ["before", "after"]


def test_an_unknown_hub_is_refused_when_creation_is_off(new_server, hub):
    server = new_server("--no-auto-create").start()
    unknown = Hub(server.connection_string, "nowhere")
    # The SDK asks the management node before it opens a link, and drops the text of what that answers;
    # test_proton.py reads the text.
    for error in refused_everywhere(unknown):
        assert condition(error) == "not-found", repr(error)
        assert not isinstance(error, AuthenticationError), repr(error)


def test_creation_off_keeps_what_is_there_and_refuses_an_unknown_group(new_server):
    server = new_server().start()
    known = Hub(server.connection_string, "known")
    known.send("here")
    assert server.stop() == 0
    server.start("--no-auto-create")
    known = Hub(server.connection_string, "known")
    assert bodies(known.read(1)) == ["here"]
    known.send("more")
    with known.reader(group="strangers") as reader:
        error = reader.error()
    assert condition(error) == "not-found", repr(error)
    assert "strangers" in str(error)


def test_a_sender_to_a_partition_that_does_not_exist_fails(hub):
    """The SDK looks at the list of partitions and does not even ask; test_proton.py asks."""
    with hub.producer() as client, pytest.raises(EventHubError):
        client.send_event(EventData("x"), partition_id="17")


def test_a_refused_name_leaves_no_hub_behind(server, hub):
    """Names that Azure refuses are refused here, and say so."""
    for name in ["with space", "-", "x" * 300]:
        with Hub(server.connection_string, name).producer() as client, pytest.raises(EventHubError):
            client.send_event(EventData("x"))
