/** rhea sends and reads: credit, settlement, filters, drain, frames, refusals. */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { bodies, range, sequences, until } from "../hub.js";
import { Client, data, from, message, texts, to, types } from "../rhea-client.js";
import { test, testEach } from "../suite.js";

const LIMIT = 1_048_576;
const ACCEPTED = { state: "accepted", error: undefined };

async function connected(given, options) {
  return given.closing(await Client.connect(given.server, options));
}

/** Sends texts, one after the other. */
async function send(client, hub, ...words) {
  const sender = await client.sender(to(hub));
  for (const word of words) assert.deepEqual(await sender.send(data(word)), ACCEPTED);
  await sender.close();
}

test("it reads from the beginning when it gives no filter", async (given) => {
  const client = await connected(given);
  await send(client, given.hub, "a", "b", "c");
  const found = await client.read(from(given.hub), 3);
  assert.deepEqual(texts(found), ["a", "b", "c"]);
  const annotations = found.map((each) => each.message_annotations);
  assert.deepEqual(annotations.map((each) => each["x-opt-sequence-number"]), [0, 1, 2]);
  assert.deepEqual(annotations.map((each) => each["x-opt-offset"]), ["0", "1", "2"]);
  for (const each of annotations) assert.ok(each["x-opt-enqueued-time"] instanceof Date);
});

test("with credit 1 everything comes, one at a time and in order", async (given) => {
  const words = range(0, 20).map(String);
  await given.hub.send(...range(0, 20));
  const client = await connected(given);
  const receiver = await client.receiver(from(given.hub));
  for (const number of range(1, 21)) {
    receiver.credit(1);
    await receiver.take(number);
  }
  await sleep(100);
  assert.deepEqual(texts(receiver.messages), words);
});

test("without credit nothing comes", async (given) => {
  await given.hub.send("x");
  const client = await connected(given);
  const receiver = await client.receiver(from(given.hub));
  await sleep(200);
  assert.deepEqual(receiver.messages, []);
  receiver.credit(1);
  await receiver.take(1);
});

testEach(
  "each kind of filter starts where it says",
  {
    "offset, after": ["amqp.annotation.x-opt-offset > '1'", "cd"],
    "offset, with": ["amqp.annotation.x-opt-offset >= '1'", "bcd"],
    "offset, no space": ["amqp.annotation.x-opt-offset >'1'", "cd"],
    "offset, no quotes": ["amqp.annotation.x-opt-offset > 1", "cd"],
    "offset, the beginning": ["amqp.annotation.x-opt-offset > '-1'", "abcd"],
    "number, after": ["amqp.annotation.x-opt-sequence-number > '0'", "bcd"],
    "number, with": ["amqp.annotation.x-opt-sequence-number >= 3", "d"],
    time: ["amqp.annotation.x-opt-enqueued-time > '0'", "abcd"],
  },
  async (given, [filter, expected]) => {
    const client = await connected(given);
    await send(client, given.hub, ..."abcd");
    assert.equal(texts(await client.read(from(given.hub), expected.length, { filter })).join(""), expected);
  },
);

testEach(
  "each descriptor that an SDK uses for its filter is understood",
  { symbol: "apache.org:selector-filter:string", "of JavaScript": 0x468c00000004, "of .NET": 0x137000000a },
  async (given, descriptor) => {
    const client = await connected(given);
    await send(client, given.hub, "a", "b", "c");
    const filter = "amqp.annotation.x-opt-sequence-number > '1'";
    assert.deepEqual(texts(await client.read(from(given.hub), 1, { filter, descriptor })), ["c"]);
  },
);

test("the latest filter waits for what comes", async (given) => {
  const client = await connected(given);
  await send(client, given.hub, "before");
  const receiver = await client.receiver(from(given.hub), { filter: "amqp.annotation.x-opt-offset > '@latest'" });
  receiver.credit(10);
  await send(client, given.hub, "after");
  assert.deepEqual(texts(await receiver.take(1)), ["after"]);
});

