"""The store in this process's memory."""

from durable_celery.stores.local.store import LocalStore

__all__ = ["LocalStore"]
