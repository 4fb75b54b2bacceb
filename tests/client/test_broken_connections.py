"""What is sent again when no answer comes, and what never is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from durable_celery import InvalidId, StoreUnavailable
from durable_celery.client import AsyncClient, Client
from tests.client.shop import Counter, Shop, Signup, add, hello, run

#: What each further request is answered; the last one for ever.
Script = list[Callable[[httpx.Request], httpx.Response]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("durable_celery.client.flows._PAUSES_S", (0.001, 0.001, 0.001))


class Network:
    """Answers as told, and keeps what was asked."""

    def __init__(self, *script: Callable[[httpx.Request], httpx.Response]) -> None:
        self.script = list(script)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.script[min(len(self.asked), len(self.script)) - 1](request)

    @property
    def client(self) -> Client:
        return Client("http://shop/api/", {"authorization": "me"}, http=httpx.Client(transport=self.transport))

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


def breaks(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("the connection broke")


def nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody listens")


def gateway(request: httpx.Request) -> httpx.Response:
    return httpx.Response(502, html="<h1>Bad Gateway</h1>")


def said(value: Any, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json=value)


ACCEPTED = said({"invocationId": "i-1", "status": "Accepted"}, 202)


@pytest.mark.parametrize("broken", [breaks, gateway])
def test_a_call_without_a_key_is_never_sent_twice(broken) -> None:
    for call in (
        lambda client: client.object(Counter, "bob").add(1),
        lambda client: client.call(add, 1, key="bob"),
        lambda client: client.send(add, 1, key="bob"),
        lambda client: client.workflow("Signup", "bob").run("mail"),
    ):
        network = Network(broken, said(1))
        with pytest.raises(StoreUnavailable, match="whether it was accepted is not known"):
            call(network.client)
        assert len(network.asked) == 1


@pytest.mark.parametrize("broken", [breaks, gateway, nobody])
def test_a_call_with_an_idempotency_key_is_sent_again(broken) -> None:
    network = Network(broken, broken, said(1))

    assert network.client.call(add, 1, key="bob", idempotency_key="k") == 1
    assert [request.headers["idempotency-key"] for request in network.asked] == ["k"] * 3
    assert {request.content for request in network.asked} == {b"1"}


def test_the_run_of_a_workflow_needs_no_key_to_be_sent_again() -> None:
    network = Network(breaks, said("done"))

    assert network.client.call(run, "mail", key="bob") == "done"
    assert len(network.asked) == 2


def test_what_reached_nobody_is_sent_again() -> None:
    network = Network(nobody, nobody, said(1))

    assert network.client.object(Counter, "bob").add(1) == 1
    assert len(network.asked) == 3


def test_a_call_that_may_have_arrived_at_last_is_not_sent_again() -> None:
    network = Network(nobody, breaks, said(1))

    with pytest.raises(StoreUnavailable):
        network.client.object(Counter, "bob").add(1)
    assert len(network.asked) == 2


def test_it_is_not_tried_for_ever() -> None:
    network = Network(nobody)

    with pytest.raises(StoreUnavailable, match="nobody listens"):
        network.client.call(hello, idempotency_key="k")
    assert len(network.asked) == 4


def test_waiting_for_an_invocation_is_taken_up_again() -> None:
    network = Network(ACCEPTED, breaks, said({"invocationId": "i-1", "status": "running"}, 202), gateway, said(7))
    sent = network.client.send(add, 1, key="bob")

    assert sent.result() == 7
    assert [request.url.path for request in network.asked] == [
        "/api/Counter/bob/add/send",
        *["/api/restate/invocation/i-1/attach"] * 4,
    ]


def test_settling_and_cancelling_are_sent_again() -> None:
    for ask in (
        lambda client: client.resolve_awakeable("awk_1", 1),
        lambda client: client.reject_awakeable("awk_1"),
        lambda client: client.attach("i-1").cancel(),
        lambda client: client.attach("i-1").status,
    ):
        network = Network(breaks, said({}))
        ask(network.client)
        assert len(network.asked) == 2


def test_a_problem_is_an_answer_and_not_asked_again() -> None:
    problem = {"type": "store-unavailable", "status": 503, "detail": "not now"}
    network = Network(
        lambda request: httpx.Response(503, json=problem, headers={"content-type": "application/problem+json"})
    )

    with pytest.raises(StoreUnavailable, match="not now"):
        network.client.call(hello, idempotency_key="k")
    assert len(network.asked) == 1


def test_the_limit_of_a_client_holds_for_all_its_waits() -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        time.sleep(request.extensions["timeout"]["read"])
        raise httpx.ReadTimeout("too slow")

    client = Client("http://shop", timeout=0.05, http=httpx.Client(transport=httpx.MockTransport(slow)))
    for wait in (lambda: client.call(hello), client.attach("i-1").result):
        with pytest.raises(TimeoutError):
            wait()


def test_every_request_carries_the_headers_of_the_client_and_its_prefix() -> None:
    network = Network(said("hello"), ACCEPTED)
    network.client.service(Shop).hello()
    network.client.workflow(Signup, "a/b").click.send("yes", delay=1.5)

    assert [request.headers["authorization"] for request in network.asked] == ["me", "me"]
    assert [request.url.raw_path for request in network.asked] == [
        b"/api/Shop/hello",
        b"/api/Signup/a%2Fb/click/send?delay=1500ms",
    ]


def test_an_event_loop_sends_again_in_the_same_way() -> None:
    network, blind = Network(breaks, said(1)), Network(breaks, said(1))

    async def main() -> None:
        async with AsyncClient("http://shop", http=httpx.AsyncClient(transport=network.transport)) as client:
            assert await client.call(add, 1, key="bob", idempotency_key="k") == 1
        async with AsyncClient("http://shop", http=httpx.AsyncClient(transport=blind.transport)) as client:
            with pytest.raises(StoreUnavailable):
                await client.object(Counter, "bob").add(1)

    asyncio.run(main())
    assert (len(network.asked), len(blind.asked)) == (2, 1)


def test_an_answer_that_is_none_of_the_servers_is_told_with_its_status() -> None:
    network = Network(lambda request: httpx.Response(401, text="who are you?"))

    with pytest.raises(Exception, match="401") as caught:
        network.client.call(hello)
    assert caught.value.status_code == 401


@pytest.mark.parametrize("key", ["", " ", "a ", "a\nb: c", "a\x00"])
def test_an_idempotency_key_that_no_header_carries_is_refused(key: str) -> None:
    network = Network(said("hello"))

    with pytest.raises(InvalidId):
        network.client.call(hello, idempotency_key=key)
    assert network.asked == []
