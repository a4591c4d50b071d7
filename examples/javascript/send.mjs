// Sends three events; run it as often as you like.

import { EventHubProducerClient } from "@azure/event-hubs";

const DEV =
  "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";
const { EVENTHUB_CONNECTION_STRING = DEV, EVENTHUB_NAME = "events" } = process.env;

const producer = new EventHubProducerClient(EVENTHUB_CONNECTION_STRING, EVENTHUB_NAME);
const batch = await producer.createBatch({ partitionKey: "device-7" });
for (const body of ["one", "two", "three"]) batch.tryAdd({ body });
await producer.sendBatch(batch);
await producer.close();

console.log("sent 3 events");
