"""What cannot work is said in a sentence, once, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from durable_celery import Expired, FunctionNotFound, NotSerializable, PayloadTooLarge
from durable_celery.dev import EmbeddedRedis
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet()
    made.start("one", "two")
    return made


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("returns_an_object", r"the result of 'returns_an_object' \(.*\) has no JSON form: it is an object"),
        ("step_returns_an_object", r"the result of step 'make_socket' \(.*\.1\) has no JSON form: it is an object"),
        ("passes_an_object", r"an argument of 'echo' has no JSON form: at \[0\]\[0\] it holds an object"),
    ],
)
def test_what_has_no_json_form_settles_the_execution_at_once(fleet: Fleet, body: str, sentence: str) -> None:
    name = f"json-{body}"
    handle = fleet.durable.run(name, body)

    with pytest.raises(NotSerializable, match=sentence):
        handle.result(20)
    fleet.shows(name, "FAILURE")
    assert handle.promise().attempt == 1
    assert fleet.ledger.repeated(name) == set()


def test_arguments_without_json_form_or_too_large_are_refused_before_anything_is_recorded(fleet: Fleet) -> None:
    with pytest.raises(NotSerializable, match="an argument of 'echo'"):
        fleet.durable.run("refused-1", "echo", object())
    with pytest.raises(PayloadTooLarge, match="durable_max_payload"):
        fleet.durable.run("refused-1", "echo", "x" * 2**21)
    assert fleet.redis.exists("dc:{0}:r:refused-1") == 0


def test_a_duplicate_that_comes_after_the_retention_is_dropped_and_executes_nothing(fleet: Fleet) -> None:
    first = fleet.project.app.send_task("echo", args=(5,), task_id="late-1")
    assert first.get(timeout=20) == 5
    wait_until(lambda: fleet.durable.get("late-1").promise().mirrored, 20, "it to be finished for Celery")
    fleet.redis.delete(*(f"dc:{{0}}:{kind}:late-1" for kind in "rjt"))  # as the end of its retention does

    fleet.project.app.send_task("echo", args=(5,), task_id="late-1")
    wait_until(
        lambda: any(worker.says("a message is dropped: the execution 'late-1'") for worker in fleet.workers.values()),
        20,
        "a worker to drop it",
    )

    assert fleet.ledger.count("late-1.1", "start") == 1
    assert fleet.state("late-1") == "SUCCESS"
    with pytest.raises(Expired):
        fleet.durable.run("late-1", "echo", 5)


def test_a_step_by_a_name_that_nobody_registered_fails(fleet: Fleet) -> None:
    with pytest.raises(FunctionNotFound, match="'nobody'"):
        fleet.durable.run("nobody-1", "calls_nobody").result(20)


def test_a_function_that_no_worker_knows_yet_waits_for_one_that_does(fleet: Fleet) -> None:
    handle = fleet.durable.run("unknown-1", "later", 5)
    wait_until(
        lambda: any(worker.says("unregistered task of type 'later'") for worker in fleet.workers.values()),
        20,
        "a worker to say that it does not know it",
    )
    assert handle.status == "queued"

    for worker in fleet.workers.values():
        worker.kill()
    fleet.start("three", env={"ALSO_LATER": "1"})

    assert handle.result(40) == 5


def test_a_redis_that_may_evict_promises_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        client = redis.Redis.from_url(server.url)
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        careless = Fleet(tmp_path, fleet.broker, server.url)
        try:
            (worker,) = careless.start("careless", wait=False)
            assert worker.ended(30) != 0
            assert worker.says("maxmemory-policy allkeys-lru")
            assert worker.says("CONFIG SET maxmemory-policy noeviction")
            assert not worker.says(" ready.")
        finally:
            careless.close()


def test_a_redis_without_append_only_file_is_warned_about_once(fleet: Fleet, tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        redis.Redis.from_url(server.url).config_set("appendonly", "no")
        forgetful = Fleet(tmp_path, server.url, server.url)
        try:
            (worker,) = forgetful.start("forgetful", concurrency=4)
            for number in range(8):  # calls from outside make pool processes open the store in their own right
                sent = forgetful.project.app.send_task("echo", args=(number,), task_id=f"echo-{number}")
                assert sent.get(timeout=20) == number
            assert worker.says("no append-only file") == 1
            assert worker.says("appendonly yes") == 1
        finally:
            forgetful.close()


def test_a_redis_that_cannot_keep_strict_durability_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        redis.Redis.from_url(server.url).config_set("appendonly", "no")
        bold = Fleet(tmp_path, fleet.broker, server.url, durable_durability="strict")
        try:
            (worker,) = bold.start("bold", wait=False)
            assert worker.ended(30) != 0
            assert worker.says("set `appendonly yes` and `appendfsync always`")
            assert not worker.says(" ready.")
        finally:
            bold.close()
