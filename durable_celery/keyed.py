"""What the ctx of a call with a key can do: know its key, and read and change the state."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from durable_celery.context import Context
from durable_celery.errors import DurableError
from durable_celery.handler import key_of
from durable_celery.op import Op
from durable_celery.operations.state import Known
from durable_celery.serde import Serde, chosen_serde, pack, unpack
from durable_celery.store import Change, Store


class KeyedContext(Context):
    """Reads of the state are recorded: another call may change it at any time."""

    def key(self) -> str:
        """The key that this call is for."""
        return key_of(self._object)

    def get(self, name: str, serde: Serde[Any] | None = None, type_hint: Any = None, *, default: Any = None) -> Op[Any]:
        """The value under a name in the state, as `type_hint` or `serde` says; `default` when there is none."""
        chosen, decode = chosen_serde(serde, type_hint), self._performer.codec.decode

        def look(store: Store) -> Any:
            text = store.state(self._object).get(name)
            return [] if text is None else [decode(text)]

        return self._asked("get", name, look, convert=lambda found: unpack(chosen, found[0]) if found else default)

    def state_keys(self) -> Op[list[str]]:
        """The names in the state, sorted."""
        return self._asked("get", "state_keys", lambda store: sorted(store.state(self._object)))

    @property
    def _object(self) -> str:
        if not self.info.object:
            raise DurableError(f"{self.info.function} was called without a key: call it as a handler, not as a task")
        return self.info.object


class Writing(KeyedContext):
    """The only one to change the state, whose reads need no record."""

    def get(self, name: str, serde: Serde[Any] | None = None, type_hint: Any = None, *, default: Any = None) -> Op[Any]:
        """The value under a name in the state, as `type_hint` or `serde` says; `default` when there is none."""
        text = self._performer.state.get(self._checked(name))
        value = default if text is None else unpack(chosen_serde(serde, type_hint), self._performer.codec.decode(text))
        return Known(self._performer, name, value)

    def state_keys(self) -> Op[list[str]]:
        """The names in the state, sorted."""
        return Known(self._performer, "state_keys", self._performer.state.names())

    def set(self, name: str, value: Any, serde: Serde[Any] | None = None) -> None:
        """Put a value into the state. Raises NotSerializable, PayloadTooLarge."""
        packed = value if serde is None else pack(serde, value)
        text = self._performer.codec.encode(packed, f"the state {name!r} of {self._object!r}")
        self._alter(name, [(self._checked(name), text)])

    def clear(self, name: str) -> None:
        """Take a name out of the state."""
        self._alter(name, [(self._checked(name), None)])

    def clear_all(self) -> None:
        """Take everything out of the state."""
        self._alter("clear_all", [(name, None) for name in self._performer.state.names()])

    @abstractmethod
    def _alter(self, name: str, changes: list[Change]) -> None:
        """Make the changes."""

    def _checked(self, name: str) -> str:
        if not isinstance(name, str) or not self._object:
            raise TypeError(f"a name in the state is a text, not {name!r}")
        return name
