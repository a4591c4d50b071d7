/** The plain development mode: the well-known key, memory only, and the connection string of the documentation. */

import assert from "node:assert/strict";

import { parseEventHubConnectionString } from "@azure/event-hubs";

import { bodies } from "../hub.js";
import { test, testEach, wellKnown } from "../suite.js";

const inMemory = { durable: false };

testEach(
  "the connection string of the documentation works",
  { address: "127.0.0.1", name: "localhost" },
  async (given, host) => {
    const server = await given.newServer([], inMemory).start();
    const hub = given.hubAt(wellKnown(`${host}:${server.port}`));
    await hub.send("a", "b");
    assert.deepEqual(bodies(await hub.read(2)), ["a", "b"]);
  },
);

test("the hub may stand in the connection string", async (given) => {
  const server = await given.newServer([], inMemory).start();
  const text = `${wellKnown(server.ready.amqp)}EntityPath=events`;
  assert.equal(parseEventHubConnectionString(text).eventHubName, "events");
  const hub = given.hubAt(text, null);
  await hub.sendTo("3", "x");
  assert.deepEqual(bodies(await hub.read(1, { partition: "3" })), ["x"]);
});

test("the ready file gives the well-known key and says memory", async (given) => {
  const server = await given.newServer([], inMemory).start();
  const found = parseEventHubConnectionString(server.connectionString);
  assert.equal(found.sharedAccessKeyName, "RootManageSharedAccessKey");
  assert.equal(found.sharedAccessKey, "SAS_KEY_VALUE");
  assert.equal(server.ready.durability, "memory");
  assert.equal(server.ready.data, null);
});

test("another key is refused in the development mode", async (given) => {
  const server = await given.newServer([], inMemory).start();
  const hub = given.hubAt(wellKnown(server.ready.amqp).replace("SAS_KEY_VALUE", "another"));
  await assert.rejects(hub.send("x"), { code: "UnauthorizedError" });
});

test("memory forgets when the server stops", async (given) => {
  const server = await given.newServer([], inMemory).start();
  const hub = given.hubAt(wellKnown(server.ready.amqp));
  await hub.send("x");
  await hub.close();
  assert.equal(await server.stop(), 0);
  await server.start();
  const again = given.hubAt(wellKnown(server.ready.amqp));
  assert.equal((await again.producer().getPartitionProperties("0")).isEmpty, true);
});
