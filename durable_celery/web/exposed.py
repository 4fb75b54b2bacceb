"""What of an application is exposed, and to whom: everything else is not there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from durable_celery import ids
from durable_celery.durable import Durable
from durable_celery.errors import Expired, PromiseNotFound
from durable_celery.errors.problem import Problem
from durable_celery.function import Function
from durable_celery.http.permission import CLOSED, REFUSED, forbidden, lets
from durable_celery.http.problems import Problems
from durable_celery.promise import Promise
from durable_celery.registry import Options as StartOptions
from durable_celery.registry import Registered
from durable_celery.web.message import Call
from durable_celery.web.options import OPEN, Options, Translate

PROBLEMS = Problems("execution", "id", "start again with the same id or key, which attaches to what there is")


@dataclass(frozen=True, slots=True)
class Target:
    """An exposed function, and how it is started."""

    registered: Registered
    options: StartOptions

    @property
    def is_known(self) -> bool:
        """Whether this process has the function, and not only its name."""
        return self.registered.fn is not _elsewhere

    @property
    def name(self) -> str:
        return self.registered.name


class Exposed:
    """The functions in `expose`, their executions, and the hook that says who may do what."""

    def __init__(
        self, durable: Durable, expose: Iterable[Function[..., Any] | str], options: Options, translate: Translate
    ) -> None:
        self.durable = durable
        self.options = options
        self._translate = translate
        self._expose = tuple(expose)
        for each in self._expose:
            if not isinstance(each, str | Function):
                raise TypeError(f"expose= takes registered functions and their names, not {each!r}")

    @functools.cached_property
    def targets(self) -> Mapping[str, Target]:
        """What is exposed, by name; names are looked up with the first request, when all modules are loaded."""
        return {each.name: each for each in map(self._target, self._expose)}

    @property
    def names(self) -> list[str]:
        """What the functions are called."""
        return [each if isinstance(each, str) else each.registered.name for each in self._expose]

    def target(self, name: str) -> Target:
        """An exposed function; Problem otherwise."""
        found = self.targets.get(name)
        if found is None:
            raise Problem(404, "unknown-function", f"no function {name!r} is served here")
        return found

    def found(self, call: Call, action: str) -> tuple[Promise, dict[str, str]]:
        """The execution that a path names, with its journal. Raises Problem, PromiseNotFound, InvalidId."""
        promise_id = ids.check_any(call.params["id"])
        try:
            promise, journal = self.durable.store.read(promise_id)
        except Expired as error:
            known = error.function if error.function in self.targets else ""
            self.permit(call, known, promise_id, action)
            raise PROBLEMS.expired(promise_id) if known else PROBLEMS.unknown(promise_id) from error
        except PromiseNotFound:
            promise, journal = None, {}
        if promise is None or promise.function not in self.targets:
            self.permit(call, "", promise_id, action)  # who may not ask is not told what there is
            raise PROBLEMS.unknown(promise_id)
        self.permit(call, promise.function, promise_id, action)
        return promise, journal

    def permit(self, call: Call, function: str, promise_id: str, action: str) -> None:
        """Go on only if the hook lets it. Raises Problem."""
        if not self.permitted(call, function, promise_id, action):
            raise forbidden(CLOSED if self.options.authorize is None else REFUSED)

    def permit_search(self, call: Call, function: str) -> None:
        """Go on only if the hook lets ids be told to who does not know them. Raises Problem."""
        if self.options.authorize is None:
            raise forbidden(CLOSED)
        self.permit(call, function, "", "list")

    def permitted(self, call: Call, function: str, promise_id: str, action: str) -> bool:
        """What the hook says; it may be asynchronous. Raises Problem for what it raises."""
        hook = self.options.authorize
        if hook is None:
            return action in OPEN
        try:
            said = hook(function, promise_id, action, call.req.native)
            return lets(call.resolved(said) if inspect.isawaitable(said) else said)
        except PermissionError as error:
            raise forbidden(str(error) or REFUSED) from error
        except Exception as error:
            problem = error if isinstance(error, Problem) else self._translate(error)
            if problem is None:
                raise
            raise problem from error

    def _target(self, each: Function[..., Any] | str) -> Target:
        if isinstance(each, Function):
            return Target(each.registered, each.own)
        registry = self.durable.registry
        known = registry.get(each) if registry.has(each) else Registered(each, 1, _elsewhere)
        if known.handler is not None:
            raise TypeError(f"{each!r} is a handler: durable_celery.app() serves those")
        return Target(known, StartOptions())


def _elsewhere() -> None:
    """Stands for a function that is registered in another process."""
