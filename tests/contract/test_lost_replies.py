"""A client that never got the reply sends the call again: the second answer is the first, and nothing has changed.

LocalStore has no replies to lose; here the very same script calls reach Redis twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from durable_celery.promise import State
from durable_celery.store import Beat, Claimed
from durable_celery.stores import RedisStore
from durable_celery.stores.redis.connection import Connection
from durable_celery.stores.redis.scripts import Argument, Script
from tests.contract.stories import DONE, LEASE, MAX, begin, child, claim, every, execution, external, on, spawn

#: Verbs that answer a second call exactly as the first.
SAME_ANSWER: dict[str, Callable[[RedisStore, Claimed], object]] = {
    "create": lambda store, _: store.create(execution("new", timeout_ms=60_000, key="k1")),
    "create a taken id": lambda store, _: store.create(execution("other")),
    "claim": lambda store, _: store.claim("other", "node/1", LEASE),
    "claim a held one": lambda store, _: store.claim("held", "node/2", LEASE),
    "checkpoint": lambda store, held: store.checkpoint(held.hold, 0, [("1", "one"), ("2", "two")]),
    "spawn": lambda store, held: spawn(store, held.hold, 0, "1", ">", child("held.1", timeout_ms=5_000)),
    "spawn and attach": lambda store, held: spawn(store, held.hold, 0, "1", ">", execution("other")),
    "suspend": lambda store, held: store.suspend(held.hold, 0, [every(on("1", "a"), on("2", "b"))]),
    "suspend on what is there": lambda store, held: store.suspend(held.hold, 0, [every(on("1", "settled"))]),
    "peek": lambda store, held: store.suspend(held.hold, 0, [every(on("1", "settled"), on("2", "a"))], peek=True),
    "fulfil": lambda store, held: store.fulfil(held.hold, 0, DONE, [("1", "one")]),
    "settle": lambda store, _: store.settle("a", State.RESOLVED, '"v"', key="k1", strict=True),
    "settle a settled one": lambda store, _: store.settle("settled", State.REJECTED, '"v"'),
    "beat": lambda store, held: store.beat([Beat(held.hold, "1 0 run step")]),
    "mirrored": lambda store, _: store.mirrored(["settled-execution"]),
    "read": lambda store, _: store.read("held"),
}
#: Verbs whose second call finds the work done: who became ready is told by the sweep instead.
DONE_BEFORE: dict[str, Callable[[RedisStore, Claimed], object]] = {
    "settle what is waited for": lambda store, _: store.settle("b", State.RESOLVED, '"v"'),
    "fulfil what is waited for": lambda store, _: _fulfil(store, "awaited"),
    "cancel": lambda store, _: store.cancel("b"),
    "resume": lambda store, _: store.resume("parked"),
    "crashed": lambda store, _: store.crashed("held", "node/1", MAX, "killed"),
    "lapse": lambda store, _: store.lapse("node", MAX, "gone"),
}


class Doubled(Connection):
    """Sends each script twice, and keeps both answers and what Redis held after each."""

    def __init__(self, store: RedisStore) -> None:
        super().__init__(store.connection.client, store.connection.patience_s)
        self.prefix = store.prefix
        self.answers: list[Any] = []
        self.states: list[dict[str, Any]] = []

    def run(self, script: Script, key: str, arguments: list[Argument]) -> Any:
        for _ in range(2):
            self.answers.append(super().run(script, key, arguments))
            self.states.append(self._everything())
        return self.answers[-2]

    def _everything(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in self.client.scan_iter(count=1000):
            key = str(each)
            if key == self.prefix + "lease":  # renewing it twice is no harm
                found[key] = set(self.client.zrange(key, 0, -1))
            elif self.client.type(key) == "hash":
                found[key] = self.client.hgetall(key)
            elif self.client.type(key) == "zset":
                found[key] = self.client.zrange(key, 0, -1, withscores=True)
        return found


@pytest.fixture
def redis_store(redis_url: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url)
    yield store
    store.close()


@pytest.fixture
def held(redis_store: RedisStore) -> Claimed:
    """An execution that is held, among others in every phase."""
    for name in ("a", "b", "settled"):
        redis_store.create(external(name))
    redis_store.settle("settled", State.RESOLVED, '"v"')
    for name in ("other", "awaited"):
        redis_store.create(execution(name))
    done = begin(redis_store, "settled-execution", mirror=True)
    redis_store.fulfil(done.hold, 0, DONE)
    waiting = begin(redis_store, "waiting")
    redis_store.suspend(waiting.hold, 0, [every(on("1", "b")), every(on("2", "awaited"))])
    redis_store.park(begin(redis_store, "parked").hold, "broken")
    return begin(redis_store, "held")


class TestLostReplies:
    @pytest.mark.parametrize("verb", SAME_ANSWER)
    def test_the_second_answer_is_the_first_and_nothing_changes(
        self, redis_store: RedisStore, held: Claimed, verb: str
    ) -> None:
        redis_store.connection = doubled = Doubled(redis_store)

        SAME_ANSWER[verb](redis_store, held)

        first, second = doubled.answers
        assert _without_time(first) == _without_time(second)
        assert doubled.states[0] == doubled.states[1]

    @pytest.mark.parametrize("verb", DONE_BEFORE)
    def test_what_was_done_is_not_done_again(self, redis_store: RedisStore, held: Claimed, verb: str) -> None:
        redis_store.connection = doubled = Doubled(redis_store)

        DONE_BEFORE[verb](redis_store, held)

        assert _due_apart(doubled.states[-2]) == _due_apart(doubled.states[-1])
        ready = doubled.states[-1][redis_store.prefix + "ready"]
        assert {"waiting", "parked", "held"} & {member for member, _ in ready}, "the sweep will publish it"


def _fulfil(store: RedisStore, promise_id: str) -> None:
    claimed = claim(store, promise_id)
    store.fulfil(claimed.hold, 0, DONE)


def _without_time(answer: Any) -> Any:
    """An answer without the store's own time in it."""
    if isinstance(answer, list):
        return [_without_time(part) for part in answer if not (isinstance(part, int) and part > 10**12)]
    return answer


def _due_apart(state: dict[str, Any]) -> dict[str, Any]:
    """A state in which it does not matter when a hint is repeated."""
    return {key: {member for member, _ in held} if key.endswith(":ready") else held for key, held in state.items()}
