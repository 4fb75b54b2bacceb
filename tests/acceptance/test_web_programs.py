"""The three web programs in `examples/`: a durable function inside a Flask, a FastAPI and a Django route.

Each runs as a real server, as its README says: first in local mode, then, with the one line changed that the README
shows, on Redis with a `celery worker` of its own.
"""

from __future__ import annotations

import asyncio
import re
import runpy
import shlex
import shutil
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from fastapi import FastAPI

from durable_celery import Durable, Handle
from durable_celery.dev import Program, Supervisor, free_port, log_has
from durable_celery.dev.child import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
#: What the document these programs come from shows of them, in its own words; "elided" is what it leaves out.
FLASK = """
from flask import Flask, jsonify
from resonate import Resonate


app = Flask("flask-webserver")
resonate = Resonate.local()


def baz(_):
    print("running baz")
    return "hello world!"


def bar(ctx):
    print("running bar")
    result = yield ctx.lfc(baz)
    return result


@resonate.register
def foo(ctx):
    print("running foo")
    result = yield ctx.lfc(bar)
    return result


@app.route("/")
def read_root():
    handle = foo.run("flask_webserver_foo_promise_id")
    return jsonify({"value": handle.result()})
"""
FASTAPI = """
from resonate import Resonate, Context
from resonate.stores import LocalStore
from fastapi import FastAPI

app = FastAPI()
resonate = Resonate(store=LocalStore())


@resonate.register
def foo(ctx: Context):
    v = yield ctx.lfc(bar)
    return v + 1


@app.get("/")
def read_root():
    handle = foo.run("fastapi_webserver_foo_promise_id")
    return {"value": handle.result()}
"""
DJANGO = """
@resonate.register
def foo(ctx: Context):
    v = yield ctx.lfc(bar)
    return v + 1


def read_root(request):
    v = foo.run("django_webserver_foo_promise_id").result()
    return JsonResponse({"value": v})
"""
HELPERS = """
def baz(_: Context):
    print("running baz")
    return 1


def bar(ctx: Context):
    print("running bar")
    v = yield ctx.lfc(baz)
    return v + 1
"""
CLIENT = "resonate = Resonate(store=LocalStore())\n"
#: Two more steps for a worker: one stays where it is until the test lets it go on, and one comes after it.
SLOW = """
import os

import redis


def pause():
    print("running pause")
    client = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"], socket_timeout=None)
    client.blpop(["gate"], timeout=60)


def last():
    print("running last")
"""
#: A server of the test's own: its step waits for `/open`, and its routes wait in both ways.
GATED = """
import threading

from fastapi import FastAPI

from durable_celery import Durable

app = FastAPI()
durable = Durable.local()
gate = threading.Event()


def step(name):
    print(f"running {name}")
    gate.wait(60)
    return name.upper()


@durable.register
def hold(ctx, name):
    return (yield ctx.run(step, name))


@app.get("/await/{id}")
async def read_async(id: str):
    print(f"asked {id}")
    return {"value": await hold.run(id, id)}


@app.get("/block/{id}")
def read_blocking(id: str):
    print(f"asked {id}")
    return {"value": hold.run(id, id).result()}


@app.get("/ping")
async def ping():
    return "pong"


@app.get("/open")
async def let_go():
    gate.set()
"""

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One program: where it is, how its README starts it, what it does."""

    folder: Path
    module: str
    serve: str
    port: str
    work: str
    value: str | int
    bodies: tuple[str, ...]
    document: str
    elided: str = ""

    @property
    def id(self) -> str:
        return f"{self.folder.name.removeprefix('web_')}_webserver_foo_promise_id"

    @property
    def source(self) -> str:
        return (self.folder / self.module).read_text()

    @property
    def readme(self) -> str:
        return (self.folder / "README.md").read_text()

    def once(self) -> Counter[str]:
        return Counter(self.bodies)

    def copied_to(self, folder: Path, change: Callable[[str], str]) -> Path:
        """Copy the example, its program changed."""
        there = shutil.copytree(self.folder, folder / self.folder.name)
        (there / self.module).write_text(change(self.source))
        return there


EACH = [
    Example(
        folder=EXAMPLES / "web_flask",
        module="webserver.py",
        serve="flask --app webserver run",
        port="--port {port}",
        work="celery -A webserver:celery worker",
        value="hello world!",
        bodies=("foo", "bar", "baz"),
        document=FLASK,
    ),
    Example(
        folder=EXAMPLES / "web_fastapi",
        module="webserver.py",
        serve="uvicorn webserver:app",
        port="--port {port}",
        work="celery -A webserver:celery worker",
        value=3,
        bodies=("bar", "baz"),
        document=FASTAPI,
        elided=HELPERS,
    ),
    Example(
        folder=EXAMPLES / "web_django",
        module="views.py",
        serve="python manage.py runserver",
        port="{port} --noreload",
        work="DJANGO_SETTINGS_MODULE=settings celery -A views:celery worker",
        value=3,
        bodies=("bar", "baz"),
        document=DJANGO,
        elided=CLIENT + HELPERS,
    ),
]
flask, fastapi, django = EACH
each = pytest.mark.parametrize("example", EACH, ids=lambda it: it.folder.name)


class Running:
    """A web server, its worker if it has one, and a client that asks it."""

    def __init__(self, supervisor: Supervisor, folder: Path, port: int) -> None:
        self.supervisor = supervisor
        self.web_log, self.worker_log = folder / "web.log", folder / "worker.log"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=40,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    def value(self, path: str = "/") -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, self.supervisor.last_lines("web", 30)
        return answer.json()["value"]

    def printed(self, word: str = "running") -> Counter[str]:
        """Count what the web server's process printed: running what, how often."""
        return counted(self.web_log, word)

    def worked(self) -> Counter[str]:
        """Count what the worker's processes printed."""
        return counted(self.worker_log, "running")


