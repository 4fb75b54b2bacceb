"""Who keeps the store's contract."""

from durable_celery.stores.local import LocalStore
from durable_celery.stores.redis import RedisStore

__all__ = ["LocalStore", "RedisStore"]
