/** What survives a stop, and clients that live through one. */

import assert from "node:assert/strict";

import { bodies, range, sequences } from "../hub.js";
import { test, testEach } from "../suite.js";

/** Enough attempts for a server that is away for a moment. */
const patient = () => ({ retryOptions: { maxRetries: 20, retryDelayInMs: 200, timeoutInMs: 20_000 } });

testEach(
  "a restart keeps events, hubs and the generated key",
  { stopped: (server) => server.stop(), killed: (server) => server.kill() },
  async (given, end) => {
    const server = await given.newServer().start();
    const hub = given.hubOf(server, "orders");
    await hub.sendTo("1", "a", "b");
    const { createdOn } = await hub.producer().getEventHubProperties();
    const before = await hub.read(2, { partition: "1" });
    const told = server.connectionString;
    await hub.close();
    await end(server);

    await server.start();
    assert.equal(server.connectionString, told, "same key, same port");
    const again = given.hubOf(server, "orders");
    const events = await again.read(2, { partition: "1" });
    assert.deepEqual(bodies(events), ["a", "b"]);
    assert.deepEqual(sequences(events), [0, 1]);
    assert.deepEqual(events.map((event) => event.enqueuedTimeUtc), before.map((event) => event.enqueuedTimeUtc));
    assert.deepEqual((await again.producer().getEventHubProperties()).createdOn, createdOn);
    await again.sendTo("1", "c");
    const [last] = await again.read(1, { partition: "1", startPosition: { sequenceNumber: 1 } });
    assert.deepEqual([last.sequenceNumber, last.body], [2, "c"]);
  },
);

test("many restarts count on", async (given) => {
  const server = given.newServer();
  for (const cycle of range(0, 3)) {
    await server.start();
    const hub = given.hubOf(server, "orders");
    await hub.send(`${cycle}.0`, `${cycle}.1`);
    await hub.close();
    assert.equal(await server.stop(), 0);
  }
  await server.start();
  const events = await given.hubOf(server, "orders").read(6);
  assert.deepEqual(bodies(events), ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]);
  assert.deepEqual(sequences(events), range(0, 6));
});

testEach(
  "an open sender goes on after a restart",
  { stopped: (server) => server.stop(), killed: (server) => server.kill() },
  async (given, end) => {
    const server = await given.newServer().start();
    const hub = given.hubOf(server, "orders");
    const client = hub.producer(patient());
    await client.sendBatch([{ body: "before" }], { partitionId: "0" });
    await end(server);
    await server.start();
    await client.sendBatch([{ body: "after" }], { partitionId: "0" });
    assert.deepEqual(bodies(await hub.read(2)), ["before", "after"]);
  },
);

test("a sender waits for a server that is away", async (given) => {
  const server = await given.newServer().start();
  const hub = given.hubOf(server, "orders");
  const client = hub.producer(patient());
  await client.sendBatch([{ body: "before" }], { partitionId: "0" });
  await server.kill();
  const sending = client.sendBatch([{ body: "meanwhile" }], { partitionId: "0" });
  await server.start();
  await sending;
  assert.deepEqual(bodies(await hub.read(2)), ["before", "meanwhile"]);
});

test("an open reader goes on after a restart and repeats nothing", async (given) => {
  const server = await given.newServer().start();
  const hub = given.hubOf(server, "orders");
  await hub.send("before");
  const reader = hub.reader({ client: { ...patient(), loadBalancingOptions: { updateIntervalInMs: 500 } } });
  await reader.take(1);
  assert.equal(await server.stop(), 0);
  await server.start();
  await given.hubOf(server, "orders").send("after 1", "after 2");
  await reader.wait(() => reader.events.length >= 3, "the events sent after the restart");
  assert.deepEqual(bodies(reader.events), ["before", "after 1", "after 2"]);
});
