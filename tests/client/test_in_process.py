"""The clients that go straight to the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from durable_celery import Context, Durable, FunctionNotFound, Service
from tests.client.shop import Counter, add
from tests.client.stories import *  # noqa: F403
from tests.client.waiting import Waiting


@pytest.fixture(params=["sync", "async"])
def client(durable, request: pytest.FixtureRequest) -> Iterator[object]:
    if request.param == "sync":
        with durable.client() as made:
            yield made
        return
    yield Waiting(request.getfixturevalue("loop"), durable.async_client())


def test_what_nobody_would_execute_is_refused(durable: Durable) -> None:
    Elsewhere = Service("Elsewhere")

    @Elsewhere.handler()
    async def work(ctx: Context) -> None: ...

    for call in (durable.client().service(Elsewhere).work, lambda: durable.client().send(work)):
        with pytest.raises(FunctionNotFound):
            call()


def test_what_workers_execute_need_not_be_bound_where_it_is_called(redis_url: str) -> None:
    durable = Durable(Celery("shop", broker=redis_url, backend=redis_url))
    client = durable.client()
    sent = client.send(add, 1, key="bob")

    assert sent.status == "queued"
    assert client.object(Counter, "bob").add.send(1).created
    with pytest.raises(FunctionNotFound):
        client.object("Counter", "bob").add(1)  # whether it is exclusive is known from its decorator only
    sent.cancel()
    durable.close()


def test_a_name_does_not_make_a_service_an_object(durable: Durable) -> None:
    with pytest.raises(TypeError, match=r"write client\.service"):
        durable.client().object("Shop", "bob").hello()
