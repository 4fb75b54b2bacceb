"""The page: lines are typed, their rendering is watched step by step and heard."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from webapp import killing

blueprint = Blueprint("page", __name__)

#: Nothing in the page may run, load or send what does not come from here.
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect", "media", "img")),
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@blueprint.get("/")
def show() -> Response:
    """Send the page; with a button that kills workers only where somebody starts them again."""
    answer = make_response(render_template("page.html", kills=killing.is_possible()))
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-cache"
    return answer
