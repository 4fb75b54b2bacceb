"""What the tasks framework is told of an execution."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from durable_celery.codec import Codec
from durable_celery.django.taskapi import base
from durable_celery.errors import Cancelled, Parked, TimedOut
from durable_celery.journal import Entry
from durable_celery.promise import Outcome, Phase, Promise, State
from durable_celery.steps import steps_of

#: Where the journal has the task itself, which is a step.
STEP = "1"
#: Who had an attempt is known while it lasts.
UNKNOWN_WORKER = "unknown"


def task_at(module_path: str, modules: tuple[str, ...] = ()) -> Any:
    """The task that is declared there; raises ValueError when there is none.

    What stands in a store must not choose what is imported: a module that is not
    loaded yet has to be the project's, of an installed application, or below one of
    `modules`.
    """
    module = module_path.rpartition(".")[0]
    roots = {*modules, *(each.name for each in apps.get_app_configs())}
    for name in ("SETTINGS_MODULE", "ROOT_URLCONF"):
        said = getattr(settings, name, None)
        roots |= {said.partition(".")[0]} if isinstance(said, str) and "." in said else set()
    if module not in sys.modules and not any(module == root or module.startswith(f"{root}.") for root in roots):
        raise ValueError(
            f"{module_path!r} is outside of the project and its applications, and is not imported; "
            'add its module to OPTIONS["modules"] of the backend'
        )
    try:
        found = import_string(module_path)
    except ImportError as error:
        raise ValueError(f"{module_path!r} cannot be imported: {error}") from error
    if not isinstance(found, base.Task):
        raise ValueError(f"Expected {module_path!r} to point to a Task instance.")  # noqa: TRY004  # as Django has it
    return found


def as_asked(task: Any, said: Mapping[str, Any]) -> Any:
    """The task with what `using()` was told when it was enqueued."""
    return task.using(
        priority=said["priority"], queue_name=said["queue_name"], run_after=said["run_after"], backend=said["backend"]
    )


def result_of(promise: Promise, journal: Mapping[str, str], codec: Codec, modules: tuple[str, ...]) -> Any:
    """The task result of an execution as it stands."""
    (module_path, said), _ = codec.decode(promise.args)
    started = [step.started_at for step in steps_of(promise, journal, codec) if step.started_at is not None]
    workers = [UNKNOWN_WORKER] * promise.attempt
    if workers and promise.holder:
        workers[-1] = promise.holder
    result = base.TaskResult(
        task=as_asked(task_at(module_path, modules), said),
        id=promise.id,
        status=_status(promise),
        enqueued_at=_instant(promise.created_at),
        started_at=_instant(promise.started_at),
        finished_at=_instant(promise.settled_at),
        last_attempted_at=_instant(max(started, default=promise.started_at)),
        args=said["args"],
        kwargs=said["kwargs"],
        backend=said["backend"],
        errors=_errors(promise, journal, codec),
        worker_ids=workers,
    )
    if promise.state is State.RESOLVED:
        object.__setattr__(result, "_return_value", codec.decode(promise.value))
    return result


def _status(promise: Promise) -> Any:
    statuses = base.TaskResultStatus
    if promise.state is State.RESOLVED:
        return statuses.SUCCESSFUL
    if promise.state.settled or promise.phase is Phase.PARKED:
        return statuses.FAILED
    return statuses.RUNNING if promise.phase is Phase.ACQUIRED else statuses.READY


def _errors(promise: Promise, journal: Mapping[str, str], codec: Codec) -> list[Any]:
    if promise.state is State.REJECTED:
        step = Entry.decode(journal[STEP]) if STEP in journal else None  # its traceback begins at the task
        said = codec.decode(promise.value if step is None or step.state is not State.REJECTED else step.payload)
        return [base.TaskError(exception_class_path=said["type"], traceback=said.get("traceback", ""))]
    if promise.phase is Phase.PARKED and not promise.state.settled:
        parked = Parked(promise.id, promise.reason)
        return [base.TaskError(exception_class_path=path_of(Parked), traceback=str(parked))]
    if promise.state in (State.CANCELED, State.TIMEDOUT):
        error = codec.error(Outcome(promise.state, promise.value), promise.id)
        kind = path_of(Cancelled if promise.state is State.CANCELED else TimedOut)
        return [base.TaskError(exception_class_path=kind, traceback=str(error))]
    return []


def path_of(kind: type) -> str:
    """The dotted path of a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _instant(ms: int | None) -> datetime | None:
    if ms is None:
        return None
    aware = datetime.fromtimestamp(ms / 1000, UTC)
    return aware if settings.USE_TZ else aware.astimezone().replace(tzinfo=None)