def counted(log: Path, word: str) -> Counter[str]:
    return Counter(re.findall(rf"{word} (foo|bar|baz|pause|last|n\d)", log.read_text()))


@contextmanager
def running(folder: Path, example: Example, redis_url: str = "") -> Iterator[Running]:
    """Serve the program in `folder` as its README says; with a Redis, start a worker for it as well."""
    port = free_port()
    env = {"PYTHONUNBUFFERED": "1", "CELERY_BROKER_URL": redis_url, "CELERY_RESULT_BACKEND": redis_url}
    with Supervisor() as supervisor:
        it = Running(supervisor, folder, port)
        serve = f"{example.serve} {example.port.format(port=port)}"
        programs = [program("web", serve, folder, env, it.web_log, lambda: accepts(port))]
        if redis_url:
            work = f"{example.work} --concurrency 2 --loglevel info"
            programs.append(program("worker", work, folder, env, it.worker_log, log_has(it.worker_log, " ready.")))
        supervisor.start(*programs, deadline=60)
        with it.client:
            yield it


def program(
    name: str, command: str, folder: Path, env: dict[str, str], log: Path, ready: Callable[[], bool]
) -> Program:
    """Make a program of a line for a shell, run by this very Python."""
    words = shlex.split(command)
    if "=" in words[0]:
        key, _, value = words.pop(0).partition("=")
        env = {**env, key: value}
    argv = words[1:] if words[0] == "python" else ["-m", *words]
    return Program(name=name, argv=[sys.executable, *argv], env=env, cwd=folder, log=log, ready=ready)


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def until(what: str, condition: Callable[[], bool], seconds: float = 40) -> None:
    assert wait_until(condition, seconds, pause=0.02), f"waited in vain for {what}"


@contextmanager
def at_once(ask: Callable[[str], Any], paths: list[str]) -> Iterator[list[Future[Any]]]:
    """Send all these requests at the same instant, each from a thread of its own."""
    barrier = threading.Barrier(len(paths))

    def one(path: str) -> Any:
        barrier.wait()
        return ask(path)

    with ThreadPoolExecutor(len(paths)) as threads:
        yield [threads.submit(one, path) for path in paths]


def results(futures: list[Future[Any]]) -> list[Any]:
    return [future.result() for future in futures]


def on_redis(example: Example) -> str:
    """Change the program as the README's diff says."""
    (hunk,) = re.findall(r"```diff\n(.*?)\n```", example.readme, re.DOTALL)
    marked = [(line[:1], line[1:]) for line in hunk.splitlines()]
    old = "\n".join(line for mark, line in marked if mark != "+") + "\n"
    new = "\n".join(line for mark, line in marked if mark != "-") + "\n"
    assert example.source.startswith(old)
    return new + example.source.removeprefix(old)


def imports(source: str, *, without: str) -> list[str]:
    return sorted(
        line for line in source.splitlines() if line.startswith(("from ", "import ")) and f"from {without}" not in line
    )


