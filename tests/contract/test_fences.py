"""Every write of a former holder is refused and changes nothing; so is one that has read another journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from durable_celery.errors import LeaseLost
from durable_celery.promise import Outcome, Promise, State
from durable_celery.store import Beat, Claimed, Hold, Store
from tests.conftest import Advance
from tests.contract.stories import DONE, LEASE, MAX, begin, child, claim, every, external, on, spawn, suspend

CANCELLED = Outcome(State.CANCELED, "")
Verb = Callable[[Store, Hold, int], object]
Loss = Callable[[Store, Claimed, Advance], object]

WITH_CURSOR: dict[str, Verb] = {
    "checkpoint": lambda store, hold, cursor: store.checkpoint(hold, cursor, [("9", "nine")]),
    "spawn": lambda store, hold, cursor: spawn(store, hold, cursor, "9", ">", child("order-1.9")),
    "suspend": lambda store, hold, cursor: store.suspend(hold, cursor, [every(on("9", "approval"))]),
    "peek": lambda store, hold, cursor: store.suspend(hold, cursor, [every(on("9", "approval"))], peek=True),
    "fulfil": lambda store, hold, cursor: store.fulfil(hold, cursor, DONE, [("9", "nine")]),
    "fulfil as cancelled": lambda store, hold, cursor: store.fulfil(hold, cursor, CANCELLED),
}
WITHOUT_CURSOR: dict[str, Verb] = {
    "release": lambda store, hold, _: store.release(hold),
    "park": lambda store, hold, _: store.park(hold, "stale"),
}
FENCED = WITH_CURSOR | WITHOUT_CURSOR


def _taken_over(store: Store, claimed: Claimed, advance: Advance) -> None:
    _lapsed(store, claimed, advance)
    claim(store, "order-1", "node/2")


def _lapsed(store: Store, claimed: Claimed, advance: Advance) -> None:
    advance(claimed.hold.lease_ms + 1)
    store.sweep(MAX)


LOSSES: dict[str, Loss] = {
    "taken over": _taken_over,
    "lapsed": _lapsed,
    "crashed": lambda store, _, __: store.crashed("order-1", "node/1", MAX, "killed"),
    "its whole node lapsed": lambda store, _, __: store.lapse("node", MAX, "gone"),
    "released": lambda store, claimed, _: store.release(claimed.hold),
    "parked": lambda store, claimed, _: store.park(claimed.hold, "broken"),
    "cancelled": lambda store, _, __: store.cancel("order-1"),
    "past its grace": lambda store, _, advance: (store.cancel("order-1", 5_000), advance(5_001)),
    "settled": lambda store, claimed, _: store.fulfil(claimed.hold, claimed.cursor, DONE),
    "past its deadline": lambda _, __, advance: advance(60_000),
}
#: Every verb after every loss, but a fulfil repeated by its own holder: that is a lost reply.
REFUSED = [(verb, loss) for verb in FENCED for loss in LOSSES if (verb, loss) != ("fulfil", "settled")]


@pytest.fixture
def claimed(store: Store) -> Claimed:
    """An execution that is held, with one entry in its journal."""
    store.create(external("approval"))
    claimed = begin(store, "order-1", timeout_ms=60_000)
    store.checkpoint(claimed.hold, 0, [("1", "one")])
    return Claimed(claimed.hold, claimed.promise, {"1": "one"}, 1, claimed.now_ms)


class TestFences:
    @pytest.mark.parametrize(("verb", "loss"), REFUSED)
    def test_a_former_holder_writes_nothing(
        self, store: Store, advance: Advance, claimed: Claimed, verb: str, loss: str
    ) -> None:
        LOSSES[loss](store, claimed, advance)
        before = _all_of(store)

        with pytest.raises(LeaseLost):
            FENCED[verb](store, claimed.hold, claimed.cursor)

        assert _all_of(store) == before

    @pytest.mark.parametrize("loss", LOSSES)
    def test_a_heartbeat_tells_a_former_holder(
        self, store: Store, advance: Advance, claimed: Claimed, loss: str
    ) -> None:
        LOSSES[loss](store, claimed, advance)
        before = _all_of(store)

        assert store.beat([Beat(claimed.hold, "2 0 run step")]).lost == {"order-1"}
        assert _all_of(store) == before

    @pytest.mark.parametrize("verb", FENCED)
    def test_the_right_epoch_with_another_nonce_is_another_holder(
        self, store: Store, claimed: Claimed, verb: str
    ) -> None:
        epoch, _, _ = claimed.hold.token.partition(":")
        before = _all_of(store)

        with pytest.raises(LeaseLost):
            FENCED[verb](store, Hold("order-1", f"{epoch}:0badc0ffee00", LEASE), claimed.cursor)

        assert _all_of(store) == before

    @pytest.mark.parametrize("cursor", [0, 2, 7])
    @pytest.mark.parametrize("verb", WITH_CURSOR)
    def test_a_holder_that_has_read_another_journal_writes_nothing(
        self, store: Store, claimed: Claimed, verb: str, cursor: int
    ) -> None:
        before = _all_of(store)

        with pytest.raises(LeaseLost):
            FENCED[verb](store, claimed.hold, cursor)

        assert _all_of(store) == before

    @pytest.mark.parametrize("verb", FENCED)
    def test_an_unknown_execution_is_nobodys(self, store: Store, verb: str) -> None:
        store.create(external("approval"))

        with pytest.raises(LeaseLost):
            FENCED[verb](store, Hold("nobody", "1:abc", LEASE), 0)

    @pytest.mark.parametrize("verb", [verb for verb in FENCED if verb not in ("suspend", "peek")])
    def test_a_suspended_execution_is_held_by_nobody(self, store: Store, claimed: Claimed, verb: str) -> None:
        suspend(store, claimed, every(on("2", "approval")))
        before = _all_of(store)

        with pytest.raises(LeaseLost):
            FENCED[verb](store, claimed.hold, claimed.cursor)

        assert _all_of(store) == before

    @pytest.mark.parametrize("verb", FENCED)
    def test_the_holder_itself_may(self, store: Store, claimed: Claimed, verb: str) -> None:
        FENCED[verb](store, claimed.hold, claimed.cursor)

    def test_a_lapsed_lease_that_nobody_took_is_still_the_holders(
        self, store: Store, advance: Advance, claimed: Claimed
    ) -> None:
        advance(LEASE + 1)

        store.checkpoint(claimed.hold, 1, [("2", "two")])
        store.sweep(MAX)

        assert store.get("order-1").holder == "node/1"


def _all_of(store: Store) -> tuple[Promise, dict[str, str], Promise]:
    return *store.read("order-1"), store.get("approval")