test("a drain gives what there is and takes the rest of the credit back", async (given) => {
  const client = await connected(given);
  await send(client, given.hub, "a", "b", "c");
  const receiver = await client.receiver(from(given.hub));
  receiver.credit(10);
  await receiver.drain();
  assert.deepEqual(texts(receiver.messages), ["a", "b", "c"]);
  await send(client, given.hub, "d");
  await sleep(200);
  assert.equal(receiver.messages.length, 3, "no credit is left");
  receiver.credit(1);
  assert.deepEqual(texts(await receiver.take(4)).at(-1), "d");
  // A drain of nothing is answered too.
  receiver.credit(5);
  await receiver.drain();
  assert.equal(receiver.messages.length, 4);
});

test("what comes may be accepted, and nothing depends on it", async (given) => {
  await given.hub.send(...range(0, 50));
  const client = await connected(given);
  const accepting = await client.receiver(from(given.hub), { autoaccept: true, credit_window: 10 });
  const silent = await client.receiver(from(given.hub), { credit_window: 10 });
  for (const receiver of [accepting, silent]) assert.deepEqual(texts(await receiver.take(50)), range(0, 50).map(String));
});

testEach(
  "events come settled or not, as the receiver's attach asks",
  { settled: [1, true], unsettled: [0, false] },
  async (given, [snd_settle_mode, settled]) => {
    await given.hub.send("a", "b");
    const client = await connected(given);
    const receiver = await client.receiver(from(given.hub), { snd_settle_mode });
    assert.equal(receiver.link.snd_settle_mode, snd_settle_mode);
    receiver.credit(2);
    await receiver.take(2);
    assert.deepEqual(receiver.deliveries.map((delivery) => delivery.remote_settled), [settled, settled]);
    for (const delivery of receiver.deliveries) if (!settled) delivery.accept();
    await receiver.close();
    assert.deepEqual(texts(await client.read(from(given.hub), 2)).length, 2, "an accepted event stays");
  },
);

test("what is sent settled is stored without an answer", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(to(given.hub), { snd_settle_mode: 1 });
  for (const number of range(0, 100)) await sender.sendSettled(data(String(number)));
  await sender.close();
  const events = await given.hub.read(100);
  assert.deepEqual(bodies(events), range(0, 100));
  assert.deepEqual(sequences(events), range(0, 100));
});

test("many in flight are all accepted and stored in order", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(to(given.hub));
  const outcomes = await Promise.all(range(0, 1000).map((number) => sender.send(data(String(number)))));
  assert.ok(outcomes.every(({ state }) => state === "accepted"));
  assert.deepEqual(sequences(await given.hub.read(1000)), range(0, 1000));
});

testEach(
  "small frames carry large messages both ways",
  { "the smallest": 512, "four KiB": 4096 },
  async (given, max_frame_size) => {
    const client = await connected(given, { max_frame_size });
    const large = Buffer.from(range(0, 300_000).map((index) => index % 253));
    const sender = await client.sender(to(given.hub));
    assert.deepEqual(await sender.send(data(large)), ACCEPTED);
    assert.deepEqual(await sender.send(data("after")), ACCEPTED);
    const [big, after] = await client.read(from(given.hub), 2);
    assert.ok(big.body.content.equals(large), `${big.body.content.length} bytes`);
    assert.deepEqual(texts([after]), ["after"]);
  },
);

test("the limit counts the bytes of the message as sent", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(to(given.hub));
  assert.equal(sender.link.max_message_size, LIMIT);
  const of = (size) => {
    const overhead = message.encode(data(Buffer.alloc(size))).length - size;
    return data(Buffer.alloc(size - overhead, "x"));
  };
  assert.equal(message.encode(of(LIMIT)).length, LIMIT);
  assert.deepEqual(await sender.send(of(LIMIT)), ACCEPTED);
  const refused = await sender.send(of(LIMIT + 1));
  assert.equal(refused.state, "rejected");
  assert.equal(refused.error.condition, "amqp:link:message-size-exceeded");
  assert.deepEqual(await sender.send(data("after")), ACCEPTED);
  const [big, after] = await client.read(from(given.hub), 2);
  assert.equal(message.encode({ body: big.body }).length, LIMIT);
  assert.deepEqual(texts([after]), ["after"]);
});

