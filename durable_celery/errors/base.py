"""The roots of what is raised for users."""

from __future__ import annotations


class DurableError(Exception):
    """The root of everything durable_celery raises for users."""


class OfPromise(DurableError):
    """The root of errors that are about one promise and say no more than its id."""

    def __init__(self, promise_id: str) -> None:
        Exception.__init__(self, promise_id)
        self.promise_id = promise_id
