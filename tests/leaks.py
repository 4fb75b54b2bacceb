"""What a test left in Redis that would stay for ever.

Every key of a store must have a lifetime, be on the permanent list, or belong
to a promise that is still pending, or to its tree; and the permanent indexes may name only
promises for which something is still to be done.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from durable_celery.stores.redis.keys import PERMANENT

#: Which phases an index may name; F only for outcomes that are still to be mirrored.
#: Settled ones in `tend` have a task that is still to be stopped.
_INDEXED = {"ready": "YF", "lease": "A", "deadline": "-YASHQ", "timer": "YASH", "tend": "-"}


def leaks(client: Any) -> list[str]:
    """Every key and every index entry that nobody will ever delete, with the reason."""
    found = []
    for key in sorted(str(each) for each in client.scan_iter(match="dc:*", count=1000)):
        space, _, name = key.partition("}:")
        if key == "dc:meta":
            continue
        if name in PERMANENT:
            found += _stale(client, space + "}:", name)
            found += _miscounted(client, space + "}:") if name in ("pending", "parked") else []
        elif client.pttl(key) == -1 and not _pending(client, space + "}:", name):
            found.append(f"{key} has no lifetime")
    return found


def _pending(client: Any, prefix: str, name: str) -> bool:
    """Whether the promise of a key is pending, or the root of its tree, or for a tree anyone in it."""
    kind, _, promise_id = name.partition(":")
    ids = {promise_id, client.hget(f"{prefix}r:{promise_id}", "rt")}
    if kind == "st":  # that of a virtual object is for ever
        return True
    if kind == "mb":
        ids = set(client.lrange(prefix + name, 0, -1))
        return all(client.hget(f"{prefix}r:{each}", "s") == "P" for each in ids)
    if kind == "t":
        ids |= set(client.zrange(prefix + name, 0, -1))
    return any(client.hget(f"{prefix}r:{each}", "s") == "P" for each in ids)


def _miscounted(client: Any, prefix: str) -> list[str]:
    """How many executions are said to be pending, and which are said to be parked, against what the records say."""
    records = [client.hmget(key, "s", "t", "f") for key in client.scan_iter(match=f"{prefix}r:*", count=1000)]
    pending = Counter(function for state, phase, function in records if state == "P" and phase != "-")
    counted = {function: int(number) for function, number in client.hgetall(f"{prefix}pending").items()}
    parked = sum(state == "P" and phase == "H" for state, phase, _ in records)
    found = [] if counted == dict(pending) else [f"pending says {counted}, there are {dict(pending)}"]
    return found if client.scard(f"{prefix}parked") == parked else [*found, f"{parked} are parked, not as many as said"]


def _stale(client: Any, prefix: str, index: str) -> list[str]:
    if index == "x":  # what has ended by itself is left there until it is met
        roots = [(each, client.hmget(f"{prefix}r:{each}", "rt", "t")) for each in client.zrange(prefix + index, 0, -1)]
        return [f"x names {each}, which is {rt}/{t}" for each, (rt, t) in roots if t and (rt != each or t == "-")]
    if index not in _INDEXED:
        return []
    entries = client.zrange(prefix + index, 0, -1)
    stale = []
    for entry in entries:
        state, phase, mirror = client.hmget(f"{prefix}r:{str(entry).partition('|')[0]}", "s", "t", "m")
        due = state == "P" or (index, mirror) == ("ready", "1") or (index == "tend" and state in ("C", "T"))
        fits = phase is not None and phase in _INDEXED[index] and due
        if not fits:
            stale.append(f"{index} names {entry}, which is {state}/{phase}")
    return stale
