/** What comes back is what was sent: bodies, values, types and sections. */

import assert from "node:assert/strict";

import { test, testEach } from "../suite.js";

const MOMENT = new Date("2026-11-21T08:30:15.123Z");

/** Sends one event in a list and once in a batch; both must come back alike. Returns one. */
async function roundTrip(hub, event) {
  const client = hub.producer();
  await client.sendBatch([event], { partitionId: "0" });
  const batch = await client.createBatch({ partitionId: "0" });
  assert.ok(batch.tryAdd(event));
  await client.sendBatch(batch);
  const [listed, batched] = await hub.read(2);
  const visible = ({ sequenceNumber, offset, enqueuedTimeUtc, ...rest }) => {
    const { body, messageAnnotations, ...raw } = rest.getRawAmqpMessage();
    return { ...rest, getRawAmqpMessage: undefined, raw };
  };
  assert.deepEqual(visible(batched), visible(listed), "a list and a batch differ");
  return listed;
}

const PROPERTIES = {
  text: "value",
  "text, not ASCII": "Grüße, 北京",
  "text, empty": "",
  "text, long": "x".repeat(1000),
  true: true,
  false: false,
  zero: 0,
  one: 1,
  "255": 255,
  "uint max": 2 ** 32 - 1,
  "ulong": 2 ** 40,
  "safe integer max": Number.MAX_SAFE_INTEGER,
  negative: -5,
  "int min": -(2 ** 31),
  long: -(2 ** 40),
  double: 3.25,
  "double, tiny": 5e-324,
  "double, negative": -2.75,
  null: null,
};

test("application properties of every type come back", async ({ hub }) => {
  const found = await roundTrip(hub, { body: "with properties", properties: PROPERTIES });
  assert.deepEqual(found.properties, PROPERTIES);
  assert.deepEqual(Object.keys(found.properties), Object.keys(PROPERTIES), "in the order sent");
});

test("a date among the properties comes back as its milliseconds, and bytes as bytes", async ({ hub }) => {
  const properties = { date: MOMENT, bytes: Buffer.from([0, 1, 255]) };
  const found = await roundTrip(hub, { body: "x", properties });
  assert.equal(found.properties.date, MOMENT.getTime());
  // The SDK copies objects to look for dates in them; what the wire brought is in the raw message.
  const raw = found.getRawAmqpMessage().applicationProperties;
  assert.ok(raw.date instanceof Date);
  assert.deepEqual(Buffer.from(raw.bytes), properties.bytes);
});

test("an event without properties comes back without", async ({ hub }) => {
  const found = await roundTrip(hub, { body: "plain" });
  assert.equal(found.body, "plain");
  assert.equal(found.properties, undefined);
  for (const field of ["messageId", "correlationId", "contentType", "partitionKey"]) {
    assert.equal(found[field], undefined, field);
  }
  assert.equal(found.getRawAmqpMessage().footer, undefined);
});

testEach(
  "a body of every kind that JSON knows comes back",
  { text: "text", number: 5, fraction: 2.5, true: true, list: ["a", 1, null], object: { key: ["value"], n: { m: 1 } } },
  async ({ hub }, body) => {
    const found = await roundTrip(hub, { body });
    assert.deepEqual(found.body, body);
    assert.equal(found.getRawAmqpMessage().bodyType, "data");
  },
);

testEach(
  "a value body comes back with its type",
  {
    text: "text",
    integer: 5,
    negative: -1,
    fraction: 2.5,
    true: true,
    false: false,
    list: ["a", 1, true],
    map: { key: "value", n: 7 },
  },
  async ({ hub }, body) => {
    const found = await roundTrip(hub, { body, bodyType: "value" });
    assert.deepEqual(found.body, body);
    assert.equal(found.getRawAmqpMessage().bodyType, "value");
  },
);

test("a sequence body comes back as a sequence", async ({ hub }) => {
  const body = ["a", 1, true, ["nested"]];
  const found = await roundTrip(hub, { body, bodyType: "sequence" });
  assert.deepEqual(found.body, body);
  assert.equal(found.getRawAmqpMessage().bodyType, "sequence");
});

test("message id, correlation id and content type come back", async ({ hub }) => {
  const sent = { body: "x", messageId: "m-1", correlationId: "c-1", contentType: "application/json" };
  const { messageId, correlationId, contentType } = await roundTrip(hub, sent);
  assert.deepEqual({ body: "x", messageId, correlationId, contentType }, sent);
});

