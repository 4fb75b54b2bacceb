"""What every client must do, whatever carries its calls. `client` waits, as `Caller` does."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from durable_celery import (
    AlreadySettled,
    Cancelled,
    DeadlockError,
    ExecutionFailed,
    FunctionNotFound,
    IdConflict,
    InvalidValue,
    NotSerializable,
    PromiseNotFound,
    Rejected,
    TerminalError,
    TimedOut,
)
from tests.client.shop import Counter, Order, Shop, Signup, add, double, greet, hello, patient


def test_the_value_of_a_call_is_of_the_annotated_type(client) -> None:
    assert client.service(Shop).double(Order("tea", 2)) == Order("tea", 4)
    assert client.call(double, Order("tea", 2)) == Order("tea", 4)


def test_a_handler_may_take_no_argument_or_an_optional_one(client) -> None:
    assert client.service(Shop).hello() == "hello" == client.call(hello)
    assert client.service(Shop).greet() == "hello you"
    assert client.call(greet, "bob") == "hello bob"


def test_calls_with_a_key_share_its_state(client) -> None:
    key = f"bob/ö %2F {uuid.uuid4()}"

    assert [client.object(Counter, key).add(n) for n in (1, 2, 3)] == [1, 3, 6]
    assert client.call(add, 4, key=key) == 10
    assert client.object(Counter, key).value() == 10
    assert client.object(Counter, f"not {key}").value() == 0


def test_a_handler_whose_name_is_no_word_is_asked_for_in_brackets(client) -> None:
    assert client.service(Shop)["by-and-by"](["a", "b"]) == "a b"


def test_bytes_travel_as_they_are(client) -> None:
    assert client.service(Shop).reversed_bytes(b"\x00abc\xff") == b"\xffcba\x00"


def test_a_service_may_be_known_by_its_name_only(client) -> None:
    assert client.service("Shop").double({"item": "tea", "pieces": 2}) == {"item": "tea", "pieces": 4}
    assert client.object("Counter", str(uuid.uuid4())).add(1) == 1
    assert client.service("Shop").reversed_bytes(b"abc") == b"cba"
    assert client.service("Shop").double.send({"item": "tea", "pieces": 2}).result(10) == {"item": "tea", "pieces": 4}


def test_who_calls_by_name_is_told_which_field_is_wrong(client) -> None:
    with pytest.raises(InvalidValue) as caught:
        client.service("Shop").double({"item": "tea", "pieces": "two"})

    assert caught.value.path == "$.pieces"


def test_an_argument_that_does_not_fit_is_refused_before_it_is_sent(client) -> None:
    with pytest.raises(NotSerializable):
        client.object(Counter, "bob").add("one")
    with pytest.raises(TypeError, match="takes no argument"):
        client.service(Shop).hello("bob")
    with pytest.raises(TypeError, match="with a key"):
        client.object(Counter, "").add(1)
    with pytest.raises(TypeError, match="without a key"):
        client.call(hello, key="bob")


def test_what_is_unknown_is_not_found(client) -> None:
    with pytest.raises(FunctionNotFound):
        client.service(Shop).sell()
    with pytest.raises(FunctionNotFound):
        client.service("Shop").sell()
    with pytest.raises(FunctionNotFound):
        client.service("Ship").hello()


def test_a_private_handler_is_not_found(client) -> None:
    with pytest.raises(FunctionNotFound):
        client.service(Shop).secret()


def test_a_kind_is_not_taken_for_another(client) -> None:
    with pytest.raises(TypeError, match=r"write client\.object"):
        client.service(Counter)
    with pytest.raises(TypeError, match="itself or its name"):
        client.service(add)


def test_a_terminal_error_reaches_the_caller_with_its_status(client) -> None:
    for code in (400, 404, 409, 422, 503):
        with pytest.raises(TerminalError, match="sold out") as caught:
            client.service(Shop).refuse(code)
        assert type(caught.value) is TerminalError
        assert caught.value.status_code == code


def test_a_call_that_would_wait_for_itself_is_refused(client) -> None:
    with pytest.raises(DeadlockError, match="would wait for itself"):
        client.object(Counter, "narcissus").itself()


def test_what_is_sent_is_found_again_by_its_id(client) -> None:
    sent = client.send(double, Order("tea", 2))

    assert sent.created
    assert sent.result(10) == Order("tea", 4)
    assert sent.status == "succeeded"
    assert client.attach(sent.id, double).result(10) == Order("tea", 4)
    assert client.attach(sent.id).result(10) == {"item": "tea", "pieces": 4}


def test_all_who_give_an_idempotency_key_share_one_invocation(client) -> None:
    key = str(uuid.uuid4())
    counter = client.object(Counter, key)
    first = counter.add.send(1, idempotency_key="k")
    second = counter.add.send(1, idempotency_key="k")

    assert (first.created, second.created) == (True, False)
    assert first.id == second.id
    assert counter.add.call(1, idempotency_key="k") == 1 == first.result(10)
    with pytest.raises(IdConflict):
        counter.add.call(2, idempotency_key="k")


def test_a_call_may_be_sent_for_later_and_taken_back(client) -> None:
    key = str(uuid.uuid4())
    sent = client.object(Counter, key).add.send(1, delay=600)

    assert sent.status == "queued"
    with pytest.raises(TimeoutError):
        sent.result(timeout=0.05)
    sent.cancel()
    with pytest.raises(Cancelled):
        sent.result(10)
    assert client.object(Counter, key).value() == 0


def test_a_call_is_waited_for_as_long_as_asked(client) -> None:
    key = str(uuid.uuid4())
    with pytest.raises(TimeoutError):
        client.service(Shop).patient.call(idempotency_key=key, timeout=0.2)

    client.service(Shop).patient.send(idempotency_key=key).cancel()


def test_a_deadline_that_has_passed_is_told(client) -> None:
    with pytest.raises(TimedOut):
        client.service(Shop).late()


def test_a_workflow_runs_once_for_each_key(client) -> None:
    key = str(uuid.uuid4())
    signup = client.workflow(Signup, key)
    first, second = signup.run.send("a@b"), signup.run.send("a@b")
    values: list[Any] = []
    waiting = threading.Thread(target=lambda: values.append(signup.run("a@b")))
    waiting.start()
    signup.click("yes")
    waiting.join(20)

    assert (first.created, second.created) == (True, False)
    assert values == [first.result(10)] == [f"{key} a@b yes"]
    with pytest.raises(IdConflict):
        signup.run("c@d")


def awakeable_of(client) -> tuple[Any, str]:
    sent = client.send(patient)
    while (left := client.object(Counter, "ids").taken()) is None:
        pass
    return sent, left


def test_an_awakeable_is_resolved_from_outside(client) -> None:
    sent, awakeable = awakeable_of(client)
    client.resolve_awakeable(awakeable, {"paid": [1, None]})

    assert sent.result(10) == {"paid": [1, None]}
    with pytest.raises(AlreadySettled):
        client.resolve_awakeable(awakeable, "again")


def test_an_awakeable_is_rejected_from_outside(client) -> None:
    sent, awakeable = awakeable_of(client)
    client.reject_awakeable(awakeable, "no money")

    with pytest.raises(Rejected, match="no money"):
        sent.result(10)


def test_an_awakeable_or_invocation_that_nobody_knows_is_not_found(client) -> None:
    with pytest.raises(PromiseNotFound):
        client.resolve_awakeable("awk_nothing")
    with pytest.raises(PromiseNotFound):
        client.attach("nothing").result(1)
    with pytest.raises(PromiseNotFound):
        client.attach("nothing").cancel()
    with pytest.raises(PromiseNotFound):
        assert client.attach("nothing").status


def test_an_error_without_a_status_reaches_the_caller(client) -> None:
    with pytest.raises((ZeroDivisionError, ExecutionFailed, TerminalError), match="by nothing"):
        client.service(Shop).fails()
