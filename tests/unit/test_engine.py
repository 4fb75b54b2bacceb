"""An attempt that fails outside its function waits before it is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from durable_celery.clock import SystemClock
from durable_celery.codec import Codec
from durable_celery.engine import Engine
from durable_celery.lease import Keeper
from durable_celery.newpromise import NewPromise
from durable_celery.registry import Registered, Registry
from durable_celery.stores import LocalStore


class Unwritable(LocalStore):
    """A store that cannot be told how an execution ended."""

    def fulfil(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("disk full")


def test_the_pause_is_twice_as_long_after_each_failure_in_a_row_and_not_endless() -> None:
    store, registry, clock = Unwritable(), Registry(), SystemClock()
    registry.add(Registered("body", 1, lambda ctx: None))
    pauses: list[float] = []
    engine = Engine(
        store=store,
        codec=Codec(),
        registry=registry,
        keeper=Keeper(store, clock),
        clock=clock,
        publish=lambda ready: None,
        lease_ms=10_000,
        pause=pauses.append,
    )
    store.create(NewPromise(id="order-1", function="body", args="[[],{}]"))

    for _ in range(8):
        with pytest.raises(RuntimeError, match="disk full"):
            engine.attempt("order-1", "node/1")
        store.crashed("order-1", "node/1", 100, "it failed outside")

    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 10, 10]
