"""Where everything lives in Redis: the one home of key and field names.

Every key begins with the partition's prefix `<prefix>:{<partition>}:`; the
braces are the hash tag that keeps a partition in one Redis Cluster slot.

| key              | type   | holds                                            | lifetime              |
|------------------|--------|--------------------------------------------------|-----------------------|
| `r:<id>`         | hash   | the record of a promise (fields below)           | retention, from the   |
| `j:<id>`         | hash   | journal: `<path>` entry, `<path>!` delivered     | settling of its root  |
| `t:<id>`         | zset   | ids of the tree below a root; 1 while pending    | on                    |
| `cb:<id>`        | hash   | awaiters: `<id>|<path>` to how each counts       | until settled         |
| `mb:<object>`    | list   | mailbox: its exclusive calls in order, head first| until empty           |
| `st:<object>`    | hash   | its state, name to text                          | permanent; that of a  |
|                  |        |                                                  | workflow as its run   |
| `l:<id>`         | list   | the last lines it logged: number, space, text    | as the record         |
| `tb:<id>`        | string | tombstone of a root execution: its function      | from its settling on  |
|                  |        |                                                  | its retention and the |
|                  |        |                                                  | tombstone's own time  |
| `ready`          | zset   | id to when its hint is published (again)         | permanent             |
| `lease`          | zset   | id to when its lease ends                        | permanent             |
| `deadline`       | zset   | id to its deadline                               | permanent             |
| `timer`          | zset   | `<id>|<path>` to when it is due                  | permanent             |
| `tend`           | zset   | id of a task child to when it is looked at       | permanent             |
| `x`              | zset   | root execution to when it was created; those     | permanent             |
|                  |        | whose record is gone are left until they are met |                       |
| `pending`        | hash   | function to how many of its executions are       | permanent             |
|                  |        | pending; none at 0                               |                       |
| `parked`         | set    | ids of parked executions                         | permanent             |
| `seq`            | string | how many writing scripts have run; a client that | permanent             |
|                  |        | saw more knows that the store lost its tail      |                       |
| `workers`        | zset   | node to when it was last seen                    | permanent             |
| `clock`          | string | for tests only: milliseconds to add, or `@<now>` | tests                 |

Channels: `done:<id>` says that a promise may have settled, `moved:<id>` that
its record or journal may have changed; `node:<node>` is subscribed to by a
worker for as long as it lives. `<prefix>:meta` keeps the
layout's version and the number of partitions.
"""

from __future__ import annotations

from typing import Final

#: Raised when a release cannot read what an earlier one wrote.
LAYOUT: Final = 1

#: Record fields, by what they are called in `promise.Promise`.
FIELDS: Final = {
    "state": "s",
    "phase": "t",
    "function": "f",
    "version": "v",
    "args": "a",
    "digest": "dg",
    "value": "o",
    "queue": "q",
    "priority": "pr",
    "canvas": "cv",
    "parent": "p",
    "tree": "rt",
    "holder": "w",
    "attempt": "e",
    "token": "n",
    "cursor": "jc",
    "crashes": "cr",
    "reason": "why",
    "running": "run",
    "tags": "tg",
    "key_for_create": "k",
    "key_for_settle": "K",
    "timer": "tm",
    "mirror": "m",
    "mirrored": "md",
    "retention_ms": "rn",
    "tombstone_ms": "tb",
    "created_at": "c",
    "started_at": "st",
    "settled_at": "z",
    "deadline_at": "d",
    "not_before_at": "nb",
    "cancel_at": "cx",
    "progress": "pg",
    "sent_at": "sd",
    "sends": "ns",
    "logged": "ln",
    "object": "ob",
    "access": "ac",
    "held": "ho",
    "format": "jf",
}
#: Used by the scripts only: bo how often it was published or looked at, g<n> what group n still waits for,
#: tp paths of armed timers, th:<path> how a timer counts, cn and sn marks of who created and settled,
#: pc how many executions below it are pending, ch that its body was told of a cancellation,
#: in that it is in its mailbox, lm the mark of the last lines that came without an entry.
INTERNAL: Final = ("bo", "g1", "tp", "cn", "sn", "pc", "ch", "in", "lm")
#: Keys without a lifetime, beside what belongs to a pending promise.
PERMANENT: Final = ("ready", "lease", "deadline", "timer", "tend", "x", "pending", "parked", "seq", "workers", "clock")


def prefix(name: str, partition: int) -> str:
    """What every key of a partition begins with."""
    return f"{name}:{{{partition}}}:"
