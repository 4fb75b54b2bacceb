"""Every option of `apply_async` is honoured or refused by name, and time limits do the right thing inside a step."""

from __future__ import annotations

import inspect
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery, Task, chain, chord
from kombu import Exchange, Producer, Queue

from durable_celery import Durable, DurableError, PromiseNotFound, State
from durable_celery.worker.options import HONOURED, REFUSED
from tests.acceptance.workers.conftest import Servers
from tests.acceptance.workers.fleet import Worker
from tests.acceptance.workers.ledger import Ledger
from tests.acceptance.workers.limits import build
from tests.acceptance.workers.waiting import wait_until

WAIT_S = 20
PAGE = Path(__file__).parents[3] / "docs" / "celery.md"


@dataclass(frozen=True, slots=True)
class Shop:
    """One application, its two workers, and what their steps did."""

    durable: Durable
    workers: list[Worker]
    ledger: Ledger
    gates: Path

    @property
    def app(self) -> Celery:
        assert self.durable.app is not None
        return self.durable.app

    def ask(self, name: str, **options: Any) -> Any:
        """Start `asks` under this id; once it is suspended, let it go on in another message; its result."""
        result = self.app.tasks["asks"].apply_async((name,), task_id=name, **options)
        wait_until(lambda: self.durable.get(name).status == "suspended", WAIT_S, f"{name} to be suspended")
        self.durable.promises.resolve(f"{name}.1", None)
        assert self.durable.get(name).result(WAIT_S) == "done"
        return result

    def requests(self, name: str) -> list[dict[str, Any]]:
        """What the messages of an execution said, of each attempt."""
        return [line.value for line in self.ledger.lines(name, "request")]

    def says(self, words: str) -> int:
        return sum(worker.says(words) for worker in self.workers)


