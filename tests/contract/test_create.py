"""T1: a promise is recorded once, and an accepted execution is never lost."""

from __future__ import annotations

from durable_celery.newpromise import NewPromise
from durable_celery.promise import Phase, State
from durable_celery.store import Creation, Ready, Refused, Store
from durable_celery.stores import RedisStore
from tests.conftest import Advance
from tests.contract.stories import DONE, begin, claim, execution, external, finish, settle, sweep


class TestCreate:
    def test_an_execution_is_recorded_as_told(self, store: Store) -> None:
        new = NewPromise(
            id="order-1",
            function="order",
            version=2,
            args='[["tea"],{}]',
            digest="d1",
            queue="slow",
            priority="7",
            canvas='{"link":[]}',
            parent="other",
            tags='{"by":"me"}',
            key="k1",
            timeout_ms=60_000,
            mirror=True,
        )

        created = store.create(new)

        promise = created.promise
        assert created.how is Creation.FRESH
        assert created.fresh
        assert (promise.state, promise.phase, promise.status) == (State.PENDING, Phase.READY, "queued")
        told = ("function", "version", "args", "digest", "queue", "priority", "canvas", "parent", "tags", "mirror")
        assert all(getattr(promise, name) == getattr(new, name) for name in told)
        assert (promise.key_for_create, promise.tree) == ("k1", "order-1")
        assert promise.deadline_at == promise.created_at + 60_000
        assert (promise.holder, promise.attempt, promise.started_at, promise.settled_at) == (None, 0, None, None)
        assert store.get("order-1") == promise

    def test_an_external_promise_waits_for_nobody_to_execute_it(self, store: Store, advance: Advance) -> None:
        promise = store.create(external("approval", args='{"sum":3}')).promise

        advance(60_000)

        assert (promise.phase, promise.status, promise.is_execution) == (Phase.NONE, "pending", False)
        assert sweep(store) == []
        assert isinstance(store.claim("approval", "node/1", 1000), Refused)

    def test_the_first_one_under_an_id_stays(self, store: Store) -> None:
        first = store.create(execution("order-1")).promise

        again = store.create(execution("order-1", args="[[],{}]", digest="d2", function="other"))

        assert again.how is Creation.EXISTS
        assert again.promise == first == store.get("order-1")

    def test_the_same_idempotency_key_is_the_same_call(self, store: Store) -> None:
        store.create(external("approval", key="k1"))

        assert store.create(external("approval", key="k1")).how is Creation.DEDUPLICATED
        assert store.create(external("approval", key="k1"), strict=True).how is Creation.DEDUPLICATED
        assert store.create(external("approval", key="k2")).how is Creation.EXISTS

    def test_two_missing_keys_are_not_the_same_key(self, store: Store) -> None:
        store.create(external("approval"))

        assert store.create(external("approval")).how is Creation.EXISTS

    def test_strict_never_takes_a_settled_promise_for_the_callers(self, store: Store) -> None:
        store.create(external("approval", key="k1"))
        settle(store, "approval")

        strict = store.create(external("approval", key="k1"), strict=True)
        loose = store.create(external("approval", key="k1"))

        assert (strict.how, loose.how) == (Creation.EXISTS, Creation.DEDUPLICATED)
        assert strict.promise.state is State.RESOLVED

    def test_what_nobody_published_is_published_by_the_sweep(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", version=3, queue="slow", priority="2", canvas="{}"))

        at_once = store.sweep(3)
        advance(2_100)
        later = store.sweep(3)

        assert at_once.ready == ()
        assert later.ready == (Ready("order-1", "order", 3, "slow", "2", "{}"),)

    def test_a_delayed_execution_starts_at_its_instant_and_not_before(self, store: Store, advance: Advance) -> None:
        promise = store.create(execution("order-1", delay_ms=60_000)).promise

        advance(58_000)
        early = store.claim("order-1", "node/1", 1000)
        swept_early = sweep(store)
        advance(2_000)

        assert promise.not_before_at == promise.created_at + 60_000
        assert isinstance(early, Refused)
        assert swept_early == []
        assert sweep(store) == ["order-1"]
        claim(store, "order-1")

    def test_a_short_delay_is_not_stretched(self, store: Store, advance: Advance) -> None:
        store.create(execution("order-1", delay_ms=500))

        advance(501)

        assert sweep(store) == ["order-1"]

    def test_a_timeout_of_zero_is_born_timed_out(self, store: Store) -> None:
        promise = store.create(execution("order-1", timeout_ms=0)).promise

        assert (promise.state, promise.settled_at) == (State.TIMEDOUT, promise.deadline_at)
        assert store.get("order-1") == promise

    def test_a_passed_deadline_is_applied_before_the_id_is_compared(self, store: Store, advance: Advance) -> None:
        store.create(external("approval", key="k1", timeout_ms=1_000))

        advance(1_000)
        again = store.create(external("approval", key="k1"), strict=True)

        assert again.how is Creation.EXISTS
        assert again.promise.state is State.TIMEDOUT
        assert again.promise.settled_at == again.promise.deadline_at

    def test_a_running_and_a_finished_one_are_attached_to_alike(self, store: Store) -> None:
        begin(store, "running")
        store.create(execution("finished"))
        finish(store, "finished")

        assert store.create(execution("running")).promise.status == "running"
        finished = store.create(execution("finished"))
        assert (finished.how, finished.promise.value) == (Creation.EXISTS, DONE.value)

    def test_what_is_born_timed_out_with_a_journal_leaves_none_behind(self, store: Store) -> None:
        """Its end sets the journal's lifetime: so the journal has to be there by then."""
        store.create(execution("order-1", timeout_ms=0), journal=[("1", "entry")])

        assert store.read("order-1")[1] == {"1": "entry"}
        if isinstance(store, RedisStore):
            assert store.connection.client.pttl(f"{store.prefix}j:order-1") > 0
