"""Function: what `register` gives back for a function."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from durable_celery import clock
from durable_celery.clock import SystemClock
from durable_celery.errors import DurableError
from durable_celery.handle import Handle
from durable_celery.registry import Options, Registered
from durable_celery.retry import RetryPolicy

if TYPE_CHECKING:
    from durable_celery.durable import Durable

P = ParamSpec("P")
T = TypeVar("T")


class Function(Generic[P, T]):
    """A registered durable function. Calling it calls the plain function, ctx first."""

    #: How `begin_run_on_commit` waits for a transaction; who knows the database puts it here.
    on_commit: ClassVar[Callable[..., Any] | None] = None

    def __init__(self, durable: Durable, registered: Registered, options: Options | None = None) -> None:
        self.durable = durable
        self.registered = registered
        self.own = options or Options()
        self.__name__ = registered.name
        self.__doc__ = registered.fn.__doc__
        self.__wrapped__ = registered.fn

    def __repr__(self) -> str:
        return f"<durable function {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.registered.fn(*args, **kwargs)

    @property
    def name(self) -> str:
        """The name it is registered under, and its Celery task's name."""
        return self.registered.name

    @property
    def fn(self) -> Callable[..., Any]:
        """The plain function, for unit tests."""
        return self.registered.fn

    @property
    def task(self) -> Any:
        """The Celery task; there is none in local mode."""
        return self.durable.task_of(self.registered)

    def run(self, id: str, *args: P.args, **kwargs: P.kwargs) -> Handle[T]:
        """Start it under this promise id, or attach to the execution that has it; answers at once.

        Raises InvalidId, IdConflict when the id belongs to another function or
        other arguments, Expired when it is burnt, TypeError when the arguments do not
        fit, NotSerializable, PayloadTooLarge, TooManyExecutions, StoreUnavailable.
        """
        self.check_options()
        return self.durable.start(id, self.registered, args, kwargs, self.own)

    def check_options(self) -> None:
        """Raise TypeError for options that steps may have and executions may not."""
        if self.own.retry is not None:
            raise TypeError(
                f"retry= of {self.name!r} belongs to its registration, since it may run in another process; "
                "in a body it may be given for a step: ctx.run(…).options(retry=…)"
            )

    def begin_run(self, id: str, *args: P.args, **kwargs: P.kwargs) -> Handle[T]:
        """The same as `run`."""
        return self.run(id, *args, **kwargs)

    def begin_run_on_commit(self, id: str, *args: P.args, **kwargs: P.kwargs) -> Any:
        """`run` when the database transaction at hand is committed, and never after a rollback.

        Mistakes are raised now, as by `run`. Needs Django with "durable_celery.django"
        in INSTALLED_APPS; see `durable_celery.django.run_on_commit`.
        """
        if Function.on_commit is None:
            raise DurableError('begin_run_on_commit needs Django, with "durable_celery.django" in INSTALLED_APPS')
        return Function.on_commit(self, id, args, kwargs)

    def call(self, id: str, *args: P.args, **kwargs: P.kwargs) -> T:
        """`run`, and wait for the value."""
        return self.run(id, *args, **kwargs).result()

    def options(
        self,
        *,
        timeout: float | timedelta | None = None,
        delay: float | timedelta | None = None,
        eta: datetime | None = None,
        queue: str | None = None,
        priority: int | None = None,
        retention: float | timedelta | None = None,
        tags: dict[str, str] | None = None,
        retry: RetryPolicy | None = None,
        version: int | None = None,
        max_pending: int | None = None,
    ) -> Function[P, T]:
        """A copy with options: durations in seconds or as timedelta, `timeout` a deadline from the start on.

        With `max_pending` starting a new one raises TooManyExecutions while so many of
        this function are pending; children and what arrives by Celery are counted, and never refused.
        """
        if eta is not None:
            delay = max(0, clock.instant_ms(eta) - SystemClock().now_ms()) / 1000
        said = Options(
            timeout_ms=None if timeout is None else clock.to_ms(timeout),
            delay_ms=None if delay is None else clock.to_ms(delay),
            retention_ms=None if retention is None else clock.to_ms(retention),
            queue=queue,
            priority=priority,
            tags=tags,
            retry=retry,
            max_pending=max_pending,
        )
        registered = self.registered if version is None else self.durable.registry.get(self.name, version)
        return Function(self.durable, registered, said.over(self.own))

    # Celery's own faces

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Celery's `delay`: starts it under a generated id, gives an AsyncResult."""
        return self._celery("delay").apply_async(args, kwargs)

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Celery's `apply_async`; `task_id` is the promise id."""
        return self._celery("apply_async").apply_async(args, kwargs, **options)

    def s(self, *args: Any, **kwargs: Any) -> Any:
        """Celery's signature, for canvas; callbacks fire at the execution's real end."""
        return self._celery("s").s(*args, **kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Any:
        """Celery's immutable signature."""
        return self._celery("si").si(*args, **kwargs)

    def signature(self, args: Any = None, *starred: Any, **options: Any) -> Any:
        """Celery's signature with options."""
        return self._celery("signature").signature(args, *starred, **options)

    def _celery(self, what: str) -> Any:
        task = self.task
        if task is None:
            raise DurableError(
                f"{self.name}.{what} is Celery's, and this Durable runs in local mode; use {self.name}.run(id, …)"
            )
        return task


Body = Callable[Concatenate[Any, P], T]
