"""SIGKILL between and inside management calls: what was answered is there, nothing is half done."""

import copy
import os
import random
import threading
import time

import pytest
from azure.eventhub import EventData

from hub import QUICK_SOCKET_SECONDS, Hub
from management import Management, NoAnswer, hub_path

CYCLES = int(os.environ.get("FOREBAY_KILL_CYCLES", "5"))
SEED = int(os.environ.get("FOREBAY_KILL_SEED", "0")) or random.randrange(1, 2**31)
HUBS = ["alpha", "Beta", "gamma-3", "delta.4"]
GROUPS = ["readers", "Audit", "g3"]
POLICIES = ["devices", "Reports"]
RIGHTS = [["Send"], ["Listen"], ["Listen", "Send"], ["Listen", "Manage", "Send"]]

pytestmark = [pytest.mark.kill, pytest.mark.timeout(120 + 30 * CYCLES)]


class Plan:
    """What there should be, and one step at a time that changes it.

    A step is (call, change): the change is made to the state once the call is answered. `state`: hubs by name, each with
    partitions, hours, groups, policies (rights by name) and the number of events in partition 0.
    """

    def __init__(self, chance):
        self.chance = chance
        self.state = {}

    def step(self, management):
        hub = self.chance.choice(HUBS)
        choices = ["make"] if hub not in self.state else ["update", "grow", "delete", "group", "group", "policy", "policy", "key"]
        return getattr(self, f"_{self.chance.choice(choices)}")(management, hub)

    def _make(self, management, hub):
        partitions, hours = self.chance.randrange(1, 9), self.chance.randrange(1, 100)

        def change(state):
            state[hub] = {"partitions": partitions, "hours": hours, "groups": ["$Default"], "policies": {}}

        return self._put_hub(management, hub, partitions, hours), change

    def _update(self, management, hub):
        hours = self.chance.randrange(1, 100)
        return self._put_hub(management, hub, None, hours), lambda state: state[hub].update(hours=hours)

    def _grow(self, management, hub):
        partitions = self.state[hub]["partitions"] + self.chance.randrange(1, 4)
        return self._put_hub(management, hub, partitions, None), lambda state: state[hub].update(partitions=partitions)

    @staticmethod
    def _put_hub(management, hub, partitions, hours):
        properties = {}
        if partitions is not None:
            properties["partitionCount"] = partitions
        if hours is not None:
            properties["retentionDescription"] = {"cleanupPolicy": "Delete", "retentionTimeInHours": hours}
        return lambda: management.ok("PUT", hub_path(hub), {"properties": properties})

    def _delete(self, management, hub):
        return (lambda: management.ok("DELETE", hub_path(hub))), lambda state: state.pop(hub)

    def _group(self, management, hub):
        group = self.chance.choice(GROUPS)
        path = f"{hub_path(hub)}/consumergroups/{group}"
        if group in self.state[hub]["groups"]:
            return (lambda: management.ok("DELETE", path)), lambda state: state[hub]["groups"].remove(group)
        return (lambda: management.ok("PUT", path, {})), lambda state: state[hub]["groups"].append(group)

    def _policy(self, management, hub):
        policy, rights = self.chance.choice(POLICIES), self.chance.choice(RIGHTS)
        path = f"{hub_path(hub)}/authorizationRules/{policy}"
        if policy in self.state[hub]["policies"] and self.chance.random() < 0.5:
            return (lambda: management.ok("DELETE", path)), lambda state: state[hub]["policies"].pop(policy)
        call = lambda: management.ok("PUT", path, {"properties": {"rights": rights}})  # noqa: E731
        return call, lambda state: state[hub]["policies"].update({policy: rights})

    def _key(self, management, hub):
        if not self.state[hub]["policies"]:
            return self._policy(management, hub)
        policy = self.chance.choice(sorted(self.state[hub]["policies"]))
        path = f"{hub_path(hub)}/authorizationRules/{policy}/regenerateKeys"

        def call():
            keys = management.ok("POST", path, {"keyType": "PrimaryKey"})
            assert keys["primaryKey"] != keys["secondaryKey"]

        return call, lambda state: None


