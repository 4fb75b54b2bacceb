"""Durable: the door, and the one place where rooms are wired together."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, Unpack, overload

from celery import Celery

from durable_celery import ids
from durable_celery.again import Again
from durable_celery.calling import Clients
from durable_celery.codec import Codec
from durable_celery.configured import ConfiguredCodec, reencrypted
from durable_celery.errors import DurableError, InvalidName
from durable_celery.forks import Forks
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.handlers import Handlers
from durable_celery.hint import Hint
from durable_celery.inprocess import InProcess
from durable_celery.invocations import Invocations
from durable_celery.promises import Promises
from durable_celery.registry import Options, Registered, Registration, Registry, name_of, registration
from durable_celery.settings import Settings
from durable_celery.start import Starter
from durable_celery.storage import Storage
from durable_celery.store import Ready, Store
from durable_celery.stores.local import LocalStore
from durable_celery.worker.binding import Binding
from durable_celery.worker.sweeper import sweeper_for
from durable_celery.worker.tasks import CeleryTasks

F = TypeVar("F", bound=Callable[..., Any])


class Durable(Clients, Again):
    """Durable execution for a Celery application, or without one in this process.

    `Durable(app)` keeps promises in the Redis named by `durable_store_url`, else
    in the result backend's, else in the broker's. `store` is a URL or a store
    object, `codec` one that encrypts. `Durable.local()` needs neither Celery nor Redis.
    """

    def __init__(
        self, app: Celery | None = None, *, store: Store | str | None = None, codec: Codec | None = None
    ) -> None:
        self.app: Celery | None = None
        self.registry = Registry()
        self.around = self.registry.around
        self.codec: Codec = ConfiguredCodec(lambda: self.settings, codec)
        self.dependencies: dict[str, Any] = {}
        self.promises = Promises(
            store=lambda: self.store, codec=self.codec, settings=lambda: self.settings, publish=self._publish
        )
        self._storage = Storage(
            store, conf=lambda: self._conf, settings=lambda: self.settings, runs_here=lambda: self._runs_here
        )
        self.invocations = Invocations(
            starter=lambda: self._starter(mirror=not self._runs_here), handle=lambda *a, **k: self._handle(*a, **k)
        )
        self._forks = Forks(
            store=lambda: self.store,
            registry=self.registry,
            codec=self.codec,
            settings=lambda: self.settings,
            publish=self._publish,
        )
        self._lock = threading.RLock()
        self._checked = False
        self._binding: Binding | None = None
        self._tasks: CeleryTasks | None = None
        self._inprocess: InProcess | None = None
        if app is not None:
            self.init_app(app)

    @classmethod
    def local(cls) -> Durable:
        """Promises in memory, functions on a thread pool of this process; no Celery, no Redis."""
        return cls(store=LocalStore())

    def init_app(self, app: Celery) -> None:
        """Bind to a Celery application. Tasks that are not registered here are left as they are."""
        taken = getattr(app, "durable", None)
        if taken is not None and taken is not self:
            raise DurableError(
                f"{app!r} has a Durable already; use that one, or give this one an application of its own"
            )
        self.app = app
        app.durable = self  # type: ignore[attr-defined]
        self._tasks = CeleryTasks(app, self.codec, lambda: self.settings, self._storage, self._publish)
        if self._storage.is_local:
            return
        self._binding = Binding(
            app,
            registry=self.registry,
            codec=self.codec,
            settings=lambda: self.settings,
            open_store=self._storage.open,
            starter=self._starter(mirror=True),
            inline=self._inline,
            dependencies=self.dependencies,
            tasks=self._tasks,
        )
        app.steps["worker"].add(sweeper_for(self._binding))
        for registered in self.registry.all():
            self._binding.bind(registered)

    # Registering

    @overload
    def register(self, fn: Callable[..., Any], /) -> Function[..., Any]: ...

    @overload
    def register(
        self, fn: None = None, /, **options: Unpack[Registration]
    ) -> Callable[[Callable[..., Any]], Function[..., Any]]: ...

    def register(self, fn: Callable[..., Any] | None = None, /, **options: Unpack[Registration]) -> Any:
        """Make a function durable, bare (`@durable.register`) or with options: see `Registration`.

        The name is the function's own unless given: the same wherever the
        module is loaded, also as `__main__`.
        """
        if fn is None:
            return functools.partial(self.register, **options)
        plain = fn.fn if isinstance(fn, Function) else fn
        registered = registration(plain, options)
        self.registry.add(registered)
        if self._binding is not None:
            self._binding.bind(registered)
        return Function(self, registered)

    def bind(self, *services: Handlers) -> None:
        """Have services, virtual objects and workflows executed here: each handler becomes a durable function."""
        for each in services:
            taken = self.invocations.services.get(each.name)
            if taken is not None and taken is not each:
                raise InvalidName(f"{taken!r} is bound already; {each!r} needs another name")
            for registered in each.registrations():
                self.registry.add(registered)
                if self._binding is not None:
                    self._binding.bind(registered)
            self.invocations.services[each.name] = each

    def task_of(self, registered: Registered) -> Any:
        """The Celery task of a registered function, or None in local mode."""
        return None if self._binding is None else self._binding.task_of(registered)

    def set_dependency(self, name: str, value: Any) -> None:
        """Make something (a client, a session factory) available as `ctx.get_dependency(name)` in this process."""
        self.dependencies[name] = value

    # Starting and looking

    def run(self, id: str, fn: Function[..., Any] | Callable[..., Any] | str, *args: Any, **kwargs: Any) -> Handle[Any]:
        """Start a registered function, given itself or by name, under this id; or attach to the execution that has it.

        Raises as `Function.run` does, and FunctionNotFound in local mode.
        """
        if isinstance(fn, Function):
            return self.start(id, fn.registered, args, kwargs, fn.own)
        registered = Registered(fn, 1, _unknown) if isinstance(fn, str) else self.registry.of(fn)
        if registered is None:
            raise DurableError(f"{name_of(fn)!r} is not registered; decorate it with @durable.register")
        if self._runs_here:
            registered = self.registry.get(registered.name, registered.version)
        return self.start(id, registered, args, kwargs, Options())

    begin_run = run

    def call(self, id: str, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """`run`, and wait for the value."""
        return self.run(id, fn, *args, **kwargs).result()

    def start(
        self,
        promise_id: str,
        registered: Registered,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
    ) -> Handle[Any]:
        """What every way of starting comes down to."""
        starter = self._starter(mirror=not self._runs_here)
        created = starter.start(ids.check_root(promise_id), registered.name, registered.version, args, kwargs, options)
        return self._handle(promise_id, created=created.fresh, begun_as=created.promise if created.fresh else None)

    def get(self, id: str) -> Handle[Any]:
        """The handle of an execution or a promise; raises PromiseNotFound."""
        self.store.get(ids.check_any(id))
        return self._handle(id)

    def cancel(self, id: str, *, grace: float | timedelta | None = None) -> None:
        """Cancel an execution and everything below it, children first; does nothing to a settled one.

        Bodies that have begun are told by `Cancelled` at their next operation and
        may compensate; after `grace` (seconds or timedelta, default
        `durable_cancel_grace`, 30 s) it is final, with 0 at once.
        """
        self.promises.request_cancel(id, grace)

    def reencrypt(self) -> int:
        """Encrypt with the first of the keys what the store keeps with another; returns how many texts that were.

        Call it until that is 0. What the texts say stays the same, and executions go on.
        Raises StoreMisconfigured without keys, and PayloadUnreadable, at the end, for
        texts whose key is missing: those are left as they are.
        """
        return reencrypted(self.store, self.codec.seal)

    id_for = staticmethod(ids.id_for)

    def close(self) -> None:
        """Give back threads and connections. Nothing recorded is lost."""
        with self._lock:
            if self._inprocess is not None:
                self._inprocess.close()
                self._inprocess = None
        self._storage.close()

    # Wiring

    @functools.cached_property
    def settings(self) -> Settings:
        """The `durable_*` settings of the application, read when first needed."""
        return Settings() if self.app is None else Settings.read(self.app.conf)

    @property
    def store(self) -> Store:
        """The store, with the bounded wait that a web request needs."""
        store = self._storage.open(self.settings.store_timeout_s)
        if not self._checked and not (self._binding is not None and self._binding.in_worker):
            store.check()
            self._checked = True
        return store

    @property
    def _conf(self) -> Any:
        return self.app.conf if self.app is not None else None

    @property
    def _runs_here(self) -> bool:
        """Whether functions run in this process: without Celery, or where Celery itself would run them inline."""
        return self._binding is None or self._binding.app.conf.task_always_eager

    def _starter(self, *, mirror: bool) -> Starter:
        return Starter(
            registry=self.registry,
            codec=self.codec,
            settings=lambda: self.settings,
            store=lambda: self.store,
            publish=self._publish,
            mirror=mirror,
            enclosed=self._enclosed,
        )

    def _publish(self, ready: Sequence[Ready]) -> None:
        if self._binding is not None and not self._runs_here:
            self._binding.publish(ready)
            return
        with self._lock:
            if self._inprocess is None:
                self._inprocess = InProcess(
                    self._storage.open(None),
                    registry=self.registry,
                    codec=self.codec,
                    settings=self.settings,
                    dependencies=self.dependencies,
                    tasks=self._tasks,
                )
        self._inprocess.publish(ready)

    def _enclosed(self, row: Ready) -> Hint | None:
        return None if self._binding is None or self._runs_here else self._binding.enclosed(row)

    def _handle(self, promise_id: str, **said: Any) -> Handle[Any]:
        return Handle(promise_id, store=self.store, codec=self.codec, cancel=self.cancel, **said)

    def _inline(self, function: str, version: int, promise_id: str, args: Any, kwargs: Any) -> Any:
        registered = self.registry.get(function, version)
        return self.start(promise_id, registered, args, kwargs, Options()).result()


def _unknown() -> None:
    """Stands for a function that is registered in another process."""
