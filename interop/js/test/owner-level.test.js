/** Exclusive readers: a higher or equal owner level takes over, a lower one is refused. */

import assert from "node:assert/strict";

import { bodies } from "../hub.js";
import { MemoryStore } from "../memory-store.js";
import { test, testEach } from "../suite.js";

/** A reader that lost its place must not come back by itself while the test looks on. */
const stayAway = { loadBalancingOptions: { updateIntervalInMs: 60_000 } };

/** A reader that is known to be attached: it has received what is there. */
async function reading(hub, ownerLevel, options = {}) {
  const reader = hub.reader({ client: stayAway, ownerLevel, ...options });
  await reader.take(1);
  return reader;
}

/** The SDK hands the level 0 on only together with a checkpoint store. */
const zero = () => ({ store: new MemoryStore() });

testEach(
  "a higher or equal level takes over and the older reader is told",
  { higher: [1, 2], equal: [1, 1], "much higher": [3, 100], "both zero": [0, 0], "above zero": [0, 1] },
  async ({ hub }, [older, newer]) => {
    await hub.send("there");
    const loser = await reading(hub, older, older === 0 ? zero() : {});
    const winner = await reading(hub, newer, newer === 0 ? zero() : {});
    const error = await loser.error();
    assert.equal(error.code, "ReceiverDisconnectedError");
    assert.equal(error.retryable, false);
    await loser.wait(() => loser.closed.length, "processClose");
    assert.deepEqual(loser.closed, [["0", "OwnershipLost"]]);
    await hub.send("after");
    assert.deepEqual(bodies(await winner.take(2)), ["there", "after"]);
    assert.deepEqual(bodies(loser.events), ["there"], "the older reader gets nothing more");
  },
);

test("a lower level is refused and the holder reads on", async ({ hub }) => {
  await hub.send("there");
  const holder = await reading(hub, 50);
  const refused = hub.reader({ client: stayAway, ownerLevel: 40 });
  const error = await refused.error();
  assert.equal(error.code, "ReceiverDisconnectedError");
  assert.match(error.message, /50/, "both levels are named");
  assert.match(error.message, /40/, "both levels are named");
  assert.deepEqual(refused.events, []);
  await hub.send("after");
  assert.deepEqual(bodies(await holder.take(2)), ["there", "after"]);
});

test("a reader without a level is put out by one with a level", async ({ hub }) => {
  await hub.send("there");
  const shared = await reading(hub);
  const exclusive = await reading(hub, 1);
  assert.equal((await shared.error()).code, "ReceiverDisconnectedError");
  await hub.send("after");
  assert.deepEqual(bodies(await exclusive.take(2)), ["there", "after"]);
});

test("a reader without a level is refused while one with a level reads", async ({ hub }) => {
  await hub.send("there");
  const exclusive = await reading(hub, 1);
  const refused = hub.reader({ client: stayAway });
  assert.equal((await refused.error()).code, "ReceiverDisconnectedError");
  assert.deepEqual(refused.events, []);
  await hub.send("after");
  assert.deepEqual(bodies(await exclusive.take(2)), ["there", "after"]);
});

test("the level ends with the reader", async ({ hub }) => {
  await hub.send("there");
  await (await reading(hub, 9)).close();
  const shared = await reading(hub);
  await shared.close();
  assert.deepEqual(shared.errors, []);
  const lower = await reading(hub, 1);
  assert.deepEqual(lower.errors, []);
});

test("levels hold for one partition and one group", async ({ hub }) => {
  await hub.sendTo("0", "zero");
  await hub.sendTo("1", "one");
  const holder = await reading(hub, 5);
  assert.deepEqual(bodies(await hub.read(1, { partition: "1", ownerLevel: 1 })), ["one"]);
  assert.deepEqual(bodies(await hub.read(1, { group: "other", ownerLevel: 1 })), ["zero"]);
  assert.deepEqual(holder.errors, []);
});

test("five readers without a level are allowed and a sixth is refused", async ({ hub }) => {
  await hub.send("there");
  const readers = [];
  for (let number = 0; number < 5; number += 1) readers.push(await reading(hub));
  const error = await hub.reader({ client: stayAway }).error();
  assert.equal(error.code, "QuotaExceededError");
  assert.match(error.message, /5/);
  for (const reader of readers) assert.deepEqual(reader.errors, []);
  await readers[0].close();
  await reading(hub);
});
