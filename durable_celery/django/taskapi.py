"""The tasks framework at hand: Django's own, from 6.0 on, else the package `django-tasks`. Raises ImportError."""

from __future__ import annotations

try:
    from django.tasks import base, signals, task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.exceptions import TaskResultDoesNotExist
except ImportError as missing:
    try:
        from django_tasks import base, signals, task_backends
        from django_tasks.backends.base import BaseTaskBackend
        from django_tasks.exceptions import TaskResultDoesNotExist
    except ImportError:
        text = "this Django has no tasks: it takes Django 6.0 or newer, or `pip install django-tasks`"
        raise ImportError(text) from missing

__all__ = ["BaseTaskBackend", "TaskResultDoesNotExist", "base", "signals", "task_backends"]
