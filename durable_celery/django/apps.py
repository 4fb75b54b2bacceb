"""What Django is told of the application."""

from __future__ import annotations

from django.apps import AppConfig


class DurableConfig(AppConfig):
    """System checks, an admin page, `begin_run_on_commit`. It has no tables and no migrations."""

    name = "durable_celery.django"
    label = "durable_celery"
    verbose_name = "Durable Celery"

    def ready(self) -> None:
        """Wire in what needs Django. The project's Durable is not looked for before somebody asks for it."""
        from durable_celery.django import checks, commit  # noqa: F401, PLC0415  # once all settings are there
        from durable_celery.function import Function  # noqa: PLC0415

        Function.on_commit = commit.begin_on_commit
