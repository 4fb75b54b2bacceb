"""Renderings and orders as users run them: a real Redis, `celery worker` processes, `python -m webapp`, HTTP."""

from __future__ import annotations

import io
import sys
import time
import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from redis import Redis

from durable_celery.dev import EmbeddedRedis, Program, Supervisor, free_port, log_has, url_answers
from tests.leaks import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).resolve().parents[2]
WORKERS = ("one", "two")
STEP_SECONDS = 0.4
SCRIPT = {"text_list": ["one", "two", "three", "four", "five"]}
ORDER = {"item": "kettle", "amount": 4200}

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class Running:
    """What runs: its Redis, its processes, a client of its web application, its files."""

    redis: EmbeddedRedis
    supervisor: Supervisor
    web: httpx.Client
    folder: Path

    def told(self, execution_id: str) -> list[tuple[str, str]]:
        """Return what the steps of one rendering wrote down: (line, event), in order."""
        words = [line.split() for line in (self.folder / "ledger").read_text().splitlines()]
        return [(line, event) for step, line, _, event in words if step.startswith(f"{execution_id}.")]

    def times(self, execution_id: str, event: str) -> Counter[str]:
        return Counter(line for line, happened in self.told(execution_id) if happened == event)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("stack")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with EmbeddedRedis(data=folder / "redis") as redis, Supervisor(grace=10) as supervisor:
        env = {
            "DURABLE_REDIS_URL": redis.url,
            "RENDER_DIR": str(folder / "renders"),
            "RENDER_LEDGER": str(folder / "ledger"),
            "ORDER_LEDGER": str(folder / "orders"),
            "RENDER_STEP_SECONDS": str(STEP_SECONDS),
            "WEB_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
        }
        log = folder / "web.log"
        web = Program(
            name="web",
            argv=[sys.executable, "-m", "webapp"],
            env=env,
            cwd=PROJECT,
            log=log,
            ready=url_answers(f"{url}/healthz"),
        )
        supervisor.start(*(worker(name, folder, env) for name in WORKERS), web, deadline=60)
        with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
            yield Running(redis, supervisor, client, folder)
        with Redis.from_url(redis.url, decode_responses=True) as store:
            until("a store without anything that stays for ever", lambda: not leaks(store))


def worker(name: str, folder: Path, env: dict[str, str]) -> Program:
    log = folder / f"{name}.log"
    argv = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-n", f"{name}@%h", "-c", "2", "-l", "info"]
    return Program(name=name, argv=argv, env=env, cwd=PROJECT, log=log, ready=log_has(log, " ready."))


@pytest.fixture(autouse=True)
def all_up(running: Running) -> None:
    """Start again what a test killed."""
    for name in WORKERS:
        if not running.supervisor.alive(name):
            running.supervisor.restart(name)


def until(what: str, look: Callable[[], Any], seconds: float = 40) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.02)
    pytest.fail(f"waited in vain for {what}")


def ended(running: Running, url: str) -> dict[str, Any]:
    """Poll a monitor to the end, and return its last document."""

    def look() -> httpx.Response | None:
        answer = running.web.get(url)
        assert answer.json()["status"] != "parked", answer.text
        return answer if answer.status_code == 200 else None

    document: dict[str, Any] = until(f"200 from {url}", look).json()
    return document


def recorded(running: Running, execution_id: str, count: int) -> dict[str, Any]:
    """Wait until so many steps of a rendering are recorded and the next one is at work."""

    def look() -> dict[str, Any] | None:
        status = running.web.get(f"/render/{execution_id}/status").json()
        at_work = sum(running.times(execution_id, "start").values()) > count
        return status if status["progress"]["done"] == count and at_work else None

    status: dict[str, Any] = until(f"{count} steps of {execution_id}", look)
    return status


def test_a_rendering_is_accepted_at_once_and_its_progress_rises_to_a_file(running: Running) -> None:
    begun = time.monotonic()
    answer = running.web.post("/render/whole", json=SCRIPT)
    assert answer.status_code == 202
    assert time.monotonic() - begun < STEP_SECONDS * len(SCRIPT["text_list"])

    seen = []

    def look() -> httpx.Response | None:
        status = running.web.get(answer.headers["Location"])
        assert status.json()["status"] != "parked", status.text
        seen.append(status.json()["progress"]["done"])
        return status if status.status_code == 200 else None

    result = until("the result", look).json()["result"]

    assert seen == sorted(seen)
    assert len(set(seen)) >= 3
    assert result["lines"] == 5
    with wave.open(io.BytesIO(running.web.get(result["file"]).content)) as heard:
        assert heard.getnframes() / heard.getframerate() == pytest.approx(result["seconds"], abs=0.001)
    assert (
        running.times("whole", "start") == running.times("whole", "done") == Counter(["0", "1", "2", "3", "4", "join"])
    )


