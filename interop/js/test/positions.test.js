/** Reading from every kind of position. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { earliestEventPosition, latestEventPosition } from "@azure/event-hubs";

import { PARTITIONS, bodies, range, sequences, until } from "../hub.js";
import { test, testEach } from "../suite.js";

const FOUR = ["a", "b", "c", "d"];

/** Events whose enqueued times differ, and what the server says about each. */
async function sentApart(hub) {
  for (const body of FOUR) {
    await hub.send(body);
    await sleep(10);
  }
  return hub.read(4);
}

const from = (hub, count, startPosition) => hub.read(count, { startPosition }).then(bodies);

test("the earliest position gives everything", async ({ hub }) => {
  await hub.send(...FOUR);
  assert.deepEqual(await from(hub, 4, earliestEventPosition), FOUR);
});

testEach(
  "an offset starts after it or with it",
  { exclusive: [false, ["c", "d"]], inclusive: [true, ["b", "c", "d"]] },
  async ({ hub }, [isInclusive, expected]) => {
    const [, { offset }] = await sentApart(hub);
    assert.equal(typeof offset, "string");
    assert.deepEqual(await from(hub, expected.length, { offset, isInclusive }), expected);
  },
);

testEach(
  "a sequence number starts after it or with it",
  { exclusive: [false, ["c", "d"]], inclusive: [true, ["b", "c", "d"]] },
  async ({ hub }, [isInclusive, expected]) => {
    const [, { sequenceNumber }] = await sentApart(hub);
    assert.deepEqual(await from(hub, expected.length, { sequenceNumber, isInclusive }), expected);
  },
);

test("sequence number zero is a position like any other", async ({ hub }) => {
  await hub.send("a", "b");
  assert.deepEqual(await from(hub, 2, { sequenceNumber: 0, isInclusive: true }), ["a", "b"]);
  assert.deepEqual(await from(hub, 1, { sequenceNumber: 0 }), ["b"]);
});

testEach(
  "a time starts after it",
  { "a date": (date) => date, "a number": (date) => date.getTime() },
  async ({ hub }, spell) => {
    const events = await sentApart(hub);
    const times = events.map((event) => event.enqueuedTimeUtc.getTime());
    assert.equal(new Set(times).size, 4, "sent apart");
    assert.deepEqual(await from(hub, 2, { enqueuedOn: spell(events[1].enqueuedTimeUtc) }), ["c", "d"]);
    assert.deepEqual(await from(hub, 3, { enqueuedOn: spell(new Date(times[1] - 1)) }), ["b", "c", "d"]);
  },
);

test("a time before everything gives everything, and one after everything gives what comes", async ({ hub }) => {
  await hub.send("old");
  assert.deepEqual(await from(hub, 1, { enqueuedOn: new Date("2000-01-01") }), ["old"]);
  const [old] = await hub.read(1);
  const reader = hub.reader({ startPosition: { enqueuedOn: old.enqueuedTimeUtc } });
  await sleep(10);
  await hub.send("new");
  assert.deepEqual(bodies(await reader.take(1)), ["new"]);
});

test("a position inside a batch lands on its event", async ({ hub }) => {
  await hub.send(...range(0, 50));
  assert.deepEqual(await from(hub, 10, { sequenceNumber: 39 }), range(40, 50));
  assert.deepEqual(await from(hub, 10, { offset: "39" }), range(40, 50));
});

test("the latest position gives nothing that was there before", async ({ hub }) => {
  await hub.send("before 1", "before 2");
  const reader = hub.reader({ startPosition: latestEventPosition });
  let number = 0;
  await until(async () => {
    await hub.send(`after ${number++}`);
    await sleep(20);
    return reader.events.length;
  }, "an event that was sent after the reader had attached");
  const [first] = reader.events;
  assert.match(first.body, /^after/);
  const all = await hub.read(first.sequenceNumber + 1);
  assert.equal(all.at(-1).body, first.body);
});

test("the latest position misses nothing once it has attached", async ({ hub }) => {
  const reader = hub.reader({ startPosition: latestEventPosition });
  await until(async () => {
    await hub.send("probe");
    await sleep(20);
    return reader.events.length;
  }, "the reader to be attached");
  await hub.send(...range(0, 100).map((number) => `after ${number}`));
  await reader.wait(() => reader.events.at(-1).body === "after 99", "the last event");
  const numbers = sequences(reader.events);
  assert.deepEqual(numbers, range(numbers[0], numbers[0] + numbers.length), "no gap");
});

