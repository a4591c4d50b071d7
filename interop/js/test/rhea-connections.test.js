/** rhea connects: passwords, tokens by hand, sessions, idle connections. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { bodies, range, until } from "../hub.js";
import { AmqpError, Client, data, from, texts, to, types } from "../rhea-client.js";
import { test, testEach } from "../suite.js";
import { anHourAgo, tokenOf } from "../tokens.js";

async function connected(given, how = Client.connect, options = {}) {
  return given.closing(await how(given.server, options));
}

test("policy name and key are user and password", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(given.hub.name);
  assert.equal((await sender.send(data("x"))).state, "accepted");
  const { remote } = client.connection;
  assert.ok(remote.open.max_frame_size >= 512);
  assert.ok(remote.open.container_id.length > 0);
});

testEach(
  "a wrong password is refused",
  { "wrong key": { password: "d3Jvbmc=" }, "unknown policy": { username: "Nobody" }, "the well-known key": { password: "SAS_KEY_VALUE" } },
  async (given, wrong) => {
    await assert.rejects(Client.connect(given.server, wrong), (error) => {
      assert.equal(error.condition, "amqp:unauthorized-access");
      assert.match(error.message, /authenticate: 1/, "SASL's outcome code for credentials");
      return true;
    });
    await connected(given);
  },
);

test("an anonymous client without a token may neither send nor read", async (given) => {
  await given.hub.send("x");
  const client = await connected(given, Client.anonymous);
  for (const attach of [() => client.sender(given.hub.name), () => client.receiver(from(given.hub))]) {
    await assert.rejects(attach(), (error) => {
      assert.ok(error instanceof AmqpError);
      assert.equal(error.condition, "amqp:unauthorized-access");
      return true;
    });
  }
  assert.equal(client.isBroken, false, "the connection goes on");
});

testEach(
  "a token that is put by hand opens the hub it names",
  { "after SASL ANONYMOUS": {}, "without SASL": { username: undefined } },
  async (given, options) => {
    const client = await connected(given, Client.anonymous, options);
    const resource = `amqp://${given.server.host}/${given.hubName}`;
    const status = await client.putToken(tokenOf(given.server, resource), resource);
    assert.equal(status["status-code"], 202);
    const sender = await client.sender(to(given.hub));
    assert.equal((await sender.send(data("with a token"))).state, "accepted");
    assert.deepEqual(texts(await client.read(from(given.hub), 1)), ["with a token"]);
    await assert.rejects(client.sender(`${given.hubName}-other`), { condition: "amqp:unauthorized-access" });
  },
);

testEach(
  "a token that is not good is answered with 401, and the reason",
  {
    expired: (server, resource) => tokenOf(server, resource, anHourAgo()),
    forged: (server, resource) => tokenOf(server, resource).replace(/sig=.../, "sig=AAA"),
    malformed: () => "SharedAccessSignature nothing",
    empty: () => "",
  },
  async (given, make) => {
    const client = await connected(given, Client.anonymous);
    const resource = `amqp://${given.server.host}/${given.hubName}`;
    const status = await client.putToken(make(given.server, resource), resource);
    assert.equal(status["status-code"], 401);
    assert.ok(status["status-description"].length > 10, status["status-description"]);
    await assert.rejects(client.sender(to(given.hub)), { condition: "amqp:unauthorized-access" });
  },
);

test("the management node tells of hub and partition when asked by hand", async (given) => {
  await given.hub.send("a", "b");
  const client = await connected(given);
  const ask = (more) => client.request("$management", null, { operation: "READ", name: given.hubName, ...more });
  const hub = await ask({ type: "com.microsoft:eventhub" });
  assert.equal(hub.application_properties["status-code"], 200);
  assert.equal(hub.correlation_id, "request-1");
  assert.deepEqual(hub.body.partition_ids, ["0", "1", "2", "3"]);
  const partition = await ask({ type: "com.microsoft:partition", partition: "0" });
  assert.equal(partition.application_properties["status-code"], 200);
  assert.equal(partition.body.last_enqueued_sequence_number, 1);
  assert.equal(partition.body.is_partition_empty, false);
  const unknown = await ask({ type: "com.microsoft:partition", partition: "99" });
  assert.equal(unknown.application_properties["status-code"], 404);
});

test("links of many sessions share a connection", async (given) => {
  const client = await connected(given);
  const senders = await Promise.all(range(0, 20).map((n) => client.sender(to(given.hub, n % 4), {}, client.session())));
  const outcomes = await Promise.all(senders.map((sender, number) => sender.send(data(`"${number}"`))));
  assert.ok(outcomes.every(({ state }) => state === "accepted"));
  const found = Object.values(await given.hub.readAll()).flatMap(bodies);
  assert.deepEqual(found.map(Number).sort((a, b) => a - b), range(0, 20));
});

test("a session that ends takes its links along and leaves the others", async (given) => {
  const client = await connected(given);
  const session = client.session();
  const gone = await client.receiver(from(given.hub), { properties: { "com.microsoft:epoch": types.wrap_long(5) } }, session);
  session.close();
  await until(() => session.is_closed(), "the session to be closed");
  assert.equal(gone.link.is_open(), false);
  // Its level is free again, so the server has forgotten the link.
  await client.receiver(from(given.hub), { properties: { "com.microsoft:epoch": types.wrap_long(1) } });
});

test("a quiet connection is kept alive with heartbeats", async (given) => {
  // rhea gives up when it has heard nothing for twice as long.
  const client = await connected(given, Client.connect, { idle_time_out: 500 });
  const sender = await client.sender(to(given.hub));
  await sleep(2_500);
  assert.equal(client.isBroken, false);
  assert.equal((await sender.send(data("x"))).state, "accepted");
});

test("a server that stops says so", async (given) => {
  const server = await given.newServer().start();
  const client = given.closing(await Client.connect(server));
  const sender = await client.sender("orders/Partitions/0");
  assert.equal((await sender.send(data("x"))).state, "accepted");
  assert.equal(await server.stop(), 0);
  await until(() => client.isBroken, "the end of the connection");
  assert.equal(client.connection.error?.condition, "amqp:connection:forced");
});
