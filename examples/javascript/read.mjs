// Reads a hub from its beginning and waits for more; Ctrl-C ends it.

import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";

const DEV =
  "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";
const { EVENTHUB_CONNECTION_STRING = DEV, EVENTHUB_NAME = "events" } = process.env;

const consumer = new EventHubConsumerClient("$Default", EVENTHUB_CONNECTION_STRING, EVENTHUB_NAME);
process.once("SIGINT", () => consumer.close());

consumer.subscribe(
  {
    async processEvents(events, { partitionId }) {
      for (const event of events) console.log(`${partitionId}/${event.sequenceNumber} ${event.body}`);
    },
    async processError(error) {
      console.error(error.message);
    },
  },
  { startPosition: earliestEventPosition },
);
