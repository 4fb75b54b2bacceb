"""`@durable_api`: a slow view answers at once, and its status link gives what it returned."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from durable_celery import Durable, InvalidName
from durable_celery.dev.child import wait_until
from durable_celery.web import callbacks
from durable_celery.web.flask import bind, durable_api
from tests.rest import closed_at_rest
from tests.web import slow_views
from tests.web.shop import gates
from tests.web.slow_views import PNG, application, seen


@pytest.fixture(scope="module")
def durable() -> Iterator[Durable]:
    with closed_at_rest(Durable.local()) as made:
        yield made
        for gate in gates.values():
            gate.set()


@pytest.fixture(scope="module")
def app(durable: Durable) -> flask.Flask:
    return application(durable, callbacks_allowed=["http://127.0.0.1:9/in"])


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def answer(client: FlaskClient, path: str, method: str = "GET", **said: Any) -> Any:
    """What the view answered in the end; it answers 202 first."""
    started = client.open(path, method=method, **said)
    assert started.status_code == 202, started.text
    assert started.location == started.json["links"]["self"]
    assert started.json["status"] == "queued"
    return client.get(started.location, headers={"Prefer": "wait=10"})


def test_the_status_is_202_while_it_runs_and_then_the_views_own_answer(client: FlaskClient, durable: Durable) -> None:
    gate = uuid.uuid4().hex
    started = client.get(f"/steps/{gate}?word=tea")
    id = started.json["id"]
    assert (started.status_code, started.location) == (202, f"/durable/status/{id}")
    assert started.headers["Retry-After"] == "1"
    assert wait_until(lambda: durable.get(id).status == "running", 10)

    running = client.get(started.location)
    assert (running.status_code, running.location) == (202, started.location)
    assert running.json["status"] == "running"
    assert client.get(started.location, headers={"If-None-Match": running.headers["ETag"]}).status_code == 304
    gates[gate].set()
    over = client.get(started.location, headers={"Prefer": "wait=10"})

    assert (over.status_code, over.json) == (200, {"gate": gate, "upper": "TEA"})
    assert over.headers["Preference-Applied"] == "wait=10"
    assert [each.name for each in durable.get(id).steps()] == ["held", "upper"]


def test_a_function_is_called_back_with_the_id_and_the_end(client: FlaskClient) -> None:
    gate = uuid.uuid4().hex
    gates[gate].set()
    id = client.get(f"/steps/{gate}?word=rum").json["id"]
    assert wait_until(lambda: any(told == id for told, _ in seen.told), 10)
    assert [told for told in seen.told if told[0] == id] == [
        (
            id,
            {
                "id": id,
                "function": "tests.web.slow_views.steps",
                "state": "resolved",
                "status": "succeeded",
                "result": {"gate": gate, "upper": "RUM"},
                "response": {"status": 200, "content_type": "application/json"},
            },
        )
    ]


def test_who_is_called_back_hears_of_a_cancellation_too(client: FlaskClient, durable: Durable) -> None:
    gate = uuid.uuid4().hex
    started = client.get(f"/steps/{gate}?word=rum")
    durable.cancel(started.json["id"], grace=0)
    assert wait_until(lambda: any(told == started.json["id"] for told, _ in seen.told), 10)
    (outcome,) = [outcome for told, outcome in seen.told if told == started.json["id"]]
    assert (outcome["state"], outcome["status"]) == ("rejected_canceled", "cancelled")
    assert client.get(started.location).status_code == 410


def test_a_durable_function_is_called_back_also_when_the_time_was_up(client: FlaskClient, durable: Durable) -> None:
    found = answer(client, "/slow")
    assert (found.status_code, found.json["type"]) == (504, "timed-out")
    id = found.json["id"]
    assert wait_until(lambda: any(told == id for told, _ in seen.told), 10)
    assert [outcome["status"] for told, outcome in seen.told if told == id] == ["timed_out"]


def test_who_is_called_back_hears_also_of_what_is_not_kept_any_more(app: flask.Flask, durable: Durable) -> None:
    callbacks.begin(durable, "nobody", "tests.web.slow_views.steps", kind=callbacks.OURS, owner=app.name)
    durable.get("nobody:callback").result(10)
    assert [outcome["status"] for told, outcome in seen.told if told == "nobody"] == ["expired"]


def test_decorators_above_it_decide_where_the_request_arrives(client: FlaskClient) -> None:
    assert client.get("/whose/7").status_code == 401
    assert answer(client, "/whose/7", headers={"Authorization": "Bearer sesame"}).json == ["Bearer", 7, False]


def test_an_id_that_somebody_else_took_for_a_callback_is_a_conflict(client: FlaskClient, durable: Durable) -> None:
    @durable.register
    def squats(ctx: Any) -> None: ...

    squats.run("later-squat:callback-asked")
    refused = client.get("/later/squat", headers={"Durable-Callback": "http://127.0.0.1:9/in"})
    assert (refused.status_code, refused.json["type"]) == (409, "id-conflict")


def test_the_request_is_there_in_the_worker(client: FlaskClient) -> None:
    posted = answer(client, "/echo/7?x=1&x=2", "POST", json={"é": [1]}, headers={"X-Trace": "t", "Host": "tea.example"})
    assert posted.json["json"] == {"é": [1]}
    assert posted.json["args"] == {"x": ["1", "2"]}
    assert posted.json["headers"] == {"X-Trace": "t"}
    assert (posted.json["oid"], posted.json["method"], posted.json["endpoint"]) == (7, "POST", "echo")
    assert (posted.json["url"], posted.json["remote"]) == ("http://tea.example/echo/7", "127.0.0.1")


@pytest.mark.parametrize("read_before", [False, True])
def test_forms_and_files_arrive_also_when_somebody_has_read_them_before(
    app: flask.Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, read_before: bool
) -> None:
    hook = [lambda: flask.request.form.get("nothing")] if read_before else []
    monkeypatch.setitem(app.before_request_funcs, None, hook)
    uploaded = answer(client, "/echo/1", "POST", data={"a": ["1", "2"], "f": (io.BytesIO(PNG * 3), "x.png")})
    assert (uploaded.json["form"], uploaded.json["files"]) == ({"a": ["1", "2"]}, {"f": len(PNG) * 3})
    assert answer(client, "/echo/1", "POST", data={"a": "é&="}).json["form"] == {"a": ["é&="]}


def test_credentials_stay_where_they_were_sent_unless_it_is_said(durable: Durable) -> None:
    said = {
        "Authorization": "Bearer sesame",
        "Cookie": "session=sesame",
        "X-Trace": "sesame-less",
        "Host": "tea.example",
    }
    app = flask.Flask("credentials")
    for name, options in {"none": {}, "some": {"headers": ["cookie"]}, "all": {"credentials": True}}.items():

        def view(oid: int) -> Any:
            return {**slow_views.echo(oid)["headers"], "Host": flask.request.host}

        view.__name__ = view.__qualname__ = f"credentials_{name}"
        app.add_url_rule(f"/{name}/<int:oid>", name, durable_api(**options)(view))  # type: ignore[call-overload]
    app.add_url_rule("/echo/<int:oid>", "echo", lambda oid: "")
    bind(app, durable)
    client = app.test_client(use_cookies=False)
    got = {name: client.get(f"/{name}/1", headers=said).location for name in ("none", "some", "all")}
    kept = {name: durable.store.get(path.rpartition("/")[2]).args for name, path in got.items()}
    got = {name: client.get(path, headers={"Prefer": "wait=10"}).json for name, path in got.items()}

    assert got == {
        "none": {"X-Trace": "sesame-less", "Host": "tea.example"},
        "some": {"Cookie": "session=sesame", "Host": "tea.example"},
        "all": said,
    }
    assert ("Bearer" in kept["none"], "session" in kept["none"]) == (False, False)
    assert "Bearer sesame" in kept["all"]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/refuse/403", 403, b"not here"),
        ("/refuse/404", 404, b'{"nothing":"not here"}'),
        ("/refuse/503", 503, b"not here"),
        ("/custom", 409, b"taken"),
        ("/no_tea", 418, b"no tea today"),
        ("/picture", 200, PNG),
        ("/odd", 303, b"gone on"),
        ("/later/tea", 200, b"aet"),
        ("/things/a/b", 203, b'{"path": "a/b"}'),
        ("/things/caf%C3%A9", 203, b'{"path": "caf\\u00e9"}'),
        ("/things/missing", 404, b'{"message":'),
    ],
)
def test_every_kind_of_answer_is_given_as_it_was(client: FlaskClient, path: str, status: int, body: bytes) -> None:
    found = answer(client, path)
    assert found.status_code == status
    assert body in found.data


def test_headers_are_given_as_they_were(client: FlaskClient) -> None:
    odd, picture, thing = (answer(client, path) for path in ("/odd", "/picture", "/things/x"))
    assert (odd.headers["Location"], odd.headers.getlist("Set-Cookie")) == (
        "/elsewhere",
        ["a=1; Path=/", "b=2; Path=/"],
    )
    assert (picture.content_type, thing.headers["X-Thing"]) == ("image/png", "yes")
    assert answer(client, "/custom").headers["X-Reason"] == "seat"


def test_a_method_of_a_class_has_its_object_and_its_ctx(client: FlaskClient) -> None:
    found = answer(client, "/counter/3", "POST")
    assert (found.status_code, found.json) == (201, {"count": 8})


def test_an_error_is_a_500_that_tells_nothing_and_a_failed_execution(
    app: flask.Flask, client: FlaskClient, durable: Durable, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen.tries = 0
    found = answer(client, "/breaks/value")
    assert (found.status_code, found.content_type) == (500, "application/problem+json")
    assert (found.json["type"], "sesame" in found.text, seen.tries) == ("execution-failed", False, 1)
    assert durable.get(found.json["id"]).status == "failed"
    monkeypatch.setattr(app, "debug", True)
    assert client.get(f"/durable/status/{found.json['id']}").json["detail"] == "the password is sesame"


def test_what_a_saga_did_is_undone_when_the_view_aborts(client: FlaskClient) -> None:
    assert (answer(client, "/booked").status_code, seen.undone) == (409, ["seat"])


def test_an_error_may_say_its_status_and_a_policy_tries_again(client: FlaskClient) -> None:
    declined = answer(client, "/breaks/card")
    assert (declined.status_code, declined.json["detail"]) == (402, "no money")
    seen.tries = 0
    assert (answer(client, "/breaks/key").status_code, seen.tries) == (500, 2)


def test_the_same_key_attaches_and_another_request_is_refused(client: FlaskClient) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = client.post("/echo/1?x=1", json={"a": 1}, headers=key)
    again = client.post("/echo/1?x=1", json={"a": 1}, headers={**key, "X-Trace": "another", "Prefer": "wait=10"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json["json"] == {"a": 1}
    assert client.get(first.location).json == again.json
    for other in (
        {"path": "/echo/1?x=2", "json": {"a": 1}},
        {"path": "/echo/1?x=1", "json": {"a": 2}},
        {"path": "/echo/2?x=1", "json": {"a": 1}},
        {"path": "/echo/1?x=1", "data": b'{"a": 1}', "content_type": "text/plain"},
    ):
        refused = client.post(headers=key, **other)  # type: ignore[arg-type]
        assert (refused.status_code, refused.json["type"]) == (422, "idempotency-key-reused")


def test_a_form_that_is_sent_again_is_the_same(client: FlaskClient) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    once, twice = (
        client.post(
            "/echo/1",
            data={"f": (io.BytesIO(PNG), "x.png")},
            headers=key,
            content_type=f"multipart/form-data; boundary=b{n}",
        )
        for n in range(2)
    )
    assert once.json["id"] == twice.headers.get("Location", "").rpartition("/")[2] or twice.status_code == 200


def test_an_id_that_the_code_gives_is_one_for_one_request(client: FlaskClient) -> None:
    first = client.get("/later/rum")
    assert first.json["id"] == "later-rum"
    refused = client.get("/later/rum?x=1")
    assert (refused.status_code, refused.json["type"]) == (409, "id-conflict")
    assert client.get("/later/%20").json["type"] == "bad-id"


def test_after_its_retention_it_is_unknown(client: FlaskClient) -> None:
    started = client.get("/later/soon")
    assert client.get(started.location, headers={"Prefer": "wait=10"}).text == "noos"
    assert wait_until(lambda: client.get(started.location).status_code in (404, 410), 10, pause=0.05)


def test_the_status_link_shows_executions_of_views_only(client: FlaskClient, durable: Durable) -> None:
    @durable.register
    def other(ctx: Any) -> str:
        return "secret"

    handle = other.run(f"other-{uuid.uuid4().hex}")
    handle.result(10)
    assert client.get(f"/durable/status/{handle.id}").json["type"] == "unknown-execution"
    assert client.get("/durable/status/nobody").status_code == 404
    assert client.get("/durable/status/no body").status_code == 400


def test_the_hook_says_who_may_ask(durable: Durable) -> None:
    def authorize(function: str, id: str, action: str, request: Any) -> bool:
        if request.headers.get("X-Who") is None:
            flask.abort(401)
        return request.headers["X-Who"] == "ann" and action == "read"

    app = application(durable, authorize=authorize, principal=lambda request: request.headers.get("X-Who"))
    client = app.test_client()
    key = {"Idempotency-Key": "easy to guess"}
    path = client.get("/echo/1", headers={**key, "X-Who": "ann"}).location
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"X-Who": "bo"}).status_code == 403
    assert client.get(path, headers={"X-Who": "ann", "Prefer": "wait=5"}).status_code == 200
    assert client.get("/echo/1", headers={**key, "X-Who": "bo"}).location != path


def test_below_another_path_the_links_lead_there(client: FlaskClient) -> None:
    started = client.get("/echo/1", base_url="https://tea.example/shop")
    assert started.location.startswith("/shop/durable/status/")
    over = client.get(started.location.removeprefix("/shop"), headers={"Prefer": "wait=10"})
    assert over.json["url"] == "https://tea.example/shop/echo/1"


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    refused = client.post("/echo/1", data=b"x" * 5001)
    assert (refused.status_code, refused.json["type"]) == (413, "body-too-large")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://evil.org/in", 403),
        ("http://127.0.0.1:9/inner", 403),
        ("file:///etc/passwd", 422),
        ("http://u@127.0.0.1:9/in", 422),
    ],
)
def test_a_callback_that_is_not_allowed_starts_nothing(client: FlaskClient, url: str, status: int) -> None:
    refused = client.get("/later/never", headers={"Durable-Callback": url})
    assert refused.status_code == status
    assert client.get("/durable/status/later-never").status_code == 404


def test_a_repeated_request_makes_the_callback_that_was_missing(client: FlaskClient, durable: Durable) -> None:
    headers = {"Durable-Callback": "http://127.0.0.1:9/in/x", "Idempotency-Key": uuid.uuid4().hex}
    id = client.get("/picture", headers=headers).json["id"]
    callback = durable.get(f"{id}:callback-asked")
    assert callback.function == "durable_celery.callback"
    durable.cancel(callback.id, grace=0)
    assert client.get("/picture", headers=headers).headers["Idempotent-Replayed"] == "true"
    other = client.get("/picture", headers={**headers, "Durable-Callback": "http://127.0.0.1:9/in/y"})
    assert (other.status_code, other.json["type"]) == (422, "idempotency-key-reused")


def test_two_views_of_one_name_are_told_apart_and_the_same_one_twice_is_not() -> None:
    def make(number: int) -> Any:
        def twin() -> int:
            return number

        return twin

    def twin() -> None: ...

    twin.__qualname__ = make(0).__qualname__
    durable_api(make(1))
    durable_api(make(2))
    with pytest.raises(InvalidName, match="two views"):
        durable_api(twin)


def test_what_cannot_be_meant_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="retries"):
        durable_api(retries=3)(lambda: "")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="https"):
        durable_api(callback="hooks.example.com")(lambda: "")
    app = flask.Flask("unbound")
    with pytest.raises(ValueError, match="SECRETS"):
        bind(app, Durable.local(), callbacks_allowed=["https://hooks.example.com"])
    app.testing = True
    app.add_url_rule("/", "view", durable_api(name="unbound")(lambda: ""))
    with pytest.raises(RuntimeError, match="bind"):
        app.test_client().get("/")
