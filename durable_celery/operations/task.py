"""ctx.rpc of an ordinary Celery task, a signature or a canvas: a child that Celery executes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from durable_celery.calloptions import CallOptions
from durable_celery.journal import Entry
from durable_celery.newpromise import NewPromise
from durable_celery.op import Performer, TaskCallText, Tasks
from durable_celery.operations.rpc import RemoteCall
from durable_celery.store import Born, Created

#: What can be done about a task of which nothing is heard any more.
POLICIES = ("resend", "fail", "wait")


class TaskCall(RemoteCall[Any]):
    """A promise that is settled with what the task returns or raises; waiting for it frees the worker.

    `home` is the queue of the parent: some worker that looks after it listens there.
    """

    kind = "task"

    def __init__(
        self, performer: Performer, path: str, child: NewPromise, tasks: Tasks, call: TaskCallText, home: str
    ) -> None:
        super().__init__(performer, call.name, path, child)
        self._tasks = tasks
        self._call = call
        self._home = home
        self._options = CallOptions()

    def configure(self, options: CallOptions) -> None:
        if options.lost is not None and options.lost not in POLICIES:
            raise TypeError(f"{self!r}: lost= is one of {', '.join(POLICIES)}, not {options.lost!r}")
        if options.version is not None:
            raise TypeError(f"{self!r}: a Celery task has no version=")
        super().configure(replace(options, lost=None, lost_after_ms=None))
        self._options = replace(self._options, **options.said())
        self._pack()

    def opened(self) -> tuple[str, Entry, NewPromise]:
        self._child = replace(self._child, canvas=self._pack())
        return super().opened()

    def spawned(self, found: Born) -> None:
        super().spawned(found)
        if isinstance(found, Created) and found.fresh:
            self._tasks.send(found.promise)

    def _pack(self) -> str:
        return self._tasks.pack(self._call, self._child, self._child.parent, self._home, self._options)
