"""Tasks of Django's own kind, performed by a real worker; what Django's tests expect of its backends holds here too."""

from __future__ import annotations

import copy
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync
from celery import Celery
from django.db import transaction
from django.test import override_settings

from durable_celery import Durable, Parked, PayloadTooLarge, State, StoreUnavailable
from durable_celery.dev.child import wait_until
from durable_celery.django import DurableBackend
from durable_celery.django.performing import NAME, performer_of
from durable_celery.django.results import result_of, task_at
from durable_celery.django.taskapi import BaseTaskBackend, TaskResultDoesNotExist, base, signals, task_backends
from durable_celery.django.tasks import learn
from durable_celery.promise import Phase
from tests.django.site.celery import durable
from tests.django.site.orders import tasks
from tests.django.site.orders.models import Order

STATUS = base.TaskResultStatus
#: What Django calls them, and what the package django-tasks does.
INVALID = ("InvalidTask", "InvalidTaskError")


def over(result: Any) -> Any:
    """The result when it is finished."""

    def look() -> bool:
        result.refresh()
        return bool(result.is_finished)

    assert wait_until(look, 20, pause=0.02), result
    return result


def test_the_tasks_are_djangos_own_where_it_has_them() -> None:
    own = django.VERSION >= (6,)
    assert base.__name__ == ("django.tasks.base" if own else "django_tasks.base")
    assert type(tasks.add) is base.Task


class TestPerforming:
    def test_a_task_is_enqueued_and_a_worker_performs_it(self, site) -> None:
        before = datetime.now(UTC)
        result = tasks.add.enqueue(1, other=2)

        assert (result.status, result.is_finished, result.attempts) == (STATUS.READY, False, 0)
        assert (result.task, result.args, result.kwargs, result.backend) == (tasks.add, [1], {"other": 2}, "default")
        with pytest.raises(ValueError, match="not finished"):
            result.return_value  # noqa: B018
        over(result)
        assert (result.status, result.return_value, result.errors) == (STATUS.SUCCESSFUL, 3, [])
        assert (result.attempts, len(result.worker_ids)) == (1, 1)
        times = [result.enqueued_at, result.started_at, result.last_attempted_at, result.finished_at]
        assert times == sorted(times)
        assert times[0] >= before.replace(microsecond=0)

    def test_async_code_and_async_tasks(self, site) -> None:
        async def story() -> Any:
            result = await tasks.add_slowly.aenqueue(1, 2)
            while not result.is_finished:
                await result.arefresh()
            return await tasks.add_slowly.aget_result(result.id)

        assert async_to_sync(story)().return_value == 3

    def test_a_task_may_ask_for_its_context(self, site) -> None:
        result = over(tasks.about.enqueue(greeting="hello"))

        assert result.return_value == ["hello", result.id, 1, "RUNNING"]

    def test_a_task_that_fails_says_how_and_where(self, site) -> None:
        result = over(tasks.fail.enqueue())

        assert result.status == STATUS.FAILED
        assert result.errors[0].exception_class is ValueError
        assert result.errors[0].traceback.endswith("ValueError: This task failed\n")
        assert "in fail\n" in result.errors[0].traceback
        assert (len(result.errors), result.attempts) == (1, 1)
        with pytest.raises(ValueError, match="failed"):
            result.return_value  # noqa: B018

    def test_a_task_that_would_end_its_worker_fails(self, site) -> None:
        result = over(tasks.leave.enqueue())

        assert (result.status, result.errors[0].exception_class) == (STATUS.FAILED, SystemExit)
        assert over(tasks.add.enqueue(1, 1)).return_value == 2

    def test_an_answer_without_a_json_form_is_a_failure(self, site) -> None:
        result = over(tasks.answer_what_has_no_json.enqueue())

        assert (result.status, result.errors[0].exception_class) == (STATUS.FAILED, TypeError)
        assert "Unsupported type" in result.errors[0].traceback

    def test_arguments_that_do_not_fit_are_a_failure_and_those_without_a_json_form_an_error(self, site) -> None:
        assert over(tasks.add.enqueue(1)).errors[0].exception_class is TypeError
        with pytest.raises(TypeError, match="Unsupported type"):
            tasks.add.enqueue(datetime.now(UTC), 1)

    def test_a_queue_is_celerys_of_that_name(self, site) -> None:
        result = tasks.mail.enqueue()

        assert durable.get(result.id).promise().queue == "mail"
        assert over(result).task.queue_name == "mail"
        assert durable.get(tasks.add.enqueue(1, 1).id).promise().queue == ""

    def test_a_task_may_be_deferred(self, site) -> None:
        late = tasks.add.using(run_after=datetime.now(UTC) + timedelta(hours=1)).enqueue(1, 2)
        soon = tasks.add.using(run_after=datetime.now(UTC) + timedelta(seconds=0.3)).enqueue(1, 2)

        assert over(soon).finished_at > soon.task.run_after
        late.refresh()
        assert (late.status, late.started_at) == (STATUS.READY, None)
        assert tasks.add.get_result(late.id).task == late.task

    def test_signals_are_sent_here_and_there(self, site, caplog) -> None:
        told = []

        def listen(task_result, **_):
            told.append((task_result.id, task_result.status))

        signals.task_enqueued.connect(listen)
        result = tasks.fail.enqueue()
        signals.task_enqueued.disconnect(listen)

        assert told == [(result.id, STATUS.READY)]
        over(result)
        for state in ("RUNNING", "FAILED"):
            printed = f"id={result.id} path=tests.django.site.orders.tasks.fail state={state}"
            assert wait_until(lambda printed=printed: printed in site.worker.output(), 10), state


