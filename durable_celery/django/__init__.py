"""The Django application: `"durable_celery.django"` in INSTALLED_APPS, with `DURABLE = "shop.celery.durable"`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_celery.django.backend import DurableBackend
    from durable_celery.django.commit import run_on_commit
    from durable_celery.django.links import execution_link

__all__ = ["DurableBackend", "execution_link", "run_on_commit"]

#: Where each is: Django imports this package before its settings may be asked, and not every Django has tasks.
_PLACES = {"DurableBackend": "backend", "execution_link": "links", "run_on_commit": "commit"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
