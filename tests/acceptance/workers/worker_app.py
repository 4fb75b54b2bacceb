"""What `celery -A` is given: the application, set up by the environment of its process."""

from __future__ import annotations

import json
import os

from tests.acceptance.workers.proj import errand_2, project

made = project(os.environ["BROKER"], os.environ["STORE"], **json.loads(os.environ["CONF"]))
app = made.app

if os.environ.get("NEWER"):
    made.durable.register(errand_2, name="errand", version=2)

if os.environ.get("ALSO_LATER"):

    @made.durable.register
    def later(ctx: object, value: int) -> int:
        """Known only to workers that were deployed with it."""
        return value
