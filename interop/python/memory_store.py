"""A checkpoint store in memory, as a user of the SDK would write one: ownership is claimed by comparing etags."""

import threading
import time
import uuid

from azure.eventhub import CheckpointStore
from azure.eventhub.aio import CheckpointStore as AsyncCheckpointStore


class Memory:
    """What all stores of one test share, as they would share a blob container."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ownership = {}
        self.checkpoints = {}

    @staticmethod
    def _group(item):
        return (item["fully_qualified_namespace"], item["eventhub_name"], item["consumer_group"])

    def list(self, table, namespace, hub, group):
        with self.lock:
            return [dict(item) for key, item in table.items() if key[:3] == (namespace, hub, group)]

    def claim(self, wanted):
        """Those of the wanted ones that nobody has claimed since they were read."""
        claimed = []
        with self.lock:
            for ownership in wanted:
                key = (*self._group(ownership), ownership["partition_id"])
                held = self.ownership.get(key)
                if held is not None and held["etag"] != ownership.get("etag"):
                    continue
                stored = dict(ownership, etag=str(uuid.uuid4()), last_modified_time=time.time())
                self.ownership[key] = stored
                claimed.append(dict(stored))
        return claimed

    def checkpoint(self, checkpoint):
        with self.lock:
            self.checkpoints[(*self._group(checkpoint), checkpoint["partition_id"])] = dict(checkpoint)

    def shares(self):
        """How many partitions each owner holds."""
        counts = {}
        with self.lock:
            for item in self.ownership.values():
                if item["owner_id"]:
                    counts[item["owner_id"]] = counts.get(item["owner_id"], 0) + 1
        return counts


class MemoryStore(CheckpointStore):
    def __init__(self, memory):
        self.memory = memory

    def list_ownership(self, fully_qualified_namespace, eventhub_name, consumer_group, **_):
        return self.memory.list(self.memory.ownership, fully_qualified_namespace, eventhub_name, consumer_group)

    def claim_ownership(self, ownership_list, **_):
        return self.memory.claim(ownership_list)

    def update_checkpoint(self, checkpoint, **_):
        self.memory.checkpoint(checkpoint)

    def list_checkpoints(self, fully_qualified_namespace, eventhub_name, consumer_group, **_):
        return self.memory.list(self.memory.checkpoints, fully_qualified_namespace, eventhub_name, consumer_group)


class AsyncMemoryStore(AsyncCheckpointStore):
    def __init__(self, memory):
        self.memory = memory

    async def list_ownership(self, fully_qualified_namespace, eventhub_name, consumer_group, **_):
        return self.memory.list(self.memory.ownership, fully_qualified_namespace, eventhub_name, consumer_group)

    async def claim_ownership(self, ownership_list, **_):
        return self.memory.claim(ownership_list)

    async def update_checkpoint(self, checkpoint, **_):
        self.memory.checkpoint(checkpoint)

    async def list_checkpoints(self, fully_qualified_namespace, eventhub_name, consumer_group, **_):
        return self.memory.list(self.memory.checkpoints, fully_qualified_namespace, eventhub_name, consumer_group)
