/** A hub as the tests see it: what a user would write with `@azure/event-hubs`, with a deadline on everything. */

import {
  EventHubBufferedProducerClient,
  EventHubConsumerClient,
  EventHubProducerClient,
  earliestEventPosition,
} from "@azure/event-hubs";
import { setTimeout as sleep } from "node:timers/promises";

export const DEADLINE_MS = 20_000;
export const PARTITIONS = ["0", "1", "2", "3"];

/** One attempt: what the server answers is what the test sees. A fresh object each time, since the SDK writes to it. */
const once = () => ({ maxRetries: 0, timeoutInMs: DEADLINE_MS });

/** Waits for a condition, with a deadline, and returns its value. */
export async function until(condition, what, ms = DEADLINE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) {
      throw new Error(`did not happen in ${ms} ms: ${typeof what === "function" ? what() : what}`);
    }
    await sleep(5);
  }
}

/** An SDK consumer that keeps what it is given. */
export class Reader {
  events = [];
  errors = [];
  opened = [];
  closed = [];
  #client;

  constructor(client, { partition, startPosition = earliestEventPosition, onEvents, ...options }) {
    this.#client = client;
    const handlers = {
      processEvents: async (events, context) => {
        for (const event of events) {
          event.partition = context.partitionId;
          this.events.push(event);
        }
        await onEvents?.(events, context);
      },
      processError: async (error) => void this.errors.push(error),
      processInitialize: async (context) => void this.opened.push(context.partitionId),
      processClose: async (reason, context) => void this.closed.push([context.partitionId, reason]),
    };
    // A receiver whose connection broke is made anew only when its wait is over; the SDK's own default is 60 s.
    const settings = { startPosition, maxBatchSize: 100, maxWaitTimeInSeconds: 1, ...options };
    if (partition === undefined) client.subscribe(handlers, settings);
    else client.subscribe(partition, handlers, settings);
  }

  async wait(condition, what, ms) {
    await until(condition, () => `${what} (${this.events.length} events, errors: ${this.errors})`, ms);
  }

  /** The first `count` events. An error of the link is an error here. */
  async take(count, ms) {
    await this.wait(() => this.events.length >= count || this.errors.length, `${count} events`, ms);
    if (this.errors.length) throw this.errors[0];
    return this.events.slice(0, count);
  }

  /** The first error that the SDK reports. */
  async error(ms) {
    await this.wait(() => this.errors.length, "an error", ms);
    return this.errors[0];
  }

  async close() {
    await this.#client.close();
  }
}

/** One hub of one server. */
export class Hub {
  #open = new Set();
  #sender;

  constructor(connectionString, name) {
    this.connectionString = connectionString;
    this.name = name;
  }

  #keep(closable) {
    this.#open.add(closable);
    return closable;
  }

  /** The arguments that every client of the SDK begins with. */
  #address() {
    return this.name == null ? [this.connectionString] : [this.connectionString, this.name];
  }

  producer(options = {}) {
    return this.#keep(new EventHubProducerClient(...this.#address(), { retryOptions: once(), ...options }));
  }

  bufferedProducer(options) {
    return this.#keep(new EventHubBufferedProducerClient(...this.#address(), { retryOptions: once(), ...options }));
  }

  consumer(options) {
    return this.#keep(this.#newConsumer(options));
  }

  #newConsumer({ group = "$Default", store, ...options } = {}) {
    const stores = store ? [store] : [];
    return new EventHubConsumerClient(group, ...this.#address(), ...stores, { retryOptions: once(), ...options });
  }

  /** A reader of one partition, or of "all". It closes its client itself. */
  reader({ partition = "0", group, store, client = {}, ...options } = {}) {
    const target = partition === "all" ? undefined : partition;
    return this.#keep(new Reader(this.#newConsumer({ group, store, ...client }), { partition: target, ...options }));
  }

  /** The first `count` events from a position. */
  async read(count, options = {}) {
    const reader = this.reader(options);
    try {
      return await reader.take(count);
    } finally {
      await reader.close();
    }
  }

  /** Every event of the hub: { partition: [event] }. */
  async readAll() {
    const client = this.producer();
    const ids = await client.getPartitionIds();
    const ends = await Promise.all(ids.map((id) => client.getPartitionProperties(id)));
    const count = ends.reduce(
      (sum, end) => sum + (end.isEmpty ? 0 : end.lastEnqueuedSequenceNumber - end.beginningSequenceNumber + 1),
      0,
    );
    const events = count ? await this.read(count, { partition: "all" }) : [];
    return Object.fromEntries(ids.map((id) => [id, events.filter((event) => event.partition === id)]));
  }

  /** One batch, to partition 0. */
  async send(...bodies) {
    await this.sendTo("0", ...bodies);
  }

  async sendTo(partitionId, ...bodies) {
    this.#sender ??= this.producer();
    await this.#sender.sendBatch(bodies.map((body) => ({ body })), { partitionId });
  }

  /** Closes every client that the hub has made. A buffered one drops what it still holds. */
  async close() {
    const open = [...this.#open];
    this.#open.clear();
    this.#sender = undefined;
    await Promise.allSettled(open.map((client) => client.close({ flush: false })));
  }
}

export const bodies = (events) => events.map((event) => event.body);
export const sequences = (events) => events.map((event) => event.sequenceNumber);

/** `from` to below `to`. */
export const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);
