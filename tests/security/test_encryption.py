"""What is encrypted is read by nobody without the key, and whoever lacks the key loses nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from cryptography.fernet import Fernet

from durable_celery import (
    Context,
    Durable,
    IdConflict,
    ObjectContext,
    Parked,
    PayloadTooLarge,
    PayloadUnreadable,
    RedisStore,
    State,
    StoreMisconfigured,
    VirtualObject,
)
from durable_celery.codec import Codec
from durable_celery.encryption import EncryptedCodec
from durable_celery.seal import MARK
from durable_celery.settings import Settings
from durable_celery.web.core import Core
from durable_celery.web.message import Req
from durable_celery.web.options import Options
from tests.acceptance.workers.waiting import wait_until

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
WORD = "xyzzy"
Opened = Callable[..., Durable]


@pytest.fixture
def opened(redis_url: str) -> Iterator[Opened]:
    """Processes of one application, each with keys of its own."""
    made: list[Durable] = []

    def open(*keys: str, **said: Any) -> Durable:
        store = RedisStore(redis_url)
        made.append(Durable(store=store, codec=EncryptedCodec(keys, **said) if keys else None))
        made[-1].settings = Settings(log_lines=5)
        return made[-1]

    yield open
    for each in made:
        each.close()


def everything(url: str) -> str:
    """All that Redis holds, as one text."""
    client = redis.Redis.from_url(url, decode_responses=True)
    found = []
    for key in client.scan_iter():
        kind = client.type(key)
        read = {"hash": client.hgetall, "string": client.get}.get(str(kind))
        found.append(f"{key} {read(key) if read else client.sort(key, by='nosort')}")
    client.close()
    return "\n".join(found)


def story(durable: Durable, id: str) -> None:
    """An execution that puts the word wherever a payload can be."""
    seat = VirtualObject("Seat")

    @seat.handler()
    async def take(ctx: ObjectContext, word: str) -> str:
        ctx.set("taken_by", [word])
        return word

    def step(word: str) -> dict[str, str]:
        return {"word": word}

    def broken(word: str) -> None:
        raise ValueError(word)

    @durable.register
    def child(ctx: Context, word: str) -> str:
        return word * 2

    @durable.register(tags={"who": WORD})
    def parent(ctx: Context, word: str, *, more: str = "") -> list[Any]:
        ctx.progress(1, 2, note=word)
        ctx.logger.info("about %s", word)
        found = [ctx.run(step, word).get(), ctx.rpc(child, word).get()]
        try:
            ctx.run(broken, word).get()
        except ValueError as error:
            found.append(str(error))
        outside = ctx.promise(data={"for": word})
        durable.promises.resolve(outside.id, word)
        found.append(outside.get())
        durable.client().object(seat, "row 4").take(word)
        ctx.run(step, "end").get()
        return found

    durable.bind(seat)
    handle = parent.run(id, WORD, more=WORD)
    assert handle.result(10) == [{"word": WORD}, WORD * 2, WORD, WORD]
    assert handle.progress() == {"done": 1, "total": 2, "note": WORD}
    assert any(step.error == f"builtins.ValueError: {WORD}" for step in handle.steps())


def test_no_payload_can_be_read_in_redis(opened: Opened, redis_url: str) -> None:
    story(opened(NEW), "told-1")
    shown = everything(redis_url)

    assert WORD not in shown
    assert OLD not in shown
    assert NEW not in shown
    for readable in ("told-1.2", "parent", "child", "step", "broken", "Seat/row 4", "taken_by"):
        assert readable in shown, "ids, names and keys stay readable"


def test_without_a_key_it_could_be(opened: Opened, redis_url: str) -> None:
    story(opened(), "told-1")
    assert everything(redis_url).count(WORD) > 10


def double(ctx: Context, word: str) -> str:
    return ctx.run(lambda: word * 2).get()


def test_the_same_call_attaches_although_no_two_texts_are_the_same(opened: Opened) -> None:
    one, two = opened(NEW), opened(NEW)
    first, second = one.register(double), two.register(double)

    assert first.call("same-1", WORD) == second.call("same-1", WORD)
    with pytest.raises(IdConflict):
        second.call("same-1", "another")
    assert one.store.get("same-1").args != one.codec.encode([[WORD], {}], "it")


def test_a_digest_says_nothing_to_those_without_its_key() -> None:
    plain, one, other = (codec.call("double", (WORD,), {})[1] for codec in (Codec(), codec_of(OLD), codec_of(NEW)))
    assert len({plain, one, other}) == 3
    assert len(one) == len(plain)


def codec_of(*keys: str, **said: Any) -> EncryptedCodec:
    return EncryptedCodec(keys, **said)


def test_keys_change_while_everything_runs(opened: Opened) -> None:
    """The steps of docs/security.md, with a process of the step before beside one of the next."""
    steps = [
        opened(OLD),
        opened(OLD, NEW, digest_key=OLD),
        opened(NEW, OLD, digest_key=OLD),
        opened(NEW, digest_key=OLD),
    ]
    functions = [each.register(double) for each in steps]
    for number, (before, after) in enumerate(itertools.pairwise(functions)):
        for first, second in ((before, after), (after, before)):
            id = f"rotated-{number}-{first is before}"
            assert first.call(id, WORD) == second.call(id, WORD) == WORD * 2, "each reads it, and it is the same call"

    functions[0].call("rotated-too-early", WORD)
    with pytest.raises(PayloadUnreadable, match="add that key to the end of durable_encryption_keys"):
        functions[-1].call("rotated-too-early", WORD)


def test_of_two_keys_without_more_said_the_older_one_compares(opened: Opened) -> None:
    assert opened(OLD).register(double).call("same-2", WORD) == WORD * 2
    assert opened(NEW, OLD).register(double).call("same-2", WORD) == WORD * 2


def test_a_text_is_closed_again_with_the_newest_key() -> None:
    old = codec_of(OLD).encode(WORD, "it")
    both = codec_of(NEW, OLD)
    again = both.rotate(old)

    assert codec_of(NEW).decode(again) == WORD
    assert both.rotate(again) == again
    assert both.rotate("") == ""


def test_everything_is_brought_to_the_newest_key_while_an_execution_waits(opened: Opened, redis_url: str) -> None:
    old = opened(OLD)
    story(old, "told-1")
    waits = old.register(ask).run("waits-1", WORD)
    wait_until(lambda: waits.status == "suspended", 10, "it to wait")
    old.close()
    name = old.codec.encode(1, "it").split(":")[1]
    assert everything(redis_url).count(f"{MARK}{name}:") > 15

    both = opened(NEW, OLD, digest_key=OLD)
    assert both.reencrypt() > 15
    assert both.reencrypt() == 0
    assert f"{MARK}{name}:" not in everything(redis_url)
    both.close()

    new = opened(NEW, digest_key=OLD)
    handle = new.register(ask)
    new.promises.resolve("waits-1.2", "now")
    assert handle.run("waits-1", WORD).result(10) == f"{WORD} now"
    assert new.get("told-1").result() == [{"word": WORD}, WORD * 2, WORD, WORD]
    assert [line["text"] for line in new.get("waits-1").log()] == [f"about {WORD}"]
    assert begun == [WORD], "what was recorded is not done again"


begun: list[str] = []


def ask(ctx: Context, word: str) -> str:
    ctx.logger.info("about %s", word)
    ctx.run(begun.append, word).get()
    return f"{word} {ctx.promise().get()}"


def test_a_webhook_that_is_sent_twice_is_answered_alike_twice(opened: Opened) -> None:
    durable = opened(NEW)
    durable.promises.create("paid-1")
    core = Core(durable, [], Options(promises=True, authorize=lambda *_: True))

    def post(body: bytes) -> int:
        return core.handle(Req(method="POST", path="/promises/paid-1/resolve", read=lambda limit: body[:limit])).status

    assert [post(b'{"by": "Bob"}'), post(b'{"by": "Bob"}'), post(b'{"by": "Eve"}')] == [200, 200, 409]


def test_what_cannot_be_read_is_left_as_it_is_and_told(opened: Opened) -> None:
    opened(OTHER).promises.create("other", data=WORD)
    opened(OLD).promises.create("old", data=WORD)
    kept = opened().store.get("other").args

    new = opened(NEW, OLD)
    with pytest.raises(PayloadUnreadable, match=r"add that key .* 1 texts; 1 others were encrypted anew"):
        new.reencrypt()
    assert opened().store.get("other").args == kept
    assert opened(NEW).promises.get("old").args.startswith(MARK)
    with pytest.raises(StoreMisconfigured, match="set durable_encryption_keys"):
        opened().reencrypt()


def test_an_execution_whose_key_is_missing_is_parked_and_goes_on_when_it_is_there(opened: Opened) -> None:
    done: list[str] = []

    def body(ctx: Context) -> str:
        ctx.run(done.append, "first").get()
        told = ctx.promise().get()
        return f"{told} {ctx.run(lambda: 'end').get()}"

    good = opened(NEW)
    handle = good.register(body).run("held-1")
    wait_until(lambda: handle.status == "suspended", 10, "it to wait")
    good.close()

    wrong = opened(OTHER)
    wrong.register(body)
    wrong.promises.resolve("held-1.2", "here")  # with a key that the good ones have not
    wait_until(lambda: wrong.get("held-1").status == "parked", 10, "it to be parked")
    with pytest.raises(Parked, match=r"add that key to the end of durable_encryption_keys"):
        wrong.get("held-1").result(1)
    assert done == ["first"]

    mended = opened(NEW, OTHER)
    mended.register(body)
    mended.resume("held-1")
    assert mended.get("held-1").result(10) == "here end"
    assert done == ["first"]


def test_what_was_read_wrongly_in_the_middle_parks_too(opened: Opened) -> None:
    """Its arguments it can read, but not what it waited for; and a bare `except` lets its body go on without."""

    def body(ctx: Context) -> str:
        try:
            return str(ctx.promise().get())
        except BaseException:
            return "made up"

    durable = opened(NEW)
    handle = durable.register(body).run("held-2")
    wait_until(lambda: handle.status == "suspended", 10, "it to wait")
    forged = codec_of(OTHER).encode("here", "it")
    _, _, ready = durable.store.settle("held-2.1", State.RESOLVED, forged)
    durable._publish(ready)
    wait_until(lambda: handle.status == "parked", 10, "it to be parked")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('"xyzzy"', "it is not encrypted.*durable_encryption_accept_plain"),
        (MARK + "00000000:abc", "encrypted with the key '00000000'"),
        (MARK, "encrypted with the key ''"),
    ],
)
def test_what_is_not_ours_is_not_read(text: str, sentence: str) -> None:
    with pytest.raises(PayloadUnreadable, match=sentence):
        codec_of(NEW).decode(text)


def test_what_was_changed_is_not_read() -> None:
    text = codec_of(NEW).encode({"amount": 1}, "it")
    for place in (len(MARK) + 12, len(text) // 2, len(text) - 6):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(PayloadUnreadable, match="damaged or forged"):
            codec_of(NEW).decode(text[:place] + other + text[place + 1 :])


def test_a_process_without_keys_says_so(opened: Opened) -> None:
    opened(NEW).register(double).call("sealed-1", WORD)
    with pytest.raises(PayloadUnreadable, match="this process has no key; set durable_encryption_keys here too"):
        opened().get("sealed-1").result(1)


def test_what_was_stored_before_there_were_keys_is_read_where_that_is_allowed(opened: Opened) -> None:
    opened().register(double).call("plain-1", WORD)
    assert opened(NEW, accept_plain=True).get("plain-1").result(1) == WORD * 2
    with pytest.raises(PayloadUnreadable):
        opened(NEW).get("plain-1").result(1)


# How it is set up


def test_keys_are_a_setting(redis_url: str) -> None:
    app = Celery("keys", broker=redis_url, backend=redis_url)
    durable = Durable(app)
    app.conf.durable_encryption_keys = f"{NEW}, {OLD}"  # as an environment variable has them
    first = durable.register(name="nobody_executes_it")(double)

    first.run("set-1", WORD)  # already the first payload of the process
    record = durable.store.get("set-1")
    assert codec_of(NEW).decode(record.args) == [[WORD], {}]
    assert record.digest == codec_of(OLD).call("nobody_executes_it", (WORD,), {})[1]
    durable.cancel("set-1", grace=0)
    durable.close()
    app.close()


def test_the_limit_holds_for_the_first_payload_of_a_process_and_before_encryption(redis_url: str) -> None:
    app = Celery("limit", broker=redis_url, backend=redis_url)
    app.conf.update(durable_max_payload=100, durable_encryption_keys=[NEW])
    durable = Durable(app)
    with pytest.raises(PayloadTooLarge, match="the limit is 100"):
        durable.run("large-1", "nobody_executes_it", "x" * 100)
    durable.run("small-1", "nobody_executes_it", "x" * 80)
    durable.cancel("small-1", grace=0)
    durable.close()
    app.close()


def test_keys_are_said_once(redis_url: str) -> None:
    app = Celery("twice", broker=redis_url, backend=redis_url)
    app.conf.durable_encryption_keys = [NEW]
    durable = Durable(app, codec=codec_of(NEW))
    with pytest.raises(StoreMisconfigured, match="use one"):
        durable.run("twice-1", "nobody_executes_it")
    durable.close()
    app.close()


@pytest.mark.parametrize(
    "keys",
    [[], [""], ["secret"], [NEW, "x" * 44], [NEW[:-2]], NEW],
    ids=["none", "empty", "a word", "one of two", "cut", "a text"],
)
def test_what_is_no_key_is_refused_without_being_shown(keys: Any) -> None:
    with pytest.raises(StoreMisconfigured) as refused:
        EncryptedCodec(keys)
    assert not any(key and key in str(refused.value) for key in (keys if isinstance(keys, list) else [keys]))


def test_nothing_prints_keys_or_passwords(redis_url: str) -> None:
    app = Celery("printed", broker=redis_url, backend=redis_url)
    url = redis_url.replace("redis://", "redis://:hunter2@")
    app.conf.update(
        durable_store_url=url, durable_encryption_keys=[NEW], durable_encryption_digest_key=OLD, durable_key_prefix="p"
    )
    durable = Durable(app)
    things = [durable, durable.settings, durable.codec, durable.codec.seal, codec_of(NEW), codec_of(NEW).seal]
    printed = "\n".join([*map(repr, things), repr(RedisStore(url)), str(vars(codec_of(NEW))), app.conf.humanize()])
    assert NEW not in printed
    assert OLD not in printed
    assert "hunter2" not in printed.replace(app.conf.humanize(), "")
    durable.close()
    app.close()
