"""A backend of Django's tasks framework: tasks are enqueued as executions, and performed by Celery's workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core import checks
from django.db import transaction
from django.utils import timezone

from durable_celery import ids
from durable_celery.django.commit import begin_on_commit
from durable_celery.django.performing import NAME, performer_of
from durable_celery.django.project import durable_of_project
from durable_celery.django.results import result_of
from durable_celery.django.taskapi import BaseTaskBackend, TaskResultDoesNotExist, base, signals
from durable_celery.errors import InvalidId, PromiseNotFound

_OPTIONS = {"modules", "enqueue_on_commit", "retention"}


class DurableBackend(BaseTaskBackend):
    """`TASKS = {"default": {"BACKEND": "durable_celery.django.DurableBackend"}}`.

    Celery's default queue is the one called "default", others go by their names.
    OPTIONS: `modules`, further packages that tasks may be imported from;
    `enqueue_on_commit`, to begin when the transaction at hand is committed;
    `retention`, seconds that results are kept.
    """

    #: Also of classes that are made of this one: workers have to know what performs their tasks.
    performed_by_durable = True
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    #: Brokers do not agree on which number goes first, and a worker keeps the order of what it has fetched.
    supports_priority = False

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.modules: tuple[str, ...] = tuple(self.options.get("modules", ()))

    def enqueue(self, task: Any, args: Any, kwargs: Any) -> Any:
        """Record it; raises what `Function.run` does, and TypeError for what has no JSON form."""
        self.validate_task(task)
        now = timezone.now()
        result = base.TaskResult(
            task=task,
            id=ids.new_id(),
            status=base.TaskResultStatus.READY,
            enqueued_at=now,
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        said = {
            "args": result.args,
            "kwargs": result.kwargs,
            "backend": self.alias,
            "queue_name": task.queue_name,
            "priority": task.priority,
            "run_after": task.run_after,
            "enqueued_at": now,
        }

        performer = self._performer(task)
        if self.options.get("enqueue_on_commit"):
            begin_on_commit(performer, result.id, (task.module_path, said), {})
            transaction.on_commit(lambda: self._announce(result))
        else:
            performer.run(result.id, task.module_path, said)
            self._announce(result)
        return result

    def get_result(self, result_id: str) -> Any:
        """As it stands; raises TaskResultDoesNotExist."""
        durable = durable_of_project()
        try:
            promise, journal = durable.store.read(ids.check_any(result_id))
        except (PromiseNotFound, InvalidId):
            raise TaskResultDoesNotExist(result_id) from None
        if promise.function != NAME:
            raise TaskResultDoesNotExist(result_id)
        return result_of(promise, journal, durable.codec, self.modules)

    def check(self, **_: Any) -> Iterable[checks.CheckMessage]:
        """What keeps workers from finding and performing tasks."""
        if not apps.is_installed("durable_celery.django"):
            message = f"TASKS[{self.alias!r}] is performed by durable_celery, which is not an installed application."
            hint = 'Add "durable_celery.django" to INSTALLED_APPS, so that workers find what performs tasks.'
            yield checks.Error(message, hint=hint, id="durable_celery.E004")
        unknown = sorted(set(self.options) - _OPTIONS)
        if unknown:
            message = f"OPTIONS of TASKS[{self.alias!r}] has {', '.join(unknown)}, which mean nothing."
            yield checks.Error(message, hint=f"There are {', '.join(sorted(_OPTIONS))}.", id="durable_celery.E005")

    def _announce(self, result: Any) -> None:
        signals.task_enqueued.send(sender=type(self), task_result=result)

    def _performer(self, task: Any) -> Any:
        queue = None if task.queue_name == base.DEFAULT_TASK_QUEUE_NAME else task.queue_name
        after = task.run_after
        if after is not None and timezone.is_naive(after):
            after = timezone.make_aware(after)
        return performer_of(durable_of_project()).options(
            queue=queue, eta=after, tags={"task": task.module_path}, retention=self.options.get("retention")
        )
