"""T2: at most one worker holds an execution."""

from __future__ import annotations

import pytest

from durable_celery.promise import Phase, State
from durable_celery.store import Claimed, Refusal, Refused, Store
from tests.conftest import Advance
from tests.contract.stories import (
    DONE,
    LEASE,
    MAX,
    begin,
    claim,
    every,
    execution,
    external,
    finish,
    on,
    settle,
    suspend,
    sweep,
)


class TestClaim:
    def test_a_claim_answers_all_that_an_attempt_needs(self, store: Store) -> None:
        created = store.create(execution("order-1", timeout_ms=60_000)).promise

        claimed = claim(store, "order-1", "node/1")

        promise = claimed.promise
        assert (claimed.hold.id, claimed.hold.lease_ms, claimed.cursor, claimed.journal) == ("order-1", LEASE, 0, {})
        assert (promise.args, promise.function, promise.deadline_at) == (created.args, "order", created.deadline_at)
        assert (promise.phase, promise.status, promise.holder) == (Phase.ACQUIRED, "running", "node/1")
        assert promise.attempt == 1
        assert promise.started_at == pytest.approx(claimed.now_ms, abs=100)
        assert claimed.now_ms == pytest.approx(created.created_at, abs=2_000)
        assert store.get("order-1") == promise

    def test_only_one_of_two_workers_gets_it(self, store: Store) -> None:
        begin(store, "order-1", "node/1")

        second = store.claim("order-1", "node/2", LEASE)

        assert isinstance(second, Refused)
        assert second.why is Refusal.NOT_READY
        assert second.promise is not None
        assert second.promise.holder == "node/1"

    def test_a_held_execution_is_not_published(self, store: Store, advance: Advance) -> None:
        begin(store, "order-1", lease_ms=60_000)

        advance(50_000)

        assert sweep(store) == []

    def test_each_attempt_has_a_new_epoch_and_a_new_token(self, store: Store) -> None:
        first = begin(store, "order-1")
        store.checkpoint(first.hold, 0, [("1", "one")])
        store.release(first.hold)

        second = claim(store, "order-1", "node/2")

        assert (first.promise.attempt, second.promise.attempt) == (1, 2)
        assert first.hold.token != second.hold.token
        assert first.hold.token.partition(":")[2] != second.hold.token.partition(":")[2]
        assert (second.cursor, second.journal) == (1, {"1": "one"})
        assert second.promise.started_at == first.promise.started_at

    def test_the_journal_includes_what_was_delivered_meanwhile(self, store: Store) -> None:
        store.create(external("approval"))
        suspend(store, begin(store, "order-1"), every(on("1", "approval")))
        settle(store, "approval")

        assert claim(store, "order-1").journal == {"1!": "R\n" + DONE.value}

    def test_nobody_can_claim_what_is_not_there(self, store: Store) -> None:
        assert store.claim("nobody", "node/1", LEASE) == Refused(Refusal.ABSENT, None)

    def test_a_settled_one_is_refused_with_its_outcome(self, store: Store) -> None:
        store.create(execution("order-1"))
        finish(store, "order-1")

        refused = store.claim("order-1", "node/1", LEASE)

        assert isinstance(refused, Refused)
        assert refused.why is Refusal.SETTLED
        assert refused.promise is not None
        assert (refused.promise.state, refused.promise.value) == (State.RESOLVED, DONE.value)

    def test_a_suspended_one_is_not_ready(self, store: Store) -> None:
        store.create(external("approval"))
        suspend(store, begin(store, "order-1"), every(on("1", "approval")))

        assert _refusal(store, "order-1") is Refusal.NOT_READY

    def test_a_parked_one_is_not_ready(self, store: Store) -> None:
        store.park(begin(store, "order-1").hold, "broken")

        assert _refusal(store, "order-1") is Refusal.NOT_READY

    def test_the_deadline_wins_at_its_instant(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", timeout_ms=5_000))

        advance(5_000)
        refused = store.claim("order-1", "node/1", LEASE)

        assert isinstance(refused, Refused)
        assert refused.why is Refusal.SETTLED
        assert refused.promise is not None
        assert refused.promise.state is State.TIMEDOUT

    def test_a_lapsed_lease_is_held_until_a_sweep_takes_it(self, store: Store, advance: Advance) -> None:
        first = begin(store, "order-1")
        advance(LEASE + 1)

        before = _refusal(store, "order-1")
        store.sweep(MAX)
        second = claim(store, "order-1", "node/2")

        assert before is Refusal.NOT_READY
        assert second.promise.attempt == first.promise.attempt + 1


def _refusal(store: Store, promise_id: str) -> Refusal:
    answer = store.claim(promise_id, "node/1", LEASE)
    assert not isinstance(answer, Claimed)
    return answer.why