class TestResults:
    def test_a_result_is_found_by_its_task_and_by_its_backend(self, site) -> None:
        result = over(tasks.add.enqueue(1, 2))

        assert tasks.add.get_result(result.id) == result
        assert task_backends["default"].get_result(result.id) == result
        assert copy.deepcopy(result) == result

    def test_what_is_not_there_does_not_exist(self) -> None:
        tasks.echo.run(ordinary := str(uuid.uuid4()), 1)
        for id in ("unknown", "not an id", ordinary):
            with pytest.raises(TaskResultDoesNotExist):
                task_backends["default"].get_result(id)
            with pytest.raises(TaskResultDoesNotExist):
                async_to_sync(tasks.add.aget_result)(id)

    def test_the_result_of_another_task_is_refused(self) -> None:
        result = tasks.add.enqueue(1, 2)
        with pytest.raises(Exception, match="Task does not match") as raised:
            tasks.fail.get_result(result.id)
        assert type(raised.value).__name__ == "TaskResultMismatch"

    def test_a_cancelled_one_has_failed(self, site) -> None:
        result = tasks.add.using(run_after=datetime.now(UTC) + timedelta(hours=1)).enqueue(1, 2)
        durable.cancel(result.id, grace=0)
        result.refresh()

        assert (result.status, result.errors[0].exception_class.__name__) == (STATUS.FAILED, "Cancelled")

    def test_one_that_a_worker_has_is_running_with_that_worker_as_its_last(self) -> None:
        promise = durable.get(tasks.add.enqueue(1, 2).id).promise()
        held = replace(promise, phase=Phase.ACQUIRED, state=State.PENDING, holder="one@here/7", attempt=2)
        result = result_of(held, {}, durable.codec, ())

        assert (result.status, result.is_finished) == (STATUS.RUNNING, False)
        assert (result.attempts, result.worker_ids) == (2, ["unknown", "one@here/7"])

    def test_one_that_is_parked_has_failed_until_somebody_resumes_it(self) -> None:
        promise = durable.get(tasks.add.enqueue(1, 2).id).promise()
        parked = replace(promise, phase=Phase.PARKED, state=State.PENDING, reason="it crashed 3 workers")
        result = result_of(parked, {}, durable.codec, ())

        assert (result.status, result.errors[0].exception_class) == (STATUS.FAILED, Parked)
        assert "it crashed 3 workers" in result.errors[0].traceback


