/** A checkpoint store in memory, as a user of the SDK would write one: ownership is claimed by comparing etags. */

import { randomUUID } from "node:crypto";

export class MemoryStore {
  #ownerships = new Map();
  #checkpoints = new Map();

  static #key(item) {
    return [item.fullyQualifiedNamespace, item.eventHubName, item.consumerGroup, item.partitionId].join("|");
  }

  static #list(table, ...group) {
    return [...table].filter(([key]) => key.startsWith(`${group.join("|")}|`)).map(([, item]) => ({ ...item }));
  }

  async listOwnership(namespace, hub, group) {
    return MemoryStore.#list(this.#ownerships, namespace, hub, group);
  }

  /** Those of the wanted ones that nobody has claimed since they were read. */
  async claimOwnership(wanted) {
    const free = wanted.filter((item) => {
      const held = this.#ownerships.get(MemoryStore.#key(item));
      return held === undefined || held.etag === item.etag;
    });
    return free.map((item) => {
      const stored = { ...item, etag: randomUUID(), lastModifiedTimeInMs: Date.now() };
      this.#ownerships.set(MemoryStore.#key(item), stored);
      return { ...stored };
    });
  }

  async updateCheckpoint(checkpoint) {
    this.#checkpoints.set(MemoryStore.#key(checkpoint), { ...checkpoint });
  }

  async listCheckpoints(namespace, hub, group) {
    return MemoryStore.#list(this.#checkpoints, namespace, hub, group);
  }

  /** How many partitions each owner holds, the largest share first. */
  shares() {
    const counts = new Map();
    for (const { ownerId } of this.#ownerships.values()) {
      if (ownerId) counts.set(ownerId, (counts.get(ownerId) ?? 0) + 1);
    }
    return [...counts.values()].sort().reverse();
  }
}