test("the default position is the latest", async ({ hub }) => {
  await hub.send("before");
  const reader = hub.reader({ startPosition: null });
  await until(async () => {
    await hub.send("after");
    await sleep(20);
    return reader.events.length;
  }, "an event");
  assert.equal(reader.events[0].body, "after");
});

test("a reader of an empty partition gets the first event", async ({ hub }) => {
  const reader = hub.reader({ partition: "1" });
  await reader.wait(() => reader.opened.length, "the reader to start");
  await hub.sendTo("1", "first");
  const [event] = await reader.take(1);
  assert.equal(event.body, "first");
  assert.equal(event.sequenceNumber, 0);
});

test("a number that comes next waits for its event", async ({ hub }) => {
  await hub.send("a", "b");
  const reader = hub.reader({ startPosition: { sequenceNumber: 2, isInclusive: true } });
  await hub.send("c");
  assert.deepEqual(bodies(await reader.take(1)), ["c"]);
});

testEach(
  "a position beyond the end is refused and the text gives it",
  {
    "after the next number": { sequenceNumber: 2 },
    "after the next offset": { offset: "2" },
    "with the number after": { sequenceNumber: 3, isInclusive: true },
    "far away": { offset: "1000", isInclusive: true },
  },
  async ({ hub }, startPosition) => {
    await hub.send("a", "b"); // the next number is 2
    const reader = hub.reader({ startPosition });
    const error = await reader.error();
    assert.equal(error.code, "ArgumentError");
    assert.equal(error.retryable, false);
    assert.ok(error.message.includes(startPosition.offset ?? startPosition.sequenceNumber), error.message);
    assert.deepEqual(reader.events, []);
  },
);

test("an offset that is no number is refused", async ({ hub }) => {
  await hub.send("a");
  assert.equal((await hub.reader({ startPosition: { offset: "not-a-number" } }).error()).code, "ArgumentError");
});

test("each partition may have a position of its own", async ({ hub }) => {
  for (const partition of PARTITIONS) await hub.sendTo(partition, `${partition}a`, `${partition}b`);
  const startPosition = {
    0: earliestEventPosition,
    1: { sequenceNumber: 0 },
    2: { offset: "0" },
    3: { sequenceNumber: 1, isInclusive: true },
  };
  const events = await hub.read(5, { partition: "all", startPosition });
  assert.deepEqual(bodies(events).sort(), ["0a", "0b", "1b", "2b", "3b"]);
});

testEach(
  "whatever is prefetched, everything comes in order",
  { "one at a time": { maxBatchSize: 1, prefetchCount: 1 }, "much ahead": { maxBatchSize: 7, prefetchCount: 1000 } },
  async ({ hub }, options) => {
    await hub.send(...range(0, 30));
    assert.deepEqual(bodies(await hub.read(30, options)), range(0, 30));
  },
);

test("no more events come at a time than were asked for", async ({ hub }) => {
  await hub.send(...range(0, 100));
  const sizes = [];
  const reader = hub.reader({ maxBatchSize: 10, onEvents: (events) => void sizes.push(events.length) });
  assert.deepEqual(bodies(await reader.take(100)), range(0, 100));
  assert.ok(sizes.every((size) => size <= 10), `${sizes}`);
});

test("a reader that has nothing to read is called with nothing when its wait is over", async ({ hub }) => {
  const calls = [];
  const reader = hub.reader({ maxWaitTimeInSeconds: 0.2, onEvents: (events) => void calls.push(events.length) });
  await reader.wait(() => calls.length >= 2, "two empty calls");
  assert.deepEqual(calls.slice(0, 2), [0, 0]);
  await hub.send("x");
  assert.deepEqual(bodies(await reader.take(1)), ["x"]);
});

test("every partition is read when none is named", async ({ hub }) => {
  for (const partition of PARTITIONS) await hub.sendTo(partition, `from ${partition}`);
  const events = await hub.read(4, { partition: "all" });
  assert.deepEqual(
    events.map((event) => [event.partition, event.body]).sort(),
    PARTITIONS.map((partition) => [partition, `from ${partition}`]),
  );
});

test("two groups read the same events", async ({ hub }) => {
  await hub.send("a", "b");
  for (const group of ["billing", "$Default", "$default"]) {
    assert.deepEqual(bodies(await hub.read(2, { group })), ["a", "b"], group);
  }
});

test("the hub is found in any case", async (given) => {
  const { hub, server, hubName } = given;
  await hub.send("a");
  assert.deepEqual(bodies(await given.hubOf(server, hubName.toUpperCase()).read(1)), ["a"]);
});
