// Shares the partitions of a hub with every other copy of itself that is started; Ctrl-C ends it.
//
// Claims and checkpoints are in a folder, so that the copies of one machine see each other's. On several machines they
// belong into a store that all of them reach, `@azure/eventhubs-checkpointstore-blob` for instance.

import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";

import { FolderCheckpointStore } from "./folder-checkpoints.mjs";

const DEV =
  "Endpoint=sb://localhost;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true";
const { EVENTHUB_CONNECTION_STRING = DEV, EVENTHUB_NAME = "events", CHECKPOINTS = "checkpoints" } = process.env;

const consumer = new EventHubConsumerClient(
  "$Default",
  EVENTHUB_CONNECTION_STRING,
  EVENTHUB_NAME,
  new FolderCheckpointStore(CHECKPOINTS),
  { loadBalancingOptions: { strategy: "greedy", updateIntervalInMs: 2000 } },
);
process.once("SIGINT", () => consumer.close());

consumer.subscribe(
  {
    async processEvents(events, partition) {
      for (const event of events) console.log(`${partition.partitionId}/${event.sequenceNumber} ${event.body}`);
      if (events.length) await partition.updateCheckpoint(events.at(-1));
    },
    async processError(error) {
      console.error(error.message);
    },
    async processInitialize({ partitionId }) {
      console.log(`owns ${partitionId}`);
    },
    async processClose(reason, { partitionId }) {
      console.log(`leaves ${partitionId}: ${reason}`);
    },
  },
  { startPosition: earliestEventPosition },
);
