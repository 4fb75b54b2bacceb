"""Executions that begin when a database transaction is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from durable_celery import ids
from durable_celery.django.project import durable_of_project
from durable_celery.durable import Durable
from durable_celery.errors import FunctionNotFound
from durable_celery.function import Function
from durable_celery.handle import Handle
from durable_celery.registry import check_arguments


class OnCommit:
    """An execution that begins with the commit. Its `id` is known; `handle` is None until it has begun."""

    __slots__ = ("handle", "id")

    def __init__(self, id: str) -> None:
        self.id = id
        self.handle: Handle[Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.id!r}, {'which waits for the commit' if self.handle is None else 'begun'}>"


def run_on_commit(
    fn: Function[..., Any] | str, id: str, /, *args: Any, using: str | None = None, **kwargs: Any
) -> OnCommit:
    """`fn.run(id, *args, **kwargs)` when the transaction at hand is committed, and never after a rollback.

    Outside of a transaction it begins at once. `fn` is a registered function, or
    the name of one of the project's Durable; `using` is the alias of the database.
    Arguments are checked and encoded now: what `run` raises about them (InvalidId,
    TypeError, NotSerializable, PayloadTooLarge) is raised inside the transaction,
    and what is changed later is not sent. IdConflict and StoreUnavailable are raised
    where it is committed. A process that dies between the commit and the start has
    begun nothing: begin it again under the same id.
    """
    return begin_on_commit(fn, id, args, kwargs, using)


def begin_on_commit(
    fn: Function[..., Any] | str, id: str, args: tuple[Any, ...], kwargs: dict[str, Any], using: str | None = None
) -> OnCommit:
    """The same with the arguments apart, for functions that have one called `using`."""
    if not isinstance(fn, Function | str):
        raise TypeError(f"it takes a registered function or the name of one, not {fn!r}")
    durable = fn.durable if isinstance(fn, Function) else durable_of_project()
    begin = _prepared(durable, fn, ids.check_root(id), args, kwargs)
    begun = OnCommit(id)

    def committed() -> None:
        begun.handle = begin()

    transaction.on_commit(committed, using=using)
    return begun


def _prepared(
    durable: Durable, fn: Function[..., Any] | str, id: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], Handle[Any]]:
    durable.settings  # noqa: B018  # read, the codec knows how much is too much
    name = fn if isinstance(fn, str) else fn.name
    if isinstance(fn, Function):
        fn.check_options()
        check_arguments(fn.registered, args, kwargs)
    elif durable.registry.has(fn):
        check_arguments(durable.registry.get(fn), args, kwargs)
    elif durable.app is None:
        raise FunctionNotFound(fn)
    sent_args, sent_kwargs = durable.codec.decode(durable.codec.call(name, args, kwargs)[0])
    if isinstance(fn, Function):
        return lambda: fn.run(id, *sent_args, **sent_kwargs)
    return lambda: durable.run(id, fn, *sent_args, **sent_kwargs)
