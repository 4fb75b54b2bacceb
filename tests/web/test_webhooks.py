"""Signatures of webhooks, and which addresses clients may have called."""

from __future__ import annotations

import pytest

from durable_celery.clock import ManualClock
from durable_celery.errors.problem import Problem
from durable_celery.web.webhooks import address, check_callback, sign, verify

#: The example of https://github.com/standard-webhooks/standard-webhooks.
SECRET, ID, AT, BODY = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    b'{"test": 2432232314}',
)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"Webhook-Id": ID, "Webhook-Timestamp": str(AT), "Webhook-Signature": SIGNATURE}
ALLOWED = ["https://hooks.example.com/in", "http://127.0.0.1:8080"]


def at(seconds: float) -> ManualClock:
    clock = ManualClock()
    clock.advance(ms=round(seconds * 1000) - clock.now_ms())
    return clock


def test_the_signature_is_that_of_the_standards_example() -> None:
    assert sign(SECRET, ID, AT, BODY) == SIGNATURE
    assert verify(SECRET, HEADERS, BODY, now=at(AT + 10))


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, BODY + b" ", 0),
        ({"Webhook-Id": "msg_other"}, BODY, 0),
        ({"Webhook-Timestamp": str(AT + 1)}, BODY, 0),
        ({"Webhook-Timestamp": "soon"}, BODY, 0),
        ({"Webhook-Signature": ""}, BODY, 0),
        ({"Webhook-Signature": "v2" + SIGNATURE[2:]}, BODY, 0),
        ({"Webhook-Signature": "v1,ünsigned"}, BODY, 0),
        ({}, BODY, 301),
        ({}, BODY, -301),
    ],
)
def test_what_was_changed_is_old_or_comes_from_the_future_is_not_taken(
    headers: dict[str, str], body: bytes, seconds: float
) -> None:
    assert not verify(SECRET, {**HEADERS, **headers}, body, now=at(AT + seconds))


def test_secrets_are_changed_without_a_gap() -> None:
    both = {**HEADERS, "Webhook-Signature": sign(["new", SECRET], ID, AT, BODY)}

    assert verify(SECRET, both, BODY, now=at(AT))
    assert verify("new", both, BODY, now=at(AT))
    assert verify(["newer", b"new"], both, BODY, now=at(AT))
    assert not verify("other", both, BODY, now=at(AT))
    with pytest.raises(ValueError, match="one secret"):
        sign([], ID, AT, BODY)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/in",
        "https://HOOKS.example.com:443/in/7?x=/../",
        "https://hooks.example.com/in/",
        "http://127.0.0.1:8080/anything",
        "http://127.0.0.1:8080",
    ],
)
def test_addresses_below_an_allowed_one_are_allowed(url: str) -> None:
    assert check_callback(url, ALLOWED) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/inner",
        "https://hooks.example.com/",
        "https://hooks.example.com:8443/in",
        "http://hooks.example.com/in",
        "https://hooks.example.com.evil.org/in",
        "https://hooks.example.co/in",
        "https://evil.org/https://hooks.example.com/in",
        "https://evil.org/?https://hooks.example.com/in",
        "http://127.0.0.1:80801/",
        "http://127.0.0.1/",
        "http://localhost:8080/",
        "http://[::1]:8080/",
        "http://2130706433:8080/",
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(Problem) as refused:
        check_callback(url, ALLOWED)
    assert refused.value.status in (403, 422)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com/in",
        "//hooks.example.com/in",
        "ftp://hooks.example.com/in",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:///in",
        "https://user@hooks.example.com/in",
        "https://hooks.example.com@evil.org/in",
        "https://hooks.example.com:443@evil.org/in",
        "https://hooks.example.com\\@evil.org/in",
        "https://hooks.example.com/in#@evil.org",
        "https://hooks.example.com/in/../admin",
        "https://hooks.example.com/in/%2e%2e/admin",
        "https://hooks.example.com/in/%252e%252e/admin",
        "https://hooks.example.com/in%2f..%2fadmin",
        "https://hooks.example.com/in\r\nHost: evil.org",
        "https://hooks.example.com/in x",
        "https://hooks.example.com./in",
        "https://höoks.example.com/in",
        "https://hooks.example.com:99999/in",
        "https://[::1/in",
        "https://[::1]x/in",
        "https://hooks.example.com/" + "a" * 2000,
    ],
)
def test_what_could_be_read_in_more_than_one_way_is_no_address(url: str) -> None:
    with pytest.raises(Problem) as refused:
        check_callback(url, ALLOWED)
    assert (refused.value.status, refused.value.kind) == (422, "invalid-callback")
    with pytest.raises(ValueError):
        address(url)


def test_nothing_is_allowed_unless_it_is_said() -> None:
    with pytest.raises(Problem) as refused:
        check_callback("https://hooks.example.com/in", [])
    assert (refused.value.status, refused.value.kind) == (403, "callback-not-allowed")