def test_a_worker_killed_in_the_middle_costs_at_most_the_step_it_was_in(running: Running) -> None:
    running.web.post("/render/killed", json=SCRIPT)
    status = recorded(running, "killed", 2)
    name, pid = holder(status)
    assert pid == running.supervisor.pid(name)
    running.supervisor.kill(name)
    killed = time.monotonic()

    until("the next worker", lambda: running.times("killed", "start")["2"] == 2)
    assert time.monotonic() - killed < 3

    document = ended(running, "/render/killed/status")
    assert document["result"]["lines"] == 5
    starts, ends = running.times("killed", "start"), running.times("killed", "done")
    assert starts == Counter({"0": 1, "1": 1, "2": 2, "3": 1, "4": 1, "join": 1})
    assert {line: count for line, count in ends.items() if line != "2"} == {"0": 1, "1": 1, "3": 1, "4": 1, "join": 1}
    whole = running.web.get("/render/killed/file").content
    assert len(whole) == document["result"]["bytes"]
    running.web.post("/render/undisturbed", json=SCRIPT)
    assert running.web.get(ended(running, "/render/undisturbed/status")["result"]["file"]).content == whole
    assert not list((running.folder / "renders" / "killed").glob("*.part"))


def test_a_worker_asked_to_leave_hands_over_and_no_step_is_repeated(running: Running) -> None:
    running.web.post("/render/asked", json=SCRIPT)
    name, _ = holder(recorded(running, "asked", 2))

    running.supervisor.restart(name)

    assert ended(running, "/render/asked/status")["status"] == "succeeded"
    assert (
        running.times("asked", "start") == running.times("asked", "done") == Counter(["0", "1", "2", "3", "4", "join"])
    )


def test_many_requests_at_once_are_one_rendering(running: Running) -> None:
    answers = [running.web.post("/render/many", json=SCRIPT) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {202}
    assert ["Idempotent-Replayed" in answer.headers for answer in answers] == [False] + [True] * 9
    conflict = running.web.post("/render/many", json={"text_list": ["other"]})
    assert (conflict.status_code, conflict.json()["type"]) == (409, "id-conflict")
    ended(running, "/render/many/status")
    assert set(running.times("many", "start").values()) == {1}


def test_an_order_waits_for_a_person_through_a_restart_of_every_worker(running: Running) -> None:
    running.web.post("/orders/o1", json=ORDER)
    link = until("the approval", lambda: running.web.get("/orders/o1").json()["links"].get("approval"))
    for name in WORKERS:
        running.supervisor.restart(name)
    assert running.web.get("/orders/o1").status_code == 202

    assert running.web.post(link, json={"approved": True, "by": "Ann"}).status_code == 200

    result = ended(running, "/orders/o1")["result"]
    assert (result["status"], result["by"]) == ("shipped", "Ann")
    calls = (running.folder / "orders").read_text().splitlines()
    assert len(calls) == 3
    assert running.web.post(link, json={"approved": True, "by": "Ann"}).status_code == 200
    assert running.web.post(link, json={"approved": False, "by": "Ann"}).status_code == 409


def test_a_frozen_redis_is_said_soon_and_nothing_is_lost(running: Running) -> None:
    running.web.post("/render/frozen", json=SCRIPT)
    recorded(running, "frozen", 1)
    running.redis.pause()
    try:
        begun = time.monotonic()
        answers = [running.web.get("/render/frozen/status"), running.web.post("/render/frozen2", json=SCRIPT)]
        took = time.monotonic() - begun
    finally:
        running.redis.resume()

    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (503, "store-unavailable")
        assert "Retry-After" in answer.headers
    assert took < 10
    assert running.web.post("/render/frozen2", json=SCRIPT).status_code in (200, 202)
    assert ended(running, "/render/frozen/status")["status"] == "succeeded"
    assert ended(running, "/render/frozen2/status")["status"] == "succeeded"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"\xff", 400), (b'{"text_list": NaN}', 400), (b" " * 10_000_000, 413), (b"null", 422)],
    ids=["not utf-8", "nan", "ten megabytes", "null"],
)
def test_a_bad_request_is_a_problem_on_the_wire_too(running: Running, content: bytes, status: int) -> None:
    answer = running.web.post("/render/bad", content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert running.web.get("/render/bad/status").status_code == 404


def holder(status: dict[str, Any]) -> tuple[str, int]:
    """Return the name and the main process of the worker that holds an execution."""
    hostname, pid, _ = status["worker"].rsplit(":", 2)
    return hostname.partition("@")[0], int(pid)
