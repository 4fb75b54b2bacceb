"""What HTTP lets be done when nobody has said who may: nothing that changes or shows what is another's."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import flask
import pytest

from durable_celery import Context, Durable
from durable_celery.stores import LocalStore
from tests.acceptance.workers.waiting import wait_until
from tests.rest import closed_at_rest
from tests.web import shop
from tests.web.servers import KINDS, served

#: All that is not the start of what is exposed, and the reading of what one has the id of.
CLOSED = [
    ("POST", "/executions/sits/cancel", b""),
    ("POST", "/executions/parked/resume", b""),
    ("POST", "/executions/done/fork", b'{"id": "forked"}'),
    ("POST", "/promises/sits.1/resolve", b"1"),
    ("POST", "/promises/sits.1/reject", b'"no"'),
    ("POST", "/promises/free/resolve", b"1"),
    ("GET", "/executions/done?view=full", b""),
    ("GET", "/executions", b""),
    ("HEAD", "/executions", b""),
    ("GET", "/executions?function=ask", b""),
    ("GET", "/executions?function=secret", b""),
    ("GET", "/executions?prefix=si&state=pending", b""),
    ("GET", "/metrics", b""),
]
USUAL = [
    ("PUT", "/functions/later/executions/begun", b""),
    ("PUT", "/functions/greet/executions/done", b'{"args": ["Ann"]}'),
    ("POST", "/functions/later/executions", b""),
    ("GET", "/executions/done", b""),
    ("GET", "/executions/done/result", b""),
    ("GET", "/executions/done/steps", b""),
    ("GET", "/executions/done/events", b""),
    ("HEAD", "/executions/done/result", b""),
]
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method")
REFUSAL = flask.Response("denied", 403)
#: What a hook may answer by mistake, and what each of the requests above is answered then.
ANSWERS = {
    "none": None,
    "false": False,
    "text": "no",
    "one": 1,
    "list": [True],
    "page": (REFUSAL, 403),
    "view": REFUSAL,
}


class Deputy:
    """The hook of the test: answers what the header says, and knows what it let pass."""

    def __init__(self) -> None:
        self.let: list[tuple[str, str, str]] = []

    def __call__(self, function: str, id: str, action: str, request: Any) -> Any:
        said = request.headers.get("X-Hook", "none")
        if said == "raises":
            raise RuntimeError("the password is sesame")
        if said == "forbids":
            raise PermissionError
        if said in ("all", f"only {action}", f"only {action} {id}"):
            self.let.append((function, id, action))
            return True
        return ANSWERS.get(said, False)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """The type of the problem."""
        return str(json.loads(self.body)["type"])


@dataclass(frozen=True, slots=True)
class Victim:
    """A server that nobody means well with, and the store behind it."""

    durable: Durable
    deputy: Deputy
    hooked: str
    bare: str

    def ask(self, method: str, path: str, body: bytes = b"", *, hook: str | None = None, **headers: str) -> Answer:
        """The answer to a request whose path is sent as it is; without `hook` by the mount that has none."""
        url = urlsplit(self.bare if hook is None else self.hooked)
        assert url.hostname is not None
        sent = {"X-Hook": hook or "", **{name.replace("_", "-"): said for name, said in headers.items()}}
        if body:
            sent["Content-Type"] = "application/json"
        with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port, timeout=5)) as connection:
            connection.request(method, "/durable" + path, body or None, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())

    def everything(self) -> dict[str, Any]:
        """All that the store holds."""
        store = self.durable.store
        assert isinstance(store, LocalStore)
        with store._verb() as rows:
            return {id: (row.promise, dict(row.journal), list(row.log)) for id, row in rows.by_id.items()}


@pytest.fixture(scope="module")
def shopkeeper() -> Iterator[tuple[Durable, dict[str, Any]]]:
    """Executions in every state, exposed ones and others."""
    with closed_at_rest(Durable.local()) as durable:
        functions = shop.registered(durable)

        @durable.register
        def hidden(ctx: Context) -> Any:
            return ctx.promise().get()

        functions["greet"].run("done", "Ann").result(10)
        functions["secret"].run("told").result(10)
        for id, function in (("sits", functions["ask"]), ("hid", hidden)):
            function.run(id)
        functions["moody"].run("parked", "parked")
        wait_until(lambda: {durable.get(id).status for id in ("sits", "hid", "parked")} == {"suspended"}, 10, "waiting")
        shop.moods["parked"] = "bad"
        durable.promises.resolve("parked.2", "now")
        wait_until(lambda: durable.get("parked").status == "parked", 10, "it to be parked")
        durable.promises.create("free")
        yield durable, {name: each for name, each in functions.items() if name != "secret"}


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, shopkeeper: tuple[Durable, dict[str, Any]]) -> Iterator[Victim]:
    durable, functions = shopkeeper
    deputy, said = Deputy(), {"expose": list(functions.values()), "promises": True, "secret": "sesame"}
    with (
        served(request.param, durable, functions, {**said, "authorize": deputy}) as hooked,
        served(request.param, durable, functions, said) as bare,
    ):
        yield Victim(durable, deputy, hooked, bare)


@pytest.fixture
def victim(server: Victim) -> Iterator[Victim]:
    """The same; after the test the store holds what it held before."""
    server.deputy.let.clear()
    before = server.everything()
    yield server
    assert server.everything() == before


def test_without_a_hook_nobody_may_do_what_is_an_administrators(victim: Victim) -> None:
    for method, path, body in CLOSED:
        answer = victim.ask(method, path, body)
        assert answer.status == 403, path
        assert method == "HEAD" or answer.kind == "forbidden"


def test_without_a_hook_what_is_refused_is_not_in_the_document(victim: Victim) -> None:
    document = json.loads(victim.ask("GET", "/openapi.json").body)["paths"]
    shown = json.loads(victim.ask("GET", "/openapi.json", hook="all").body)["paths"]

    assert set(shown) - set(document) == {"/metrics", "/executions", *(f"/executions/{{id}}/{each}" for each in ACTS)}


ACTS = ("cancel", "resume", "fork")


def test_who_is_refused_is_not_told_what_there_is(victim: Victim) -> None:
    for hook in (None, "false"):
        for method, path, body in CLOSED[:6]:
            known, *others = (
                victim.ask(method, path.replace(path.split("/")[2], id), body, hook=hook).body
                for id in (path.split("/")[2], "nobody", "told", "hid.1")
            )
            assert others == [known] * 3, path


@pytest.mark.parametrize("hook", ["none", "page", "forbids"])
def test_a_hook_that_does_not_say_true_refuses_everything(victim: Victim, hook: str) -> None:
    for method, path, body in (*CLOSED, *USUAL):
        answer = victim.ask(method, path, body, hook=hook, Idempotency_Key="k")
        assert answer.status == 403, path
        assert method == "HEAD" or answer.kind == "forbidden"
    if hook != "forbids":
        assert json.loads(victim.ask("GET", "/functions", hook=hook).body) == {"functions": []}
        assert "/functions/" not in victim.ask("GET", "/openapi.json", hook=hook).body.decode()


@pytest.mark.parametrize("hook", ANSWERS)
def test_nothing_but_true_is_true(victim: Victim, hook: str) -> None:
    assert victim.ask("POST", "/executions/sits/cancel", hook=hook).kind == "forbidden"


def test_a_hook_that_breaks_lets_nobody_pass_and_shows_nothing(victim: Victim) -> None:
    for method, path, body in (*CLOSED, *USUAL, ("GET", "/functions", b""), ("GET", "/openapi.json", b"")):
        answer = victim.ask(method, path, body, hook="raises", Idempotency_Key="k")
        assert answer.status == 500, path
        assert b"sesame" not in answer.body


def test_what_is_not_exposed_is_not_there_for_anybody(victim: Victim) -> None:
    for hook in (None, "all"):
        for id in ("told", "hid", "nobody"):
            for below in ("", "?view=full", "/result", "/events", "/steps"):
                if hook or "view" not in below:
                    answer = victim.ask("GET", f"/executions/{id}{below}", hook=hook)
                    assert (answer.status, answer.kind) == (404, "unknown-execution")
        for method, path in (("PUT", "/functions/hidden/executions/new"), ("POST", "/functions/secret/executions")):
            assert victim.ask(method, path, hook=hook, Idempotency_Key="k").kind == "unknown-function"
    for id in ("told", "hid"):
        for act in ACTS:
            assert victim.ask("POST", f"/executions/{id}/{act}", hook="all").kind == "unknown-execution"
    for id in ("hid", "hid.1", "told", "nobody"):
        assert victim.ask("POST", f"/promises/{id}/resolve", b"1", hook="all").kind == "unknown-promise"
    for path in ("/executions", "/functions", "/openapi.json", "/metrics"):
        shown = victim.ask("GET", path, hook="all").body.decode()
        assert not [word for word in ('"told"', '"hid"', "hidden", '"secret"') if word in shown], path


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
def test_no_other_method_and_no_header_stands_for_a_post(victim: Victim, method: str) -> None:
    said = dict.fromkeys(OVERRIDES, "POST")
    for path in (path for asked, path, _ in CLOSED if asked == "POST"):
        answer = victim.ask(method, f"{path}?_method=POST", hook="all", **said)
        assert answer.status == (204 if method == "OPTIONS" else 405), path
        assert answer.headers["allow"] == "OPTIONS, POST"
    assert victim.deputy.let == []


PATHS = [
    "//executions/{id}/cancel",
    "/executions//{id}/cancel",
    "/executions/{id}//cancel",
    "/executions/{id}/cancel/",
    "/executions/{id}/cancel//",
    "/EXECUTIONS/{id}/cancel",
    "/executions/{id}/Cancel",
    "/executions/{ID}/cancel",
    "/executions/{id}%2Fcancel",
    "/executions/{id}%252Fcancel",
    "/executions%2F{id}%2Fcancel",
    "/executions/{id}/cancel%2F",
    "/executions/other%2F..%2F{id}/cancel",
    "/executions/../executions/{id}/cancel",
    "/executions/other/../{id}/cancel",
    "/executions/./{id}/cancel",
    "/executions/{id}/./cancel",
    "/executions/{id}/steps/../cancel",
    "/executions/{id}/%2e%2e/{id}/cancel",
    "/healthz/../executions/{id}/cancel",
    "/durable.js/%2e%2e/executions/{id}/cancel",
    "/executions/{id}/cancel;.js",
    "/executions/{id};x=1/cancel",
    "/executions/{id}/cancel%00",
    "/executions/{id}%00/cancel",
    "/executions/{id}/cancel%20",
    "/executions/{id}%0A/cancel",
    "/executions/{id}/cancel.json",
    "/executions\\{id}\\cancel",
    "/executions/{id}/%63ancel",
    "/%65xecutions/{id}/cancel",
    "/executions/%73its/cancel",
    "/executions/{id}/cancel?id=done&action=read",
]


def test_however_a_path_is_written_the_hook_is_asked_about_what_is_done(victim: Victim) -> None:
    """A hook that lets one cancel the execution `other`, and everybody read, lets nobody cancel another."""
    for template in PATHS:
        path = template.replace("{id}", "sits").replace("{ID}", "SITS")
        for hook in ("only cancel other", "only read", None):
            answer = victim.ask("POST", path, hook=hook, X_Original_URL="/executions/other/cancel", X_Rewrite_URL="/")
            assert answer.status in (400, 403, 404, 405, 308), (path, answer)
    assert victim.deputy.let == []


def test_who_may_fork_may_not_begin_what_he_may_not_start(victim: Victim) -> None:
    answer = victim.ask("POST", "/executions/done/fork", b'{"id": "of-another"}', hook="only fork")

    assert (answer.status, answer.kind) == (403, "forbidden")
    assert victim.deputy.let == [("greet", "done", "fork")]


def test_a_link_is_good_without_a_hook_and_for_nothing_else(victim: Victim) -> None:
    from durable_celery.web.links import Links  # noqa: PLC0415  # an extra

    token = Links("sesame").token("sits.1", "resolve", expires_in=60)
    for method, path, body in CLOSED:
        if path != "/promises/sits.1/resolve":
            answer = victim.ask(method, path + ("&" if "?" in path else "?") + f"token={token}", body)
            assert answer.status == 403, path
    forged = token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]
    assert victim.ask("POST", f"/promises/sits.1/resolve?token={forged}", b"1").kind == "bad-link"
