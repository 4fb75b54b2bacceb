"""How long Celery waits for a Redis broker that is gone without a word, as when a firewall has forgotten a connection.

Nobody tells either end, so only a timeout ends the wait, and Celery has none
unless it is told: a worker then takes no messages and a caller does not return.
"""

from __future__ import annotations

from celery import Celery

#: Seconds after which a command that the broker does not answer has failed; see docs/operations.md.
SOCKET_TIMEOUT_S = 5.0
ADVICE = f'broker_transport_options = {{"socket_timeout": {SOCKET_TIMEOUT_S:.0f}}}'
_REDIS = ("redis", "rediss", "sentinel")
_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "")


def is_endless(app: Celery) -> bool:
    """Whether nothing would ever end a wait for this broker; on the same machine no connection is lost like that."""
    broker = app.connection_for_write()
    if broker.transport_cls not in _REDIS or (broker.hostname or "") in _OF_THIS_MACHINE:
        return False
    return not (broker.transport_options or {}).get("socket_timeout")


def limited(app: Celery) -> None:
    """For an application of our own making: waits for a Redis, as broker or for results, end."""
    if app.connection_for_write().transport_cls in _REDIS:
        app.conf.broker_transport_options = {"socket_timeout": SOCKET_TIMEOUT_S}
    app.conf.redis_socket_timeout = SOCKET_TIMEOUT_S
