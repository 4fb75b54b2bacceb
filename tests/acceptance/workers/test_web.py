"""The HTTP interface in front of real workers: started in Flask, watched in FastAPI, and a worker killed meanwhile."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator

import flask
import httpx
import pytest
from fastapi import FastAPI

from durable_celery.web import fastapi as in_fastapi
from durable_celery.web import flask as in_flask
from durable_celery.web.links import Links
from tests.acceptance.workers.fleet import Fleet, FleetMaker
from tests.acceptance.workers.waiting import wait_until
from tests.web.servers import on_uvicorn, on_waitress


@pytest.fixture(scope="module")
def fleet(make_fleet: FleetMaker) -> Fleet:
    made = make_fleet(durable_lease=2.0)
    made.start("one", "two", concurrency=1)
    return made


@pytest.fixture
def in_threads(fleet: Fleet) -> Iterator[httpx.Client]:
    app = flask.Flask("shop")
    app.register_blueprint(
        in_flask.blueprint(fleet.durable, expose=["awaits_promise", "fails"], secret="s"), url_prefix="/durable"
    )
    with on_waitress(app) as url, httpx.Client(base_url=f"{url}/durable", timeout=40) as client:
        yield client


@pytest.fixture
def on_a_loop(fleet: Fleet) -> Iterator[httpx.Client]:
    app = FastAPI()
    router = in_fastapi.router(fleet.durable, expose=["awaits_promise", "fails"], secret="s", authorize=lambda *_: True)
    app.include_router(router, prefix="/durable")
    with on_uvicorn(app) as url, httpx.Client(base_url=f"{url}/durable", timeout=40) as client:
        yield client


def test_an_execution_is_followed_through_the_death_of_its_worker(
    fleet: Fleet, in_threads: httpx.Client, on_a_loop: httpx.Client
) -> None:
    id = f"web-{uuid.uuid4()}"
    started = in_threads.put(f"/functions/awaits_promise/executions/{id}", json={"args": [id]})
    assert (started.status_code, started.headers["location"]) == (202, f"/durable/executions/{id}")
    wait_until(lambda: on_a_loop.get(f"/executions/{id}").json()["status"] == "suspended", 20, "it to be suspended")
    told: list[str] = []
    listener = threading.Thread(target=_listen, args=(on_a_loop, id, told))
    listener.start()

    link = Links("s").url("", f"{id}.1", "resolve", expires_in=60)
    assert in_threads.post(link, json={"approved": True}).status_code == 200
    holder = fleet.caught(id, f"{id}.2")
    fleet.workers[holder.worker].kill()
    fleet.open(id)

    result = in_threads.get(f"/executions/{id}/result", headers={"Prefer": "wait=10"})
    while result.status_code == 202:
        result = in_threads.get(f"/executions/{id}/result", headers={"Prefer": "wait=10"})
    assert (result.status_code, result.json()) == (200, {"approved": True})
    listener.join(30)
    assert told[0] == "state"
    assert told[-1] == "end"
    monitor = on_a_loop.get(f"/executions/{id}").json()
    assert (monitor["status"], monitor["result"]) == ("succeeded", {"approved": True})
    assert monitor["attempt"] >= 3, "suspended, killed, and gone on elsewhere"
    assert id in [each["id"] for each in on_a_loop.get("/executions").json()["executions"]]
    fleet.all_up()


def test_a_failure_of_a_class_that_this_process_may_not_know_is_answered(
    fleet: Fleet, in_threads: httpx.Client
) -> None:
    id = f"web-{uuid.uuid4()}"
    answer = in_threads.put(
        f"/functions/fails/executions/{id}", json={"args": ["closed"]}, headers={"Prefer": "wait=10"}
    )

    assert answer.status_code == 500
    assert answer.json()["error"] == {"type": "ShopClosed", "message": "closed"}


def _listen(client: httpx.Client, id: str, told: list[str]) -> None:
    with client.stream("GET", f"/executions/{id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                told.append(line.removeprefix("event: "))
            if line.startswith("data: "):
                json.loads(line.removeprefix("data: "))
