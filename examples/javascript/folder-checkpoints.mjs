// A checkpoint store in a folder, for processors of one machine.
//
// A claim is a file named by partition and version, and the version is the `etag`: of two who claim the next version, the
// one whose file is there first has it.

import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export class FolderCheckpointStore {
  constructor(folder) {
    this.folder = folder;
  }

  async listOwnership(namespace, hub, group) {
    const files = await this.#files("owner", namespace, hub, group);
    const latest = new Map();
    for (const { partition, version } of files) latest.set(partition, Math.max(version, latest.get(partition) ?? 0));
    return read(files.filter(({ partition, version }) => version === latest.get(partition)));
  }

  async claimOwnership(wanted) {
    const won = [];
    for (const item of wanted) {
      const folder = await this.#open(item.fullyQualifiedNamespace, item.eventHubName, item.consumerGroup);
      const version = Number(item.etag ?? 0) + 1;
      const claim = { ...item, etag: String(version), lastModifiedTimeInMs: Date.now() };
      const name = (of) => join(folder, `owner-${item.partitionId}-${of}.json`);
      const draft = join(folder, `draft-${randomUUID()}`);
      await writeFile(draft, JSON.stringify(claim));
      try {
        await link(draft, name(version));
      } catch (error) {
        if (error.code === "EEXIST") continue;
        throw error;
      } finally {
        await rm(draft);
      }
      const files = await this.#files("owner", item.fullyQualifiedNamespace, item.eventHubName, item.consumerGroup);
      if (files.some((file) => file.partition === item.partitionId && file.version > version)) {
        // Others were several versions ahead, and had tidied this one away.
        await rm(name(version), { force: true });
        continue;
      }
      await rm(name(version - 1), { force: true });
      won.push(claim);
    }
    return won;
  }

  async updateCheckpoint(checkpoint) {
    const { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId } = checkpoint;
    const folder = await this.#open(fullyQualifiedNamespace, eventHubName, consumerGroup);
    const draft = join(folder, `draft-${randomUUID()}`);
    await writeFile(draft, JSON.stringify(checkpoint));
    await rename(draft, join(folder, `checkpoint-${partitionId}-0.json`));
  }

  async listCheckpoints(namespace, hub, group) {
    return read(await this.#files("checkpoint", namespace, hub, group));
  }

  async #open(...group) {
    const folder = join(this.folder, ...group.map((part) => encodeURIComponent(part.toLowerCase())));
    await mkdir(folder, { recursive: true });
    return folder;
  }

  async #files(kind, ...group) {
    const folder = await this.#open(...group);
    const names = (await readdir(folder)).map((name) => [name, name.match(/^(\w+)-(\d+)-(\d+)\.json$/)]);
    return names
      .filter(([, parts]) => parts?.[1] === kind)
      .map(([name, [, , partition, version]]) => ({ path: join(folder, name), partition, version: Number(version) }));
  }
}

/** What is in the files, less those that were replaced meanwhile. */
async function read(files) {
  const texts = await Promise.all(files.map(({ path }) => readFile(path, "utf8").catch(() => undefined)));
  return texts.filter((text) => text !== undefined).map((text) => JSON.parse(text));
}
