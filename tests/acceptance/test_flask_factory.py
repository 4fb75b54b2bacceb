"""Durable functions in the context of a Flask application, executed by a real worker with a pool of threads."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from durable_celery.dev.child import Child, wait_until
from tests.docs.blocks import ROOT, blocks


@pytest.fixture
def app(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[flask.Flask]:
    """The application as a web process has it, and a worker by the command that its people use."""
    program = next(each.text for each in blocks(ROOT / "docs" / "flask.md") if each.text.startswith("# proj.py"))
    (tmp_path / "proj.py").write_text(program.replace("from shop", "from tests.acceptance.flask_factory"))
    env = {"BROKER": redis_url, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    monkeypatch.setenv("BROKER", redis_url)
    argv = [sys.executable, "-m", "celery", "-A", "proj", "worker", "-P", "threads", "-c", "2", "--without-mingle"]
    worker = Child([*argv, "-l", "info"], log=tmp_path / "log", env=env, cwd=tmp_path)
    try:
        made = importlib.import_module("tests.acceptance.flask_factory")
        app = made.create_app()
        assert wait_until(lambda: " ready." in worker.output(), 40), worker.output()
        yield app
    finally:
        worker.kill()
    made.durable.close()
    made.durable.app.close()


def test_bodies_and_steps_have_the_application_and_nothing_of_each_other(app: flask.Flask) -> None:
    client = app.test_client()
    fresh = "ann 1"
    for name in ("plain", "generator", "coroutine", "plain"):
        id = f"{name}-{os.urandom(4).hex()}"
        started = client.put(f"/durable/functions/{name}/executions/{id}")
        assert started.status_code == 202, started.text
        assert wait_until(lambda url=f"/status/{id}": client.get(url).text == "suspended", 20)
        with app.app_context():
            extension = app.extensions["durable"]
            waiting = next(step.id for step in extension.durable.get(id).steps() if step.kind == "promise")
            extension.durable.promises.resolve(waiting, None)

        found: list[Any] = client.get(f"/durable/executions/{id}/result", headers={"Prefer": "wait=20"}).json

        steps = [each for each in found if isinstance(each, list)]
        assert [step[0] for step in steps] == [fresh] * len(steps), "each step has a context of its own"
        assert not any(step[2] for step in steps), "and not that of its body"
        assert found[len(steps) :] == [fresh, "ann 2"], "so does each attempt at the body"
        if name == "plain":
            assert {step[1] for step in steps} == {"ThreadPoolExecutor", "durable"}, "also where a step has a thread"
