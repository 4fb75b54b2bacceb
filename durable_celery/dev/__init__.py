"""What a developer's machine needs to run the whole thing: an embedded Redis and supervised processes."""

from __future__ import annotations

from durable_celery.dev.ports import free_port
from durable_celery.dev.server import EmbeddedRedis, redis_url
from durable_celery.dev.supervisor import Program, Supervisor, log_has, url_answers

__all__ = [
    "EmbeddedRedis",
    "Program",
    "Supervisor",
    "free_port",
    "log_has",
    "redis_url",
    "url_answers",
]