def seen(management):
    """The state as the routes show it."""
    state = {}
    for hub in management.ok("GET", "/eventhubs")["value"]:
        name, properties = hub["name"], hub["properties"]
        assert properties["partitionIds"] == [str(n) for n in range(properties["partitionCount"])]
        rules = management.ok("GET", f"{hub_path(name)}/authorizationRules")["value"]
        for rule in rules:
            keys = management.ok("POST", f"{hub_path(name)}/authorizationRules/{rule['name']}/listKeys")
            assert keys["primaryKey"] and keys["secondaryKey"], "a policy has both its keys or is not there"
        state[name] = {
            "partitions": properties["partitionCount"],
            "hours": properties["retentionDescription"]["retentionTimeInHours"],
            "groups": management.names(f"{hub_path(name)}/consumergroups"),
            "policies": {rule["name"]: sorted(rule["properties"]["rights"]) for rule in rules},
        }
    return state


def in_order(state):
    return {name: {**hub, "groups": sorted(hub["groups"])} for name, hub in state.items()}


def test_every_answered_change_is_there_after_a_kill_and_none_is_half_done(new_server):
    print(f"FOREBAY_KILL_SEED={SEED}")
    chance = random.Random(SEED)
    server = new_server().start()
    plan = Plan(chance)
    answered = 0
    for cycle in range(CYCLES):
        management = Management(server)
        killer = threading.Timer(chance.uniform(0.05, 0.8), server.process.kill)
        killer.start()
        before = after = None
        while True:
            call, change = plan.step(management)
            before, after = copy.deepcopy(plan.state), copy.deepcopy(plan.state)
            change(after)
            try:
                call()
            except NoAnswer:
                break
            plan.state = after
            answered += 1
        killer.join()
        server.kill()
        server.start()
        found = in_order(seen(Management(server)))
        assert found in (in_order(before), in_order(after)), f"neither before nor after the step that was cut (seed {SEED})"
        plan.state = found
        # The SDK takes seconds for each: all of them in the end, one a cycle before.
        names = sorted(found)
        check_hubs_serve(server, found, names if cycle == CYCLES - 1 else names[:1])
    assert answered > CYCLES, "the server was killed before anything was answered"


def check_hubs_serve(server, state, names):
    """Each of these hubs takes and gives events on its last partition, and none has events of an earlier one of its name."""
    for name in names:
        hub = state[name]
        last = str(hub["partitions"] - 1)
        events = Hub(server.connection_string, name)
        with events.producer(socket_timeout=QUICK_SOCKET_SECONDS) as client:
            assert client.get_partition_ids() == [str(n) for n in range(hub["partitions"])]
            end = client.get_partition_properties(last)["last_enqueued_sequence_number"]
        # Hubs live on over cycles: what an earlier cycle sent may be there, each under its own birthday.
        birthday = hub_birthday(server, name)
        with events.producer(socket_timeout=QUICK_SOCKET_SECONDS) as client:
            client.send_event(EventData(f"{name}/{birthday}"), partition_id=last)
        bodies = {b"".join(event.body).decode() for event in events.read(end + 2, last)}
        assert bodies == {f"{name}/{birthday}"}, "only events of this very hub"


def hub_birthday(server, name):
    return Management(server).ok("GET", hub_path(name))["properties"]["createdAt"]


def test_a_hub_deleted_and_made_again_has_none_of_the_old_events_also_after_a_kill(new_server):
    server = new_server().start()
    management = Management(server)
    management.ok("PUT", hub_path("again"), {"properties": {"partitionCount": 2}})
    hub = Hub(server.connection_string, "again")
    hub.send("old one", "old two", partition="1")
    hub.close()
    management.ok("DELETE", hub_path("again"))
    status, _ = management.call("GET", hub_path("again"))
    assert status == 404
    management.ok("PUT", hub_path("again"), {"properties": {"partitionCount": 2}})
    server.kill()
    server.start()
    hub.send("new", partition="1")
    [event] = hub.read(1, "1")
    assert (event.sequence_number, event.body_as_str()) == (0, "new")
    hub.close()
    time.sleep(0.1)
    with hub.producer() as client:
        assert client.get_partition_properties("1")["last_enqueued_sequence_number"] == 0
