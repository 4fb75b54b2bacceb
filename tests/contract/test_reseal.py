"""Changing the key of what is kept: each text is exchanged where it stands, and only if it is still the same."""

from __future__ import annotations

from dataclasses import replace

from durable_celery.looking import Lines
from durable_celery.promise import Access, Outcome, State
from durable_celery.store import Store
from durable_celery.stores import RedisStore
from tests.contract.stories import begin, claim, execution, external, settle

OLD, NEW = "sealed:aaaaaaaa:", "sealed:bbbbbbbb:"
#: The name of a step is no payload, whatever it looks like; a payload need not be closed.
JOURNAL = {"1": f"step R 1 2 1 {OLD}name\n{OLD}result", "2": "rpc P 1 - 1 child\norder-1.2", "3!": f"R\n{OLD}told"}


def again(text: str) -> str:
    return text.replace(OLD, NEW)


def test_what_is_closed_is_closed_anew_and_nothing_else_is_touched(store: Store) -> None:
    store.create(external("p", args=f"{OLD}data", tags=f"{OLD}tags", canvas=f"{OLD}call"))
    settle(store, "p", Outcome(State.RESOLVED, f"{OLD}value"))
    held = begin(store, "order-1", args=f"{OLD}args", object="bob", access=Access.EXCLUSIVE).hold
    store.checkpoint(held, 0, list(JOURNAL.items()), [("seat", f"{OLD}seat")], Lines((f"{OLD}line", "plain"), 9, "m"))
    store.progress(held, f"{OLD}progress")
    outside, (inside, _) = store.get("p"), store.read("order-1")

    assert sum(store.reseal(again)) == 10

    texts = {"args": f"{NEW}data", "tags": f"{NEW}tags", "canvas": f"{NEW}call", "value": f"{NEW}value"}
    assert store.get("p") == replace(outside, **texts)
    journal = {**JOURNAL, "1": f"step R 1 2 1 {OLD}name\n{NEW}result", "3!": f"R\n{NEW}told"}
    assert store.read("order-1") == (replace(inside, args=f"{NEW}args", progress=f"{NEW}progress"), journal)
    assert store.state("bob") == {"seat": f"{NEW}seat"}
    assert store.log("order-1") == [f"1 {NEW}line", "2 plain"]
    assert list(store.reseal(again)) == [], "the second time there is nothing left"


def test_who_holds_an_execution_meanwhile_does_not_notice(store: Store) -> None:
    held = begin(store, "order-1", args=f"{OLD}args").hold
    store.checkpoint(held, 0, [("1", f"step R 1 2 1 pay\n{OLD}paid")])

    assert sum(store.reseal(again)) == 2

    store.checkpoint(held, 0, [("1", f"step R 1 2 1 pay\n{OLD}paid")])  # its reply was lost, so it says so again
    store.checkpoint(held, 1, [("2", f"step R 1 2 1 send\n{OLD}sent")])
    store.release(held)
    claimed = claim(store, "order-1")
    assert claimed.cursor == 2
    assert claimed.journal == {"1": f"step R 1 2 1 pay\n{NEW}paid", "2": f"step R 1 2 1 send\n{OLD}sent"}


def test_what_is_written_between_the_look_and_the_exchange_stays(store: Store) -> None:
    held = begin(store, "order-1").hold
    store.progress(held, f"{OLD}first", Lines((f"{OLD}a", f"{OLD}b"), 2, "m1"))
    if not isinstance(store, RedisStore):
        return  # nothing comes between: both are done under one lock

    def hindered(text: str) -> str:
        if text == f"{OLD}first":
            store.progress(held, f"{OLD}second")
        if text == f"{OLD}a":
            store.progress(held, "", Lines((f"{OLD}c",), 2, "m2"))
        return again(text)

    assert sum(store.reseal(hindered)) == 0
    assert store.get("order-1").progress == f"{OLD}second"
    assert store.log("order-1") == [f"2 {OLD}b", f"3 {OLD}c"]
    assert sum(store.reseal(again)) == 3


def test_what_ends_between_the_look_and_the_exchange_is_not_made_again(store: Store) -> None:
    store.create(external("p", args=f"{OLD}data"))
    if not isinstance(store, RedisStore):
        return

    def gone(text: str) -> str:
        store.connection.client.delete(f"{store.prefix}r:p")
        return again(text)

    assert sum(store.reseal(gone)) == 0
    assert not store.connection.client.exists(f"{store.prefix}r:p")


def test_a_journal_of_many_entries_and_a_store_of_many_keys(store: Store) -> None:
    held = begin(store, "order-1").hold
    store.checkpoint(held, 0, [(str(n), f"step R 1 2 1 s\n{OLD}{n}") for n in range(1, 131)])
    for number in range(30):
        store.create(execution(f"other-{number}", args=f"{OLD}{number}"))

    assert sum(store.reseal(again)) == 160
    assert {store.get(f"other-{number}").args for number in range(30)} == {f"{NEW}{number}" for number in range(30)}
