/** The programs of examples/javascript, as a newcomer starts them. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { until } from "../hub.js";
import { test } from "../suite.js";

const SUITE = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = join(SUITE, "../../examples/javascript");

/** The programs beside installed packages: those of the suite. */
const folder = mkdtempSync(join(tmpdir(), "forebay-examples-"));
cpSync(EXAMPLES, folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
symlinkSync(join(SUITE, "node_modules"), join(folder, "node_modules"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that runs until it ends or is told to. */
class Example {
  output = "";

  constructor(given, name, more = {}) {
    const { connectionString, name: hub } = given.hub;
    this.child = spawn(process.execPath, [join(folder, `${name}.mjs`)], {
      cwd: folder,
      env: { ...process.env, EVENTHUB_CONNECTION_STRING: connectionString, EVENTHUB_NAME: hub, ...more },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (chunk) => (this.output += chunk));
    this.ended = new Promise((resolve) => this.child.once("close", (code, signal) => resolve(code ?? signal)));
    given.closing({ close: () => this.child.kill("SIGKILL") });
  }

  /** Lines with an event. */
  events() {
    return this.output.split("\n").filter((line) => /^\d+\/\d+ /.test(line));
  }

  async wait(condition, what) {
    await until(condition, () => `${what}; it printed:\n${this.output}`, 40_000);
  }

  /** Ctrl-C, and what it exits with. */
  async interrupt() {
    this.child.kill("SIGINT");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    const how = await this.ended;
    clearTimeout(late);
    return how;
  }
}

async function sent(given) {
  const program = new Example(given, "send");
  assert.equal(await program.ended, 0, program.output);
  assert.equal(program.output, "sent 3 events\n");
}

test("what the first program sends the second reads in order", async (given) => {
  await sent(given);
  const reader = new Example(given, "read");
  await reader.wait(() => reader.events().length >= 3, "three events");
  const [partition] = reader.events()[0].split("/");
  assert.deepEqual(reader.events(), [`${partition}/0 one`, `${partition}/1 two`, `${partition}/2 three`]);
  await sent(given);
  await reader.wait(() => reader.events().length >= 6, "three more events");
  assert.deepEqual(reader.events().slice(3), [`${partition}/3 one`, `${partition}/4 two`, `${partition}/5 three`]);
  assert.equal(await reader.interrupt(), 0, reader.output);
});

test("the processor goes on after its checkpoint when it is started again", async (given) => {
  const store = { CHECKPOINTS: join(folder, given.hubName) };
  await sent(given);
  const first = new Example(given, "processor", store);
  await first.wait(() => first.events().length >= 3, "three events");
  assert.equal(await first.interrupt(), 0, first.output);
  assert.equal(first.output.match(/^leaves \d: Shutdown$/gm)?.length, 4, first.output);
  await sent(given);
  const second = new Example(given, "processor", store);
  await second.wait(() => second.events().length >= 3, "three events");
  assert.deepEqual(second.events().map((line) => line.split("/")[1]), ["3 one", "4 two", "5 three"]);
});

test("two processors share the partitions", async (given) => {
  const store = { CHECKPOINTS: join(folder, given.hubName) };
  const first = new Example(given, "processor", store);
  await first.wait(() => first.output.match(/^owns/gm)?.length === 4, "four partitions");
  const second = new Example(given, "processor", store);
  await second.wait(() => second.output.match(/^owns/gm)?.length === 2, "two partitions");
  await first.wait(() => first.output.match(/OwnershipLost/g)?.length === 2, "two partitions lost");
  for (const partition of ["0", "1", "2", "3"]) await given.hub.sendTo(partition, `to ${partition}`);
  await first.wait(() => first.events().length === 2, "two of four events");
  await second.wait(() => second.events().length === 2, "the other two events");
  const all = [...first.events(), ...second.events()].map((line) => line.split(" ").slice(1).join(" "));
  assert.deepEqual(all.sort(), ["to 0", "to 1", "to 2", "to 3"]);
});

test("the examples ask for the packages that the suite has proved", () => {
  const packages = (place) => JSON.parse(readFileSync(join(place, "package.json"), "utf8")).dependencies;
  const proved = packages(SUITE);
  for (const [name, version] of Object.entries(packages(EXAMPLES))) assert.equal(version, proved[name], name);
});
