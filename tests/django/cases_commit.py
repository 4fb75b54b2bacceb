"""Executions that begin with the commit of a transaction, on a real database and with a real worker."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from celery import Celery
from django.db import transaction
from django.test import override_settings

from durable_celery import (
    Durable,
    FunctionNotFound,
    IdConflict,
    InvalidId,
    PromiseNotFound,
    RetryPolicy,
    StoreUnavailable,
)
from durable_celery.django import run_on_commit
from tests.django.site.celery import durable
from tests.django.site.orders.models import Order
from tests.django.site.orders.tasks import echo, ship


@pytest.fixture
def id() -> str:
    return f"order-{uuid.uuid4()}"


def begun(id: str) -> bool:
    try:
        return durable.get(id).id == id
    except PromiseNotFound:
        return False


def test_it_begins_with_the_commit_and_its_worker_sees_what_was_committed(site, id: str) -> None:
    with transaction.atomic():
        order = Order.objects.create(item="tea")
        will = run_on_commit(ship, id, order.pk, note="!")
        assert (will.id, will.handle, begun(id)) == (id, None, False)

    assert will.handle.result(timeout=20) == "packed tea!"


def test_it_never_begins_after_a_rollback(id: str) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        will = run_on_commit(ship, id, Order.objects.create(item="tea").pk)
        raise ZeroDivisionError

    assert not begun(id)
    assert will.handle is None


def test_it_goes_with_the_savepoint_it_was_asked_in(id: str) -> None:
    with transaction.atomic():
        run_on_commit(echo, f"{id}-kept", 1)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run_on_commit(echo, f"{id}-lost", 1)
            raise ZeroDivisionError

    assert (begun(f"{id}-kept"), begun(f"{id}-lost")) == (True, False)


def test_outside_of_a_transaction_it_begins_at_once(id: str) -> None:
    assert run_on_commit(echo, id, 1).handle.created
    assert begun(id)


def test_it_waits_for_the_database_that_is_named(id: str) -> None:
    with transaction.atomic(using="other"):
        run_on_commit(echo, f"{id}-1", 1)
        run_on_commit(echo, f"{id}-2", 1, using="other")
        assert (begun(f"{id}-1"), begun(f"{id}-2")) == (True, False)
    assert begun(f"{id}-2")


def test_a_function_has_it_as_a_method_which_takes_every_keyword(site, id: str) -> None:
    with transaction.atomic():
        will = echo.begin_run_on_commit(id, Decimal("1.5"), using="this")
        assert not begun(id)

    assert will.handle.result(timeout=20) == [Decimal("1.5"), "this"]


def test_a_name_is_one_of_the_projects_durable(site, id: str) -> None:
    assert run_on_commit("echo", id, 1).handle.result(timeout=20) == [1, "nothing"]


def test_what_is_changed_after_the_call_is_not_sent(site, id: str) -> None:
    values = ["tea"]
    with transaction.atomic():
        will = run_on_commit(echo, id, values)
        values.append("milk")

    assert will.handle.result(timeout=20) == [["tea"], "nothing"]


@pytest.mark.parametrize(
    ("fn", "id", "args", "error"),
    [
        (echo.fn, "order", [], TypeError),
        (echo, "not an id", [], InvalidId),
        (echo, "order.1", [], InvalidId),
        (ship, "order", [], TypeError),
        ("ship", "order", [1, 2, 3], TypeError),
        (echo, "order", [object()], TypeError),
        (echo, "order", ["x" * 2_000_000], ValueError),
        (echo.options(retry=RetryPolicy()), "order", [], TypeError),
    ],
)
def test_mistakes_are_raised_inside_the_transaction(fn, id: str, args: list, error: type[Exception]) -> None:
    with transaction.atomic():
        with pytest.raises(error):
            run_on_commit(fn, id, *args)
        Order.objects.create(item="committed all the same")


def test_a_name_that_nobody_could_perform_is_a_mistake_too() -> None:
    with override_settings(DURABLE=Durable.local()), transaction.atomic(), pytest.raises(FunctionNotFound):
        run_on_commit("nothing", "order")


def test_an_id_that_is_taken_is_told_to_who_commits(id: str) -> None:
    echo.run(id, 1)
    with pytest.raises(IdConflict), transaction.atomic():
        order = Order.objects.create(item="tea")
        run_on_commit(echo, id, 2)

    assert Order.objects.filter(pk=order.pk).exists()


def test_a_store_that_is_away_is_told_to_who_commits_and_the_id_may_be_begun_later(id: str) -> None:
    away = Durable(Celery(broker="redis://127.0.0.1:1/0"))
    away.app.conf.durable_store_timeout = 0.2
    lost = away.register(name="echo")(echo.fn)
    with pytest.raises(StoreUnavailable), transaction.atomic():
        order = Order.objects.create(item="tea")
        lost.begin_run_on_commit(id, order.pk)

    assert Order.objects.filter(pk=order.pk).exists()
    assert echo.begin_run_on_commit(id, order.pk).handle.created
    assert not echo.begin_run_on_commit(id, order.pk).handle.created
