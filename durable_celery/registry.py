"""What can be called: (name, version) to function, and back."""

from __future__ import annotations

import functools
import inspect
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol, TypedDict

from durable_celery import clock
from durable_celery.around import Around
from durable_celery.errors import FunctionNotFound, InvalidArguments, InvalidName
from durable_celery.retry import RetryPolicy

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}\Z")
_CONTEXT_NAMES = ("ctx", "context", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an execution is started; None means: not said here. Durations are milliseconds."""

    timeout_ms: int | None = None
    delay_ms: int | None = None
    retention_ms: int | None = None
    queue: str | None = None
    priority: int | None = None
    tags: dict[str, str] | None = None
    retry: RetryPolicy | None = None
    #: Of those that are started by hand: what was accepted as a message is not refused.
    max_pending: int | None = None

    def over(self, defaults: Options) -> Options:
        """These options, filled up from `defaults`."""
        said = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(defaults, **said)


class Handling(Protocol):
    """What makes a durable function a handler: bodies that are given another kind of ctx."""

    @property
    def context(self) -> Callable[..., Any]:
        """Makes the ctx of one attempt."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One version of one durable function."""

    name: str
    version: int
    fn: Callable[..., Any]
    options: Options = field(default_factory=Options)
    handler: Handling | None = None


class CallSettings(TypedDict, total=False):
    """What may be said of every execution of a function. Durations are seconds or timedelta."""

    timeout: float | timedelta
    retention: float | timedelta
    queue: str
    priority: int
    tags: dict[str, str]
    retry: RetryPolicy


class Registration(CallSettings, total=False):
    """What may be said where a function is registered. Durations are seconds or timedelta.

    `timeout` is the deadline of each execution, `retry` holds for a body that
    only computes and for the function as a step of another. Instead of `retry`
    Celery's own words may be given: `autoretry_for`, `max_retries`,
    `retry_backoff`, `retry_backoff_max`, `retry_jitter`, `default_retry_delay`,
    `dont_autoretry_for`.
    """

    name: str
    version: int
    autoretry_for: tuple[type[BaseException], ...]
    max_retries: int | None
    retry_backoff: bool | float
    retry_backoff_max: float
    retry_jitter: bool
    default_retry_delay: float
    dont_autoretry_for: tuple[type[BaseException], ...]


_OURS = ("name", "version", "timeout", "retention", "queue", "priority", "tags", "retry")


def options_of(said: CallSettings) -> Options:
    """The same in milliseconds."""
    timeout, retention = said.get("timeout"), said.get("retention")
    return Options(
        timeout_ms=None if timeout is None else clock.to_ms(timeout),
        retention_ms=None if retention is None else clock.to_ms(retention),
        queue=said.get("queue"),
        priority=said.get("priority"),
        tags=said.get("tags"),
        retry=said.get("retry"),
    )


def registration(fn: Callable[..., Any], said: Registration) -> Registered:
    """A function with what was said at its registration; raises TypeError for a word that means nothing."""
    celery_words = {word: value for word, value in said.items() if word not in _OURS}
    options = options_of(said)
    if options.retry is None:
        options = replace(options, retry=RetryPolicy.from_celery(celery_words))
    return Registered(said.get("name") or name_of(fn), said.get("version") or 1, fn, options)


class Registry:
    """The durable functions of one application."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, int], Registered] = {}
        self._by_function: dict[int, Registered] = {}
        self._lock = threading.Lock()
        #: What they are called inside of, and their steps.
        self.around = Around()

    def add(self, entry: Registered) -> None:
        """Register; raises InvalidName when the name is not legal or another function has it."""
        if not _NAME.match(entry.name):
            raise InvalidName(f"{entry.name!r} is not a legal name for a durable function; give one with name=")
        with self._lock:
            taken = self._by_name.get((entry.name, entry.version))
            if taken is not None and not _same(taken.fn, entry.fn):
                raise InvalidName(
                    f"{entry.name!r} (version {entry.version}) is registered for {_place(taken.fn)} already, "
                    f"so {_place(entry.fn)} needs another name= or version="
                )
            self._by_name[entry.name, entry.version] = entry
            self._by_function[id(entry.fn)] = entry

    def get(self, name: str, version: int = 1) -> Registered:
        """The function of a name; raises FunctionNotFound."""
        try:
            return self._by_name[name, version]
        except KeyError:
            raise FunctionNotFound(name if version == 1 else f"{name} (version {version})") from None

    def has(self, name: str, version: int = 1) -> bool:
        """Whether this version of a function is registered here."""
        return (name, version) in self._by_name

    def of(self, fn: object) -> Registered | None:
        """The registration of a function, if it has one."""
        return self._by_function.get(id(fn))

    def all(self) -> list[Registered]:
        """Every registration."""
        return list(self._by_name.values())

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted({name for name, _ in self._by_name})


def _same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether two functions are the same, or the same source loaded twice (`__main__` and a module)."""
    if one is other:
        return True
    places = [getattr(inspect.unwrap(fn), "__code__", None) for fn in (one, other)]
    return None not in places and places[0] == places[1]


def _place(fn: Callable[..., Any]) -> str:
    return f"{getattr(fn, '__module__', '?')}.{name_of(fn)}"


def name_of(fn: Any) -> str:
    """What a function is called in journals and logs."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return str(getattr(fn, "__name__", type(fn).__name__))


@functools.lru_cache(maxsize=4096)
def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        return None


def signature_of(fn: Callable[..., Any]) -> inspect.Signature | None:
    """The signature of a callable, or None where there is none to be had."""
    try:
        return _signature(fn)
    except TypeError:  # an unhashable callable
        return inspect.signature(fn)


def wants_context(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a function called through `ctx` is given one.

    Yes when its first parameter is annotated as a Context or is named ctx,
    context or _; or when the arguments fit its signature only with one before them.
    """
    signature = signature_of(fn)
    if signature is None:
        return False
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        return False
    if first.kind is not first.VAR_POSITIONAL and (first.name in _CONTEXT_NAMES or _annotated(first.annotation)):
        return True
    return not _fits(signature, args, kwargs) and _fits(signature, (None, *args), kwargs)


def _annotated(annotation: Any) -> bool:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return bool(re.search(r"\b\w*Context\b", name.partition("[")[0])) and annotation is not inspect.Parameter.empty


def _fits(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def check_arguments(entry: Registered, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise InvalidArguments, a TypeError as of a call, when the arguments do not fit the function after its ctx."""
    signature = signature_of(entry.fn)
    if signature is not None:
        try:
            signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise InvalidArguments(f"{entry.name}() {error}") from None
