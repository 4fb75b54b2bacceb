"""A project with a database, an admin, Celery, and tasks of Django's own kind where this Django has them."""

from __future__ import annotations

import os

import django

SECRET_KEY = "x"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "tests.django.site.urls"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_FILES"] + "/db.sqlite3"},
    "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_FILES"] + "/other.sqlite3"},
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "tests.django.site.orders",
    *(["django_tasks"] if django.VERSION < (6,) else []),
]
INSTALLED_APPS += ["durable_celery.django"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = os.environ["SITE_REDIS"]
DURABLE = "tests.django.site.celery.durable"
TASKS = {
    "default": {"BACKEND": "durable_celery.django.DurableBackend", "QUEUES": ["default", "mail"]},
    "committed": {"BACKEND": "durable_celery.django.DurableBackend", "OPTIONS": {"enqueue_on_commit": True}},
}
