"""Sends three events; run it as often as you like."""

import os

from azure.eventhub import EventData, EventHubProducerClient

DEV = "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
CONNECTION = os.environ.get("EVENTHUB_CONNECTION_STRING", DEV)
HUB = os.environ.get("EVENTHUB_NAME", "events")

with EventHubProducerClient.from_connection_string(CONNECTION, eventhub_name=HUB) as producer:
    batch = producer.create_batch(partition_key="device-7")
    for body in ("one", "two", "three"):
        batch.add(EventData(body))
    producer.send_batch(batch)

print("sent 3 events")
