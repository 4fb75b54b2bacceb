"""Threads that run one at a time, in the order that is drawn: every switch is at a place of our choosing.

The engine's strands are threads that share a condition. Here they are greenlets,
and `Threading` stands in for the module `threading` where the engine looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from greenlet import getcurrent, greenlet

from durable_celery import attempt, strands
from durable_celery.clock import ManualClock
from durable_celery.operations import run
from tests.simulation.faulty import Actor, Crash


class Task:
    """One thread of one process."""

    def __init__(self, actor: Actor, name: str, work: Callable[[], Any], hub: greenlet) -> None:
        self.actor = actor
        self.name = name
        self.greenlet = greenlet(lambda *_: work(), hub)
        #: What it waits for, and until when at the latest (ms); neither for one that can go on.
        self.enough: Callable[[], bool] | None = None
        self.due: float | None = None


class Hub:
    """All threads of the world, of which at most one runs."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self._main = getcurrent()

    def spawn(self, actor: Actor, name: str, work: Callable[[], Any]) -> Task:
        """A new thread, which does not run yet."""
        task = Task(actor, name, work, self._main)
        self.tasks.append(task)
        return task

    def can_go_on(self, task: Task) -> bool:
        """Whether it would do something."""
        if task.enough is None or task.actor.dead:
            return True
        return task.enough() or (task.due is not None and task.due <= self.clock.now_ms())

    def resume(self, task: Task) -> None:
        """Let it run to its next pause; raises what it raised. With its process, its other threads are gone."""
        self.current, task.enough, task.due = task, None, None
        try:
            task.greenlet.switch()
        except Crash:
            pass
        finally:
            self.current = None
            if task.greenlet.dead and task in self.tasks:
                self.tasks.remove(task)
        if task.actor.dead:
            self.kill(task.actor)

    def pause(self) -> None:
        """Others may run now."""
        if self.current is not None and not self.current.actor.dead:
            self._main.switch()

    def wait(self, enough: Callable[[], bool], due: float | None = None) -> None:
        """Others run until it is enough, or due."""
        assert self.current is not None
        self.current.enough, self.current.due = enough, due
        self.pause()

    def kill(self, actor: Actor) -> None:
        """A process is gone with all its threads: none of them reaches anything any more."""
        actor.dead = True
        for task in [each for each in self.tasks if each.actor is actor]:
            self.tasks.remove(task)
            self.current = task
            try:
                while not task.greenlet.dead:
                    task.greenlet.throw(Crash(actor.name))
            except Crash:
                pass
            finally:
                self.current = None

    def mine(self) -> Task | None:
        """The thread that runs, unless its process is gone: a dead one holds no locks."""
        return None if self.current is None or self.current.actor.dead else self.current

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Have the engine start its threads here."""
        stand_in = Threading(self)
        with (
            mock.patch.object(attempt, "threading", stand_in),
            mock.patch.object(strands, "threading", stand_in),
            mock.patch.object(run, "threading", stand_in),
        ):
            yield


class Lock:
    """A lock that one thread may take several times."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.owner: Task | None = None
        self.depth = 0

    def __enter__(self) -> None:
        me = self._hub.mine()
        if me is None:
            return
        while self.owner not in (None, me):
            self._hub.wait(lambda: self.owner is None)
        self.owner = me
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        if self.owner is not None and self.owner is self._hub.mine():
            self.depth -= 1
            self.owner = self.owner if self.depth else None


class Condition:
    """What the strands of an attempt wait at."""

    def __init__(self, hub: Hub, lock: Lock) -> None:
        self._hub = hub
        self._lock = lock
        self._waiting: list[list[bool]] = []

    def __enter__(self) -> None:
        self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__()

    def wait(self, timeout: float | None = None) -> bool:
        """Until told, or until so many simulated seconds have passed."""
        me = self._hub.mine()
        if me is None:
            raise Crash("a dead process waits for nothing")
        told = [False]
        self._waiting.append(told)
        depth, self._lock.depth, self._lock.owner = self._lock.depth, 0, None
        due = None if timeout is None else self._hub.clock.now_ms() + timeout * 1000
        self._hub.wait(lambda: told[0], due)
        if told in self._waiting:
            self._waiting.remove(told)
        with self._lock:
            self._lock.depth = depth + 1
        return told[0]

    def notify_all(self) -> None:
        for told in self._waiting:
            told[0] = True
        self._waiting.clear()


class Local:
    """Attributes that each thread has for itself: only `path`, which is all that the strands keep."""

    def __init__(self, hub: Hub) -> None:
        object.__setattr__(self, "_hub", hub)
        object.__setattr__(self, "_of", {})

    def __getattr__(self, name: str) -> Any:
        try:
            return self._of[self._hub.current, name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._of[self._hub.current, name] = value


class Threading:
    """What the engine uses of the module `threading`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def Lock(self) -> Lock:
        return Lock(self._hub)

    RLock = Lock

    def Condition(self, lock: Lock) -> Condition:
        return Condition(self._hub, lock)

    def local(self) -> Local:
        return Local(self._hub)

    def Thread(self, *, target: Callable[..., Any], args: tuple[Any, ...], name: str, daemon: bool) -> _Thread:
        return _Thread(self._hub, name, lambda: target(*args))


class _Thread:
    def __init__(self, hub: Hub, name: str, work: Callable[[], Any]) -> None:
        assert hub.current is not None
        self._start = lambda actor=hub.current.actor: hub.spawn(actor, name, work)

    def start(self) -> None:
        self._start()
