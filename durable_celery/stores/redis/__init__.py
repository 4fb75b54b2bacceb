"""The store on Redis."""

from durable_celery.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
