/** Whoever closes is gone: no connection stays at the server, and nothing keeps the program. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { until } from "../hub.js";
import { MemoryStore } from "../memory-store.js";
import { test, testEach } from "../suite.js";

test("a clean close leaves no connection", async (given) => {
  const server = await given.newServer().start();
  const hub = given.hubOf(server);
  const producer = hub.producer();
  const buffered = hub.bufferedProducer({ maxWaitTimeInMs: 50 });
  await producer.sendBatch([{ body: "a" }], { partitionId: "0" });
  await buffered.enqueueEvent({ body: "b" }, { partitionId: "0" });
  await buffered.flush();
  const one = hub.reader();
  const greedy = { loadBalancingOptions: { strategy: "greedy" } };
  const all = hub.reader({ partition: "all", group: "all", store: new MemoryStore(), client: greedy });
  await one.take(2);
  await all.take(2);
  assert.equal(server.connections(), 4, "each client has one connection");
  await producer.close();
  await until(() => server.connections() === 3, () => `3 connections, not ${server.connections()}`);
  await Promise.all([buffered, one, all].map((client) => client.close()));
  await until(() => server.connections() === 0, () => `no connection, not ${server.connections()}`);
  assert.deepEqual(one.closed, [["0", "Shutdown"]]);
  assert.deepEqual([one.errors, all.errors], [[], []]);
});

test("a client that is closed refuses to send", async ({ hub }) => {
  const client = hub.producer();
  await client.sendBatch([{ body: "x" }], { partitionId: "0" });
  await client.close();
  await assert.rejects(client.sendBatch([{ body: "y" }], { partitionId: "0" }), /closed/);
});

const PROGRAMS = {
  sender: `
    const client = new EventHubProducerClient(CONNECTION, HUB);
    await client.sendBatch([{ body: "x" }]);
    await client.close();`,
  reader: `
    const client = new EventHubConsumerClient("$Default", CONNECTION, HUB);
    const event = await new Promise((resolve, processError) => {
      const processEvents = async ([event]) => event && resolve(event);
      client.subscribe("0", { processEvents, processError }, { startPosition: earliestEventPosition });
    });
    if (event.body !== "x") throw new Error(event.body);
    await client.close();`,
  asker: `
    const client = new EventHubConsumerClient("$Default", CONNECTION, HUB);
    await client.getPartitionProperties("0");
    await client.close();`,
};

testEach("a program ends by itself once it has closed its client", PROGRAMS, async ({ hub }, program) => {
  await hub.send("x");
  const text = `
    import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";
    const { CONNECTION, HUB } = process.env;
    ${program}
    const closed = Date.now();
    process.on("exit", () => console.log("lingered", Date.now() - closed));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], {
    // Where it finds the SDK.
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { ...process.env, CONNECTION: hub.connectionString, HUB: hub.name },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 40_000,
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 0, output);
  const [, lingered] = output.match(/lingered (\d+)/);
  assert.ok(Number(lingered) < 5_000, `it lived on for ${lingered} ms`);
});