def code(source: str) -> list[str]:
    """Give the lines that are neither blank nor imports."""
    return [line for line in source.splitlines() if line and not line.startswith(("from ", "import "))]


@each
def test_the_program_is_the_documents_but_for_its_import_lines(example: Example) -> None:
    program, document = code(example.source), code(example.document)

    assert Counter(program) == Counter(document + code(example.elided))
    rest = iter(program)
    assert [line for line in document if line not in rest] == []  # in the document's order
    if imports(example.document, without="resonate"):
        assert imports(example.source, without="durable_celery") == imports(example.document, without="resonate")


@each
def test_the_redis_variant_differs_in_the_line_that_builds_the_client(example: Example) -> None:
    local, shared = example.source.splitlines(), on_redis(example).splitlines()

    gone = list((Counter(local) - Counter(shared)).elements())
    come = list((Counter(shared) - Counter(local)).elements())

    assert sorted(come) == ["from celery import Celery", 'resonate = Resonate(celery := Celery("web"))']
    assert len(gone) == 1
    assert gone[0].startswith("resonate = Resonate")


@each
def test_the_readme_says_what_is_run_here(example: Example) -> None:
    said = example.readme

    assert f"`{example.serve}`" in said
    assert f"`{example.work}`" in said
    assert "```\n" + "\n".join(f"running {body}" for body in example.bodies) + "\n```" in said
    assert re.search(r'\{"value": ?(.*)\}', said)[1] in (f'"{example.value}"', str(example.value))  # type: ignore[index]


@each
def test_two_requests_at_once_and_all_later_ones_are_one_execution(example: Example, tmp_path: Path) -> None:
    with running(example.copied_to(tmp_path, str), example) as it:
        with at_once(it.value, ["/", "/"]) as answers:
            assert results(answers) == [example.value] * 2
        assert [it.value() for _ in range(3)] == [example.value] * 3

        assert it.printed() == example.once()


@each
def test_on_redis_the_worker_runs_the_bodies_and_a_restart_of_either_changes_nothing(
    example: Example, tmp_path: Path, redis_url: str
) -> None:
    folder = example.copied_to(tmp_path, lambda _: on_redis(example))
    with running(folder, example, redis_url) as it:
        with at_once(it.value, ["/", "/"]) as answers:
            assert results(answers) == [example.value] * 2
        assert it.value() == example.value
        assert it.worked() == example.once()

        it.supervisor.restart("web")
        assert it.value() == example.value
        it.supervisor.restart("worker")
        assert it.value() == example.value

        assert it.worked() == example.once()
        assert it.printed() == Counter()


def slow(program: str) -> str:
    """Put a step that waits for the test after the innermost one, and another step after that."""
    line = "    result = yield ctx.lfc(baz)\n"
    assert line in program
    more = "".join(f"    yield ctx.lfc(slow.{step})\n" for step in ("pause", "last"))
    return "import slow\n" + program.replace(line, line + more)


@contextmanager
def held(tmp_path: Path, redis_url: str) -> Iterator[tuple[Running, list[Future[Any]], Callable[[], object]]]:
    """Two requests at once, whose execution is inside its slow step; and what lets the step go on."""
    folder = flask.copied_to(tmp_path, lambda _: slow(on_redis(flask)))
    (folder / "slow.py").write_text(SLOW)
    client = redis.Redis.from_url(redis_url)
    with running(folder, flask, redis_url) as it, at_once(it.value, ["/", "/"]) as waiting:
        until("the slow step", lambda: it.worked() == Counter(foo=1, bar=1, baz=1, pause=1))
        yield it, waiting, lambda: client.rpush("gate", "open")
    client.close()


def test_requests_wait_through_the_restart_of_a_worker_that_is_asked_to_go(tmp_path: Path, redis_url: str) -> None:
    with held(tmp_path, redis_url) as (it, waiting, let_go):
        leaving = log_has(it.worker_log, "Warm shutdown")
        restart = threading.Thread(target=it.supervisor.restart, args=("worker",))
        restart.start()
        until("the worker to be on its way out", leaving)
        assert not any(answer.done() for answer in waiting)
        let_go()
        restart.join()

        assert results(waiting) == [flask.value] * 2
        assert it.worked() == Counter(foo=2, bar=2, baz=1, pause=1, last=1)  # bodies are replayed, steps are not
        assert it.printed() == Counter()