test("what it sends the SDK reads and the other way round", async (given) => {
  const client = await connected(given);
  await send(client, given.hub, '"from rhea"');
  await given.hub.send("from the SDK");
  assert.deepEqual(bodies(await given.hub.read(2)), ["from rhea", "from the SDK"]);
  assert.deepEqual(texts(await client.read(from(given.hub), 2)), ['"from rhea"', '"from the SDK"']);
});

test("a batch that is made by hand is taken apart", async (given) => {
  const client = await connected(given);
  const inner = ["a", "b", "c"].map((word) => message.encode(data(word, { application_properties: { word } })));
  const sender = await client.sender(to(given.hub));
  assert.deepEqual(await sender.send(message.encode({ body: message.data_sections(inner) }), 0x80013700), ACCEPTED);
  const found = await client.read(from(given.hub), 3);
  assert.deepEqual(texts(found), ["a", "b", "c"]);
  assert.deepEqual(found.map((each) => each.application_properties), [{ word: "a" }, { word: "b" }, { word: "c" }]);
});

test("a batch that is no batch is rejected, and the link goes on", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(to(given.hub));
  const broken = message.encode({ body: message.data_section(Buffer.from("no message")) });
  const { state, error } = await sender.send(broken, 0x80013700);
  assert.equal(state, "rejected");
  assert.equal(error.condition, "amqp:decode-error");
  assert.deepEqual(await sender.send(data("after")), ACCEPTED);
  assert.deepEqual(texts(await client.read(from(given.hub), 1)), ["after"]);
});

test("a partition key annotation routes, and comes back", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(given.hub.name);
  const message_annotations = { "x-opt-partition-key": "sOdeEAsyQoEuEFPGerWO" };
  for (const word of ["one", "two"]) assert.deepEqual(await sender.send(data(word, { message_annotations })), ACCEPTED);
  const found = await client.read(from(given.hub, "3"), 2);
  assert.deepEqual(texts(found), ["one", "two"]);
  for (const each of found) assert.equal(each.message_annotations["x-opt-partition-key"], "sOdeEAsyQoEuEFPGerWO");
});

test("a publisher link stamps its name", async (given) => {
  const client = await connected(given);
  const sender = await client.sender(`${given.hub.name}/Publishers/meter-7`);
  assert.deepEqual(await sender.send(data('"x"')), ACCEPTED);
  const [event, ...more] = Object.values(await given.hub.readAll()).flat();
  assert.deepEqual(more, []);
  assert.equal(event.systemProperties["x-opt-publisher"], "meter-7");
  assert.equal(event.partitionKey, "meter-7");
});

test("every section and every field comes back", async (given) => {
  const client = await connected(given);
  const moment = new Date("2026-11-21T08:30:15.123Z");
  const sent = {
    durable: true, priority: 9, ttl: 60_000, first_acquirer: true, delivery_count: 2,
    message_annotations: { "x-opt-mine": "kept" },
    message_id: "id", user_id: Buffer.from("user"), to: "to", subject: "subject", reply_to: "reply",
    correlation_id: 2 ** 40, content_type: "text/plain", content_encoding: "gzip",
    absolute_expiry_time: moment, creation_time: moment, group_id: "group", group_sequence: 3, reply_to_group_id: "rg",
    application_properties: { text: "t", yes: true, no: false, n: 7, negative: -7, half: 0.5, nothing: null },
    footer: { sum: "abc" },
  };
  const sender = await client.sender(to(given.hub));
  assert.deepEqual(await sender.send(data("x", sent)), ACCEPTED);
  const [found] = await client.read(from(given.hub), 1);
  const { message_annotations, body, ...rest } = { ...found };
  assert.deepEqual(rest, (({ message_annotations: _, ...others }) => others)(sent));
  assert.equal(message_annotations["x-opt-mine"], "kept");
  assert.equal(body.content.toString(), "x");
});

