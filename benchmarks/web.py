"""What a start and a status cost over HTTP, beside the same framework with plain Celery.

Run it with `python benchmarks/web.py [redis-url]`; without a URL it starts a
server of its own. Each framework serves, in one process, our API and two views
of its own: one calls `task.delay(…)` and answers 202 with the id, the other
answers `AsyncResult(id).state` and, where there is one, `.result`. wrk (`apt-get
install wrk`; without it a thread of this process asks) loads one after the other,
in turns, on the same Redis. The ratios are the figures to quote: how many times as
many requests a second we answer; beside them stands how long the server's processor
works for one request, which depends less on what else the machine does. Nobody
executes what is started.
"""

import contextlib
import http.client
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from celery import Celery

from durable_celery import Durable
from durable_celery.dev.child import Child, wait_until
from durable_celery.dev.server import EmbeddedRedis

FRAMEWORKS = ("flask", "fastapi", "django")
ROUNDS = 9
SECONDS = 1
#: Requests under way at once.
CONNECTIONS = 8
#: Without wrk: how many requests a measure has.
CALLS = 200
WRK = shutil.which("wrk")
_CALL = '{"args":["ann",3]}'

Measure = tuple[str, str, str, dict[str, str], str]


def application(url: str) -> tuple[Celery, Durable, Any, Any]:
    """The application, with the same function as a plain task and as a durable one."""
    app = Celery("bench", broker=url, backend=url)
    durable = Durable(app)

    @app.task(name="plain")
    def plain(name: str, number: int) -> str:
        return name * number

    @durable.register(name="order")
    def order(ctx: Any, name: str, number: int) -> str:  # noqa: ARG001  # a body that makes no call
        return name * number

    return app, durable, plain, order


# The servers


def serve(framework: str, url: str) -> None:
    """Serve until killed; says its port on the first line."""
    app, durable, plain, order = application(url)

    def start() -> dict[str, Any]:
        return {"id": plain.delay("ann", 3).id}

    def status(id: str) -> dict[str, Any]:
        if id == "cpu":
            return {"seconds": time.process_time()}
        found = app.AsyncResult(id)
        state = found.state
        return {"id": id, "state": state, **({"result": found.result} if state == "SUCCESS" else {})}

    {"flask": _flask, "fastapi": _fastapi, "django": _django}[framework](durable, order, start, status)


def _flask(durable: Durable, order: Any, start: Any, status: Any) -> None:
    import flask  # noqa: PLC0415

    from durable_celery.web.flask import blueprint  # noqa: PLC0415

    site = flask.Flask("bench")
    site.register_blueprint(blueprint(durable, expose=[order]), url_prefix="/durable")
    site.post("/plain")(lambda: (flask.request.get_json() and start(), 202))
    site.get("/plain/<id>")(status)
    _on_waitress(site)


def _fastapi(durable: Durable, order: Any, start: Any, status: Any) -> None:
    import uvicorn  # noqa: PLC0415
    from fastapi import Body, FastAPI  # noqa: PLC0415

    from durable_celery.dev import free_port  # noqa: PLC0415
    from durable_celery.web.fastapi import router  # noqa: PLC0415

    site = FastAPI()
    site.include_router(router(durable, expose=[order]), prefix="/durable")

    @site.post("/plain", status_code=202)
    def started(call: Annotated[dict, Body()]) -> dict:
        return start() if call else {}

    @site.get("/plain/{id}")
    def shown(id: str) -> dict:
        return status(id)

    port = free_port()
    print(port, flush=True)
    uvicorn.run(site, port=port, log_level="warning")


def _django(durable: Durable, order: Any, start: Any, status: Any) -> None:
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="secret")
    django.setup()
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415
    from django.http import JsonResponse  # noqa: PLC0415
    from django.urls import include, path  # noqa: PLC0415

    from durable_celery.web.django import urls  # noqa: PLC0415

    def started(request: Any) -> Any:
        return JsonResponse(json.loads(request.body) and start(), status=202)

    patterns = [
        path("durable/", include(urls(durable, expose=[order]))),
        path("plain", started),
        path("plain/<told>", lambda request, told: JsonResponse(status(told))),
    ]
    sys.modules[__name__].urlpatterns = patterns  # type: ignore[attr-defined]
    _on_waitress(WSGIHandler())


def _on_waitress(site: Any) -> None:
    from waitress.server import create_server  # noqa: PLC0415

    server = create_server(site, host="127.0.0.1", port=0, threads=CONNECTIONS)
    print(server.effective_port, flush=True)
    server.run()


@contextmanager
def served(framework: str, url: str) -> Iterator[str]:
    """The address of a server in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        child = Child([sys.executable, __file__, "serve", framework, url], log=log, env={"PYTHONUNBUFFERED": "1"})
        try:
            assert wait_until(lambda: child.output().partition("\n")[0].isdigit(), 30, pause=0.05), child.output()
            site = f"http://127.0.0.1:{child.output().split()[0]}"
            assert wait_until(lambda: _answers(site), 30, pause=0.05), child.output()
            yield site
        finally:
            child.kill()


def _answers(site: str) -> bool:
    with contextlib.suppress(OSError):
        asked(site, ("GET", "/durable/healthz", "", {}, ""), 0)
        return True
    return False


# The load


def measured(site: str, measure: Measure, round: int) -> tuple[float, float]:
    """Requests answered a second, and the milliseconds that the server's processor worked for each."""
    before, began = cpu_s(site), time.perf_counter()
    count = loaded(site, measure, round)
    took_s = time.perf_counter() - began
    return count / took_s, (cpu_s(site) - before) / count * 1000


