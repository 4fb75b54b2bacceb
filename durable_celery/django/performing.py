"""The one durable function by which all tasks of Django's tasks framework are performed."""

from __future__ import annotations

import os
import socket
from traceback import format_exception
from typing import Any

from django.db import close_old_connections
from django.utils import timezone

from durable_celery.context import Context
from durable_celery.django.results import as_asked, path_of, task_at
from durable_celery.django.taskapi import base, signals, task_backends
from durable_celery.durable import Durable
from durable_celery.function import Function

#: What it is registered as, and the name of its Celery task.
NAME = "durable_celery.django.task"


def performer_of(durable: Durable) -> Function[..., Any]:
    """The function, registered when it is first asked for."""
    if durable.registry.has(NAME):
        return Function(durable, durable.registry.get(NAME))
    function: Function[..., Any] = durable.register(name=NAME)(perform)
    return function


def perform(ctx: Context, module_path: str, said: dict[str, Any]) -> Any:
    """Perform a task as a step, so that its value is recorded once, and seen under its own name."""
    return ctx.run(_perform, ctx.id, ctx.attempt, module_path, said).options(name=module_path).get()


def _perform(id: str, attempt: int, module_path: str, said: dict[str, Any]) -> Any:
    backend = task_backends[said["backend"]]
    task = as_asked(task_at(module_path, backend.modules), said)
    now = timezone.now()
    result = base.TaskResult(
        task=task,
        id=id,
        status=base.TaskResultStatus.RUNNING,
        enqueued_at=said["enqueued_at"],
        started_at=now,
        finished_at=None,
        last_attempted_at=now,
        args=said["args"],
        kwargs=said["kwargs"],
        backend=said["backend"],
        errors=[],
        worker_ids=[f"{socket.gethostname()}/{os.getpid()}"] * attempt,
    )
    close_old_connections()
    signals.task_started.send(sender=type(backend), task_result=result)
    try:
        return _called(task, result, backend)
    finally:
        close_old_connections()


def _called(task: Any, result: Any, backend: Any) -> Any:
    context = [base.TaskContext(task_result=result)] if task.takes_context else []
    try:
        value = base.normalize_json(task.call(*context, *result.args, **result.kwargs))
    except (Exception, SystemExit) as error:
        _over(result, base.TaskResultStatus.FAILED)
        trace = "".join(format_exception(error))
        result.errors.append(base.TaskError(exception_class_path=path_of(type(error)), traceback=trace))
        signals.task_finished.send(sender=type(backend), task_result=result)
        raise
    object.__setattr__(result, "_return_value", value)
    _over(result, base.TaskResultStatus.SUCCESSFUL)
    signals.task_finished.send(sender=type(backend), task_result=result)
    return value


def _over(result: Any, status: Any) -> None:
    object.__setattr__(result, "finished_at", timezone.now())
    object.__setattr__(result, "status", status)
