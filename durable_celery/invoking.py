"""Calls between handlers: the part of every ctx that services, virtual objects and workflows are called with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from durable_celery import clock, ids
from durable_celery.calls import Calls, Info
from durable_celery.errors import DeadlockError, Rejected
from durable_celery.handler import Handler, Kind, handler_of
from durable_celery.newpromise import NewPromise
from durable_celery.op import Op, Performer
from durable_celery.operations.ask import Ask, Question, settled
from durable_celery.operations.call import Attached, HandlerCall, Sent
from durable_celery.operations.promise import Awakeable
from durable_celery.promise import Access, State
from durable_celery.request import Request, request_of
from durable_celery.runoptions import RunOptions
from durable_celery.serde import JsonSerde, Serde, chosen_serde, pack, unpack
from durable_celery.store import Store

AnyOp = TypeVar("AnyOp", bound=Op[Any])
_JSON = JsonSerde()


class Invoking:
    """Every call that is waited for begins at once; awaiting it gives the value. A send is not waited for."""

    info: Info
    _performer: Performer
    _calls: Calls
    _next: Callable[[], str]
    _begun: Callable[..., Any]
    _made: Callable[[Any], Any]

    # Calls

    def service_call(self, handler: Any, arg: Any = None, *, idempotency_key: str | None = None) -> HandlerCall:
        """Call a handler of a service. With an idempotency key all who give it share one invocation."""
        return self._call(_of(handler, Kind.SERVICE), "", arg, idempotency_key)

    def service_send(
        self,
        handler: Any,
        arg: Any = None,
        send_delay: float | timedelta | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Have a handler of a service called, now or after a delay (seconds or timedelta)."""
        return self._send(_of(handler, Kind.SERVICE), "", arg, send_delay, idempotency_key)

    def object_call(
        self, handler: Any, key: str, arg: Any = None, *, idempotency_key: str | None = None
    ) -> HandlerCall:
        """Call a handler of a virtual object.

        Raises DeadlockError when it would wait for an object that this call, or a caller of it, holds.
        """
        return self._call(_of(handler, Kind.OBJECT), key, arg, idempotency_key)

    def object_send(
        self,
        handler: Any,
        key: str,
        arg: Any = None,
        send_delay: float | timedelta | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Have a handler of a virtual object called, also of the one that this is a call to."""
        return self._send(_of(handler, Kind.OBJECT), key, arg, send_delay, idempotency_key)

    def workflow_call(
        self, handler: Any, key: str, arg: Any = None, *, idempotency_key: str | None = None
    ) -> HandlerCall:
        """Call a handler of a workflow; for its run: start it, or attach to the one there is.

        Raises IdConflict when it runs with another argument.
        """
        return self._call(_of(handler, Kind.WORKFLOW), key, arg, idempotency_key)

    def workflow_send(
        self,
        handler: Any,
        key: str,
        arg: Any = None,
        send_delay: float | timedelta | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Have a handler of a workflow called, or a workflow started."""
        return self._send(_of(handler, Kind.WORKFLOW), key, arg, send_delay, idempotency_key)

    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes = b"",
        key: str = "",
        *,
        idempotency_key: str | None = None,
    ) -> Op[bytes]:
        """Call a handler by its name, with and for the bytes that it takes and returns over HTTP.

        The service must be bound in this process too. Raises FunctionNotFound.
        """
        found = self._named(service, handler)
        packed = found.packed_bytes(arg)
        return self._call(found, key, packed, idempotency_key, packed=True, convert=found.bytes_of)

    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes = b"",
        key: str = "",
        send_delay: float | timedelta | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Sent:
        """Have a handler called by its name; as `generic_call`."""
        found = self._named(service, handler)
        return self._send(found, key, found.packed_bytes(arg), send_delay, idempotency_key, packed=True)

    def request(self) -> Request:
        """How this execution was called: its id, its argument as bytes, its tags as headers, which attempt it is."""
        return request_of(self._performer, self.info)

    # Steps with a name

    def run_typed(
        self, name: str, fn: Callable[..., Any], options: RunOptions | None = None, *args: Any, **kwargs: Any
    ) -> Op[Any]:
        """`ctx.run` of `fn(*args, **kwargs)` as a step of this name, retried and kept as the options say."""
        said = options or RunOptions()
        return self._made(self._calls.step(name, fn, args, kwargs, said.policy, said.chosen))  # type: ignore[no-any-return]

    def _named_step(
        self,
        name: str,
        fn: Callable[..., Any],
        *rest: Any,
        serde: Serde[Any] | None = None,
        type_hint: Any = None,
        max_attempts: int | None = None,
        max_retry_duration: float | timedelta | None = None,
        args: tuple[Any, ...] = (),
        **kwargs: Any,
    ) -> Op[Any]:
        said = RunOptions(serde=serde, type_hint=type_hint, max_attempts=max_attempts, max_duration=max_retry_duration)
        return self.run_typed(name, fn, said, *rest, *args, **kwargs)

    # Invocations of others

    def attach_invocation(self, invocation_id: str, serde: Serde[Any] | None = None, type_hint: Any = None) -> Op[Any]:
        """Wait for the result of an invocation that exists.

        Raises PromiseNotFound, and DeadlockError for an invocation that waits for this one.
        """
        if invocation_id == self.info.tree or f"{self.info.id}.".startswith(f"{invocation_id}."):
            raise DeadlockError(f"{self.info.id!r} would wait for {invocation_id!r}, which waits for it")
        chosen = chosen_serde(serde, type_hint)
        child = NewPromise(id=ids.check_any(invocation_id))
        op = Attached(self._performer, self._next(), child, lambda value: unpack(chosen, value), invocation_id)
        return self._begun(op, deferred=False)  # type: ignore[no-any-return]

    def cancel_invocation(self, invocation_id: str) -> Ask:
        """Cancel an invocation and everything below it; bodies that have begun are told and may compensate."""
        told = ids.check_any(invocation_id)
        grace_ms = self._performer.cancel_grace_ms
        return self._asked("cancel", told, lambda store: self._performer.publish(store.cancel(told, grace_ms)[2]))

    # Awakeables

    def awakeable(
        self, serde: Serde[Any] | None = None, type_hint: Any = None, *, timeout: float | timedelta | None = None
    ) -> tuple[str, Op[Any]]:
        """An id to hand out, and what to wait for until somebody outside resolves or rejects it under that id.

        After `timeout` (seconds or timedelta) nobody can any more, and whoever waits is raised TimedOut.
        """
        chosen, path = chosen_serde(serde, type_hint), self._next()
        child = NewPromise(
            id=f"awk_{secrets.token_urlsafe(16)}",
            parent=self.info.id,
            tree=self.info.tree,
            timeout_ms=None if timeout is None else clock.to_ms(timeout),
        )
        op = Awakeable(self._performer, path, child, lambda value: unpack(chosen, value))
        self._made(op)
        op.begin()
        return op.id, op

    def resolve_awakeable(self, id: str, value: Any = None, serde: Serde[Any] | None = None) -> Ask:
        """Resolve an awakeable of another invocation. Raises PromiseNotFound, AlreadySettled."""
        return self._settle("resolve", id, State.RESOLVED, lambda: self._encoded(pack(serde or _JSON, value)))

    def reject_awakeable(self, id: str, reason: str = "rejected") -> Ask:
        """Reject it; whoever waits is raised `Rejected`. Raises PromiseNotFound, AlreadySettled."""
        return self._settle("reject", id, State.REJECTED, lambda: self._refusal(reason))

    # How they are made

    def _call(
        self,
        handler: Handler,
        key: str,
        arg: Any,
        idempotency_key: str | None,
        *,
        packed: bool = False,
        convert: Callable[[Any], Any] | None = None,
    ) -> HandlerCall:
        target = handler.object(key)
        if handler.access is not Access.SHARED and target in self.info.holding:
            chain = " -> ".join([*self.info.holding, target])
            raise DeadlockError(
                f"{handler.function} of {target!r} would wait for itself ({chain}): send it instead of calling it"
            )
        path, child = self._child(handler, key, arg, idempotency_key, packed=packed, detached=False)
        op = HandlerCall(self._performer, path, child, convert or handler.value)
        return self._begun(op, deferred=False)  # type: ignore[no-any-return]

    def _send(
        self,
        handler: Handler,
        key: str,
        arg: Any,
        delay: float | timedelta | None,
        idempotency_key: str | None,
        *,
        packed: bool = False,
    ) -> Sent:
        delay_ms = 0 if delay is None else clock.to_ms(delay)
        path, child = self._child(handler, key, arg, idempotency_key, packed=packed, detached=True)
        op = Sent(self._performer, child.function, path, replace(child, delay_ms=delay_ms or child.delay_ms))
        self._begun(op, deferred=False)
        self._performer.flush()  # its id may be asked for before anything is waited for
        return op

    def _child(
        self, handler: Handler, key: str, arg: Any, idempotency_key: str | None, *, packed: bool, detached: bool
    ) -> tuple[str, NewPromise]:
        target = handler.object(key)
        args = arg if packed else handler.packed(arg)
        registry = self._performer.registry
        fn = registry.get(handler.function).fn if registry.has(handler.function) else handler.function
        path, child = self._calls.child(fn, args, {}, detached=detached)
        own_id = handler.call_id(key, idempotency_key)
        if own_id is not None:
            child = replace(child, id=own_id, tree=own_id)
        return path, replace(child, object=target, access=handler.access)

    def _named(self, service: str, handler: str) -> Handler:
        registered = self._performer.registry.get(f"{service}.{handler}")
        return handler_of(registered.handler)

    def _settle(self, kind: str, id: str, state: State, payload: Callable[[], str]) -> Ask:
        told, path = ids.check_any(id), self._next()

        def settle(store: Store) -> None:
            self._performer.publish(settled(store, told, state, payload(), f"{self.info.id}.{path}"))

        return self._asked(kind, told, settle, path)

    def _asked(
        self,
        kind: str,
        name: str,
        question: Question,
        path: str = "",
        convert: Callable[[Any], Any] = lambda answer: answer,
    ) -> Ask:
        op = Ask(self._performer, kind, name, path or self._next(), question, convert)
        self._made(op)
        op.begin()
        op.mark_awaited()
        return op

    def _encoded(self, value: Any) -> str:
        return self._performer.codec.encode(value, "the value of a promise")

    def _refusal(self, reason: str) -> str:
        return self._performer.codec.failure(Rejected(reason)).value


def _of(target: Any, kind: Kind) -> Handler:
    handler = handler_of(target)
    if handler.kind is not kind:
        raise TypeError(f"{handler.function} belongs to another kind: {handler.kind}, not {kind}")
    return handler
