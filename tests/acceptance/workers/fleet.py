"""Real `celery worker` processes for tests: started, killed by number, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from celery.utils.nodenames import gethostname

from durable_celery import Handle, PromiseNotFound
from durable_celery.dev.child import Child
from tests.acceptance.workers.ledger import Ledger, Line
from tests.acceptance.workers.proj import Project, project
from tests.acceptance.workers.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
UP_S = 40.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an execution: the worker by its short name, its main process, and the process that executes."""

    worker: str
    main: int
    pid: int


class Worker:
    """One `celery worker`, by its short name. It can be started again after it ended."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str], log: Path, root: Path = ROOT) -> None:
        self.name = name
        self.argv = argv
        self.env = env
        self.log = log
        #: Where its code is: this release, or another one unpacked elsewhere.
        self.root = root
        self.child = Child(argv, log=log, env=env, cwd=root)
        #: Whether it was told to shut down.
        self.leaving = False

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child.exit_code is None

    def says(self, words: str) -> int:
        """How often these words stand in what it printed since it was last started."""
        return self.child.output().count(words)

    def ready(self) -> Worker:
        """Wait until it takes messages."""
        wait_until(lambda: self.says(" ready.") or not self.alive, UP_S, f"worker {self.name} to be ready")
        assert self.alive, f"worker {self.name} ended with {self.child.exit_code}:\n{self.child.last_lines(30)}"
        return self

    def shut_down(self, number: signal.Signals) -> None:
        """SIGTERM or SIGQUIT, to the main process only."""
        self.leaving = True
        os.kill(self.pid, number)

    def freeze(self) -> None:
        """Stop the main process and all its pool."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to the main process, as when the machine runs out of memory."""
        self.child.kill_main()

    def ended(self, deadline: float) -> int:
        """Its exit code, waited for."""
        wait_until(lambda: not self.alive, deadline, f"worker {self.name} to end")
        code = self.child.exit_code
        assert code is not None
        return code

    def again(self) -> Worker:
        """Start it once more; what is left of it is killed first."""
        self.child.kill()
        self.child = Child(self.argv, log=self.log, env=self.env, cwd=self.root)
        self.leaving = False
        return self


class Fleet:
    """Workers on one broker and one store, the application to call them with, their ledger and their gates."""

    def __init__(self, folder: Path, broker: str, store: str, **conf: Any) -> None:
        self.folder = folder
        self.broker = broker
        self.store = store
        self.conf = conf
        self.ledger = Ledger(folder / "ledger")
        self.gates = folder / "gates"
        self.gates.mkdir()
        self.workers: dict[str, Worker] = {}
        #: What `celery -A` is given.
        self.app = "tests.acceptance.workers.worker_app"
        self.project: Project = project(broker, store, **conf)
        self.redis: Any = redis.Redis.from_url(store, decode_responses=True)
        self.messages: Any = redis.Redis.from_url(broker, decode_responses=True)

    @property
    def durable(self) -> Any:
        return self.project.durable

    def start(
        self,
        *names: str,
        pool: str = "prefork",
        concurrency: int = 2,
        options: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        wait: bool = True,
        root: Path = ROOT,
        **conf: Any,
    ) -> list[Worker]:
        """Start workers side by side; `conf` is added to the application's configuration in them."""
        started = []
        for name in names:
            argv = [sys.executable, "-m", "celery", "-A", self.app, "worker"]
            argv += ["-n", f"{name}@%h", "-l", "info", "-P", pool, "-c", str(concurrency), "--without-mingle", *options]
            worker = Worker(name, argv, {**self.env(**conf), **(env or {})}, self.folder / f"{name}.log", root)
            self.workers[name] = worker
            started.append(worker)
        return [worker.ready() for worker in started] if wait else started

    def env(self, **conf: Any) -> dict[str, str]:
        """What a process of this application needs to know."""
        return {
            "BROKER": self.broker,
            "STORE": self.store,
            "CONF": json.dumps({**self.conf, **conf}),
            "LEDGER": str(self.ledger.path),
            "GATES": str(self.gates),
            "PYTHONUNBUFFERED": "1",
        }

    def all_up(self) -> None:
        """Start again whoever was killed or told to shut down."""
        for worker in [each.again() for each in self.workers.values() if each.leaving or not each.alive]:
            worker.ready()

    def open(self, gate: str) -> None:
        (self.gates / gate).touch()

    def holder(self, id: str) -> Holder | None:
        """Who holds an execution according to the store."""
        held = self.durable.get(id).promise().holder
        if held is None:
            return None
        node, _, pid = held.rpartition("/")
        name, main, _ = node.rsplit(":", 2)
        return Holder(name.partition("@")[0], int(main), int(pid))

    def caught(self, id: str, step: str) -> Holder:
        """Wait until a step is at work; who has it."""
        wait_until(lambda: self.ledger.count(step, "start") or self._settled(id), 20, f"step {step} to start")
        assert not self._settled(id), f"{id} has ended already: {self.durable.get(id).promise()}"
        holder = self.holder(id)
        assert holder is not None, f"{step} is at work and nobody holds {id}"
        return holder

    def _settled(self, id: str) -> bool:
        try:
            return bool(self.durable.get(id).done())
        except PromiseNotFound:
            return False

    def started_after(self, id: str, moment: float, deadline: float = 25) -> Line:
        """Wait until a step of an execution starts after a moment by this machine's clock."""

        def look() -> Line | None:
            return next((line for line in self.ledger.lines(id, "start") if line.at > moment), None)

        return wait_until(look, deadline, f"a step of {id} to start")

    def suspended(self, handle: Handle[Any]) -> None:
        wait_until(lambda: handle.status == "suspended", 20, f"{handle.id} to be suspended")

    def state(self, id: str) -> str:
        """What Celery's result backend says."""
        return str(self.project.app.AsyncResult(id).state)

    def shows(self, id: str, state: str, deadline: float = 20) -> None:
        """Wait until Celery's result backend says so."""
        wait_until(lambda: self.state(id) == state, deadline, f"AsyncResult({id!r}).state to be {state}")

    def queued(self, queue: str = "celery") -> int:
        """How many messages wait in a queue of the broker."""
        return int(self.messages.llen(queue))

    def logs(self, count: int = 40) -> list[tuple[str, str]]:
        """The end of what every worker printed."""
        return [(name, worker.child.last_lines(count)) for name, worker in self.workers.items()]

    def close(self) -> None:
        for worker in self.workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.thaw()
            worker.child.kill()
        self.project.durable.close()
        # A result that is collected later says goodbye to its server, and waits 20 s for one that is gone.
        self.project.app.backend.result_consumer.cancel_for = lambda task_id: None
        self.project.app.close()
        self.redis.close()
        self.messages.close()


def hostname(name: str) -> str:
    """What Celery calls the worker of this short name."""
    return f"{name}@{gethostname()}"


FleetMaker = Callable[..., Fleet]
