/** rhea as a client that knows nothing of Event Hubs: plain AMQP 1.0, no retries, a deadline on everything. */

import rhea from "rhea";

import { until } from "./hub.js";

export const { types, message } = rhea;

const SELECTOR = "apache.org:selector-filter:string";

/** An error of AMQP: its condition is what tests look at. */
export class AmqpError extends Error {
  constructor({ condition, description, message: words }) {
    super(description ?? words);
    this.condition = condition;
  }
}

/** Waits for a condition; throws as soon as there is an error instead. */
async function unlessError(errorOf, condition, what) {
  await until(() => errorOf() || condition(), what);
  if (errorOf()) throw new AmqpError(errorOf());
}

class Link {
  constructor(link) {
    this.link = link;
  }

  /** A refusal is an attach without source or target, and a detach that says why. */
  async opened() {
    const { link } = this;
    const terminus = () => link.is_remote_open() && (link.is_sender() ? link.target : link.source);
    await unlessError(() => link.error, terminus, "the link to be attached");
    return this;
  }

  /** The error with which the server has detached the link. */
  async error() {
    await until(() => this.link.error, "an error of the link");
    return new AmqpError(this.link.error);
  }

  async close() {
    this.link.close();
    await until(() => this.link.is_closed(), "the link to be closed");
  }
}

class Sender extends Link {
  /** Sends, and says what became of it. With a `format` the message is already encoded. */
  async send(sent, format) {
    const { link } = this;
    await until(() => link.sendable(), "credit");
    const delivery = link.send(sent, undefined, format);
    await unlessError(() => link.error, () => delivery.remote_settled, "an outcome");
    const outcome = delivery.remote_state;
    return { state: outcome.constructor.composite_type, error: outcome.error };
  }

  /** Sends settled: nobody answers. */
  async sendSettled(sent) {
    await until(() => this.link.sendable(), "credit");
    this.link.send(sent);
  }
}

class Receiver extends Link {
  /** What came. */
  messages = [];
  deliveries = [];
  #drained = false;

  constructor(link) {
    super(link);
    link.on("message", ({ message: found, delivery }) => {
      this.messages.push(found);
      this.deliveries.push(delivery);
    });
    link.on("receiver_drained", () => (this.#drained = true));
  }

  credit(count) {
    this.link.drain = false;
    this.link.add_credit(count);
  }

  /** The first `count` messages. */
  async take(count) {
    const what = () => `${count} messages, not ${this.messages.length}`;
    await unlessError(() => this.link.error, () => this.messages.length >= count, what);
    return this.messages.slice(0, count);
  }

  /** Waits until the server has used up the credit for what there is. */
  async drain() {
    this.#drained = false;
    this.link.drain_credit();
    await until(() => this.#drained, "the answer to a drain");
  }
}

/** A connection and what is on it. */
export class Client {
  #open = false;
  #failure;

  /** With policy name and key, unless the options say otherwise. */
  static async connect(server, options = {}) {
    const client = new Client({
      host: "127.0.0.1",
      port: server.port,
      hostname: "localhost",
      username: server.setting("SharedAccessKeyName"),
      password: server.setting("SharedAccessKey"),
      reconnect: false,
      ...options,
    });
    await unlessError(() => client.#failure, () => client.#open, "the connection to be open");
    return client;
  }

  /** SASL ANONYMOUS: a token must follow. */
  static async anonymous(server, options = {}) {
    return Client.connect(server, { username: "anonymous", password: undefined, ...options });
  }

  constructor(options) {
    this.connection = rhea.create_container().connect(options);
    this.connection.on("connection_open", () => (this.#open = true));
    for (const name of ["connection_error", "connection_close", "disconnected", "error"]) {
      this.connection.on(name, ({ connection, error }) => {
        this.#failure ??= connection?.error ?? error ?? new Error(name);
      });
    }
    // rhea throws what nobody listens for; tests look at the link itself.
    for (const name of ["session_error", "sender_error", "receiver_error"]) this.connection.on(name, () => {});
  }

  get isBroken() {
    return this.#failure !== undefined;
  }

  /** A sender to an address; an error if the server refuses it. */
  async sender(address, options = {}, session = this.connection) {
    return new Sender(session.open_sender({ target: { address }, ...options })).opened();
  }

  /** A receiver without credit. `filter` is a selector's text; `descriptor` the one of an SDK. */
  async receiver(address, { filter, descriptor = SELECTOR, ...options } = {}, session = this.connection) {
    const source = { address };
    if (filter !== undefined) source.filter = { [SELECTOR]: types.wrap_described(filter, descriptor) };
    return new Receiver(session.open_receiver({ source, credit_window: 0, autoaccept: false, ...options })).opened();
  }

  session() {
    const session = this.connection.create_session();
    session.open();
    return session;
  }

  /** The first `count` messages of an address. */
  async read(address, count, options) {
    const receiver = await this.receiver(address, options);
    receiver.credit(count);
    const found = await receiver.take(count);
    await receiver.close();
    return found;
  }

  /** A request to a node and its answer, as `$cbs` and `$management` have them. */
  async request(node, body, properties) {
    const replies = await this.receiver(node, { target: "replies" });
    replies.credit(1);
    const requests = await this.sender(node);
    const sent = { message_id: "request-1", reply_to: "replies", application_properties: properties, body };
    await requests.send(sent);
    const [reply] = await replies.take(1);
    await replies.close();
    await requests.close();
    return reply;
  }

  /** A token for a resource. Returns the answer's status. */
  async putToken(token, resource) {
    const type = "servicebus.windows.net:sastoken";
    const reply = await this.request("$cbs", token, { operation: "put-token", type, name: resource });
    return reply.application_properties;
  }

  async close() {
    if (this.isBroken) return;
    this.connection.close();
    await until(() => this.connection.is_closed(), "the connection to be closed");
  }
}

/** A message with one data section. */
export const data = (body, more = {}) => ({ ...more, body: message.data_section(Buffer.from(body)) });

/** The texts of messages with one data section. */
export const texts = (messages) => messages.map((found) => found.body.content.toString());

export const from = (hub, partition = "0", group = "$Default") =>
  `${hub.name}/ConsumerGroups/${group}/Partitions/${partition}`;
export const to = (hub, partition = "0") => `${hub.name}/Partitions/${partition}`;
