"""Shares the partitions of a hub with every other copy of itself that is started; Ctrl-C ends it.

Claims and checkpoints are in a file of SQLite, so that the copies of one machine see each other's. On several machines they
belong into a store that all of them reach, Azure's `BlobCheckpointStore` for instance.
"""

import os

from azure.eventhub import EventHubConsumerClient

from sqlite_checkpoints import SqliteCheckpointStore

DEV = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
CONNECTION = os.environ.get("EVENTHUB_CONNECTION_STRING", DEV)
HUB = os.environ.get("EVENTHUB_NAME", "events")
STORE = os.environ.get("CHECKPOINTS", "checkpoints.sqlite")


def on_event(partition, event):
    print(f"{partition.partition_id}/{event.sequence_number} {event.body_as_str()}", flush=True)
    partition.update_checkpoint(event)


consumer = EventHubConsumerClient.from_connection_string(
    CONNECTION,
    "$Default",
    eventhub_name=HUB,
    checkpoint_store=SqliteCheckpointStore(STORE),
    load_balancing_interval=2,
)
with consumer:
    consumer.receive(on_event, starting_position="-1")
