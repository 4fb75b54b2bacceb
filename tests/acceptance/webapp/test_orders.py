"""Orders: approved, rejected, decided once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.acceptance.webapp.client import ORDER, PROBLEM, problem, result, waiting
from workers import shop

if TYPE_CHECKING:
    import pytest
    from flask.testing import FlaskClient


def test_an_approved_order_is_shipped(web: FlaskClient) -> None:
    placed = web.post("/orders/o1", json=ORDER)
    assert placed.status_code == 202
    assert placed.headers["Location"] == "/orders/o1"
    document = waiting(web, "/orders/o1")
    assert document["progress"]["note"] == "waiting for approval"
    assert not shop.effects("ship")

    answer = web.post(document["links"]["approval"], json={"approved": True, "by": "Ann"})

    assert answer.status_code == 200
    outcome = result(web, "/orders/o1")
    assert (outcome["status"], outcome["by"]) == ("shipped", "Ann")
    assert shop.effects("charge") == [outcome["payment"]]
    assert shop.effects("ship") == [outcome["parcel"]]
    assert [call["effect"] for call in shop.calls()] == ["reserve", "charge", "ship"]


def test_a_rejected_order_is_undone(web: FlaskClient) -> None:
    web.post("/orders/o1", json=ORDER)
    waiting(web, "/orders/o1")

    web.post("/orders/o1/approval", json={"approved": False, "by": "Bob"})

    outcome = result(web, "/orders/o1")
    assert (outcome["status"], outcome["by"]) == ("rejected", "Bob")
    assert [call["effect"] for call in shop.calls()] == ["reserve", "charge", "release", "refund"]


def test_a_decision_is_taken_once(web: FlaskClient) -> None:
    web.post("/orders/o1", json=ORDER)
    waiting(web, "/orders/o1")
    yes, no = {"approved": True, "by": "Ann"}, {"approved": False, "by": "Bob"}

    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    problem(web.post("/orders/o1/approval", json=no), 409, "already-decided")
    problem(web.post("/orders/o1/approval", json={**yes, "by": "Bob"}), 409, "already-decided")

    assert result(web, "/orders/o1")["status"] == "shipped"
    assert web.post("/orders/o1/approval", json=yes).status_code == 200
    assert len(shop.effects("ship")) == 1


def test_an_order_that_does_not_wait_cannot_be_decided(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, act = threading.Event(), shop.act

    def slow(*args: Any, **details: Any) -> str:
        assert gate.wait(30)
        return act(*args, **details)

    monkeypatch.setattr(shop, "act", slow)
    web.post("/orders/o1", json=ORDER)

    answer = web.post("/orders/o1/approval", json={"approved": True, "by": "Ann"})

    problem(answer, 409, "not-waiting")
    assert "Retry-After" in answer.headers
    gate.set()
    waiting(web, "/orders/o1")


def test_an_unknown_order_cannot_be_decided(web: FlaskClient) -> None:
    problem(web.post("/orders/none/approval", json={"approved": True, "by": "Ann"}), 404, "unknown-execution")


def test_a_hostile_order_is_refused_or_processed_but_never_stuck(web: FlaskClient) -> None:
    extras: list[dict[str, Any]] = [
        {"__type__": "datetime", "__value__": "never"},
        {"note": {"__type__": "nothing", "__value__": None}},
        {"note": {"__type__": "uuid", "__value__": {"hex": "x"}}},
        {"note": "\x00"},
        {"note": "\ud800"},
    ]
    for number, extra in enumerate(extras):
        answer = web.post(f"/orders/h{number}", json={**ORDER, **extra})
        if answer.status_code == 202:
            waiting(web, f"/orders/h{number}")
        else:
            assert (400 <= answer.status_code < 500, answer.mimetype) == (True, PROBLEM)


def test_a_deep_order_is_refused_or_processed(web: FlaskClient) -> None:
    for depth in (100, 500, 900, 990, 5000):
        note = "[" * depth + "]" * depth
        body = f'{{"item": "kettle", "amount": 1, "note": {note}}}'
        answer = web.post(f"/orders/d{depth}", data=body, content_type="application/json")
        if answer.status_code == 202:
            waiting(web, f"/orders/d{depth}")
        else:
            assert (400 <= answer.status_code < 500, answer.mimetype) == (True, PROBLEM)
