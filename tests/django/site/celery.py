"""The project's Celery application and its Durable, as Celery's documentation has them for Django."""

from __future__ import annotations

import os

from celery import Celery

from durable_celery import Durable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.django.site.settings")
app = Celery("tests.django.site")
app.config_from_object("django.conf:settings", namespace="CELERY")
durable = Durable(app)
app.autodiscover_tasks()
