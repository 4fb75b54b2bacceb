"""Hints that go with a record: where broker and store are one Redis, a start is one round trip."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery, signals

from durable_celery import Durable
from durable_celery.hint import address_of


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as made:
        yield made


class Site:
    """What starts executions: an application whose tasks nobody executes."""

    def __init__(self, broker: str, store: str, **conf: Any) -> None:
        self.app = Celery("site", broker=broker)
        self.app.conf.update(durable_store_url=store, task_default_queue=f"q-{uuid.uuid4().hex}", **conf)
        self.durable = Durable(self.app)
        self.order = self.durable.register(order)
        self.order.run("first")  # every process sends one as Celery does, and learns from it

    @property
    def queue(self) -> str:
        return str(self.app.conf.task_default_queue)


def order(ctx: Any) -> None:
    """Makes no call, and is not executed here."""


def calls(client: redis.Redis) -> dict[str, int]:
    """How often each command was called, by clients and by scripts."""
    said = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): found["calls"] for name, found in said.items()}


def messages(client: redis.Redis, queue: str) -> list[dict[str, Any]]:
    """Those of a queue, oldest first."""
    return [json.loads(text) for text in reversed(client.lrange(queue, 0, -1))]


def differing(message: dict[str, Any]) -> dict[str, Any]:
    """It without what differs from message to message."""
    headers = {name: value for name, value in message["headers"].items() if name not in ("id", "root_id")}
    properties = {n: v for n, v in message["properties"].items() if n not in ("correlation_id", "delivery_tag")}
    return {**message, "headers": headers, "properties": properties}


def test_a_start_is_one_round_trip_and_its_message_is_the_one_that_celery_makes(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(redis_url, redis_url)
    before = calls(client)
    monkeypatch.setattr(site.app, "producer_or_acquire", lambda *_: pytest.fail("published by itself"))

    handle = site.order.run("second")

    after, (first, second) = calls(client), messages(client, site.queue)
    assert handle.created
    assert after["evalsha"] - before["evalsha"] == 1
    assert after["lpush"] - before["lpush"] == 1
    assert second["headers"]["id"] == second["properties"]["correlation_id"] == "second"
    assert differing(second) == differing(first)
    assert first["properties"]["delivery_tag"] != second["properties"]["delivery_tag"]


def test_a_start_that_attaches_sends_nothing(redis_url: str, client: redis.Redis) -> None:
    site = Site(redis_url, redis_url)
    for _ in range(2):
        site.order.run("second")

    assert [each["headers"]["id"] for each in messages(client, site.queue)] == ["first", "second"]


def test_what_is_not_ready_yet_sends_nothing(redis_url: str, client: redis.Redis) -> None:
    site = Site(redis_url, redis_url)
    site.order.options(delay=60).run("later")

    assert [each["headers"]["id"] for each in messages(client, site.queue)] == ["first"]


def test_priorities_and_prefixes_of_lists_are_kept(redis_url: str, client: redis.Redis) -> None:
    site = Site(redis_url, redis_url, broker_transport_options={"global_keyprefix": "shop:"})
    urgent = site.order.options(priority=6)
    for id in ("a", "b"):
        urgent.run(id)
    site.order.run("c")

    assert [each["headers"]["id"] for each in messages(client, f"shop:{site.queue}\x06\x166")] == ["a", "b"]
    assert [each["headers"]["id"] for each in messages(client, f"shop:{site.queue}")] == ["first", "c"]


def test_another_database_is_another_redis(redis_url: str, client: redis.Redis) -> None:
    other = redis_url.removesuffix("/0") + "/5"
    site = Site(other, redis_url)
    site.order.run("second")

    with redis.Redis.from_url(other, decode_responses=True) as broker:
        assert [each["headers"]["id"] for each in messages(broker, site.queue)] == ["first", "second"]
    assert not client.exists(site.queue)


def test_of_several_brokers_celery_chooses_each_time(redis_url: str, client: redis.Redis) -> None:
    site = Site(f"{redis_url};{redis_url}", redis_url)
    published = list[object]()
    acquire = site.app.producer_or_acquire
    site.app.producer_or_acquire = lambda *said: (published.append(said), acquire(*said))[1]

    site.order.run("second")

    assert len(published) == 1
    assert [each["headers"]["id"] for each in messages(client, site.queue)] == ["first", "second"]


def test_who_listens_to_publishing_hears_of_every_start(redis_url: str, client: redis.Redis) -> None:
    site, heard = Site(redis_url, redis_url), list[str]()

    def listener(headers: dict[str, Any], **_: Any) -> None:
        heard.append(headers["id"])

    signals.before_task_publish.connect(listener)
    try:
        site.order.run("second")
    finally:
        signals.before_task_publish.disconnect(listener)

    assert heard == ["second"]
    assert [each["headers"]["id"] for each in messages(client, site.queue)] == ["first", "second"]


def test_a_list_that_refuses_the_message_leaves_the_record(redis_url: str, client: redis.Redis) -> None:
    """Then it is published as Celery does, which cannot either, and a sweep does it when it can."""
    site = Site(redis_url, redis_url)
    client.delete(site.queue)
    client.set(site.queue, "no list", ex=60)

    handle = site.order.run("second")

    assert handle.created
    assert site.durable.store.get("second").status == "queued"
    assert client.get(site.queue) == "no list"


@pytest.mark.parametrize("differs", [{"host": "b"}, {"port": 2}, {"db": 1}, {"username": "web"}])
def test_only_what_cannot_be_another_is_the_same_redis(differs: dict[str, Any]) -> None:
    pool = {"host": "a", "port": 1, "db": 0, "username": None, "socket_timeout": 3}

    assert address_of(pool) == address_of({**pool, "username": "", "socket_timeout": 5})
    assert address_of(pool) != address_of({**pool, **differs})


def test_where_sentinel_says_who_is_the_master_there_is_no_address() -> None:
    assert address_of({"db": 0, "service_name": "primary"}) == ""


def test_a_start_whose_reply_was_lost_is_hinted_at_again(redis_url: str, client: redis.Redis) -> None:
    """Whether the list took the message, nobody knows any more; one hint too many costs a claim."""
    site = Site(redis_url, redis_url)
    connection = site.durable.store.connection
    evaluate, lost = connection._evaluate, [True]

    def losing(*call: Any) -> Any:
        answer = evaluate(*call)
        if lost:
            raise redis.ConnectionError(lost.pop())
        return answer

    connection._evaluate = losing
    handle = site.order.run("second")

    assert handle.created
    assert [each["headers"]["id"] for each in messages(client, site.queue)] == ["first", "second", "second"]
