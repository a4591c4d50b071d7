/** Event processors share the partitions of a hub and hand them over. */

import assert from "node:assert/strict";

import { PARTITIONS, bodies, range, sequences, until } from "../hub.js";
import { MemoryStore } from "../memory-store.js";
import { test, testEach } from "../suite.js";

const quick = (strategy = "greedy") => ({
  loadBalancingOptions: { strategy, updateIntervalInMs: 300, partitionOwnershipExpirationIntervalInMs: 5_000 },
});

const processor = (hub, store, options = {}, strategy) =>
  hub.reader({ partition: "all", store, client: quick(strategy), ...options });

const share = (store, ...wanted) =>
  until(() => store.shares().join() === wanted.join(), () => `shares of ${wanted}, not ${store.shares()}`, 30_000);

/** Sends an event to every partition, and returns what was sent. */
async function sendEverywhere(hub, word) {
  for (const partition of PARTITIONS) await hub.sendTo(partition, `${word} ${partition}`);
  return PARTITIONS.map((partition) => `${word} ${partition}`);
}

testEach(
  "two consumers balance four partitions, and every event is seen",
  { balanced: "balanced", greedy: "greedy" },
  async ({ hub }, strategy) => {
    const store = new MemoryStore();
    const sent = await sendEverywhere(hub, "before");
    const first = processor(hub, store, {}, strategy);
    await first.take(4);
    assert.deepEqual(store.shares(), [4], "alone, it owns all four");

    const second = processor(hub, store, {}, strategy);
    let number = 0;
    await until(async () => {
      // Also while partitions change hands.
      sent.push(...(await sendEverywhere(hub, `during ${number++}`)));
      return store.shares().join() === "2,2";
    }, () => `a fair share, not ${store.shares()}`, 30_000);
    await second.wait(() => new Set(second.opened).size >= 2, "the second one to open its partitions");
    await first.wait(() => first.closed.length >= 2, "the first one to close what it lost");
    assert.deepEqual(first.closed.map(([, reason]) => reason), ["OwnershipLost", "OwnershipLost"]);
    assert.deepEqual(new Set(first.closed.map(([partition]) => partition)), new Set(second.opened));

    const after = await sendEverywhere(hub, "after");
    sent.push(...after);
    await until(() => {
      const seen = new Set([...bodies(first.events), ...bodies(second.events)]);
      return sent.every((body) => seen.has(body));
    }, "every event at one of the two");
    assert.deepEqual(store.shares(), [2, 2], "it stays fair");
    const partitionsOf = (reader) =>
      new Set(reader.events.filter((event) => after.includes(event.body)).map((event) => event.partition));
    const [mine, theirs] = [partitionsOf(first), partitionsOf(second)];
    assert.deepEqual([...mine, ...theirs].sort(), PARTITIONS, "each partition has one reader");
  },
);

test("a consumer that leaves is replaced by the other", async ({ hub }) => {
  const store = new MemoryStore();
  const stays = processor(hub, store);
  await share(store, 4);
  const leaves = processor(hub, store);
  await share(store, 2, 2);
  await leaves.close();
  assert.deepEqual(leaves.closed.map(([, reason]) => reason), ["Shutdown", "Shutdown"]);
  await share(store, 4);
  const late = await sendEverywhere(hub, "late");
  await until(() => late.every((body) => bodies(stays.events).includes(body)), "all partitions");
});

test("a checkpoint is where the next consumer starts", async ({ hub }) => {
  const store = new MemoryStore();
  await hub.send(...range(0, 10));
  const first = processor(hub, store, {
    maxBatchSize: 1,
    onEvents: async ([event], context) => {
      if (event?.sequenceNumber === 5) await context.updateCheckpoint(event);
    },
  });
  await first.take(10);
  await first.close();
  const next = processor(hub, store);
  assert.deepEqual(bodies(await next.take(4)), [6, 7, 8, 9]);
  assert.deepEqual(sequences(next.events), [6, 7, 8, 9]);
});

test("a checkpoint comes before the starting position of a reader of one partition", async ({ hub }) => {
  const store = new MemoryStore();
  await hub.send("a", "b", "c");
  const first = hub.reader({
    store,
    maxBatchSize: 1,
    onEvents: async ([event], context) => {
      if (event?.body === "a") await context.updateCheckpoint(event);
    },
  });
  await first.take(3);
  await first.close();
  const startPosition = { sequenceNumber: 1 }; // which is the event before "c"
  assert.deepEqual(bodies(await hub.read(2, { store, startPosition })), ["b", "c"]);
  assert.deepEqual(bodies(await hub.read(1, { startPosition })), ["c"]);
});

test("consumers of two groups do not share", async ({ hub }) => {
  const store = new MemoryStore();
  const sent = await sendEverywhere(hub, "x");
  const readers = ["one", "two"].map((group) => processor(hub, store, { group }));
  for (const reader of readers) assert.deepEqual(bodies(await reader.take(4)).sort(), sent);
  assert.deepEqual(store.shares(), [4, 4]);
});
