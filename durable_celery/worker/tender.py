"""The slow path of task children: polled when no callback came, sent again or given up when they are lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from durable_celery.errors import TaskLost
from durable_celery.promise import Promise
from durable_celery.store import Store
from durable_celery.tending import Tended
from durable_celery.worker import canvas
from durable_celery.worker.tasks import CeleryTasks

logger = logging.getLogger("durable_celery")

#: How many are looked at in one go.
LIMIT = 200
#: How long workers have to say whether they have a task.
ANSWER_S = 1.0


class Tender:
    """Goes through the task children that are due, on a thread: the result backend may take its time."""

    def __init__(self, tasks: CeleryTasks, max_sends: Callable[[], int]) -> None:
        self._tasks = tasks
        self._max_sends = max_sends
        self._thread: threading.Thread | None = None

    def look(self, store: Store) -> None:
        """See to what is due, unless the last look is not done yet."""
        if self._thread is not None and self._thread.is_alive():
            return
        found = store.tend(LIMIT)
        if found.promises:
            self._thread = threading.Thread(target=self.see_to, args=(store, found), name="durable-tender", daemon=True)
            self._thread.start()

    def see_to(self, store: Store, found: Tended) -> None:
        """Settle, send or stop each of them; what goes wrong with one is tried again at its next look."""
        silent = []
        for child in found.promises:
            try:
                if not self._is_done_with(store, child, found.now_ms):
                    silent.append(child)
            except Exception as error:
                logger.warning("the task of %s will be looked at again: %r", child.id, error)
        if silent:
            try:
                self._judge(store, silent, found.now_ms)
            except Exception as error:
                logger.warning("lost tasks will be judged later: %r", error)

    def _is_done_with(self, store: Store, child: Promise, now_ms: int) -> bool:
        """Whether nothing is left to do for this time without asking who has it."""
        if child.state.settled:  # cancelled, or too late: nobody waits for it any more
            self._tasks.app.control.revoke(canvas.ids_of(self._tasks.signature(child)))
            return True
        outcome = self._tasks.known(child.id)
        if outcome is not None:
            logger.info("no callback came from the task of %s; its result was found", child.id)
            self._tasks.settle(store, child.id, outcome)
            return True
        if child.sent_at is None:
            if child.not_before_at is not None:
                self._tasks.send_to(store, child)
            return child.not_before_at is not None
        kept = self._tasks.kept(child)
        return bool(kept["lost"] == "wait" or now_ms - child.sent_at < kept["lost_after_ms"])

    def _judge(self, store: Store, silent: Sequence[Promise], now_ms: int) -> None:
        """What no worker has was never sent, or is lost; a long task is neither."""
        ids = {child.id: canvas.ids_of(self._tasks.signature(child)) for child in silent}
        at_work = self._at_work([task_id for each in ids.values() for task_id in each])
        for child in silent:
            if at_work.intersection(ids[child.id]):
                if child.sent_at is None:  # its sender died before it could say so
                    store.sent(child.id, 1)
            elif child.sent_at is None:
                self._tasks.send_to(store, child)
            else:
                self._lost(store, child, (now_ms - child.sent_at) / 1000)

    def _lost(self, store: Store, child: Promise, seconds: float) -> None:
        kept = self._tasks.kept(child)
        if kept["lost"] == "resend" and child.sends < self._max_sends():
            logger.warning("the task %s of %s is lost; it is sent again", kept["name"], child.id)
            self._tasks.send_to(store, child)
            return
        error = TaskLost(child.id, kept["name"], seconds)
        logger.warning("%s", error)
        self._tasks.settle(store, child.id, self._tasks.codec.failure(error))

    def _at_work(self, task_ids: list[str]) -> set[str]:
        """Those that some worker has: at work, or waiting in its memory."""
        inspect: Any = self._tasks.app.control.inspect(timeout=ANSWER_S)
        answers = inspect.query_task(task_ids) or {}
        return {task_id for answer in answers.values() if isinstance(answer, dict) for task_id in answer}
