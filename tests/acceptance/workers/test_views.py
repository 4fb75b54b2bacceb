"""Slow views in front of real workers: killed in the middle of a view, and between its end and the callback."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
import httpx
import pytest

from durable_celery.web.webhooks import verify
from tests.acceptance.workers import views_app
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until
from tests.web.servers import on_waitress


@dataclass
class Receiver:
    """A server that is called back: it answers as it is told, in turn, and then 204."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    elsewhere: int = 0

    def told(self, id: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for headers, body in self.got if json.loads(body)["id"] == id]

    def app(self) -> flask.Flask:
        app = flask.Flask("receiver")

        @app.post("/in/<path:rest>")
        def take(rest: str) -> Any:
            self.got.append((dict(flask.request.headers), flask.request.get_data()))
            answer = self.answers.pop(0) if self.answers else 204
            return answer() if callable(answer) else ("", answer, {"Location": "/elsewhere"})

        @app.route("/elsewhere", methods=["GET", "POST"])
        def never() -> Any:
            self.elsewhere += 1
            return ""

        return app


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with on_waitress(made.app()) as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker, receiver: Receiver) -> Fleet:
    made = make_fleet(durable_lease=1.0)
    made.app = views_app.__name__
    made.start("one", "two", concurrency=1, env={"RECEIVER": receiver.url})
    return made


@pytest.fixture(scope="module")
def client(fleet: Fleet, receiver: Receiver) -> Iterator[httpx.Client]:
    app = views_app.create_app(fleet.durable, receiver.url)
    with on_waitress(app) as url, httpx.Client(base_url=url, timeout=40) as made:
        yield made


def over(client: httpx.Client, location: str) -> httpx.Response:
    answer = client.get(location, headers={"Prefer": "wait=10"})
    while answer.status_code == 202:
        answer = client.get(location, headers={"Prefer": "wait=10"})
    return answer


def begin(client: httpx.Client, receiver: Receiver, gate: str, **headers: str) -> httpx.Response:
    answer = client.post(
        f"/render/{gate}", content=b"\xfe\x01", headers={"Durable-Callback": receiver.url + "/in/x", **headers}
    )
    assert answer.status_code == 202, answer.text
    return answer


def test_a_view_outlives_its_worker_and_its_steps_are_not_repeated(
    fleet: Fleet, client: httpx.Client, receiver: Receiver
) -> None:
    gate = f"view-{uuid.uuid4()}"
    started = begin(client, receiver, gate, Authorization="Bearer sesame", Cookie="session=sesame")
    assert not [key for key in kept(fleet) if "sesame" in key]
    holder = fleet.caught(gate, f"{gate}.2")
    assert client.get(started.headers["location"]).status_code == 202
    killed_at = time.time()
    fleet.workers[holder.worker].kill()
    assert fleet.started_after(gate, killed_at).id == f"{gate}.2"
    fleet.open(gate)

    answer = over(client, started.headers["location"])
    assert (answer.status_code, answer.content) == (201, b"\x00\xff\xfe\x01")
    runs = fleet.ledger.last_runs(gate)
    assert answer.headers["X-Runs"].split() == [runs[f"{gate}.{step}"] for step in (1, 2, 3)]
    assert fleet.ledger.repeated(gate) == {f"{gate}.2"}
    wait_until(lambda: receiver.told(gate), 20, "the callback")


def test_a_callback_is_made_although_all_workers_are_killed_before_it_is_taken(
    fleet: Fleet, client: httpx.Client, receiver: Receiver
) -> None:
    gate, reached, killed = f"view-{uuid.uuid4()}", threading.Event(), threading.Event()

    def late() -> Any:
        reached.set()
        killed.wait(30)
        return "", 204

    receiver.answers = [late, 500, 302]
    fleet.open(gate)
    started = begin(client, receiver, gate)
    assert reached.wait(20)
    assert over(client, started.headers["location"]).status_code == 201
    for worker in fleet.workers.values():
        worker.kill()
    killed.set()
    fleet.all_up()

    callback = fleet.durable.get(f"{gate}:callback-asked")
    assert callback.result(40) == 204
    told = receiver.told(gate)
    assert len(told) == 4, "lost with its worker, failed, not followed, and taken"
    assert receiver.elsewhere == 0
    assert {headers["Webhook-Id"] for headers, _ in told} == {callback.id}
    for headers, body in told:
        assert verify(views_app.SECRET, headers, body)
        assert not verify("another", headers, body)
    assert json.loads(told[-1][1]) == {
        "id": gate,
        "function": "tests.acceptance.workers.views_app.create_app.render",
        "state": "resolved",
        "status": "succeeded",
        "result": {"base64": "AP/+AQ=="},
        "response": {"status": 201, "content_type": "text/html; charset=utf-8"},
    }


def test_a_failure_is_told_too(fleet: Fleet, client: httpx.Client, receiver: Receiver) -> None:
    answer = client.post("/refuse", headers={"Durable-Callback": receiver.url + "/in/x", "Prefer": "wait=10"})
    assert (answer.status_code, answer.json()["type"]) == (500, "execution-failed")
    id = answer.json()["id"]
    wait_until(lambda: receiver.told(id), 20, "the callback")
    said = json.loads(receiver.told(id)[0][1])
    assert (said["status"], said["error"]) == ("failed", {"type": "ZeroDivisionError", "message": "no such luck"})
    fleet.shows(id, "FAILURE")


def kept(fleet: Fleet) -> list[str]:
    """Everything that is in Redis, the broker's and the store's."""
    found = []
    for redis in (fleet.redis, fleet.messages):
        for key in redis.scan_iter():
            kind = redis.type(key)
            read = {"hash": redis.hgetall, "string": redis.get, "list": lambda k, r=redis: r.lrange(k, 0, -1)}.get(kind)
            found.append(f"{key} {read(key)}" if read is not None else str(key))
    return found
