"""Event names, and the one place they are emitted from.

Nobody else names an event. Sinks (logs, metrics, traces) subscribe here; a
sink that raises is logged and otherwise ignored, since watching must never
change what happens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

logger = logging.getLogger("durable_celery")

#: One attempt's life.
CLAIMED: Final = "execution.claimed"
SETTLED: Final = "execution.settled"
SUSPENDED: Final = "execution.suspended"
RELEASED: Final = "execution.released"
PARKED: Final = "execution.parked"
LEASE_LOST: Final = "execution.lease_lost"
#: One step's life.
STEP_STARTED: Final = "step.started"
STEP_RECORDED: Final = "step.recorded"
#: What workers see of each other.
WORKER_GONE: Final = "worker.gone"
TAKEN_OVER: Final = "execution.taken_over"
REPUBLISHED: Final = "execution.republished"
#: The store is behind what this process has seen of it: it lost its tail.
STORE_ROLLBACK: Final = "store.rollback"

Sink = Callable[[str, dict[str, object]], None]
_sinks: list[Sink] = []


def subscribe(sink: Sink) -> Callable[[], None]:
    """Call `sink(event, fields)` at every event from now on; returns a function that ends it."""
    _sinks.append(sink)
    return lambda: _sinks.remove(sink)


def emit(event: str, **fields: object) -> None:
    """Tell every sink. Costs one comparison when nobody listens."""
    if not _sinks:
        return
    for sink in tuple(_sinks):
        try:
            sink(event, fields)
        except Exception:
            logger.exception("a telemetry sink failed on %s", event)
