/** What the management node says about hubs and partitions, and what readers are told about the end. */

import assert from "node:assert/strict";

import { PARTITIONS, range } from "../hub.js";
import { test } from "../suite.js";

test("a hub has a name, a birthday and four partitions", async ({ hub }) => {
  const found = await hub.producer().getEventHubProperties();
  assert.equal(found.name, hub.name);
  assert.deepEqual(found.partitionIds, PARTITIONS);
  assert.ok(Math.abs(found.createdOn.getTime() - Date.now()) < 600_000, `${found.createdOn}`);
  assert.equal(found.isGeoDrEnabled, false);
});

test("every client tells the same about a hub", async ({ hub }) => {
  const clients = [hub.producer(), hub.consumer(), hub.bufferedProducer({})];
  const [first, ...others] = await Promise.all(clients.map((client) => client.getEventHubProperties()));
  for (const other of others) assert.deepEqual(other, first);
  for (const client of clients) assert.deepEqual(await client.getPartitionIds(), PARTITIONS);
});

test("a partition that was never written is empty", async ({ hub }) => {
  const found = await hub.consumer().getPartitionProperties("2");
  assert.equal(found.eventHubName, hub.name);
  assert.equal(found.partitionId, "2");
  assert.equal(found.beginningSequenceNumber, 0);
  assert.equal(found.lastEnqueuedSequenceNumber, -1);
  assert.equal(found.lastEnqueuedOffset, "-1");
  assert.equal(found.isEmpty, true);
  assert.ok(!Number.isNaN(found.lastEnqueuedOnUtc.getTime()));
});

test("a written partition shows its last event, and its neighbour stays empty", async ({ hub }) => {
  await hub.sendTo("1", ...range(0, 12));
  const client = hub.producer();
  const found = await client.getPartitionProperties("1");
  const [last] = await hub.read(1, { partition: "1", startPosition: { sequenceNumber: 10 } });
  assert.equal(last.body, 11);
  assert.equal(found.beginningSequenceNumber, 0);
  assert.equal(found.lastEnqueuedSequenceNumber, 11);
  assert.equal(found.lastEnqueuedOffset, last.offset);
  assert.deepEqual(found.lastEnqueuedOnUtc, last.enqueuedTimeUtc);
  assert.equal(found.isEmpty, false);
  assert.equal((await client.getPartitionProperties("0")).isEmpty, true);
});

test("an acknowledged event is counted at once", async ({ hub }) => {
  const client = hub.producer();
  for (const number of range(0, 5)) {
    await client.sendBatch([{ body: number }], { partitionId: "0" });
    assert.equal((await client.getPartitionProperties("0")).lastEnqueuedSequenceNumber, number);
  }
});

test("a reader that tracks the end is told about it with each event", async ({ hub }) => {
  await hub.send(...range(0, 10));
  const told = [];
  const reader = hub.reader({
    maxBatchSize: 5,
    trackLastEnqueuedEventProperties: true,
    // The SDK goes on writing to the object that it hands out.
    onEvents: (events, context) => void (events.length && told.push({ ...context.lastEnqueuedEventProperties })),
  });
  const events = await reader.take(10);
  for (const { sequenceNumber, offset, enqueuedOn, retrievedOn } of told) {
    assert.equal(sequenceNumber, 9);
    assert.equal(offset, "9");
    assert.deepEqual(enqueuedOn, events[9].enqueuedTimeUtc);
    assert.ok(Math.abs(retrievedOn.getTime() - Date.now()) < 600_000, `${retrievedOn}`);
  }
  assert.ok(told.length >= 2);
});

test("a reader that does not track the end is told nothing about it", async ({ hub }) => {
  await hub.send("x");
  const told = [];
  const reader = hub.reader({ onEvents: (_, context) => void told.push(context.lastEnqueuedEventProperties) });
  const [event] = await reader.take(1);
  await reader.wait(() => told.length, "the handler");
  assert.equal(told[0]?.sequenceNumber, undefined);
  assert.equal(event.getRawAmqpMessage().deliveryAnnotations, undefined);
});
