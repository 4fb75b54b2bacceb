"""Whoever can write to the broker can call functions; it cannot run code of its own by calling ours."""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from durable_celery import PromiseNotFound
from durable_celery.worker.tasks import SETTLE, SETTLE_ERROR
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until
from tests.security.conftest import Canary

WAIT_S = 30.0


class Bomb:
    """Reading its pickle makes a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker, canary: Canary) -> Fleet:
    """One worker of an application that accepts everything there is."""
    made = make_fleet(accept_content=["json", "pickle", "yaml", "application/data"])
    path = os.pathsep.join([str(canary.folder), os.environ.get("PYTHONPATH", "")])
    made.start("one", concurrency=1, env={"PYTHONPATH": path, "C_FORCE_ROOT": "1"})
    return made


@pytest.fixture(scope="module")
def attacker(fleet: Fleet) -> Iterator[Celery]:
    """Somebody with the address of the broker."""
    app = Celery("attacker", broker=fleet.broker, backend=None)
    app.conf.accept_content = ["json", "pickle", "yaml"]
    yield app
    app.close()


def refusals(fleet: Fleet) -> int:
    return fleet.workers["one"].says("was refused unread")


def settled_down(fleet: Fleet) -> None:
    """Everything sent so far was seen, and no message is left with the worker."""
    name = f"after-{uuid.uuid4().hex[:8]}"
    assert fleet.durable.run(name, "echo", 1).result(WAIT_S) == 1
    assert fleet.queued() == 0
    assert fleet.workers["one"].alive
    wait_until(lambda: fleet.messages.hlen("unacked") == 0, WAIT_S, "every message to be acknowledged or rejected")


def test_the_worker_of_these_tests_does_read_pickles(fleet: Fleet, attacker: Celery, canary: Canary) -> None:
    """Else the others would show nothing."""
    attacker.send_task("add", args=(Bomb(str(canary.folder / "ordinary")), 1), serializer="pickle")
    wait_until(lambda: canary.sings("ordinary"), WAIT_S, "the ordinary task to be blown up")


def test_a_pickle_for_a_durable_task_is_refused_unread_and_its_execution_goes_on(
    fleet: Fleet, attacker: Celery, canary: Canary
) -> None:
    before = refusals(fleet)
    fleet.durable.run("pickled-1", "held_by_nobody_yet", 7)  # a name that no worker knows: recorded, and not executed
    attacker.send_task("echo", args=(Bomb(str(canary.folder / "durable")),), serializer="pickle", task_id="pickled-1")
    wait_until(lambda: refusals(fleet) == before + 1, WAIT_S, "the pickle to be refused")

    assert fleet.workers["one"].says("content type is 'application/x-python-serialize' and durable tasks take") == 1
    assert fleet.durable.get("pickled-1").status == "queued"
    settled_down(fleet)
    assert not canary.sings("durable")


def test_a_refused_hint_loses_nothing_the_sweep_hints_again(fleet: Fleet, attacker: Celery, canary: Canary) -> None:
    before = refusals(fleet)
    fleet.project.app.control.cancel_consumer("celery", reply=True, timeout=5, limit=1)
    handle = fleet.durable.run("swapped-1", "echo", 7)
    fleet.messages.delete("celery")  # its only hint is swapped for a pickle
    attacker.send_task("echo", args=(Bomb(str(canary.folder / "swapped")),), serializer="pickle", task_id="swapped-1")
    fleet.project.app.control.add_consumer("celery", reply=True, timeout=5, limit=1)

    assert handle.result(WAIT_S) == 7
    assert refusals(fleet) == before + 1
    assert not canary.sings("swapped")


def test_every_task_of_ours_takes_json_only(fleet: Fleet, attacker: Celery, canary: Canary) -> None:
    before = refusals(fleet)
    for task in ("echo", SETTLE, SETTLE_ERROR):
        attacker.send_task(task, args=(Bomb(str(canary.folder / task)),), serializer="pickle")
        attacker.send_task(task, args=(1,), serializer="yaml")
    wait_until(lambda: refusals(fleet) == before + 6, WAIT_S, "all to be refused")
    assert not any(canary.sings(task) for task in ("echo", SETTLE, SETTLE_ERROR))


def test_a_message_settles_neither_an_execution_nor_a_promise_that_no_task_is_behind(
    fleet: Fleet, attacker: Celery
) -> None:
    """The callback of a task child carries its result: whoever sends one by hand has only those to settle."""
    fleet.durable.run("forged-1", "held_by_nobody_yet", 7)
    fleet.durable.promises.create("approval-1")
    for id in ("forged-1", "approval-1", "nobody-1"):
        attacker.send_task(SETTLE, args=("yes",), kwargs={"child": id}, serializer="json")
        attacker.send_task(SETTLE_ERROR, args=("task", "no"), kwargs={"child": id}, serializer="json")
    settled_down(fleet)

    assert fleet.durable.get("forged-1").status == "queued"
    assert fleet.durable.promises.get("approval-1").state == "pending"
    assert fleet.workers["one"].says("is no child that a task is behind") == 4


NAMES = [
    ("application/json", "utf-8"),
    ("application/json", "binary"),
    ("application/data", "binary"),
    ("APPLICATION/X-PYTHON-SERIALIZE", "binary"),
    (None, None),
]


def test_a_pickle_under_another_name_is_not_read_either(fleet: Fleet, attacker: Celery, canary: Canary) -> None:
    for number, (content_type, encoding) in enumerate(NAMES):
        body = pickle.dumps(((Bomb(str(canary.folder / f"named-{number}")),), {}, {}))
        publish(attacker, body, serializer="raw", content_type=content_type, content_encoding=encoding)
    settled_down(fleet)
    assert [number for number in range(len(NAMES)) if canary.sings(f"named-{number}")] == []


def test_messages_of_the_old_protocol_have_their_type_looked_at_too(fleet: Fleet, attacker: Celery) -> None:
    """Celery decodes them to see whom they are for; what is no JSON is not executed by us all the same."""
    before = refusals(fleet)
    with attacker.connection_for_write() as connection, connection.Producer() as producer:
        for serializer in ("json", "yaml"):
            said = {"task": "echo", "id": f"old-{serializer}", "args": [serializer], "kwargs": {}}
            producer.publish(said, routing_key="celery", serializer=serializer)
    settled_down(fleet)
    assert fleet.durable.get("old-json").result(WAIT_S) == "json"
    assert refusals(fleet) == before + 1
    with pytest.raises(PromiseNotFound):
        fleet.durable.get("old-yaml")


HOSTILE: list[dict[str, Any]] = [
    {"chain": [{"task": "canary_module.body", "args": [], "kwargs": {}, "options": {"serializer": "pickle"}}]},
    {"chord": {"task": "canary_module.body", "args": [], "options": {}, "chord_size": 1}},
    {"callbacks": [{"task": "canary_module.body", "subtask_type": "canary_module.body", "options": {}}]},
    {"errbacks": [{"task": "canary_module.body", "immutable": True, "options": {}}]},
    {"chain": "canary_module.body", "callbacks": 7, "chord": [[]]},
]


def test_canvas_made_by_hand_imports_nothing_and_stops_nobody(fleet: Fleet, attacker: Celery, canary: Canary) -> None:
    for hostile in HOSTILE:
        embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None, **hostile}
        publish(attacker, [[1], {}, embed], group=uuid.uuid4().hex)
    settled_down(fleet)
    assert not canary.imported


def test_a_message_for_a_function_that_is_not_registered_imports_nothing(
    fleet: Fleet, attacker: Celery, canary: Canary
) -> None:
    for name in ("canary_module.body", "canary_module:body", "tests.canary_module", "echo@canary_module"):
        attacker.send_task(name, args=(1,))
        fleet.durable.run(f"unregistered-{uuid.uuid4().hex[:8]}", name, 1)
    settled_down(fleet)
    assert not canary.imported


IDS = ["a}b", "dc:{0}:r:x", "../x", "x\x00y", "x" * 10_000, "\ud800", "", 7, {"a": 1}, [], None]


def test_a_message_with_an_id_that_is_none_writes_nothing_and_stops_nobody(fleet: Fleet, attacker: Celery) -> None:
    known = set(fleet.redis.scan_iter("dc:*"))
    for id in IDS:
        publish(attacker, [[1], {}, {}], id=id)
    settled_down(fleet)
    fresh = {key for key in set(fleet.redis.scan_iter("dc:*")) - known if ":after-" not in key}
    assert {key.rpartition(":")[2] for key in fresh} <= {"ready", "lease", "x", "workers", "deadline"}


def publish(attacker: Celery, body: Any, *, serializer: str = "json", id: Any = ..., **said: Any) -> None:
    """A message for `echo` whose every part is chosen."""
    properties = {name: said.pop(name) for name in ("content_type", "content_encoding") if name in said}
    headers = {"task": "echo", "id": uuid.uuid4().hex if id is ... else id, "lang": "py", **said}
    with attacker.connection_for_write() as connection, connection.Producer() as producer:
        producer.publish(
            body, routing_key="celery", serializer=serializer, headers=headers, correlation_id="x", **properties
        )
