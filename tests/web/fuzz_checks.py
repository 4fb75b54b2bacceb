"""What schemathesis asks of every answer beside its own checks; `SCHEMATHESIS_HOOKS` names this module."""

from __future__ import annotations

import schemathesis

#: A 5xx is an answer only when it says one of these: how an execution ended, or that the store is away.
_SAID = {"execution-failed", "timed-out", "parked", "store-unavailable"}


@schemathesis.check
def only_documented_server_errors(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    if response.status_code >= 500:
        assert response.headers["content-type"] == ["application/problem+json"], response.text
        assert response.json()["type"] in _SAID, response.text


@schemathesis.check
def refusals_are_problems(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    if response.status_code >= 400 and case.method != "HEAD":
        assert response.headers.get("content-type") == ["application/problem+json"], response.text