def test_an_execution_outlives_a_worker_and_a_web_server_that_are_killed(tmp_path: Path, redis_url: str) -> None:
    with held(tmp_path, redis_url) as (it, waiting, let_go):
        it.supervisor.kill("web")
        it.supervisor.kill("worker")
        for answer in waiting:
            assert isinstance(answer.exception(), httpx.TransportError)

        it.supervisor.restart("worker")
        it.supervisor.restart("web")
        with at_once(it.value, ["/", "/"]) as again:
            until("the step to be taken up again", lambda: it.worked()["pause"] == 2)
            let_go()
            assert results(again) == [flask.value] * 2

        assert it.worked() == Counter(foo=2, bar=2, baz=1, pause=2, last=1)


def test_a_route_that_awaits_leaves_the_event_loop_to_others(tmp_path: Path) -> None:
    (tmp_path / "webserver.py").write_text(GATED)
    paths = [f"/await/n{number % 5}" for number in range(50)]
    with running(tmp_path, fastapi) as it, at_once(it.value, paths) as waiting:
        until("all to be asked", lambda: it.printed("asked").total() == 50)
        until("the steps", lambda: len(it.printed()) == 5)

        assert it.client.get("/ping").json() == "pong"
        with at_once(it.value, ["/block/n1"]) as blocking:
            until("the blocking one too", lambda: it.printed("asked").total() == 51)
            assert not any(answer.done() for answer in waiting + blocking)
            it.client.get("/open")
            assert results(waiting + blocking) == [path[-2:].upper() for path in [*paths, "/block/n1"]]

        assert it.printed() == Counter(n0=1, n1=1, n2=1, n3=1, n4=1)


def test_fifty_blocking_requests_at_once_for_five_ids_are_five_executions(tmp_path: Path) -> None:
    (tmp_path / "webserver.py").write_text(GATED)
    paths = [f"/block/n{number % 5}" for number in range(50)]
    with running(tmp_path, fastapi) as it, at_once(it.value, paths) as waiting:
        until("many of them to wait", lambda: it.printed("asked").total() >= 30)
        it.client.get("/open")

        assert results(waiting) == [path[-2:].upper() for path in paths]
        assert it.printed() == Counter(n0=1, n1=1, n2=1, n3=1, n4=1)


def test_the_readmes_async_route_gives_the_value(tmp_path: Path) -> None:
    (route,) = re.findall(r"```python\n(.*?)```", fastapi.readme, re.DOTALL)
    with running(fastapi.copied_to(tmp_path, lambda source: source + "\n\n" + route), fastapi) as it:
        assert [it.value("/async"), it.value("/"), it.value("/async")] == [3, 3, 3]
        assert it.printed() == fastapi.once()


@pytest.fixture
def loaded(example: Example) -> Iterator[dict[str, Any]]:
    """The names of an example's module."""
    names = runpy.run_path(str(example.folder / example.module))
    yield names
    names["resonate"].close()


@each
def test_run_and_begin_run_give_a_handle_and_call_gives_the_value(example: Example, loaded: dict[str, Any]) -> None:
    foo, resonate = loaded["foo"], loaded["resonate"]
    assert isinstance(resonate, Durable)

    for handle in (foo.run(example.id), foo.begin_run(example.id), resonate.run(example.id, "foo")):
        assert isinstance(handle, Handle)
        assert handle.result() == example.value
    assert foo.call(example.id) == resonate.call(example.id, foo) == example.value


@each
def test_a_handle_taken_for_a_value_and_a_value_for_a_handle_say_so_as_the_readme_shows(
    example: Example, loaded: dict[str, Any]
) -> None:
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)`", example.readme, re.MULTILINE)
    assert len(rows) == 4

    for written, shown in rows:
        names = {**loaded, "id": example.id, "handle": loaded["foo"].run(example.id)}
        assert what_comes(written, names).startswith(shown.removesuffix(" …"))


def what_comes(written: str, names: dict[str, Any]) -> str:
    """Run a line inside a route of the framework; give its text, or its error as the log's last line has it."""
    try:
        if written.startswith("return "):
            return answered(lambda: eval(written.removeprefix("return "), names))
        app = names.get("app")
        if hasattr(app, "app_context"):
            with app.app_context():
                return str(eval(written, names))
        return str(eval(written, names))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def answered(route: Callable[[], Any]) -> str:
    app = FastAPI()
    app.get("/")(route)

    async def ask() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return (await client.get("/")).text

    return asyncio.run(ask())
