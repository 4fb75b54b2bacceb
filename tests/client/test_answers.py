"""Problem documents as the exceptions they stand for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from durable_celery import (
    AlreadySettled,
    Cancelled,
    DeadlockError,
    ExecutionFailed,
    FunctionNotFound,
    IdConflict,
    InvalidId,
    InvalidValue,
    Parked,
    PayloadTooLarge,
    PromiseNotFound,
    Rejected,
    RetryableError,
    StoreUnavailable,
    TerminalError,
    TimedOut,
)
from durable_celery.client import Client
from durable_celery.client.answers import error_of, status_of
from durable_celery.client.asking import Answer
from tests.client.shop import hello


def problem(kind: str, status: int = 400, **extra: object) -> Answer:
    document = {"type": kind, "title": "", "status": status, "detail": "why", **extra}
    return Answer(status, json.dumps(document).encode(), "application/problem+json")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unknown-function", FunctionNotFound),
        ("unknown-execution", PromiseNotFound),
        ("invalid-arguments", InvalidValue),
        ("bad-json", InvalidValue),
        ("bad-id", InvalidId),
        ("body-too-large", PayloadTooLarge),
        ("id-conflict", IdConflict),
        ("idempotency-key-reused", IdConflict),
        ("already-settled", AlreadySettled),
        ("store-unavailable", StoreUnavailable),
        ("parked", Parked),
        ("cancelled", Cancelled),
        ("timed-out", TimedOut),
        ("deadlock", DeadlockError),
        ("unsupported-media-type", TerminalError),
        ("https://shop.example/problems/cancelled", Cancelled),
    ],
)
def test_a_type_of_problem_stands_for_an_exception(kind: str, error: type[Exception]) -> None:
    assert type(error_of(problem(kind), "x")) is error


@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        ("TerminalError", 404, TerminalError),
        ("TerminalError", 500, TerminalError),
        ("SoldOut", 409, TerminalError),
        ("RetryableError", 503, RetryableError),
        ("Rejected", 500, Rejected),
        ("KeyError", 500, ExecutionFailed),
    ],
)
def test_what_a_handler_raised_is_told_by_its_name_and_status(raised, status, error) -> None:
    made = error_of(problem("execution-failed", status, error={"type": raised, "message": "no"}), "x")

    assert type(made) is error
    assert "no" in str(made)
    assert getattr(made, "status_code", status) == status


def test_a_wrong_field_is_named() -> None:
    errors = [{"path": "$.a[0]", "reason": "it is no number"}]
    made = error_of(problem("invalid-arguments", 422, path="$.a[0]", errors=errors), "x")

    assert isinstance(made, InvalidValue)
    assert (made.path, made.reason) == ("$.a[0]", "it is no number")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(200, b"1", "application/json"), "succeeded"),
        (Answer(202, b'{"status": "suspended"}', "application/json"), "suspended"),
        (problem("execution-failed", 500), "failed"),
        (problem("cancelled", 410), "cancelled"),
        (problem("timed-out", 504), "timed_out"),
        (problem("parked", 503), "parked"),
        (problem("unknown-execution", 404), ""),
        (Answer(500, b"[1]", "application/json"), ""),
    ],
)
def test_an_answer_says_how_an_invocation_stands(answer: Answer, word: str) -> None:
    assert status_of(answer) == word


def test_a_server_that_nobody_can_find_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable_celery.client.flows._PAUSES_S", (0.001,))
    with Client("http://127.0.0.1:9") as client, pytest.raises(ConnectionError):
        client.call(hello)


def test_a_url_is_one_of_http() -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Client("redis://localhost")


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_without_httpx_the_module_is_imported_and_says_what_is_missing(kind: str) -> None:
    program = f"""
import sys
sys.modules["httpx"] = None
from durable_celery.client import {kind}
try:
    {kind}("http://localhost")
except ImportError as error:
    assert "durable-celery[client]" in str(error), error
else:
    raise SystemExit("it was made without httpx")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
