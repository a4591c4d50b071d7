/** Who may not, and what is not there: each refusal is the one that the SDK knows. */

import assert from "node:assert/strict";

import { bodies } from "../hub.js";
import { test, testEach } from "../suite.js";
import { anHourAgo, anHourFromNow, tokenOf } from "../tokens.js";

/** A hub whose connection string carries a ready token. */
const withToken = (given, token) =>
  given.hubAt(`Endpoint=sb://${given.server.host}/;SharedAccessSignature=${token};UseDevelopmentEmulator=true`);

const caught = (promise) =>
  promise.then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );

/** The hub refuses to send, to read and to tell; the code of each error. */
async function refusedEverywhere(hub) {
  const client = hub.producer();
  const reader = hub.reader();
  const errors = [
    await caught(client.sendBatch([{ body: "x" }])),
    await caught(client.getEventHubProperties()),
    await reader.error(),
  ];
  assert.deepEqual(reader.events, []);
  return errors;
}

async function unauthorizedEverywhere(hub) {
  for (const error of await refusedEverywhere(hub)) {
    assert.equal(error.name, "MessagingError");
    assert.equal(error.code, "UnauthorizedError", error.message);
  }
}

test("a wrong key is refused", async (given) => {
  const key = given.server.setting("SharedAccessKey");
  const other = key.slice(0, -2) + (key.endsWith("A=") ? "B=" : "A=");
  await unauthorizedEverywhere(given.hubAt(given.server.connectionString.replace(key, other)));
});

test("the well-known key is refused when a key was generated", async (given) => {
  const key = given.server.setting("SharedAccessKey");
  assert.notEqual(key, "SAS_KEY_VALUE");
  await unauthorizedEverywhere(given.hubAt(given.server.connectionString.replace(key, "SAS_KEY_VALUE")));
});

test("an unknown policy is refused", async (given) => {
  const policy = `SharedAccessKeyName=${given.server.setting("SharedAccessKeyName")}`;
  const text = given.server.connectionString.replace(policy, "SharedAccessKeyName=Nobody");
  await unauthorizedEverywhere(given.hubAt(text));
});

test("an expired token is refused", async (given) => {
  const token = tokenOf(given.server, `sb://${given.server.host}/${given.hubName}`, anHourAgo());
  await unauthorizedEverywhere(withToken(given, token));
});

test("a token whose expiry was moved is refused", async (given) => {
  const past = anHourAgo();
  const token = tokenOf(given.server, `sb://${given.server.host}/${given.hubName}`, past);
  await unauthorizedEverywhere(withToken(given, token.replace(`se=${past}`, `se=${anHourFromNow()}`)));
});

test("a token of one hub is refused at another", async (given) => {
  const token = tokenOf(given.server, `sb://${given.server.host}/${given.hubName}-other`);
  await unauthorizedEverywhere(withToken(given, token));
});

testEach(
  "a ready token of the hub or of its namespace is accepted",
  {
    hub: (host, hub) => `sb://${host}/${hub}`,
    namespace: (host) => `sb://${host}/`,
    "namespace, by https": (host) => `https://${host}/`,
  },
  async (given, resource) => {
    const hub = withToken(given, tokenOf(given.server, resource(given.server.host, given.hubName)));
    await hub.send("with a ready token");
    assert.deepEqual(bodies(await hub.read(1)), ["with a ready token"]);
  },
);

test("a connection survives its neighbour's bad key", async (given) => {
  await given.hub.send("before");
  const wrong = given.hubAt(given.server.connectionString.replace(given.server.setting("SharedAccessKey"), "d3Jvbmc="));
  assert.equal((await caught(wrong.send("never"))).code, "UnauthorizedError");
  await given.hub.send("after");
  assert.deepEqual(bodies(await given.hub.read(2)), ["before", "after"]);
});

test("an unknown hub is refused when creation is off", async (given) => {
  const server = await given.newServer(["--no-auto-create"]).start();
  for (const error of await refusedEverywhere(given.hubOf(server, "nowhere"))) {
    assert.equal(error.code, "MessagingEntityNotFoundError", error.message);
    assert.match(error.message, /nowhere/);
  }
});

test("an unknown group is refused when creation is off, and what is there is served", async (given) => {
  const server = await given.newServer().start();
  await given.hubOf(server, "known").send("here");
  assert.equal(await server.stop(), 0);
  await server.start("--no-auto-create");
  const known = given.hubOf(server, "known");
  assert.deepEqual(bodies(await known.read(1)), ["here"]);
  const error = await known.reader({ group: "strangers" }).error();
  assert.equal(error.code, "MessagingEntityNotFoundError", error.message);
  assert.match(error.message, /strangers/);
});

test("an unknown partition is refused to senders, readers and those who ask", async ({ hub }) => {
  await hub.send("x");
  const client = hub.producer();
  const sending = await caught(client.sendBatch([{ body: "x" }], { partitionId: "17" }));
  assert.equal(sending.code, "ArgumentOutOfRangeError", sending.message);
  assert.match(sending.message, /17/);
  const reading = await hub.reader({ partition: "17" }).error();
  assert.equal(reading.code, "ArgumentOutOfRangeError", reading.message);
  const asking = await caught(client.getPartitionProperties("17"));
  assert.match(asking.message, /17/);
  assert.equal(asking.retryable, false, asking.message);
  await client.sendBatch([{ body: "y" }], { partitionId: "0" });
  assert.deepEqual(bodies(await hub.read(2)), ["x", "y"], "the connection goes on");
});

testEach(
  "a name that Azure refuses is refused",
  { space: "with space", hyphen: "-", long: "x".repeat(300) },
  async (given, name) => {
    const error = await caught(given.hubAt(given.server.connectionString, name).send("x"));
    assert.equal(error.name, "MessagingError", error.message);
    assert.equal(error.retryable, false, error.message);
  },
);