testEach(
  "message and correlation ids keep their type",
  { text: "text", ulong: 4_294_967_296, uuid: Buffer.from("00112233445566778899aabbccddeeff", "hex") },
  async ({ hub }, id) => {
    const { messageId, correlationId } = await roundTrip(hub, { body: "x", messageId: id, correlationId: id });
    assert.deepEqual([messageId, correlationId], [id, id]);
  },
);

test("every field of the properties section that the SDK knows comes back", async ({ hub }) => {
  const properties = {
    messageId: "id",
    to: "to",
    subject: "subject",
    replyTo: "reply",
    correlationId: "corr",
    contentType: "text/plain",
    contentEncoding: "utf-8",
    absoluteExpiryTime: MOMENT.getTime() + 1000,
    creationTime: MOMENT.getTime(),
    groupId: "group",
    groupSequence: 7,
    replyToGroupId: "reply-group",
  };
  const found = await roundTrip(hub, { body: "x", bodyType: "data", properties });
  assert.deepEqual(found.getRawAmqpMessage().properties, properties);
  const { contentEncoding, subject, groupSequence } = found.systemProperties;
  assert.deepEqual({ contentEncoding, subject, groupSequence }, { contentEncoding: "utf-8", subject: "subject", groupSequence: 7 });
});

test("the header comes back", async ({ hub }) => {
  const header = { deliveryCount: 3, durable: true, firstAcquirer: true, priority: 9 };
  const found = await roundTrip(hub, { body: "x", bodyType: "data", header });
  assert.deepEqual(found.getRawAmqpMessage().header, header);
});

test("a time to live comes back", async ({ hub }) => {
  await hub.producer().sendBatch([{ body: "x", bodyType: "data", header: { timeToLive: 90_000 } }], { partitionId: "0" });
  const [found] = await hub.read(1);
  assert.equal(found.getRawAmqpMessage().header.timeToLive, 90_000);
});

test("the footer comes back", async ({ hub }) => {
  const footer = { "x-checksum": "abc", "x-number": 5 };
  const found = await roundTrip(hub, { body: "x", bodyType: "data", footer });
  assert.deepEqual(found.getRawAmqpMessage().footer, footer);
});

test("annotations of the user come back and those of the service are replaced", async ({ hub }) => {
  const messageAnnotations = {
    "x-opt-mine": "kept",
    plain: 5,
    nested: { list: [1, 2] },
    "x-opt-sequence-number": 999,
    "x-opt-offset": "999",
    "x-opt-publisher": "nobody",
  };
  const found = await roundTrip(hub, { body: "x", bodyType: "data", messageAnnotations });
  const annotations = found.getRawAmqpMessage().messageAnnotations;
  assert.equal(annotations["x-opt-mine"], "kept");
  assert.equal(annotations.plain, 5);
  assert.deepEqual(annotations.nested, { list: [1, 2] });
  assert.equal(annotations["x-opt-publisher"], undefined);
  assert.deepEqual([found.sequenceNumber, found.offset], [0, "0"]);
  assert.equal(found.systemProperties["x-opt-mine"], "kept");
});

test("delivery annotations of the sender are dropped", async ({ hub }) => {
  const found = await roundTrip(hub, { body: "x", bodyType: "data", deliveryAnnotations: { hop: "one" } });
  assert.equal(found.getRawAmqpMessage().deliveryAnnotations, undefined);
});

test("the service adds its system properties", async ({ hub }) => {
  const before = Date.now();
  await hub.producer().sendBatch([{ body: "a" }, { body: "b" }], { partitionKey: "device-42" });
  const events = await hub.read(2);
  events.forEach((event, index) => {
    assert.equal(event.sequenceNumber, index);
    assert.equal(event.offset, String(index));
    assert.equal(event.partitionKey, "device-42");
    assert.ok(event.enqueuedTimeUtc instanceof Date);
    assert.ok(Math.abs(event.enqueuedTimeUtc.getTime() - before) < 60_000, `${event.enqueuedTimeUtc}`);
  });
});

test("a received event may be sent on as it is", async ({ hub }) => {
  await hub.producer().sendBatch([{ body: ["x"], bodyType: "value", applicationProperties: { n: 1 } }], { partitionId: "0" });
  const [event] = await hub.read(1);
  await hub.producer().sendBatch([event], { partitionId: "1" });
  const [copy] = await hub.read(1, { partition: "1" });
  assert.deepEqual([copy.body, copy.properties], [["x"], { n: 1 }]);
  assert.equal(copy.getRawAmqpMessage().bodyType, "value");
});
