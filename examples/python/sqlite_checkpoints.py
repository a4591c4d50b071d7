"""A checkpoint store in one file, for processors of one machine."""

import sqlite3
import time
import uuid

from azure.eventhub import CheckpointStore

KEY = ("fully_qualified_namespace", "eventhub_name", "consumer_group", "partition_id")


class SqliteCheckpointStore(CheckpointStore):
    def __init__(self, path):
        self.path = path
        with self._database() as database:
            for table, values in (
                ("ownership", "owner_id, etag, last_modified_time REAL"),
                ("checkpoint", "offset, sequence_number INTEGER"),
            ):
                database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(KEY)}, {values}, PRIMARY KEY ({', '.join(KEY)}))")

    def _database(self):
        # One connection a call: the processor calls from several threads.
        database = sqlite3.connect(self.path, timeout=10, isolation_level="IMMEDIATE")
        database.row_factory = sqlite3.Row
        return database

    def _list(self, table, namespace, hub, group):
        query = f"SELECT * FROM {table} WHERE fully_qualified_namespace=? AND eventhub_name=? AND consumer_group=?"
        with self._database() as database:
            return [dict(row) for row in database.execute(query, (namespace, hub, group))]

    def list_ownership(self, fully_qualified_namespace, eventhub_name, consumer_group, **kwargs):
        return self._list("ownership", fully_qualified_namespace, eventhub_name, consumer_group)

    def list_checkpoints(self, fully_qualified_namespace, eventhub_name, consumer_group, **kwargs):
        return self._list("checkpoint", fully_qualified_namespace, eventhub_name, consumer_group)

    def claim_ownership(self, ownership_list, **kwargs):
        """Of two who claim the same partition, the one whose `etag` is still the stored one gets it."""
        won = []
        with self._database() as database:
            for wanted in ownership_list:
                key = [wanted[name] for name in KEY]
                claim = {**wanted, "etag": str(uuid.uuid4()), "last_modified_time": time.time()}
                values = (claim["owner_id"], claim["etag"], claim["last_modified_time"])
                if wanted.get("etag") is None:
                    change = database.execute("INSERT OR IGNORE INTO ownership VALUES (?,?,?,?,?,?,?)", (*key, *values))
                else:
                    change = database.execute(
                        "UPDATE ownership SET owner_id=?, etag=?, last_modified_time=? WHERE fully_qualified_namespace=? "
                        "AND eventhub_name=? AND consumer_group=? AND partition_id=? AND etag=?",
                        (*values, *key, wanted["etag"]),
                    )
                if change.rowcount:
                    won.append(claim)
        return won

    def update_checkpoint(self, checkpoint, **kwargs):
        row = [checkpoint[name] for name in (*KEY, "offset", "sequence_number")]
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO checkpoint VALUES (?,?,?,?,?,?)", row)