def cpu_s(site: str) -> float:
    """What the server's process has used of its processor."""
    return float(json.loads(asked(site, ("GET", "/plain/cpu", "", {}, ""), 0))["seconds"])


def loaded(site: str, measure: Measure, round: int) -> int:
    """How many requests were answered. `{n}` in a path or a header is another number for every request."""
    if WRK is None:
        for number in range(CALLS):
            asked(site, measure, f"{round}-{number}")
        return CALLS
    method, path, body, headers, _ = measure
    said = ", ".join(f'["{name}"] = "{value}"' for name, value in headers.items())
    script = f"""
local n = 0
local stamp = "{round}-"
request = function()
  n = n + 1
  local headers = {{{said}}}
  for name, value in pairs(headers) do headers[name] = string.gsub(value, "{{n}}", stamp .. n) end
  return wrk.format("{method}", (string.gsub("{path}", "{{n}}", stamp .. n)), headers, [[{body}]])
end
"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        argv = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", file.name, site]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    found = re.search(r"(\d+) requests in", said)
    assert found, said
    return int(found[1])


def asked(site: str, measure: Measure, number: Any) -> bytes:
    """The answer to one request."""
    method, path, body, headers, _ = measure
    url = urlsplit(site)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    filled = {name: value.replace("{n}", str(number)) for name, value in headers.items()}
    connection.request(method, path.replace("{n}", str(number)), body or None, filled)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status in (200, 202), said
    return said


def measures(stamp: int, durable: Durable, app: Celery, order: Any) -> dict[str, tuple[Measure, ...]]:
    """By what is compared: plain Celery first, then ours, each with one that is over and one that goes on."""
    typed = {"Content-Type": "application/json"}
    app.backend.store_result(f"over-{stamp}", "annannann", "SUCCESS")
    app.backend.store_result(f"on-{stamp}", None, "STARTED")
    over = Durable(store=durable.store)
    over.registry.add(order.registered)
    over.run(f"over-durable-{stamp}", "order", "ann", 3).result(timeout=10)
    over.close()
    durable.run(f"on-durable-{stamp}", order, "ann", 3)
    plain_start = ("POST", "/plain", _CALL, typed, "delay")
    start, run = "/durable/functions/order/executions", f"b-{stamp}-{{n}}"
    return {
        "start, PUT": (plain_start, ("PUT", f"{start}/{run}", _CALL, typed, "PUT")),
        "start, POST": (plain_start, ("POST", start, _CALL, {**typed, "Idempotency-Key": run}, "POST")),
        "status, over": (
            ("GET", f"/plain/over-{stamp}", "", {}, "AsyncResult"),
            ("GET", f"/durable/executions/over-durable-{stamp}", "", {}, "monitor"),
        ),
        "status, going on": (
            ("GET", f"/plain/on-{stamp}", "", {}, "AsyncResult"),
            ("GET", f"/durable/executions/on-durable-{stamp}", "", {}, "monitor"),
        ),
    }


def shown(what: str, rounds: list[tuple[tuple[float, float], tuple[float, float]]]) -> float:
    """Print one comparison; the median of its ratios."""
    each = sorted(mine[0] / other[0] for other, mine in rounds)
    (plain_s, plain_ms), (ours_s, ours_ms) = (
        tuple(statistics.median(figures) for figures in zip(*side, strict=True)) for side in zip(*rounds, strict=True)
    )
    print(
        f"{what}: {ours_s:,.0f}/s beside {plain_s:,.0f}/s, ratio {statistics.median(each):.2f} "
        f"({each[0]:.2f} to {each[-1]:.2f}), processor {ours_ms:.2f} ms beside {plain_ms:.2f} ms",
        flush=True,
    )
    return statistics.median(each)


def main(url: str | None = None, *frameworks: str) -> dict[str, float]:
    """Measure, print, and answer the ratios."""
    if url is None:
        with EmbeddedRedis() as server:
            return main(server.url)
    app, durable, _, order = application(url)
    ratios = {}
    for framework in frameworks or FRAMEWORKS:
        stamp = time.time_ns()
        compared = measures(stamp, durable, app, order)
        with served(framework, url) as site:
            for pair in compared.values():
                for measure in pair:  # connections and caches are made
                    asked(site, measure, f"warm-{measure[4]}")
            for what, (theirs, ours) in compared.items():
                rounds = [(measured(site, theirs, n), measured(site, ours, n)) for n in range(ROUNDS)]
                ratios[f"{framework} {what}"] = shown(f"{framework}, {what}", rounds)
    durable.close()
    app.close()
    return ratios


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*sys.argv[2:4])
    else:
        main(*sys.argv[1:])
