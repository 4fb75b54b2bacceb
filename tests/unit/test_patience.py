"""Who would wait without end for a broker that is gone without a word is told; what we make ourselves does not."""

from __future__ import annotations

import pytest
from celery import Celery

from durable_celery.worker import patience
from durable_celery.worker.environment import celery_from


@pytest.mark.parametrize(
    ("broker", "endless"),
    [
        ("redis://10.0.0.1:6379/0", True),
        ("rediss://user:secret@redis.example/0", True),
        ("sentinel://one:26379;sentinel://two:26379", True),
        ("redis://localhost:6379/0", False),
        ("redis://127.0.0.1:6379/0", False),
        ("amqp://10.0.0.1//", False),
        ("memory://", False),
    ],
)
def test_only_a_redis_elsewhere_is_waited_for_without_end(broker: str, endless: bool) -> None:
    assert patience.is_endless(Celery(broker=broker, set_as_current=False)) is endless


def test_other_options_do_not_end_it_and_a_timeout_does() -> None:
    app = Celery(broker="redis://10.0.0.1/0", set_as_current=False)
    app.conf.broker_transport_options = {"visibility_timeout": 60}
    assert patience.is_endless(app)
    app.conf.broker_transport_options = {"visibility_timeout": 60, "socket_timeout": 5}
    assert not patience.is_endless(app)


def test_an_application_made_from_the_environment_waits_for_seconds() -> None:
    app = celery_from({"CELERY_BROKER_URL": "redis://10.0.0.1/0"})

    assert app is not None and not patience.is_endless(app)
    assert app.conf.redis_socket_timeout == patience.SOCKET_TIMEOUT_S
    amqp = celery_from({"CELERY_BROKER_URL": "amqp://10.0.0.1//"})
    assert amqp is not None and not amqp.conf.broker_transport_options
