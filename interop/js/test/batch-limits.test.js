/** The limit counts the bytes of the message as sent: at 1,048,576 it is accepted, one more is refused. */

import assert from "node:assert/strict";

import { bodies } from "../hub.js";
import { test, testEach } from "../suite.js";

const LIMIT = 1_048_576;

/** What a batch of one event weighs more than the event's body, for a body of 64 KiB and more. */
async function overhead(client) {
  const batch = await client.createBatch({ partitionId: "0" });
  const probe = 100_000;
  assert.ok(batch.tryAdd({ body: Buffer.alloc(probe) }));
  return batch.sizeInBytes - probe;
}

/** One event whose batch is of exactly that many bytes on the wire. */
async function eventOf(client, size) {
  return { body: Buffer.alloc(size - (await overhead(client)), "x") };
}

const raw = { skipParsingBodyAsJson: true };

test("the link tells the limit", async ({ hub }) => {
  assert.equal((await hub.producer().createBatch()).maxSizeInBytes, LIMIT);
});

test("a batch says no when it is full, and is accepted whole", async ({ hub }) => {
  const client = hub.producer();
  const batch = await client.createBatch({ partitionId: "0" });
  let count = 0;
  while (batch.tryAdd({ body: Buffer.alloc(1000, count % 251) })) count += 1;
  assert.ok(count > 900, `${count} events fit`);
  assert.equal(batch.count, count);
  assert.ok(LIMIT - batch.sizeInBytes < 1200, "no more fits");
  await client.sendBatch(batch);
  const events = await hub.read(count, raw);
  events.forEach((event, index) => assert.ok(event.body.equals(Buffer.alloc(1000, index % 251)), `event ${index}`));
});

test("a batch of exactly the limit is accepted and read back", async ({ hub }) => {
  const client = hub.producer();
  const batch = await client.createBatch({ partitionId: "0" });
  const event = await eventOf(client, LIMIT);
  assert.ok(batch.tryAdd(event));
  assert.equal(batch.sizeInBytes, LIMIT);
  assert.equal(batch.tryAdd({ body: "" }), false);
  await client.sendBatch(batch);
  const [found] = await hub.read(1, raw);
  assert.ok(found.body.equals(event.body));
});

test("an event that fits no batch is not taken into one", async ({ hub }) => {
  const client = hub.producer();
  const batch = await client.createBatch();
  assert.equal(batch.tryAdd(await eventOf(client, LIMIT + 1)), false);
  assert.equal(batch.count, 0);
});

testEach(
  "a message over the limit is refused and the link goes on",
  { "one byte": 1, "a hundred bytes": 100, "twice as large": LIMIT },
  async ({ hub }, above) => {
    const client = hub.producer();
    await client.sendBatch([{ body: "before" }], { partitionId: "0" });
    // A list is not weighed by the SDK: the server has to say no.
    const tooLarge = [await eventOf(client, LIMIT + above)];
    await assert.rejects(client.sendBatch(tooLarge, { partitionId: "0" }), (error) => {
      assert.equal(error.code, "MessageTooLargeError");
      assert.equal(error.retryable, false);
      assert.match(error.message, /1,?048,?576/);
      return true;
    });
    await client.sendBatch([{ body: "after" }], { partitionId: "0" });
    assert.deepEqual(bodies(await hub.read(2)), ["before", "after"]);
  },
);

test("a list of exactly the limit is accepted and read back", async ({ hub }) => {
  const client = hub.producer();
  const event = await eventOf(client, LIMIT);
  await client.sendBatch([event], { partitionId: "0" });
  const [found] = await hub.read(1, raw);
  assert.ok(found.body.equals(event.body));
});