testEach(
  "a value body of every type comes back",
  {
    null: null, true: true, false: false, ubyte: types.wrap_ubyte(255), ushort: types.wrap_ushort(65535),
    uint: types.wrap_uint(7), ulong: types.wrap_ulong(2 ** 40), byte: types.wrap_byte(-128), short: types.wrap_short(-32768),
    int: types.wrap_int(-7), long: types.wrap_long(-(2 ** 40)), float: types.wrap_float(1.5), double: types.wrap_double(-2.75),
    timestamp: types.wrap_timestamp(1_700_000_000_123), string: "Grüße", symbol: types.wrap_symbol("a-symbol"),
    binary: types.wrap_binary(Buffer.from([0, 255])), list: types.wrap_list(["a", 1, null]), map: types.wrap_map({ a: 1 }),
    uuid: types.wrap_uuid(Buffer.alloc(16, 5)), array: types.wrap_array([1, 2, 3], 0x81),
  },
  async (given, body) => {
    const client = await connected(given);
    const sender = await client.sender(to(given.hub));
    assert.deepEqual(await sender.send({ body }), ACCEPTED);
    const [found] = await client.read(from(given.hub), 1);
    assert.deepEqual(found.body, message.decode(message.encode({ body })).body, "as rhea itself reads what it wrote");
  },
);

testEach(
  "a refused link says why, and the connection goes on",
  {
    "a partition that is not there": ["99", "com.microsoft:argument-out-of-range"],
    "a partition that is no number": ["x", "com.microsoft:argument-out-of-range"],
  },
  async (given, [partition, condition]) => {
    await given.hub.send("x");
    const client = await connected(given);
    await assert.rejects(client.receiver(from(given.hub, partition)), { condition });
    await assert.rejects(client.sender(to(given.hub, partition)), { condition });
    assert.deepEqual(texts(await client.read(from(given.hub), 1)), ['"x"']);
  },
);

test("an unknown hub or group is not found, in the words that SDKs look for", async (given) => {
  const server = await given.newServer().start();
  const first = await Client.connect(server);
  assert.deepEqual(await (await first.sender("known")).send(data("x")), ACCEPTED);
  await first.close();
  assert.equal(await server.stop(), 0);
  await server.start("--no-auto-create");
  const client = given.closing(await Client.connect(server));
  assert.deepEqual(await (await client.sender("known")).send(data("y")), ACCEPTED);
  for (const [name, attach] of [
    ["nowhere", () => client.sender("nowhere")],
    ["nowhere", () => client.sender("nowhere/Partitions/0")],
    ["nowhere", () => client.receiver("nowhere/ConsumerGroups/$Default/Partitions/0")],
    ["strangers", () => client.receiver("known/ConsumerGroups/strangers/Partitions/0")],
  ]) {
    await assert.rejects(attach(), (error) => {
      assert.equal(error.condition, "amqp:not-found");
      assert.match(error.message, new RegExp(`The messaging entity .*${name}.* could not be found`));
      return true;
    });
  }
});

test("an unreadable filter is refused", async (given) => {
  await given.hub.send("x");
  const client = await connected(given);
  const attach = client.receiver(from(given.hub), { filter: "colour = 'red'" });
  await assert.rejects(attach, { condition: "com.microsoft:argument-error" });
});

test("a position beyond the end is refused", async (given) => {
  await given.hub.send("x");
  const client = await connected(given);
  const attach = client.receiver(from(given.hub), { filter: "amqp.annotation.x-opt-offset > '1000'" });
  await assert.rejects(attach, { condition: "com.microsoft:argument-error" });
});

test("an owner level given as a link property takes over, and the older link is told", async (given) => {
  await given.hub.send("x");
  const client = await connected(given);
  const level = (number) => ({ properties: { "com.microsoft:epoch": types.wrap_long(number) } });
  const older = await client.receiver(from(given.hub), level(1));
  const newer = await client.receiver(from(given.hub), level(2));
  assert.equal((await older.error()).condition, "amqp:link:stolen");
  await assert.rejects(client.receiver(from(given.hub), level(1)), { condition: "amqp:link:stolen" });
  newer.credit(1);
  await newer.take(1);
});

test("a link may be closed and its name used again", async (given) => {
  const client = await connected(given);
  for (const number of range(0, 20)) {
    const sender = await client.sender(to(given.hub), { name: "the-same" });
    assert.deepEqual(await sender.send(data(String(number))), ACCEPTED);
    await sender.close();
    await until(() => !client.connection.find_sender((link) => link.name === "the-same"), "rhea to forget the link");
  }
  assert.deepEqual(bodies(await given.hub.read(20)), range(0, 20));
});
