"""Ids, names and keys from outside stay what they are: parts of one key, in one namespace, and never a pattern."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from durable_celery import Durable, LocalStore, ObjectContext, RedisStore, VirtualObject, ids
from durable_celery.errors import InvalidId, InvalidName, StoreMisconfigured
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Access
from durable_celery.registry import Registered, Registry
from durable_celery.settings import Settings
from durable_celery.stores.redis.keys import PERMANENT, prefix

#: What has a meaning in a key, a pattern, a script, a URL or a cluster.
TRICKS = ["{", "}", ":", "~", "%", "\x00", "\n", "|", "!", "/", "*", "?", "[", "]", "\\", "^", "'", '"', "..", "@", " "]
TRICKY = [
    *("{1}", "a}:{b", "dc:{0}:r:x", "r:x", "ready", "x\x00y", "..", "a/b", "a|1", "a!", "%7b0%7d", "*", "[a-z]*", "?"),
    *(
        "' .. redis.call('FLUSHALL') .. '",
        "\r\nFLUSHALL\r\n",
        "${jndi:ldap://x}",
        "{0}",
        "é",
        "\u202e",
        "𝔘",
        "x" * 10_240,
    ),
]
hostile = st.one_of(
    st.sampled_from(TRICKY), st.text(max_size=30), st.lists(st.sampled_from([*TRICKS, "a", "1"])).map("".join)
)
KINDS = ["r", "j", "t", "cb", "mb", "st", "done", "node"]
MANY = settings(max_examples=300, deadline=None)


def key(name: str, partition: int, kind: str, id: str) -> str:
    return f"{prefix(name, partition)}{kind}:{id}"


legal_prefixes = st.one_of(
    st.sampled_from(["dc", "dc:meta", "dc:", "", "d", "c"]), st.text(st.characters(exclude_characters="{}"), max_size=8)
)
part = st.tuples(legal_prefixes, st.integers(0, 20), st.sampled_from(KINDS), hostile)


@MANY
@given(part, part)
@example(("dc", 0, "st", "a/b"), ("dc", 0, "st", "a"))
def test_two_names_never_meet_in_one_key(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Whatever the id is: kinds hold no colon, prefixes no brace, and the id is the rest."""
    assert (key(*one) == key(*other)) == (one == other)
    assert key(*one) != f"{other[0]}:meta"
    assert key(*one) not in {prefix(other[0], other[1]) + name for name in PERMANENT}


@MANY
@given(legal_prefixes, st.integers(0, 20), st.sampled_from(KINDS), hostile)
def test_every_key_of_a_partition_is_in_its_slot(name: str, partition: int, kind: str, id: str) -> None:
    """Redis Cluster hashes what is between the first brace and the next one."""
    made = key(name, partition, kind, id)
    tag = re.search(r"\{(.*?)\}", made, re.DOTALL)
    assert tag is not None
    assert tag[1] == str(partition)


@MANY
@given(hostile)
def test_an_id_is_harmless_or_refused(id: str) -> None:
    try:
        legal = ids.check_any(id)
    except InvalidId:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.:@+=~-]{1,155}", legal)


@MANY
@given(st.lists(hostile, min_size=1, max_size=4), st.lists(hostile, min_size=1, max_size=4))
@example(["a", "b:c"], ["a:b", "c"])
@example(["a\x00b", "c"], ["a", "b\x00c"])
@example(["a", ""], ["a"])
@example(["a-", "b"], ["a", "-b"])
def test_an_id_made_of_names_is_legal_and_of_no_others(one: list[str], other: list[str]) -> None:
    made = ids.named(*one)
    assert ids.check_root(made) == made
    assert (made == ids.named(*other)) == (one == other)


@MANY
@given(hostile, hostile)
def test_an_id_for_a_text_is_legal_and_of_no_other(one: str, other: str) -> None:
    assert ids.check_root(ids.id_for(one)) == ids.id_for(one)
    assert (ids.id_for(one) == ids.id_for(other)) == (one == other)


@MANY
@given(hostile)
def test_names_of_functions_services_and_prefixes_are_harmless_or_refused(name: str) -> None:
    try:
        Registry().add(Registered(name, 1, lambda ctx: None))
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]*", name)
    except InvalidName:
        pass
    try:
        assert "/" not in VirtualObject(name).name
    except InvalidName:
        pass
    for made in (lambda: Settings.read({"durable_key_prefix": name}), lambda: RedisStore(key_prefix=name)):
        try:
            made()
            assert not {"{", "}"} & set(name)
        except StoreMisconfigured:
            assert {"{", "}"} & set(name)


