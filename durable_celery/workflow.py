"""Workflow: a run that happens once for each key, and handlers to ask it and to tell it something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Unpack

from durable_celery import ids
from durable_celery.errors import InvalidName, PromiseNotFound
from durable_celery.handler import Kind
from durable_celery.handlers import HandlerOptions, Handlers
from durable_celery.keyed import KeyedContext, Writing
from durable_celery.newpromise import NewPromise
from durable_celery.op import Op
from durable_celery.operations.ask import Ask, settled
from durable_celery.operations.promise import NamedPromise
from durable_celery.operations.state import Alter
from durable_celery.promise import Access, Outcome, State
from durable_celery.serde import Serde, chosen_serde, pack, unpack
from durable_celery.store import Change, Store

F = TypeVar("F", bound=Callable[..., Any])


class DurablePromise:
    """A promise of a workflow, known by its name to its run and its handlers. Nobody needs to create it first."""

    def __init__(self, ctx: WorkflowSharedContext, name: str, serde: Serde[Any]) -> None:
        self._ctx = ctx
        self._serde = serde
        self.name = name

    def value(self) -> Op[Any]:
        """Wait until somebody resolves it; raises `Rejected` when somebody rejects it."""
        return self._ctx._await_named(self.name, self._serde)

    def resolve(self, value: Any = None) -> Ask:
        """Give it its value. Raises AlreadySettled when it has one."""
        return self._ctx._settle_named(
            "resolve", self.name, State.RESOLVED, lambda: self._ctx._encoded(pack(self._serde, value))
        )

    def reject(self, reason: str = "rejected") -> Ask:
        """Let whoever waits for it fail. Raises AlreadySettled when it has a value."""
        return self._ctx._settle_named("reject", self.name, State.REJECTED, lambda: self._ctx._refusal(reason))

    def peek(self) -> Op[Any]:
        """Its value if it has one already, else None."""
        return self._ctx._peek_named(self.name, self._serde)


class WorkflowSharedContext(KeyedContext):
    """The ctx of a workflow's other handlers, called before, while and after it runs."""

    def promise(  # type: ignore[override]  # by name: a workflow has no other promises
        self, name: str, serde: Serde[Any] | None = None, type_hint: Any = None
    ) -> DurablePromise:
        """The promise of this name, one for each workflow."""
        return DurablePromise(self, name, chosen_serde(serde, type_hint))

    # What a promise asks of its ctx.

    def _await_named(self, name: str, serde: Serde[Any]) -> Op[Any]:
        op = NamedPromise(self._performer, self._next(), self._new(name), lambda value: unpack(serde, value), name)
        return self._begun(op, deferred=False)

    def _settle_named(self, kind: str, name: str, state: State, payload: Callable[[], str]) -> Ask:
        new, path = self._new(name), self._next()

        def settle(store: Store) -> None:
            store.create(new)
            self._performer.publish(settled(store, new.id, state, payload(), f"{self.info.id}.{path}"))

        return self._asked(kind, name, settle, path)

    def _peek_named(self, name: str, serde: Serde[Any]) -> Op[Any]:
        new, codec = self._new(name), self._performer.codec

        def peek(store: Store) -> Any:
            try:
                found = store.get(new.id)
            except PromiseNotFound:
                return []
            return [codec.unwrap(Outcome(found.state, found.value), new.id)] if found.state.settled else []

        return self._asked("peek", name, peek, convert=lambda found: unpack(serde, found[0]) if found else None)

    def _new(self, name: str) -> NewPromise:
        """Below the run, whether that has begun or not: it is kept as long, and cancelled with it."""
        run = self._run_id()
        return NewPromise(id=ids.named(run, "promise", name), parent=run, tree=run)

    def _run_id(self) -> str:
        service = self._object.partition("/")[0]
        return ids.named(service, self.key(), "run")


class WorkflowContext(Writing, WorkflowSharedContext):
    """The ctx of a workflow's run. What it changes in the state can be read by the other handlers at once."""

    def _alter(self, name: str, changes: list[Change]) -> None:
        op = self._made(Alter(self._performer, name, self._next(), changes))
        op.begin()
        op.mark_awaited()


class Workflow(Handlers):
    """A run and other handlers, with a key: `Signup = Workflow("Signup")`, `@Signup.main()`, `@Signup.handler()`.

    The run happens once for each key; after its retention the key is free again.
    """

    kind = Kind.WORKFLOW

    def main(self, name: str | None = None, **options: Unpack[HandlerOptions]) -> Callable[[F], F]:
        """Make a function of ctx and at most one argument the run."""
        if any(each.is_run for each in self.handlers.values()):
            raise InvalidName(f"{self.name} has a run already; a workflow has one")
        return lambda fn: self.add(fn, name or "run", Access.OWNER, WorkflowContext, **options)

    def handler(self, name: str | None = None, **options: Unpack[HandlerOptions]) -> Callable[[F], F]:
        """Make a function of ctx and at most one argument a handler, called by its own name or another."""
        return lambda fn: self.add(fn, name, Access.SHARED, WorkflowSharedContext, **options)
