/** The buffered producer: events are sent in the background, and a handler tells what became of them. */

import assert from "node:assert/strict";

import { bodies, range, until } from "../hub.js";
import { test, testEach } from "../suite.js";

/** A buffered producer that notes what its handlers are told. */
function noting(hub, options = {}) {
  const acknowledged = [];
  const failed = [];
  const client = hub.bufferedProducer({
    maxWaitTimeInMs: 100,
    onSendEventsSuccessHandler: ({ events, partitionId }) =>
      acknowledged.push(...bodies(events).map((body) => [body, partitionId])),
    onSendEventsErrorHandler: ({ error, partitionId }) => failed.push([error, partitionId]),
    ...options,
  });
  return { client, acknowledged, failed };
}

testEach(
  "the buffered producer sends everything and tells each event's partition",
  { "round robin": {}, "a partition": { partitionId: "2" }, "a key": { partitionKey: "device-42" } },
  async ({ hub }, routing) => {
    const { client, acknowledged, failed } = noting(hub, { maxEventBufferLengthPerPartition: 30 });
    for (const body of range(0, 20)) await client.enqueueEvent({ body }, routing);
    await client.enqueueEvents(range(20, 120).map((body) => ({ body })), routing);
    await client.flush();
    await until(() => acknowledged.length === 120 || failed.length, "120 acknowledged events");
    assert.deepEqual(failed, []);
    const found = await hub.readAll();
    const stored = Object.entries(found).flatMap(([id, events]) => bodies(events).map((body) => [body, id]));
    const byBody = (a, b) => a[0] - b[0];
    assert.deepEqual(acknowledged.sort(byBody), stored.sort(byBody));
    assert.deepEqual(stored.map(([body]) => body), range(0, 120));
    const wanted = routing.partitionId ?? (routing.partitionKey && "0");
    if (wanted) assert.deepEqual(bodies(found[wanted]), range(0, 120), "the order is kept");
    else assert.ok(Object.values(found).every((events) => events.length === 30), "the load is spread evenly");
  },
);

test("closing a buffered producer sends what it still holds", async ({ hub }) => {
  const { client, failed } = noting(hub, { maxWaitTimeInMs: 10_000, maxEventBufferLengthPerPartition: 5 });
  for (const body of range(0, 5)) await client.enqueueEvent({ body }, { partitionId: "1" });
  await client.close();
  assert.deepEqual(failed, []);
  assert.deepEqual(bodies(await hub.read(5, { partition: "1" })), range(0, 5));
});

test("thousands of buffered events keep their order in each partition", async ({ hub }) => {
  const { client, acknowledged, failed } = noting(hub);
  for (const body of range(0, 4000)) await client.enqueueEvent({ body }, { partitionId: String(body % 4) });
  await client.flush();
  await until(() => acknowledged.length === 4000 || failed.length, "4000 acknowledged events");
  assert.deepEqual(failed, []);
  const found = await hub.readAll();
  for (const [id, events] of Object.entries(found)) {
    assert.deepEqual(bodies(events), range(0, 1000).map((number) => number * 4 + Number(id)));
  }
});

test("an event too large for any batch is given back to the error handler", async ({ hub }) => {
  const { client, acknowledged, failed } = noting(hub);
  await client.enqueueEvent({ body: Buffer.alloc(1_048_577) }, { partitionId: "0" });
  await client.enqueueEvent({ body: "fits" }, { partitionId: "0" });
  await until(() => failed.length && acknowledged.length, "one failure and one success");
  assert.equal(failed[0][1], "0");
  assert.deepEqual(acknowledged, [["fits", "0"]]);
  assert.deepEqual(bodies(await hub.read(1)), ["fits"]);
});

test("a buffered producer that asks for idempotent retries sends everything once", async ({ hub }) => {
  const { client, acknowledged, failed } = noting(hub, { enableIdempotentRetries: true });
  for (const body of range(0, 200)) await client.enqueueEvent({ body }, { partitionId: "0" });
  await client.flush();
  await until(() => acknowledged.length === 200 || failed.length, "200 acknowledged events");
  assert.deepEqual(failed, []);
  assert.deepEqual(bodies(await hub.read(200)), range(0, 200));
});
