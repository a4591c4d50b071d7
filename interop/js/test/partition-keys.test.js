/** Events with the same key are in the same partition: the one that the SDK's own hash names. */

import assert from "node:assert/strict";

import { bodies, range } from "../hub.js";
import { test } from "../suite.js";

/** Key and partition of four, from the SDK's resolver (docs/reference/amqp.md §9.1). */
const KEYS = {
  7: "3",
  131: "2",
  "7149583486996073602": "1",
  FWfAT: "1",
  sOdeEAsyQoEuEFPGerWO: "3",
  a: "0",
  abc: "1",
  "device-42": "0",
  "123456789012": "1",
  "1234567890123": "2",
  "order-0001-long-partition-key-value": "1",
  contoso: "0",
  "Straße": "2",
  "sensor/北京": "1",
  PartitionKey: "0",
};

test("a key decides the partition as the SDK's hash does", async ({ hub }) => {
  const client = hub.producer();
  for (const [partitionKey] of Object.entries(KEYS)) await client.sendBatch([{ body: partitionKey }], { partitionKey });
  const found = await hub.readAll();
  const where = Object.entries(found).flatMap(([id, events]) => events.map((event) => [event.body, id]));
  assert.deepEqual(Object.fromEntries(where), KEYS);
  for (const event of Object.values(found).flat()) assert.equal(event.partitionKey, event.body);
});

test("the buffered producer, which hashes by itself, and the server choose the same partition", async ({ hub }) => {
  const failed = [];
  const buffered = hub.bufferedProducer({
    maxWaitTimeInMs: 50,
    onSendEventsErrorHandler: async ({ error }) => void failed.push(error),
  });
  const direct = hub.producer();
  for (const partitionKey of Object.keys(KEYS)) {
    await buffered.enqueueEvent({ body: { partitionKey, by: "client" } }, { partitionKey });
    await direct.sendBatch([{ body: { partitionKey, by: "server" } }], { partitionKey });
  }
  await buffered.flush();
  assert.deepEqual(failed, []);
  const found = await hub.readAll();
  for (const by of ["client", "server"]) {
    const where = Object.entries(found).flatMap(([id, events]) =>
      bodies(events).filter((body) => body.by === by).map((body) => [body.partitionKey, id]),
    );
    assert.deepEqual(Object.fromEntries(where), KEYS, by);
  }
});

test("a batch with a key keeps its order in one partition", async ({ hub }) => {
  const client = hub.producer();
  const batch = await client.createBatch({ partitionKey: "sOdeEAsyQoEuEFPGerWO" });
  for (const body of range(0, 50)) assert.ok(batch.tryAdd({ body }));
  await client.sendBatch(batch);
  const events = await hub.read(50, { partition: "3" });
  assert.deepEqual(bodies(events), range(0, 50));
  assert.ok(events.every((event) => event.partitionKey === "sOdeEAsyQoEuEFPGerWO"));
});

test("a key and a partition cannot both be named", async ({ hub }) => {
  const both = { partitionKey: "device-42", partitionId: "1" };
  await assert.rejects(hub.producer().sendBatch([{ body: "x" }], both), /partitionKey.*partitionId|partitionId.*partitionKey/);
});
