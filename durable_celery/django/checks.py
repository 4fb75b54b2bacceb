"""System checks. Only with `--deploy` is the store asked: other commands must work without it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string

from durable_celery import ids
from durable_celery.django.mounted import mounts
from durable_celery.django.project import HINT, durable_of_project
from durable_celery.durable import Durable
from durable_celery.errors import DurableError, PromiseNotFound
from durable_celery.stores.local import LocalStore
from durable_celery.worker import patience

TAG = "durable"
_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


@checks.register(TAG)
def check_setting(**_: Any) -> list[checks.CheckMessage]:
    """Whether DURABLE leads to a Durable."""
    said = getattr(settings, "DURABLE", None)
    if not said:
        return [checks.Error("The setting DURABLE is missing.", hint=HINT, id="durable_celery.E001")]
    try:
        durable_of_project()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint=HINT, id="durable_celery.E003")]
    except Exception as error:
        message = f"{said!r}, the setting DURABLE, cannot be imported: {type(error).__name__}: {error}"
        hint = f"{HINT} Its module must be importable without a worker and without a store."
        return [checks.Error(message, hint=hint, id="durable_celery.E002")]
    return []


@checks.register(TAG)
def check_urls(**_: Any) -> list[checks.CheckMessage]:
    """Whether what is included by `urls()` is open to more people, or holds more threads, than it should."""
    found: list[checks.CheckMessage] = []
    if not getattr(settings, "ROOT_URLCONF", None):
        return found
    for mount in mounts():
        named = ", ".join(sorted(mount.names)) or "nothing"
        if mount.options.authorize is None:
            message = (
                f"Everybody may start and read executions by the URLs that expose {named}, and nobody may cancel them."
            )
            hint = "Say who may, with urls(…, authorize=…)."
            found.append(checks.Warning(message, hint=hint, id="durable_celery.W001"))
        if getattr(settings, "ASGI_APPLICATION", None) and not mount.asynchronous:
            message = f"The site is served by ASGI, where the synchronous URLs that expose {named} wait for nobody."
            hint = "Say urls(…, asynchronous=True); silence this where WSGI serves them."
            found.append(checks.Warning(message, hint=hint, id="durable_celery.W002"))
        if _SESSIONS in settings.MIDDLEWARE and not _checks_csrf():
            message = f"Other sites may have your users' browsers call the URLs that expose {named}."
            hint = "Add django.middleware.csrf.CsrfViewMiddleware to MIDDLEWARE."
            found.append(checks.Warning(message, hint=hint, id="durable_celery.W003"))
    return found


@checks.register(TAG, deploy=True)
def check_store(**_: Any) -> list[checks.CheckMessage]:
    """Whether promises outlive this process, and the store answers."""
    try:
        durable = durable_of_project()
    except Exception:
        return []  # check_setting says why
    try:
        return _of_store(durable)
    except DurableError as error:
        hint = "See durable_store_url, and that this machine may connect to it. Calls are refused until it answers."
        return [checks.Warning(f"The store cannot be used: {error}", hint=hint, id="durable_celery.W005")]


@checks.register(TAG, deploy=True)
def check_broker(**_: Any) -> list[checks.CheckMessage]:
    """Whether a request that starts an execution returns when the broker is gone without a word."""
    try:
        durable = durable_of_project()
    except Exception:
        return []  # check_setting says why
    if durable.app is None or not patience.is_endless(durable.app):
        return []
    message = "A broker that is gone without a word, as behind a firewall, is waited for without end."
    return [checks.Warning(message, hint=f"In Celery's configuration: {patience.ADVICE}.", id="durable_celery.W006")]


def _of_store(durable: Durable) -> list[checks.CheckMessage]:
    store = durable.store
    if isinstance(store, LocalStore):
        message = "Promises are kept in the memory of each process, and end with it."
        hint = "Build it as Durable(app), with a Redis as broker, result backend or durable_store_url."
        return [checks.Warning(message, hint=hint, id="durable_celery.W004")]
    try:
        store.get(ids.id_for("check"))
    except PromiseNotFound:
        pass
    return []


def _checks_csrf() -> bool:
    found = (import_string(name) for name in settings.MIDDLEWARE)
    return any(isinstance(each, type) and issubclass(each, CsrfViewMiddleware) for each in found)