class TestRefusing:
    @pytest.mark.parametrize("said", [{"priority": 1}, {"queue_name": "other"}, {"run_after": datetime.now()}])
    def test_what_cannot_be_kept_is_refused_at_once(self, said: dict[str, Any]) -> None:
        with pytest.raises(Exception) as raised:
            tasks.add.using(**said)
        assert type(raised.value).__name__ in INVALID

    def test_a_task_is_looked_at_again_when_it_is_enqueued(self) -> None:
        only_mail = {"BACKEND": "durable_celery.django.DurableBackend", "QUEUES": ["mail"]}
        with override_settings(TASKS={"default": only_mail}):
            for enqueue in (tasks.add.enqueue, async_to_sync(tasks.add.aenqueue)):
                with pytest.raises(Exception, match="Queue 'default' is not valid"):
                    enqueue(1, 2)

    def test_the_features_are_declared(self) -> None:
        backend = task_backends["default"]

        assert isinstance(backend, BaseTaskBackend)
        assert (backend.supports_defer, backend.supports_async_task) == (True, True)
        assert (backend.supports_get_result, backend.supports_priority) == (True, False)

    def test_only_tasks_are_called(self, site) -> None:
        said = {"args": ["boo"], "kwargs": {}, "backend": "default", "queue_name": "default", "priority": 0}
        said |= {"run_after": None, "enqueued_at": datetime.now(UTC)}
        for path in ("builtins.print", "os.system", "tests.django.site.orders.tasks.pack", "tests.nothing.here"):
            handle = performer_of(durable).run(str(uuid.uuid4()), path, said)
            with pytest.raises(ValueError, match=r"point to a Task|is not imported|cannot be imported"):
                handle.result(timeout=20)

    def test_only_modules_of_the_project_are_imported(self) -> None:
        with pytest.raises(ValueError, match="add its module to OPTIONS"):
            task_at("antigravity.fly")
        assert "antigravity" not in sys.modules
        with pytest.raises(ValueError, match="point to a Task"):
            task_at("pyclbr.readmodule", ("pyclbr",))
        with pytest.raises(ValueError, match="cannot be imported"):
            task_at("tests.django.site.orders.missing.task")

    def test_the_checks_say_what_is_missing(self) -> None:
        assert list(task_backends["default"].check()) == []
        odd = type(task_backends["default"])("odd", {"OPTIONS": {"retries": 3}})
        assert [each.id for each in odd.check()] == ["durable_celery.E005"]
        with override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]):
            assert [each.id for each in task_backends["default"].check()] == ["durable_celery.E004"]


class TestTransactions:
    def test_by_itself_a_task_does_not_wait_for_the_commit(self, site) -> None:
        with transaction.atomic():
            result = tasks.add.enqueue(1, 2)
            assert durable.get(result.id).function == NAME

    def test_told_so_it_waits_and_its_worker_sees_what_was_committed(self, site) -> None:
        with transaction.atomic():
            result = tasks.committed.enqueue(Order.objects.create(item="tea").pk)
            with pytest.raises(TaskResultDoesNotExist):
                result.refresh()

        assert over(result).return_value == "tea"

    def test_told_so_mistakes_are_raised_inside_the_transaction(self) -> None:
        with transaction.atomic(), pytest.raises(PayloadTooLarge):
            tasks.committed.enqueue("x" * 2_000_000)

    def test_told_so_it_is_not_performed_after_a_rollback(self) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            result = tasks.committed.enqueue(1)
            raise ZeroDivisionError
        with pytest.raises(TaskResultDoesNotExist):
            result.refresh()

    def test_a_store_that_is_away_is_told_to_who_enqueues(self) -> None:
        away = Durable(Celery(broker="redis://127.0.0.1:1/0"))
        away.app.conf.durable_store_timeout = 0.2
        with override_settings(DURABLE=away), pytest.raises(StoreUnavailable):
            tasks.add.enqueue(1, 2)


class OfTheProject(DurableBackend):
    """A backend that a project has made of this one."""


@pytest.mark.parametrize(
    ("backend", "needed"),
    [
        ("durable_celery.django.DurableBackend", True),
        ("tests.django.cases_tasks.OfTheProject", True),
        (f"{BaseTaskBackend.__module__.removesuffix('base')}dummy.DummyBackend", False),
        ("nowhere.Backend", False),
    ],
)
def test_workers_learn_to_perform_tasks_where_a_backend_needs_it(backend: str, needed: bool) -> None:
    fresh = Durable(Celery())
    with override_settings(DURABLE=fresh, TASKS={"default": {"BACKEND": backend}}):
        learn()
    assert (NAME in fresh.app.tasks) == fresh.registry.has(NAME) == needed


def test_without_a_worker_tasks_run_on_threads_of_this_process() -> None:
    with override_settings(DURABLE=Durable.local()):
        result = over(tasks.add.enqueue(1, 2))
        assert (result.return_value, over(tasks.fail.enqueue()).status) == (3, STATUS.FAILED)
