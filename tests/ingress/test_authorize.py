"""Cancelling what another has asked for: where there is a hook, only whom it answers with True."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from durable_celery import Durable, app
from tests.ingress.conftest import Web, problem, until_status
from tests.ingress.shop import SERVICES, outbox

Serve = Callable[[Any], Web]


def waiting(web: Web) -> str:
    id = str(web.post("/Shop/wait/send").json()["invocationId"])
    outbox.get(timeout=20)
    until_status(web, id, "suspended")
    return id


async def refuses_later(*_: Any) -> bool:
    return False


def forbids(*_: Any) -> bool:
    raise PermissionError("not you")


def breaks(*_: Any) -> bool:
    raise RuntimeError("the password is sesame")


@pytest.mark.parametrize(
    ("hook", "status"),
    [
        (lambda *_: None, 403),
        (lambda *_: 1, 403),
        (lambda *_: PlainTextResponse("denied", 403), 403),
        (refuses_later, 403),
        (forbids, 403),
        (breaks, 500),
    ],
    ids=["nothing", "one", "page", "later", "forbids", "breaks"],
)
def test_who_is_not_let_cancels_nothing_and_is_not_told_what_there_is(
    durable: Durable, serve: Serve, hook: Any, status: int
) -> None:
    web = serve(app(SERVICES, durable, authorize=hook))
    id = waiting(web)

    answers = [web.post(f"/restate/invocation/{each}/cancel") for each in (id, "nobody")]

    assert [answer.status_code for answer in answers] == [status, status]
    assert "sesame" not in answers[0].text
    assert status == 500 or answers[0].json() == answers[1].json()
    assert durable.get(id).status == "suspended"
    durable.cancel(id, grace=0)


def test_who_is_let_cancels_and_the_hook_is_told_what(durable: Durable, serve: Serve) -> None:
    asked = []

    async def authorize(function: str, id: str, action: str, request: Any) -> bool:
        asked.append((function, id, action, request.headers["x-who"]))
        return True

    web = serve(app(SERVICES, durable, authorize=authorize))
    id = waiting(web)

    assert web.post(f"/restate/invocation/{id}/cancel", x_who="ann").status_code == 202
    problem(web.post("/restate/invocation/nobody/cancel", x_who="ann"), 404, "unknown-execution")
    assert asked == [("Shop.wait", id, "cancel", "ann"), ("", "nobody", "cancel", "ann")]
