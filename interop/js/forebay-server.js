/** A server process of our own, on free ports, killed by its id and never by name. */

import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A slow machine may take its time; a server that is not ready by then is broken. */
const READY_MS = 30_000;
const STOP_MS = 20_000;

/** Servers that run now: none of them outlives this process, however it ends. */
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  process.on(signal, () => process.exit(1));
}

const BINARY = process.env.FOREBAY_BIN;
if (!BINARY) {
  console.error("FOREBAY_BIN names no server; run `cargo xtask interop js`");
  process.exit(1);
}

/** One `forebay dev` and, over restarts, its successors on the same folder and ports. */
export class Server {
  #child;
  #ports = ["0", "0"];

  constructor(args = [], { durable = true } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), "forebay-js-"));
    this.args = durable ? ["--data", join(this.folder, "data"), "--generate-key", ...args] : args;
    this.logPath = join(this.folder, "server.log");
    this.readyPath = join(this.folder, "ready.json");
  }

  async start(...more) {
    if (this.#child) throw new Error("already running");
    const [amqp, http] = this.#ports;
    const args = ["dev", "--listen", "127.0.0.1", "--amqp-port", amqp, "--http-port", http];
    args.push("--ready-file", this.readyPath, ...this.args, ...more);
    rmSync(this.readyPath, { force: true });
    appendFileSync(this.logPath, `$ forebay ${args.join(" ")}\n`);
    const log = openSync(this.logPath, "a");
    const child = spawn(BINARY, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    running.add(child);
    child.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve(code ?? signal));
      child.once("error", (error) => resolve(error.message));
    }).finally(() => running.delete(child));
    let ended;
    child.exited.then((how) => (ended = how));
    const deadline = Date.now() + READY_MS;
    while (!existsSync(this.readyPath)) {
      if (ended !== undefined) {
        this.#child = undefined;
        throw new Error(`the server ended with ${ended} before it was ready:\n${this.logTail()}`);
      }
      if (Date.now() > deadline) {
        await this.kill();
        throw new Error(`the server was not ready in ${READY_MS} ms:\n${this.logTail()}`);
      }
      await sleep(5);
    }
    // The file appears whole: a reader never sees half of it.
    this.ready = JSON.parse(readFileSync(this.readyPath, "utf8"));
    // Whoever restarts us finds us where we were.
    this.#ports = [this.ready.amqp, this.ready.http].map((address) => address.split(":").at(-1));
    return this;
  }

  get isRunning() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Asks it to stop, and returns its exit code. */
  async stop() {
    const child = this.#child;
    this.#child = undefined;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    const code = await child.exited;
    clearTimeout(late);
    return code;
  }

  /** SIGKILL: it cannot say goodbye. */
  async kill() {
    const child = this.#child;
    this.#child = undefined;
    child.kill("SIGKILL");
    await child.exited;
  }

  /** Whatever state it is in, it and its folder are gone after this. */
  async end() {
    if (this.#child) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  log() {
    return existsSync(this.logPath) ? readFileSync(this.logPath, "utf8") : "";
  }

  logTail(lines = 60) {
    return this.log().split("\n").slice(-lines).join("\n");
  }

  get connectionString() {
    return this.ready.connection_string;
  }

  get port() {
    return Number(this.#ports[0]);
  }

  /** Host and port: what SDKs sign. */
  get host() {
    return new URL(this.setting("Endpoint").replace("sb:", "http:")).host;
  }

  /** A part of the connection string, `SharedAccessKey` for instance. */
  setting(key) {
    const part = this.connectionString.split(";").find((text) => text.startsWith(`${key}=`));
    return part?.slice(key.length + 1);
  }

  /** Established TCP connections to the AMQP port, as the kernel lists them. */
  connections() {
    const here = this.port.toString(16).toUpperCase().padStart(4, "0");
    const ESTABLISHED = "01";
    return readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(`:${here}`) && state === ESTABLISHED).length;
  }
}
