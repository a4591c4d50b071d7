"""The store that the load-balancing tests lean on does what the SDK's contract says."""

from memory_store import Memory, MemoryStore

HUB = {"fully_qualified_namespace": "localhost", "eventhub_name": "orders", "consumer_group": "$Default"}


def ownership(partition, owner, **more):
    return {**HUB, "partition_id": partition, "owner_id": owner, **more}


def test_a_claim_with_the_etag_that_was_read_wins_and_an_older_one_loses():
    store = MemoryStore(Memory())
    (first,) = store.claim_ownership([ownership("0", "a")])
    assert store.claim_ownership([ownership("0", "b")]) == []
    (second,) = store.claim_ownership([ownership("0", "b", etag=first["etag"])])
    assert second["etag"] != first["etag"]
    assert store.claim_ownership([ownership("0", "a", etag=first["etag"])]) == []
    (held,) = store.list_ownership("localhost", "orders", "$Default")
    assert held["owner_id"] == "b"


def test_claims_of_one_call_are_judged_one_by_one():
    store = MemoryStore(Memory())
    store.claim_ownership([ownership("0", "a")])
    claimed = store.claim_ownership([ownership("0", "b"), ownership("1", "b")])
    assert [item["partition_id"] for item in claimed] == ["1"]
    assert store.memory.shares() == {"a": 1, "b": 1}


def test_the_last_checkpoint_of_a_partition_counts_and_groups_are_apart():
    store = MemoryStore(Memory())
    for number in (3, 7):
        store.update_checkpoint({**HUB, "partition_id": "0", "sequence_number": number, "offset": str(number)})
    (found,) = store.list_checkpoints("localhost", "orders", "$Default")
    assert found["sequence_number"] == 7
    assert list(store.list_checkpoints("localhost", "orders", "other")) == []
