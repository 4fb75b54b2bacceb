"""The store goes away while somebody waits, and comes back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from durable_celery import Durable
from durable_celery.dev import EmbeddedRedis
from durable_celery.settings import Settings
from tests.web import shop
from tests.web.conftest import Web, options, problem
from tests.web.servers import served


@pytest.mark.parametrize("kind", ["flask", "fastapi"])
def test_who_waits_when_the_store_goes_away_is_told_to_come_back(kind: str) -> None:
    with EmbeddedRedis(appendfsync="no") as redis, ThreadPoolExecutor() as pool:
        durable = Durable(store=redis.url)
        durable.settings = Settings(store_timeout_s=0.3)
        functions = shop.registered(durable)
        with served(kind, durable, functions, options(functions, authorize=None)) as url:
            web = Web(url, kind, durable)
            web.put("later")
            began = time.monotonic()
            waits = [
                pool.submit(web.ask, "GET", f"/executions/{web.id}/result", headers={"Prefer": "wait=2"}),
                pool.submit(web.put, "later", Prefer="wait=2"),
            ]
            while not all(each.running() for each in waits):
                time.sleep(0.01)
            time.sleep(0.3)  # they are being waited for, which nothing outside shows
            redis.kill()

            for each in waits:
                answer = each.result()
                problem(answer, 503, "store-unavailable")
                assert answer.headers["retry-after"] == "5"
            assert time.monotonic() - began < 10
            redis.start()
            assert web.ask("GET", f"/executions/{web.id}").status_code == 202
            web.http.close()
        durable.close()
