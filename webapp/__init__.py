"""The web application: renderings and orders over HTTP. `python -m webapp` serves it."""

from __future__ import annotations

from webapp.application import create_app

__all__ = ["create_app"]
