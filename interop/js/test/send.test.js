/** What is sent is stored: alone, in lists, in batches, by many at once. */

import assert from "node:assert/strict";

import { PARTITIONS, bodies, range, sequences } from "../hub.js";
import { test, testEach } from "../suite.js";

test("an event sent alone is read back", async ({ hub }) => {
  await hub.producer().sendBatch([{ body: "hello" }], { partitionId: "0" });
  const [event] = await hub.read(1);
  assert.equal(event.body, "hello");
  assert.equal(event.sequenceNumber, 0);
  assert.equal(event.offset, "0");
});

test("a list of events is read back in order", async ({ hub }) => {
  const sent = range(0, 100).map((number) => `event ${number}`);
  await hub.producer().sendBatch(sent.map((body) => ({ body })), { partitionId: "1" });
  const events = await hub.read(100, { partition: "1" });
  assert.deepEqual(bodies(events), sent);
  assert.deepEqual(sequences(events), range(0, 100));
});

test("a batch is read back in order from the partition that it names", async ({ hub }) => {
  const client = hub.producer();
  const batch = await client.createBatch({ partitionId: "3" });
  for (const number of range(0, 250)) assert.ok(batch.tryAdd({ body: number }));
  assert.equal(batch.count, 250);
  await client.sendBatch(batch);
  const found = await hub.readAll();
  assert.deepEqual(bodies(found["3"]), range(0, 250));
  assert.deepEqual(sequences(found["3"]), range(0, 250));
  assert.deepEqual([found["0"], found["1"], found["2"]], [[], [], []]);
});

test("one client sends to every partition", async ({ hub }) => {
  const client = hub.producer();
  for (const partitionId of PARTITIONS) {
    await client.sendBatch(range(0, 3).map((n) => ({ body: `${partitionId}-${n}` })), { partitionId });
  }
  for (const [partition, events] of Object.entries(await hub.readAll())) {
    assert.deepEqual(bodies(events), range(0, 3).map((n) => `${partition}-${n}`));
  }
});

test("events without a key reach every partition", async ({ hub }) => {
  const client = hub.producer();
  for (const body of range(0, 16)) await client.sendBatch([{ body }]);
  const found = await hub.readAll();
  assert.deepEqual(Object.keys(found), PARTITIONS);
  for (const [partition, events] of Object.entries(found)) assert.ok(events.length > 0, `partition ${partition}`);
  assert.deepEqual(bodies(Object.values(found).flat()).sort((a, b) => a - b), range(0, 16));
});

test("a batch without a key goes to one partition", async ({ hub }) => {
  await hub.producer().sendBatch(range(0, 20).map((body) => ({ body })));
  const counts = Object.values(await hub.readAll()).map((events) => events.length);
  assert.deepEqual(counts.sort((a, b) => a - b), [0, 0, 0, 20]);
});

test("an empty batch is sent without a word and stores nothing", async ({ hub }) => {
  const client = hub.producer();
  await client.sendBatch(await client.createBatch({ partitionId: "0" }));
  await client.sendBatch([], { partitionId: "0" });
  assert.equal((await client.getPartitionProperties("0")).isEmpty, true);
});

test("thousands of events in many frames keep their order in each partition", async ({ hub }) => {
  const client = hub.producer();
  const padding = "x".repeat(200);
  // 500 events of 200 bytes are several frames; four partitions are sent to at once.
  await Promise.all(
    PARTITIONS.map(async (partitionId) => {
      for (const start of range(0, 5).map((n) => n * 500)) {
        const events = range(start, start + 500).map((number) => ({ body: { partitionId, number, padding } }));
        await client.sendBatch(events, { partitionId });
      }
    }),
  );
  const found = await hub.readAll();
  for (const partitionId of PARTITIONS) {
    assert.deepEqual(sequences(found[partitionId]), range(0, 2500));
    assert.deepEqual(bodies(found[partitionId]), range(0, 2500).map((number) => ({ partitionId, number, padding })));
  }
});

test("many senders at once lose nothing, and the order of each is kept", async ({ hub }) => {
  await Promise.all(
    range(0, 6).map(async (sender) => {
      const client = hub.producer();
      for (const number of range(0, 25)) await client.sendBatch([{ body: { sender, number } }], { partitionId: "0" });
    }),
  );
  const events = await hub.read(150);
  assert.deepEqual(sequences(events), range(0, 150));
  for (const sender of range(0, 6)) {
    const mine = bodies(events).filter((body) => body.sender === sender);
    assert.deepEqual(mine, range(0, 25).map((number) => ({ sender, number })));
  }
});

test("many sends in flight on one link are all acknowledged", async ({ hub }) => {
  const client = hub.producer();
  await Promise.all(range(0, 300).map((body) => client.sendBatch([{ body }], { partitionId: "2" })));
  const events = await hub.read(300, { partition: "2" });
  assert.deepEqual(bodies(events).sort((a, b) => a - b), range(0, 300));
});

testEach(
  "a body is read back byte for byte",
  { empty: 0, "one byte": 1, "more than a frame": 70_000, "many frames": 524_288 },
  async ({ hub }, size) => {
    const body = Buffer.from(range(0, size).map((index) => index % 251));
    await hub.producer().sendBatch([{ body }, { body: Buffer.from("after") }], { partitionId: "0" });
    const [found, after] = await hub.read(2, { skipParsingBodyAsJson: true });
    assert.ok(Buffer.isBuffer(found.body));
    assert.ok(found.body.equals(body), `${found.body.length} bytes came back`);
    assert.equal(after.body.toString(), "after");
  },
);
