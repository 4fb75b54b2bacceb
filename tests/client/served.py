"""The services of these tests, served: `uvicorn tests.client.served:app`, with promises where the environment says."""

from __future__ import annotations

from durable_celery.ingress import app as ingress
from tests.client.shop import Counter, Shop, Signup

app = ingress([Shop, Counter, Signup])
