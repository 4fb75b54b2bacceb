"""Hints cast in a form: the same messages that Celery makes one by one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, signals

from durable_celery.store import Ready
from durable_celery.worker.publisher import Publisher


@pytest.fixture
def app() -> Iterator[Celery]:
    made = Celery("moulds", broker="memory://", backend="cache+memory://")
    made.conf.task_default_queue = f"q-{uuid.uuid4().hex}"
    yield made
    made.close()


def taken(app: Celery, queue: str = "") -> dict[str, Any]:
    """The oldest message of a queue."""
    with app.connection_or_acquire() as connection:
        found: dict[str, Any] = connection.default_channel._get(queue or app.conf.task_default_queue)
    return found


def row(id: str, **said: Any) -> Ready:
    return Ready(id, "order", 1, said.pop("queue", ""), said.pop("priority", ""), "", **said)


def without_ids(message: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in message["headers"].items() if name not in ("id", "root_id", "parent_id")}
    properties = {name: value for name, value in message["properties"].items() if name not in _OWN}
    return {**message, "headers": headers, "properties": properties}


_OWN = ("correlation_id", "delivery_tag")


def test_all_hints_of_a_kind_differ_in_their_ids_only(app: Celery) -> None:
    publisher = Publisher(app)
    for id in ("a", "b", "b.1"):
        publisher.publish([row(id)])

    made = [taken(app) for _ in range(3)]

    assert [each["headers"]["id"] for each in made] == ["a", "b", "b.1"]
    assert [each["headers"]["root_id"] for each in made] == ["a", "b", "b"]
    assert [each["headers"]["parent_id"] for each in made] == [None, None, "b"]
    assert [each["properties"]["correlation_id"] for each in made] == ["a", "b", "b.1"]
    assert len({each["properties"]["delivery_tag"] for each in made}) == 3
    assert without_ids(made[0]) == without_ids(made[1]) == without_ids(made[2])


def test_kinds_are_told_apart(app: Celery) -> None:
    publisher, other = Publisher(app), f"q-{uuid.uuid4().hex}"
    for id in ("a", "b"):
        publisher.publish([row(id, queue=other, priority="3", attempts=1), row(id)])

    here, there = [[taken(app, queue) for _ in range(2)] for queue in ("", other)]

    assert all("durable_resumed" not in each["headers"] for each in here)
    assert all(each["headers"]["durable_resumed"] == 1 for each in there)
    assert [each["properties"]["priority"] for each in there] == [3, 3]


def test_what_others_put_on_messages_is_each_ones_own(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentry's integration and its like wrap what sends, and put a trace into the headers."""
    send = app.send_task

    def traced(*args: Any, headers: dict[str, Any], **options: Any) -> Any:
        return send(*args, headers={**headers, "trace": options["task_id"]}, **options)

    monkeypatch.setattr(app, "send_task", traced)
    publisher = Publisher(app)
    for id in ("a", "b"):
        publisher.publish([row(id)])

    assert [taken(app)["headers"]["trace"] for _ in range(2)] == ["a", "b"]


def test_who_listens_to_publishing_hears_of_every_hint(app: Celery) -> None:
    publisher, heard = Publisher(app), list[str]()

    def listener(headers: dict[str, Any], **_: Any) -> None:
        heard.append(headers["id"])
        headers["trace"] = headers["id"]

    publisher.publish([row("a")])
    signals.before_task_publish.connect(listener)
    try:
        publisher.publish([row("b")])
        publisher.publish([row("c")])
    finally:
        signals.before_task_publish.disconnect(listener)
    publisher.publish([row("d")])

    assert heard == ["b", "c"]
    assert [taken(app)["headers"].get("trace") for _ in range(4)] == [None, "b", "c", None]


def test_routes_decide_about_every_hint(app: Celery) -> None:
    queues = [f"q-{uuid.uuid4().hex}" for _ in range(2)]
    turns = iter([*queues, *queues])
    app.conf.task_routes = (lambda name, args, kwargs, options, task=None, **_: {"queue": next(turns)},)
    publisher = Publisher(app)

    for id in "abcd":
        publisher.publish([row(id)])

    assert [[taken(app, queue)["headers"]["id"] for _ in range(2)] for queue in queues] == [["a", "c"], ["b", "d"]]


def test_a_hint_that_cannot_be_put_is_sent_as_celery_sends(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher(app)
    publisher.publish([row("a")])
    with app.producer_or_acquire() as producer:
        channel, put = producer.channel, producer.channel._put
    refusals = iter([True])

    def refuses(queue: str, message: Any, **said: Any) -> Any:
        if next(refusals, False):
            raise OSError
        return put(queue, message, **said)

    monkeypatch.setattr(channel, "_put", refuses)
    publisher.publish([row("b")])

    assert [taken(app)["headers"]["id"] for _ in range(2)] == ["a", "b"]
    assert not list(refusals)
