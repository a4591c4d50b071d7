/** Servers and hubs for the tests. The server is a real process; nothing of it is mocked. */

import assert from "node:assert/strict";
import { after, test as nodeTest } from "node:test";

import { Server } from "./forebay-server.js";
import { Hub } from "./hub.js";

/** A test that takes longer hangs, and a test that hangs fails. */
const TEST_MS = 60_000;

/** What the plain development mode is known to accept, from the documentation, not from the ready file. */
export const wellKnown = (address) =>
  `Endpoint=sb://${address};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;`;

/** Shared by all tests of a file that do not restart it: durable, with a generated key. */
let shared;
let number = 0;

after(async () => {
  const server = await shared;
  if (!server) return;
  const survived = server.isRunning;
  const words = server.logTail();
  await server.end();
  assert.ok(survived, `the server died during the run:\n${words}`);
});

/** What a test is given. */
class Given {
  #endings = [];
  #servers = [];
  #heard;

  constructor(server, name) {
    this.#heard = server.log().length;
    const words = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    this.server = server;
    this.hubName = `${words.slice(0, 60).replace(/^-|-$/g, "")}-${(number += 1)}`;
    /** A hub that no other test knows, made on first use. */
    this.hub = this.hubOf(server);
  }

  /** A hub of a server, closed with the test. */
  hubOf(server, name = this.hubName) {
    return this.hubAt(server.connectionString, name);
  }

  hubAt(connectionString, name = this.hubName) {
    const hub = new Hub(connectionString, name);
    this.closing(hub);
    return hub;
  }

  /** Makes a server, not yet started, that ends with the test; its last words are shown if the test fails. */
  newServer(args = [], options = {}) {
    const server = new Server(args, options);
    this.#servers.push(server);
    return server;
  }

  /** Closes it when the test is over. */
  closing(closable) {
    this.#endings.push(() => closable.close());
    return closable;
  }

  /** What the servers have said since the test began. */
  logs() {
    const shared = this.server.log().slice(this.#heard);
    return [shared, ...this.#servers.map((server) => server.logTail())].join("\n");
  }

  async end() {
    await Promise.allSettled(this.#endings.map((end) => end()));
    await Promise.allSettled(this.#servers.map((server) => server.end()));
  }
}

/** A test: its name is the promise that it keeps. */
export function test(name, body, label = "") {
  nodeTest(label ? `${name} [${label}]` : name, { timeout: TEST_MS }, async (context) => {
    shared ??= new Server().start();
    const given = new Given(await shared, name);
    // Also when the deadline ends the test: the body is then left behind, its clients are not.
    context.after(() => given.end());
    try {
      await body(given);
    } catch (error) {
      context.diagnostic(`what the server said:\n${given.logs()}`);
      throw error;
    }
  });
}

/** The same promise for each row of a table: { label: case }. */
export function testEach(name, table, body) {
  for (const [label, row] of Object.entries(table)) {
    test(name, (given) => body(given, row), label);
  }
}
