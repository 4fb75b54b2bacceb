"""Where the parts of the web application come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Flask

from durable_celery.web.flask import blueprint as api
from webapp import killing, orders, page, problems, renders, validation
from webapp.monitor import EXTENSION
from workers import order, render

if TYPE_CHECKING:
    from durable_celery import Durable

health = Blueprint("health", __name__)


def create_app(durable: Durable | None = None) -> Flask:
    """Build the application.

    `durable` is what it starts executions with: that of `workers.app`, unless another is given. Its functions are
    registered there, so `create_app(Durable.local())` is a whole application without Celery or Redis.
    """
    if durable is None:
        from workers import app  # noqa: PLC0415 - it reads the environment, so only when it is asked for

        durable = app.durable
    exposed = [render.register(durable), order.register(durable)]
    web = Flask(__name__)
    web.config["MAX_CONTENT_LENGTH"] = validation.MAX_BODY
    web.extensions[EXTENSION] = durable
    web.url_map.merge_slashes = False
    web.url_map.strict_slashes = True
    problems.install(web)
    for part in (health, page.blueprint, killing.blueprint, renders.blueprint, orders.blueprint):
        web.register_blueprint(part)
    web.register_blueprint(api(durable, expose=exposed, authorize=_looks), url_prefix="/durable")
    return web


def _looks(_: str, __: str, action: str, ___: object) -> bool:
    """Whoever reaches the page may start, and look at everything; nobody may change what is under way."""
    return action in ("list", "start", "read", "inspect", "metrics")


@health.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer that this process serves; it says nothing about the store."""
    return {"status": "ok"}