@pytest.fixture(scope="module")
def shop(servers: Servers, databases: Iterator[int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    number, folder = next(databases), tmp_path_factory.mktemp("limits")
    broker, store = (f"{server.url.rpartition('/')[0]}/{number}" for server in (servers.broker, servers.store))
    ledger, gates = Ledger(folder / "ledger"), folder / "gates"
    gates.mkdir()
    env = {"BROKER": broker, "STORE": store, "LEDGER": str(ledger.path), "GATES": str(gates), "LIMITS": "1"}
    argv = [sys.executable, "-m", "celery", "-A", "tests.acceptance.workers.limits", "worker", "-l", "info", "-c", "2"]
    argv += ["-Q", "celery,special", "--without-mingle"]
    env["PYTHONUNBUFFERED"] = "1"
    workers = [Worker(name, [*argv, "-n", f"{name}@%h"], env, folder / f"{name}.log") for name in ("one", "two")]
    durable = build(broker, store)
    yield Shop(durable, [worker.ready() for worker in workers], ledger, gates)
    for worker in workers:
        worker.child.kill()
    durable.close()


# The list is complete


def test_every_option_that_celery_documents_is_honoured_or_refused() -> None:
    documented = set(re.findall(r"^ {12}(\w+) \(", inspect.getdoc(Task.apply_async) or "", re.MULTILINE))
    documented |= set(re.findall(r"^ +(\w+) \([^)\n]*\):", Task.apply_async.__doc__ or "", re.MULTILINE))
    sent = set(inspect.signature(Producer.publish).parameters) - {"self", "body", "properties"}

    assert {"countdown", "expires", "link_error", "soft_time_limit", "add_to_parent"} <= documented
    assert documented | sent - {"args", "kwargs"} <= {*HONOURED, *REFUSED, "args", "kwargs"}
    assert not HONOURED.keys() & REFUSED.keys()


def test_the_page_shows_the_same_list() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    written = {name: text for name, text in rows if name in HONOURED or name in REFUSED}

    assert written == {**HONOURED, **{name: f"refused: {instead}" for name, instead in REFUSED.items()}}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named_with_what_to_use(shop: Shop, name: str) -> None:
    with pytest.raises(DurableError, match=re.escape(f"takes no {name}=: {REFUSED[name]}")):
        shop.app.tasks["quick"].apply_async((1,), task_id=f"refused-{name}", **{name: 1})
    with pytest.raises(PromiseNotFound):
        shop.durable.get(f"refused-{name}")


def test_serializers_but_json_and_limits_that_contradict_are_refused(shop: Shop) -> None:
    quick = shop.app.tasks["quick"]

    with pytest.raises(DurableError, match=r"takes no serializer='pickle'.*JSON"):
        quick.apply_async((1,), serializer="pickle")
    with pytest.raises(DurableError, match="takes no serializer='yaml'"):
        quick.s(1).set(serializer="yaml").apply_async()
    with pytest.raises(ValueError, match="soft_time_limit"):
        quick.apply_async((1,), soft_time_limit=3, time_limit=2)
    assert quick.apply_async((1,), serializer="json").get(timeout=WAIT_S) == 1


# What is honoured


def test_what_a_message_carries_is_in_the_next_one_too(shop: Shop) -> None:
    result = shop.ask(
        "carried",
        shadow="nickname",
        headers={"mine": "tag"},
        reply_to="somewhere",
        time_limit=60,
        soft_time_limit=50,
        compression="gzip",
        queue="special",
        priority=3,
    )

    assert result.get(timeout=WAIT_S) == "done"
    expected = {"shadow": "nickname", "reply_to": "somewhere", "limits": [60, 50], "mine": "tag"}
    seen = shop.requests("carried")
    assert len(seen) == 2
    for each in seen:
        assert expected.items() <= each.items()
        assert (each["routing_key"], each["priority"]) == ("special", 3)
    assert shop.says("Task nickname[carried] received") >= 2


def test_queues_and_exchanges_may_be_objects(shop: Shop) -> None:
    shop.ask("object-queue", queue=Queue("special"))
    shop.ask("object-exchange", exchange=Exchange("special"), routing_key="special")

    for name in ("object-queue", "object-exchange"):
        assert [each["routing_key"] for each in shop.requests(name)] == ["special"] * 2


def test_an_eta_may_be_text_or_without_a_time_zone(shop: Shop) -> None:
    now, quick = datetime.now().replace(microsecond=0), shop.app.tasks["quick"]
    later = shop.app.now() + timedelta(hours=1)
    for name, eta in (("text", later.isoformat()), ("naive", later.replace(tzinfo=None)), ("aware", later)):
        quick.apply_async((1,), task_id=f"eta-{name}", eta=eta)
        due_at = shop.durable.get(f"eta-{name}").promise().not_before_at
        assert due_at is not None
        assert abs(due_at / 1000 - later.timestamp()) < 5, now
        shop.durable.cancel(f"eta-{name}")
    assert quick.apply_async((1,), countdown=-5).get(timeout=WAIT_S) == 1


def test_an_ignored_result_is_the_stores_alone(shop: Shop) -> None:
    result = shop.ask("ignored", ignore_result=True)

    wait_until(lambda: shop.durable.get("ignored").promise().mirrored, WAIT_S, "it to be finished for Celery")
    assert [each["ignore_result"] for each in shop.requests("ignored")] == [True, True]
    assert shop.app.backend.get(shop.app.backend.get_key_for_task(result.id)) is None


def test_a_producer_or_a_connection_of_ones_own_sends_the_first_message(shop: Shop) -> None:
    sent: list[str] = []

    class Told(shop.app.amqp.Producer):  # type: ignore[name-defined, misc]
        def publish(self, *args: Any, **options: Any) -> Any:
            sent.append(options["correlation_id"])
            assert options["retry"] is False
            return super().publish(*args, **options)

    quick = shop.app.tasks["quick"]
    with shop.app.connection_for_write() as connection:
        producer = Told(connection, auto_declare=False)
        for name in ("producer", "publisher"):
            result = quick.apply_async((1,), task_id=f"own-{name}", retry=False, **{name: producer})
            assert result.get(timeout=WAIT_S) == 1
        assert quick.apply_async((1,), task_id="own-connection", connection=connection).get(timeout=WAIT_S) == 1
    assert sent == ["own-producer", "own-publisher"]


def test_a_task_that_starts_one_has_it_among_its_children_unless_told_not_to(shop: Shop) -> None:
    assert len(shop.app.tasks["calls"].delay(True).get(timeout=WAIT_S)) == 1
    assert shop.app.tasks["calls"].delay(False).get(timeout=WAIT_S) == []


# Callbacks and tries


def test_callbacks_wait_for_the_last_try(shop: Shop) -> None:
    add_all, stubborn, note = (shop.app.tasks[name] for name in ("add_all", "stubborn", "note"))
    links = {"link": note.s("tried-link"), "link_error": note.s("tried-error")}
    tried = stubborn.s(5, "tried").set(task_id="tried", **links)

    result = chord([tried, stubborn.si(6, "tried-too")])(add_all.s() | note.s("tried-end"))

    assert result.get(timeout=WAIT_S) == 11
    wait_until(lambda: shop.ledger.lines("tried-link"), WAIT_S, "the link to be called")
    assert [line.value for line in shop.ledger.lines("tried-link")] == [5]
    assert [line.value for line in shop.ledger.lines("tried-end")] == [11]
    assert not shop.ledger.lines("tried-error")
    assert shop.ledger.count("tried", "start") == 3
    assert shop.durable.get("tried").promise().attempt == 2


def test_a_link_error_is_called_once_at_the_real_failure(shop: Shop) -> None:
    note = shop.app.tasks["note"]
    link = note.si("failed", "used-up-error")

    shop.app.tasks["limited"].apply_async(("never",), task_id="used-up", soft_time_limit=1, link_error=link)

    wait_until(lambda: shop.ledger.lines("used-up-error"), WAIT_S, "the errback")
    wait_until(lambda: shop.durable.get("used-up").promise().mirrored, WAIT_S, "it to be finished for Celery")
    assert [line.value for line in shop.ledger.lines("used-up-error")] == ["failed"]


@pytest.mark.parametrize("name", ["expires", "retries"])
def test_always_eager_refuses_the_same(name: str) -> None:
    eager = build("memory://", "cache+memory://", task_always_eager=True)
    assert eager.app is not None
    quick = eager.app.tasks["quick"]

    assert quick.delay(1).get() == 1
    assert quick.apply_async((1,), countdown=60, queue="special", serializer="json").get() == 1
    assert chain(quick.s(1), quick.s(), quick.si(7))().get() == 7
    with pytest.raises(DurableError, match=f"takes no {name}="):
        quick.apply_async((1,), **{name: 1})


# Time limits


def test_the_soft_limit_is_the_steps_error_and_tried_again_as_its_policy_says(shop: Shop) -> None:
    shop.app.tasks["hurried"].apply_async(("soft",), task_id="soft", soft_time_limit=1)
    wait_until(lambda: shop.ledger.count("soft.2", "start") == 2, WAIT_S, "the step to be tried again")
    (shop.gates / "soft").touch()

    handle = shop.durable.get("soft")
    assert len(handle.result(WAIT_S)) == 3
    assert handle.promise().attempt == 1
    assert [step.tries for step in handle.steps()] == [1, 2, 1]
    assert shop.ledger.repeated("soft") == {"soft.2"}


def test_a_body_may_catch_the_soft_limit_of_a_step_and_go_on(shop: Shop) -> None:
    result = shop.app.tasks["told_to_hurry"].apply_async(("never",), task_id="caught", soft_time_limit=1)

    assert result.get(timeout=WAIT_S) == shop.ledger.last_runs("caught")["caught.2"]
    assert [step.state for step in shop.durable.get("caught").steps()] == [State.REJECTED, State.RESOLVED]


def test_a_soft_limit_that_nobody_catches_is_how_the_execution_fails(shop: Shop) -> None:
    result = shop.app.tasks["limited"].apply_async(("never",), task_id="failed", soft_time_limit=1)

    with pytest.raises(SoftTimeLimitExceeded):
        result.get(timeout=WAIT_S)
    with pytest.raises(SoftTimeLimitExceeded):
        shop.durable.get("failed").result(WAIT_S)


def test_the_hard_limit_is_a_crash_and_it_goes_on_after_its_last_checkpoint(shop: Shop) -> None:
    began = time.time()
    result = shop.app.tasks["limited"].apply_async(("hard",), task_id="hard", time_limit=1)
    wait_until(lambda: shop.ledger.count("hard.2", "start") == 2, WAIT_S, "the step to be executed again")
    (shop.gates / "hard").touch()

    assert result.get(timeout=WAIT_S) == list(shop.ledger.last_runs("hard").values())
    first, second = shop.ledger.lines("hard.2", "start")
    assert first.pid != second.pid
    assert second.at - began >= 1
    assert shop.ledger.repeated("hard") == {"hard.2"}
    assert shop.durable.get("hard").promise().attempt == 2
    assert shop.says("hard]: the hard time limit of 1 s was reached") == 1
    assert os.getpid() not in (first.pid, second.pid)


def test_a_step_that_reaches_the_hard_limit_every_time_is_parked(shop: Shop) -> None:
    shop.app.tasks["limited"].apply_async(("never",), task_id="hopeless", time_limit=1)
    handle = shop.durable.get("hopeless")

    wait_until(lambda: handle.status == "parked", 40, "it to be parked")
    assert "hard time limit" in handle.promise().reason
    assert shop.ledger.count("hopeless.1", "start") == 1
    handle.cancel()
