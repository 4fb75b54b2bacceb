"""The project's Durable, by the setting DURABLE."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from durable_celery.durable import Durable

HINT = 'Let it name the Durable of the project, as in DURABLE = "shop.celery.durable".'


def durable_of_project() -> Durable:
    """Looked up at each call, and so only when it is needed. Raises ImproperlyConfigured and ImportError."""
    said = getattr(settings, "DURABLE", None)
    if not said:
        raise ImproperlyConfigured(f"The setting DURABLE is missing. {HINT}")
    found = import_string(said) if isinstance(said, str) else said
    if not isinstance(found, Durable):
        raise ImproperlyConfigured(f"The setting DURABLE leads to {found!r}, which is not a Durable. {HINT}")
    return found
