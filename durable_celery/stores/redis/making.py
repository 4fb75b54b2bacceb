"""RedisStore, the part that makes: promises, and the children of executions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from durable_celery.errors import Expired, IdConflict, LeaseLost, TooManyExecutions
from durable_celery.hint import Hint, address_of
from durable_celery.newpromise import NewPromise
from durable_celery.store import Birth, Born, Created, Creation, Hold
from durable_celery.stores.redis import records, scripts
from durable_celery.stores.redis.looking import RedisLooking

_NO_HINT = Hint("", "", "")


class RedisMaking(RedisLooking):
    """What RedisStore makes promises with: one script on one partition for each."""

    def create(self, new: NewPromise, *, strict: bool = False, journal: Sequence[tuple[str, str]] = ()) -> Created:
        hint = self._carried(new.hint)
        status, *record = self._run(
            "create",
            [*records.flat(journal), *records.fields(new)],
            entries=len(journal),
            id=new.id,
            key=new.key,
            strict=int(strict),
            nonce=secrets.token_hex(8),
            timeout_ms="" if new.timeout_ms is None else new.timeout_ms,
            delay_ms=new.delay_ms,
            fn=new.function,
            most="" if new.max_pending is None else new.max_pending,
            list=hint.list,
            message=hint.text,
        )
        if status == "EXPIRED":
            raise Expired(new.id, record[0])
        if status == "FULL":
            raise TooManyExecutions(new.function, new.max_pending or 0)
        return Created(Creation(status), records.promise(new.id, record[0]), hinted=len(record) > 1)

    def spawn(self, hold: Hold, cursor: int, births: Sequence[Birth]) -> list[Born]:
        script = scripts.load("spawn")
        found: list[Born] = []
        while len(found) < len(births):
            left = births[len(found) :]
            calls = [script.arguments(*_birth(hold, cursor + n, birth)) for n, birth in enumerate(left)]
            for birth, answer in zip(left, self.connection.run_all(script, self.prefix, calls), strict=True):
                if answer[0] == "LOST":
                    raise LeaseLost(hold.id)
                if answer[0] in ("CONFLICT", "EXPIRED"):  # those after it were told a cursor that is one too far
                    found.append(_refused(answer, birth.child))
                    break
                found.append(Created(Creation(answer[0]), records.promise(birth.child.id, answer[1])))
                cursor += 1
        return found

    def _carried(self, hint: Hint | None) -> Hint:
        """What of a hint goes with the record: all of it where its list is here too, else nothing."""
        alone = self.connection.server.alone
        if hint is None or alone is None:
            return _NO_HINT
        return hint if hint.address == address_of(alone.connection_pool.connection_kwargs) else _NO_HINT


def _birth(hold: Hold, cursor: int, birth: Birth) -> tuple[dict[str, str | int], list[str | int]]:
    child = birth.child
    named: dict[str, str | int] = {
        "id": hold.id,
        "token": hold.token,
        "cursor": cursor,
        "lease_ms": hold.lease_ms,
        "path": birth.path,
        "entry": birth.entry,
        "child": child.id,
        "fn": child.function,
        "digest": child.digest,
        "timeout_ms": "" if child.timeout_ms is None else child.timeout_ms,
        "delay_ms": child.delay_ms,
        "kin": int(child.tree not in ("", child.id)),
    }
    return named, records.fields(child)


def _refused(answer: Sequence[str], child: NewPromise) -> IdConflict | Expired:
    if answer[0] == "EXPIRED":
        return Expired(child.id, answer[1])
    return IdConflict.of(child.id, answer[1], child.function)
