"""Invocations that exist: who may attach to them, look at them, and cancel them; and awakeables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingress.conftest import Web, problem, until_status
from tests.ingress.shop import bodies, outbox


def test_the_output_is_there_when_it_is_there(web: Web) -> None:
    id = web.post("/Shop/wait/send").json()["invocationId"]
    told = outbox.get(timeout=20)
    until_status(web, id, "suspended")

    early = web.get(f"/restate/invocation/{id}/output")
    assert (early.status_code, early.json()["status"]) == (202, "suspended")
    assert early.headers["retry-after"]

    waiting = web.begin("GET", f"/restate/invocation/{id}/attach")
    web.post(f"/restate/awakeables/{told}/resolve", {"paid": True})
    assert waiting.result(20).json() == {"paid": True}
    late = web.get(f"/restate/invocation/{id}/output")
    assert (late.status_code, late.json(), late.headers["durable-id"]) == (200, {"paid": True}, id)


def test_an_invocation_is_found_by_its_idempotency_key(web: Web) -> None:
    web.post("/Shop/greet", "ann", idempotency_key="a/b")
    web.post("/Counter/k%2F1/add", 5, idempotency_key="once")

    for verb in ("attach", "output"):
        assert web.get(f"/restate/invocation/Shop/greet/a%2Fb/{verb}").json() == "hello ann"
        assert web.get(f"/restate/invocation/Counter/k%2F1/add/once/{verb}").json() == 5
        problem(web.get(f"/restate/invocation/Shop/greet/other/{verb}"), 404, "unknown-execution")


def test_a_workflow_is_found_by_its_key(web: Web) -> None:
    for verb in ("attach", "output"):
        problem(web.get(f"/restate/workflow/Signup/ann/{verb}"), 404, "unknown-execution")
    web.post("/Signup/ann/run/send", "a@b")
    assert web.get("/restate/workflow/Signup/ann/output").status_code == 202

    waiting = web.begin("GET", "/restate/workflow/Signup/ann/attach")
    web.post("/Signup/ann/click", "x")
    assert waiting.result(20).json() == "a@b x"
    assert web.get("/restate/workflow/Signup/ann/output").json() == "a@b x"


def test_executions_that_are_not_served_here_do_not_exist_here(web: Web) -> None:
    durable = web.app.durable
    foreign = durable.register(lambda ctx: "a secret", name="foreign")
    foreign.call("theirs")
    durable.promises.create("external", data="a secret")
    assert web.post("/Shop/down").json() == "wine"  # by a call to a private handler
    private = "Shop:cellar:once"
    assert durable.get(private).result() == "wine"

    for id in ("theirs", "external", private, "nobody"):
        for method, verb in (("GET", "attach"), ("GET", "output"), ("POST", "cancel")):
            answer = web.ask(method, f"/restate/invocation/{id}/{verb}")
            problem(answer, 404, "unknown-execution")
            assert "secret" not in answer.text
    assert durable.promises.get("external").state == "pending"
    problem(web.get("/restate/invocation/Shop/cellar/once/attach"), 404, "unknown-function")
    problem(web.get("/restate/invocation/%20/output"), 400, "bad-id")


def test_what_is_over_cannot_be_cancelled(web: Web) -> None:
    id = web.post("/Shop/greet", "ann").headers["durable-id"]

    problem(web.post(f"/restate/invocation/{id}/cancel"), 409, "already-terminal")
    assert web.get(f"/restate/invocation/{id}/output").json() == "hello ann"


@pytest.mark.parametrize("value", [None, 1, "x", {"a": [1, None]}, ""])
def test_an_awakeable_is_resolved_once_and_the_same_again_changes_nothing(web: Web, value: Any) -> None:
    call = web.begin("POST", "/Shop/wait")
    path = f"/restate/awakeables/{outbox.get(timeout=20)}"

    for _ in range(2):
        assert web.post(f"{path}/resolve", value).status_code == 200
    said = problem(web.post(f"{path}/resolve", "other"), 409, "already-settled")
    assert said["state"] == "resolved"
    problem(web.post(f"{path}/reject"), 409, "already-settled")
    answer = call.result(20)
    assert (answer.json() if answer.content else None) == value


@pytest.mark.parametrize("said", [{"json": {"reason": "no money"}}, {"content": "no money"}, {"json": "no money"}])
def test_an_awakeable_is_rejected_with_a_reason(web: Web, said: dict[str, Any]) -> None:
    call = web.begin("POST", "/Shop/wait")
    path = f"/restate/awakeables/{outbox.get(timeout=20)}"

    for _ in range(2):
        assert web.ask("POST", f"{path}/reject", **said).status_code == 200
    problem(web.ask("POST", f"{path}/reject", content="other"), 409, "already-settled")
    problem(web.post(f"{path}/resolve", "no money"), 409, "already-settled")
    failed = problem(call.result(20), 500, "execution-failed")
    assert failed["error"] == {"type": "Rejected", "message": "no money"}


def test_an_awakeable_of_bytes_takes_bytes(web: Web) -> None:
    call = web.begin("POST", "/Shop/wait_for_bytes")
    path = f"/restate/awakeables/{outbox.get(timeout=20)}/resolve"

    octets = {"content-type": "application/octet-stream"}
    assert web.ask("POST", path, content=b"\x00\xff\x00", headers=octets).status_code == 200
    assert call.result(20).json() == 3


def test_what_cannot_settle_an_awakeable(web: Web) -> None:
    call = web.begin("POST", "/Shop/wait")
    path = f"/restate/awakeables/{outbox.get(timeout=20)}"

    problem(web.ask("POST", f"{path}/resolve", content="{"), 400, "bad-json")
    form = {"content-type": "application/x-www-form-urlencoded"}
    problem(web.ask("POST", f"{path}/resolve", content="1", headers=form), 415, "unsupported-media-type")
    problem(web.ask("POST", f"{path}/resolve", content=b"1" * 3000), 413, "body-too-large")
    problem(web.post(f"{path}/reject", {"reason": 1}), 422, "invalid-arguments")
    web.post(f"{path}/resolve", "fine")
    assert call.result(20).json() == "fine"


def test_other_promises_cannot_be_settled_as_awakeables(web: Web) -> None:
    durable = web.app.durable
    durable.promises.create("external")
    durable.register(lambda ctx: ctx.sleep(600).get(), name="napper").run("awk_napper")
    for id in ("external", "awk_napper", "awk_nobody"):
        for verb in ("resolve", "reject"):
            problem(web.post(f"/restate/awakeables/{id}/{verb}"), 404, "unknown-execution")
    assert durable.promises.get("external").state == "pending"
    assert durable.promises.get("awk_napper").state == "pending"


def test_a_cancelled_wait_cannot_be_answered_any_more(web: Web) -> None:
    id = web.post("/Shop/wait/send").json()["invocationId"]
    told = outbox.get(timeout=20)
    until_status(web, id, "suspended")
    web.post(f"/restate/invocation/{id}/cancel")
    problem(web.get(f"/restate/invocation/{id}/attach"), 410, "cancelled")

    assert web.post(f"/restate/awakeables/{told}/resolve", 1).status_code == 409
    assert bodies == []
