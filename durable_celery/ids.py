"""Legal promise ids, child ids, and where an id lives.

An id is a Celery task id, a URL segment, a part of a Redis key and a word in a
log line at once, so its alphabet is what all four take as it is.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from binascii import crc_hqx

from durable_celery.errors import InvalidId

#: A root id, as users choose it.
ROOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+=~-]{0,127}\Z")
#: What the engine appends for children: the position of the call, level by level.
CHILD_SUFFIX = re.compile(r"(?:\.[0-9]+)+\Z")
MAX_ROOT_LENGTH = 128
#: Celery's SQL result backend keeps task ids in 155 characters; a longer child id is folded.
MAX_LENGTH = 155


def check_root(promise_id: object) -> str:
    """The id itself when it is a legal root id; raises InvalidId naming the rule it breaks."""
    if not isinstance(promise_id, str):
        raise InvalidId(f"a promise id is a string, not {type(promise_id).__name__}")
    if not promise_id:
        raise InvalidId("a promise id must not be empty")
    if len(promise_id) > MAX_ROOT_LENGTH:
        raise InvalidId(
            f"a promise id has at most {MAX_ROOT_LENGTH} characters, this one has {len(promise_id)}; "
            "use durable.id_for(text)"
        )
    if not ROOT.match(promise_id):
        raise InvalidId(
            f"{promise_id!r} is not a legal promise id: it begins with a letter or a digit and goes on with "
            "letters, digits and any of _ . : @ + = ~ - ; use durable.id_for(text) for other text"
        )
    if CHILD_SUFFIX.search(promise_id):
        raise InvalidId(f"{promise_id!r} ends like the id of a child (.<digits>); children are named by the engine")
    return promise_id


def check_any(promise_id: object) -> str:
    """The id itself when it is a legal root id or the id of a child; raises InvalidId otherwise."""
    if isinstance(promise_id, str) and len(promise_id) <= MAX_LENGTH:
        suffix = CHILD_SUFFIX.search(promise_id)
        if suffix:
            check_root(promise_id[: suffix.start()])
            return promise_id
    return check_root(promise_id)


def root_of(promise_id: str) -> str:
    """The id at the top of the tree that this id belongs to."""
    return CHILD_SUFFIX.sub("", promise_id)


def parent_of(promise_id: str) -> str | None:
    """The id one level up, or None for a root."""
    if not CHILD_SUFFIX.search(promise_id):
        return None
    return promise_id.rpartition(".")[0]


def child_id(execution_id: str, path: str) -> str:
    """The id of the child at a journal position; very deep ones are folded to stay within MAX_LENGTH."""
    whole = f"{execution_id}.{path}"
    if len(whole) <= MAX_LENGTH:
        return whole
    root = root_of(whole)
    digits = int(hashlib.sha256(whole.encode()).hexdigest()[:20], 16)
    return f"{root}.{digits}"


def id_for(text: str) -> str:
    """A stable, legal id for any text: the same text gives the same id, on every machine."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{words}-{digest}" if words else digest


def named(*parts: str) -> str:
    """A stable, legal id for a name of several parts: readable where they allow it, never the same for others."""
    whole = ":".join(parts)
    plain = all(part and ":" not in part for part in parts) and ROOT.match(whole) and not CHILD_SUFFIX.search(whole)
    return whole if plain else id_for("\0".join(map(_without_nul, parts)))


def _without_nul(part: str) -> str:
    """The same for a text without control characters; never what another text becomes."""
    return part.replace("\1", "\1\1").replace("\0", "\1\2")


def new_id() -> str:
    """A fresh id, for callers that do not choose one."""
    return str(uuid.uuid4())


def partition_of(promise_id: str, partitions: int) -> int:
    """The partition of an id's whole tree, by the checksum that Redis Cluster uses for keys."""
    return crc_hqx(root_of(promise_id).encode(), 0) % partitions
