"""Values to bytes and back, checked and converted by the annotations of handlers.

A `Serde` is one way to do it, and users bring their own. `serde_for` makes one
from an annotation: with msgspec, or with pydantic where the annotation brings
it; pydantic is never imported otherwise.
"""

from __future__ import annotations

from durable_celery.serde.annotations import MISSING as MISSING
from durable_celery.serde.annotations import annotations_of as annotations_of
from durable_celery.serde.base import BytesSerde as BytesSerde
from durable_celery.serde.base import JsonSerde as JsonSerde
from durable_celery.serde.base import Serde as Serde
from durable_celery.serde.kept import chosen_serde as chosen_serde
from durable_celery.serde.kept import pack as pack
from durable_celery.serde.kept import schema_of as schema_of
from durable_celery.serde.kept import unpack as unpack
from durable_celery.serde.typed import MsgspecJsonSerde as MsgspecJsonSerde
from durable_celery.serde.typed import PydanticJsonSerde as PydanticJsonSerde
from durable_celery.serde.typed import TypedSerde as TypedSerde
from durable_celery.serde.typed import serde_for as serde_for
