"""What `app.autodiscover_tasks()` finds here: workers learn to perform the tasks of `DurableBackend`."""

from __future__ import annotations

from django.conf import settings

from durable_celery.django.project import durable_of_project


def learn() -> None:
    """Register what performs tasks, if TASKS has a backend that needs it."""
    chosen = (each.get("BACKEND") for each in getattr(settings, "TASKS", {}).values())
    if any(isinstance(each, str) and each.startswith("durable_celery.django.") for each in chosen):
        from durable_celery.django.performing import performer_of  # noqa: PLC0415  # not every Django has tasks

        performer_of(durable_of_project())


learn()
