"""What a store or a result backend holds does not choose what code runs: nothing is imported, only errors are made."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from durable_celery import Durable, ExecutionFailed, FunctionNotFound, RedisStore, Service, app
from durable_celery.codec import Codec
from durable_celery.newpromise import NewPromise
from durable_celery.promise import Outcome, State
from tests.security.conftest import Canary

PACKAGE = Path(__file__).parents[2] / "durable_celery"
NAMES = [
    "canary_module.Boom",
    "canary_module.sub.Boom",
    "os.system",
    "builtins.eval",
    "builtins.SystemExit",
    "builtins.KeyboardInterrupt",
    "builtins.object",
    "subprocess.Popen",
    "tests.security.conftest.Canary",
    "a." * 500_000 + "b",
    "",
    ".",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: str(name)[:40])
def test_an_error_in_the_store_becomes_nothing_but_an_error(name: str, canary: Canary, tmp_path: Path) -> None:
    record = {"type": name, "message": "m", "args": [f"touch {tmp_path}/ran"], "traceback": ""}
    error = Codec().error(Outcome(State.REJECTED, json.dumps(record)), "some-id")
    assert isinstance(error, ExecutionFailed)
    assert error.type == name
    assert not (tmp_path / "ran").exists()
    assert "canary_module" not in sys.modules


def test_an_error_that_is_imported_already_is_made_of_its_class() -> None:
    """Else the others would show nothing."""
    record = {"type": "builtins.ValueError", "message": "m", "args": ["m"]}
    assert type(Codec().error(Outcome(State.REJECTED, json.dumps(record)), "some-id")) is ValueError


def test_no_module_of_the_package_imports_by_a_name_it_was_given() -> None:
    """The one that looks for the server of the tests names it itself, and a package may look for its own modules."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "__import__", "symbol_by_name"), path
                if called.endswith("import_module"):
                    own = ast.unparse(node.args[0]).startswith("f'{__name__}.")
                    assert own or isinstance(node.args[0], ast.Constant), path


def test_a_record_that_names_a_module_as_its_function_imports_nothing(canary: Canary, redis_url: str) -> None:
    durable = Durable(store=RedisStore(redis_url))
    durable.register(lambda ctx: None, name="known")
    store = durable.store
    store.create(NewPromise(id="foreign-1", function="canary_module.body", args="[[],{}]"))
    durable._publish(store.sweep(5).ready)
    durable.run("known-1", "known").result(10)
    with pytest.raises(FunctionNotFound):
        durable.run("foreign-2", "canary_module.body")
    assert "canary_module" not in sys.modules
    store.cancel("foreign-1", 0)
    durable.close()


@pytest.mark.parametrize(
    ("module", "kind"),
    [("canary_module", "Boom"), ("os", "system"), ("canary_module.sub", "X"), ("subprocess", "Popen")],
)
def test_what_the_result_backend_says_of_a_child_runs_nothing(
    canary: Canary, redis_url: str, tmp_path: Path, module: str, kind: str
) -> None:
    """A task child whose callback was lost is settled with what the backend holds."""
    made = Celery("mirrored", broker=redis_url, backend=redis_url)
    durable = Durable(made)
    said = {"exc_type": kind, "exc_message": [f"touch {tmp_path}/ran"], "exc_module": module}
    made.backend.set(
        made.backend.get_key_for_task("child-1"),
        json.dumps({"status": "FAILURE", "result": said, "traceback": "t", "task_id": "child-1"}),
    )
    assert durable._tasks is not None
    try:
        outcome: Any = durable._tasks.known("child-1")
    except Exception as error:
        assert type(error).__name__ == "SecurityError"  # Celery's own, for what is no exception at all
    else:
        assert outcome.state is State.REJECTED
    assert not (tmp_path / "ran").exists()
    assert "canary_module" not in sys.modules
    made.backend.client.flushdb()
    durable.close()
    made.close()


async def asked(asgi: Any, *paths: str) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://shop.test") as client:
        return [(await client.post(path, json=1)).status_code for path in paths]


def test_names_in_urls_are_looked_up_and_nothing_else(canary: Canary) -> None:
    shop = Service("shop")

    @shop.handler()
    async def known(ctx: Any, n: int) -> int:
        return n

    asgi = app([shop])
    paths = ["canary_module/body", "canary_module.body/call", "shop/canary_module.body", "shop/__class__", "os/system"]
    assert asyncio.run(asked(asgi, "/shop/known", *(f"/{path}" for path in paths))) == [200] + [404] * len(paths)
    assert "canary_module" not in sys.modules
