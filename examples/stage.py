"""What the examples share: a Redis of their own, real `celery worker` processes, and the end of them all.

There is nothing about durable functions to be learned here; look into the `flows.py` of an example for that.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import redis

from durable_celery import Durable, Handle
from durable_celery.dev import EmbeddedRedis, Program, Supervisor, log_has

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class Stage:
    """One story's Redis, workers and folder, which is the working directory of this process and of the workers."""

    def __init__(self, durable: Durable, app: str, url: str, supervisor: Supervisor) -> None:
        self.durable = durable
        self.redis = redis.Redis.from_url(url, decode_responses=True)
        self._app = app
        self._supervisor = supervisor
        #: The program that plays a worker at present: one that was killed is followed by a new one.
        self._plays: dict[str, str] = {}
        self._count = 0

    def start(self, *names: str, app: str = "", slots: int = 1) -> None:
        """Start workers that do `slots` things at a time each, and wait until they take messages."""
        self._supervisor.start(*(self._program(name, app or self._app, slots) for name in names))

    def start_soon(self, name: str, slots: int = 1) -> None:
        """Start a worker and do not wait for it."""
        self._supervisor.start(self._program(name, self._app, slots, wait=False))

    def kill(self, *names: str) -> None:
        """SIGKILL a worker and its pool at once, as when its container or its machine is gone."""
        for name in names:
            os.killpg(self._supervisor.pid(self._plays[name]), signal.SIGKILL)
            self._supervisor.kill(self._plays[name])

    def holder(self, id: str) -> str:
        """The name of the worker that holds an execution now, "" when nobody does."""
        holder = self.durable.get(id).promise().holder or ""
        return holder.partition("@")[0]

    def suspended(self, handle: Handle[Any]) -> bool:
        """Whether it waits, and nobody is held by that."""
        return handle.status == "suspended" and handle.promise().holder is None

    def messages(self) -> int:
        """How many messages the broker has: in the queue, and delivered without being acknowledged."""
        return int(self.redis.llen("celery")) + int(self.redis.hlen("unacked"))

    def _program(self, name: str, app: str, slots: int, *, wait: bool = True) -> Program:
        self._count += 1
        play = self._plays[name] = f"{name}-{self._count}"
        log = Path("logs", f"{play}.log").absolute()
        argv = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", f"{name}@%h", "-c", str(slots), "-l", "info"]
        env = {"TMPDIR": str(Path.cwd())}  # what killed workers leave behind goes with the folder
        return Program(name=play, argv=argv, env=env, log=log, ready=log_has(log, " ready.") if wait else None)


def perform(tell: Callable[[Stage], None], durable: Durable, app: str) -> None:
    """Tell a story with a Redis and a folder of its own; exit 0 only when all was as told and nothing is left running.

    `app` is the module that workers are given with `celery -A`.
    """
    interrupted = []

    def interrupt(number: int, _: object) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    home, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="durable-example-"))
    began, keep = time.monotonic(), False
    try:
        os.chdir(folder)
        supervisor = Supervisor(grace=0.2)
        with EmbeddedRedis(data=folder / "redis") as server, supervisor:
            os.environ["CELERY_BROKER_URL"] = os.environ["CELERY_RESULT_BACKEND"] = server.url
            os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            tell(Stage(durable, app, server.url, supervisor))
            durable.close()
        if interrupted:  # while something was collected, say, where nothing that is raised gets any further
            raise KeyboardInterrupt
        expect(not supervisor.survivors() and not server.running, "nothing is left running")
        print(f"All of this was checked, in {time.monotonic() - began:.0f} s. Everything is stopped.")
    except KeyboardInterrupt:
        sys.exit("Interrupted; everything is stopped.")
    except (RuntimeError, TimeoutError) as error:
        keep = True
        sys.exit(f"NOT AS TOLD: {error}\nThe workers' logs are in {folder / 'logs'}")
    finally:
        os.chdir(home)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def expect(truth: object, sentence: str) -> None:
    """End the story when something is not as it says."""
    if not truth:
        raise RuntimeError(sentence)


def until(look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """What `look` gives as soon as that is true."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        expect(time.monotonic() < end, f"within {seconds:g} s: {what}")
        time.sleep(0.01)
    return seen
