"""What `app.autodiscover_tasks()` finds here: workers learn to perform the tasks of `DurableBackend`."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from durable_celery.django.project import durable_of_project


def learn() -> None:
    """Register what performs tasks, if TASKS has a backend that needs it."""
    for each in (getattr(settings, "TASKS", None) or {}).values():
        try:
            backend = import_string(each["BACKEND"])
        except (ImportError, KeyError):
            continue  # the tasks framework says so, or there is none
        if getattr(backend, "performed_by_durable", False):
            from durable_celery.django.performing import performer_of  # noqa: PLC0415  # not every Django has tasks

            performer_of(durable_of_project())


learn()