# In a real Redis


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as made:
        made.set("somebody:else's", "untouched", ex=600)
        yield made
        assert made.get("somebody:else's") == "untouched"


def test_states_of_objects_never_mix_whatever_their_keys_and_names(client: Any, redis_url: str) -> None:
    shelf = VirtualObject("Shelf")

    @shelf.handler()
    async def put(ctx: ObjectContext, names: list[str]) -> list[str]:
        before = await ctx.state_keys()
        for name in names:
            ctx.set(name, [ctx.key(), name])
        return before

    durable = Durable(store=RedisStore(redis_url))
    durable.bind(shelf)
    objects = durable.client()
    sent = [objects.object(shelf, each).put.send(TRICKY) for each in TRICKY]
    assert [each.result(20) for each in sent] == [[]] * len(TRICKY), "nobody had put anything there before"
    for each in TRICKY:
        assert set(durable.store.state(f"Shelf/{each}")) == set(TRICKY)
    assert {key for key in client.scan_iter() if not key.startswith("dc:{0}:")} <= {"somebody:else's", "dc:meta"}
    assert set(client.scan_iter("dc:{0}:st:*")) == {f"dc:{{0}}:st:Shelf/{each}" for each in TRICKY}
    durable.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile, hostile)
def test_a_search_takes_its_prefix_literally(client: Any, redis_url: str, begins: str, function: str) -> None:
    store = RedisStore(redis_url)
    for id in ("a-1", "a*1", "b-1"):  # the store itself takes what the door refuses
        store.create(NewPromise(id=f"lit-{id}", function="f"))
    found = {each.id for each in store.search(prefix=begins).promises}
    assert found == {id for id in ("lit-a-1", "lit-a*1", "lit-b-1") if id.startswith(begins)}
    assert store.search(functions=[function]).promises == () or function == "f"
    store.close()


def test_what_looks_like_a_script_is_a_text(client: Any, redis_url: str) -> None:
    """Arguments of scripts are arguments: every verb is called with hostile texts wherever it takes one."""
    stores: list[Any] = [RedisStore(redis_url), LocalStore()]
    for number, (store, text) in enumerate(itertools.product(stores, TRICKY)):
        id = f"lua-{number}"
        new = NewPromise(
            id=id, function=text, args=text, digest=text, queue=text, key=text, tags=text, object=text,
            access=Access.EXCLUSIVE, retention_ms=0,
        )  # fmt: skip
        store.create(new)
        hold = store.claim(id, text, 1000).hold
        store.checkpoint(hold, 0, [("1", text)], [(text, text), ("other", text)])
        assert store.read(id)[1] == {"1": text}
        assert store.get(id).function == text
        assert store.state(text) == {text: text, "other": text}
        store.crashed(id, text, 5, text)
        store.cancel(id, 0)
    for each in TRICKY:
        client.delete(f"dc:{{0}}:st:{each}")
    stores[0].close()


@pytest.mark.parametrize("id", TRICKY)
def test_no_door_takes_a_hostile_id(id: str) -> None:
    durable = Durable.local()

    @durable.register
    def body(ctx: Any) -> None: ...

    if id in ("ready", "r:x"):
        return
    for door in (
        lambda: body.run(id),
        lambda: durable.run(id, "body"),
        lambda: durable.get(id),
        lambda: durable.cancel(id),
        lambda: durable.resume(id),
        lambda: durable.promises.create(id),
        lambda: durable.promises.get(id),
        lambda: durable.promises.resolve(id),
        lambda: durable.promises.reject(id),
    ):
        with pytest.raises(InvalidId):
            door()
    durable.close()


def test_a_child_is_named_by_the_engine_or_legally(redis_url: str) -> None:
    durable = Durable.local()

    @durable.register
    def child(ctx: Any) -> int:
        return 1

    @durable.register
    def parent(ctx: Any, id: str) -> int:
        return ctx.rpc(child).options(id=id).get()

    for number, id in enumerate(each for each in TRICKY if each not in ("ready", "r:x")):
        with pytest.raises(InvalidId):
            parent.call(f"parent-{number}", id)
    durable.close()
