"""Reads a hub from its beginning and waits for more; Ctrl-C ends it."""

import os

from azure.eventhub import EventHubConsumerClient

DEV = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
CONNECTION = os.environ.get("EVENTHUB_CONNECTION_STRING", DEV)
HUB = os.environ.get("EVENTHUB_NAME", "events")


def on_event(partition, event):
    print(f"{partition.partition_id}/{event.sequence_number} {event.body_as_str()}", flush=True)


with EventHubConsumerClient.from_connection_string(CONNECTION, "$Default", eventhub_name=HUB) as consumer:
    consumer.receive(on_event, starting_position="-1")
