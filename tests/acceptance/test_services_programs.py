"""The programs of Restate's overview of its Python SDK, with only their import lines changed, on real servers.

Each is served by uvicorn and by hypercorn: in local mode, and with a Redis and a `celery worker` of its own. One more
program is caught in the middle while its web server, or its worker, is killed and started again.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_celery.dev import Program, Supervisor, free_port, log_has
from tests.acceptance.test_web_programs import accepts, program, until

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "services"
#: What the document shows, in its own words; it is printed there without indentation.
DOCUMENT = {
    "my_service": """
import restate
from restate import Context, Service
my_service = Service("MyService")
@my_service.handler("myHandler")
async def my_service_handler(ctx: Context, greeting: str) -> str:
return f"${greeting}!"
app = restate.app([my_service])
""",
    "my_object": """
import restate
from restate import VirtualObject, ObjectContext, ObjectSharedContext
my_virtual_object = VirtualObject("MyVirtualObject")
@my_virtual_object.handler("myHandler")
async def my_object_handler(ctx: ObjectContext, greeting: str) -> str:
return f"${greeting} ${ctx.key()}!"
@my_virtual_object.handler(kind="shared")
async def my_concurrent_handler(ctx: ObjectSharedContext, greeting: str) -> str:
return f"${greeting} ${ctx.key()}!"
app = restate.app([my_virtual_object])
""",
    "my_workflow": """
import restate
from restate import Workflow, WorkflowSharedContext, WorkflowContext
from restate.serde import Serde
my_workflow = Workflow("MyWorkflow")
@my_workflow.main()
async def run(ctx: WorkflowContext, req: str) -> str:
# ... implement workflow logic here ---
return "success"
@my_workflow.handler()
async def interact_with_workflow(ctx: WorkflowSharedContext, req: str):
# ... implement interaction logic here ...
return
app = restate.app([my_workflow])
""",
}
#: What each is asked: a path, a body, and the answer.
ASKED: dict[str, list[tuple[str, str, Any]]] = {
    "my_service": [("/MyService/myHandler", "hi", "$hi!")],
    "my_object": [
        ("/MyVirtualObject/bob/myHandler", "hi", "$hi $bob!"),
        ("/MyVirtualObject/a%2Fb/my_concurrent_handler", "hi", "$hi $a/b!"),
    ],
    "my_workflow": [
        ("/MyWorkflow/ann/run", "go", "success"),
        ("/MyWorkflow/ann/interact_with_workflow", "psst", None),
        ("/MyWorkflow/ann/run", "go", "success"),
    ],
}
#: Without processes below them, so that to kill the server is to kill all of it.
SERVERS = {
    "uvicorn": "uvicorn {module}:app --port {port}",
    "hypercorn": "hypercorn {module}:app --bind 127.0.0.1:{port} --workers 0",
}
#: The worker that the documentation shows.
(WORKER,) = re.findall(r"```python\n# worker.py\n(.*?)```", (ROOT / "docs" / "ingress.md").read_text(), re.DOTALL)


class Running:
    """A program on a web server, and a worker if it has one."""

    def __init__(self, supervisor: Supervisor, folder: Path, port: int) -> None:
        self.supervisor = supervisor
        self.folder = folder
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, json=body, headers=named)

    def steps(self) -> list[str]:
        """What was done, as the steps wrote it down themselves."""
        noted = self.folder / "steps"
        return noted.read_text().splitlines() if noted.exists() else []

    def told(self, name: str) -> str:
        """The awakeable that a handler waits for."""
        path = self.folder / name
        until(f"{name} to wait", lambda: path.exists() and path.read_text() != "")
        return path.read_text()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))


@contextmanager
def running(folder: Path, module: str, server: str, *, store: str = "", broker: str = "") -> Iterator[Running]:
    """Serve a program; with a broker, have a worker of two lines execute its handlers."""
    shutil.copy(PROGRAMS / f"{module}.py", folder)
    port = free_port()
    env = {"PYTHONUNBUFFERED": "1", "FOLDER": str(folder), "CELERY_RESULT_BACKEND": ""}
    env |= {"DURABLE_STORE_URL": store, "CELERY_BROKER_URL": broker}
    serve = SERVERS[server].format(module=module, port=port)
    programs: list[Program] = [program("web", serve, folder, env, folder / "web.log", lambda: accepts(port))]
    if broker:
        (folder / "worker.py").write_text(WORKER.replace("greeter", module))
        log = folder / "worker.log"
        work = "celery -A worker worker --concurrency 2 --loglevel info"
        programs.append(program("worker", work, folder, env, log, log_has(log, " ready.")))
    with Supervisor(grace=5) as supervisor:
        it = Running(supervisor, folder, port)
        supervisor.start(*programs, deadline=60)
        with it.client:
            yield it


def code(source: str) -> list[str]:
    """The lines that are neither blank nor imports, without their indentation."""
    lines = [line.strip() for line in source.splitlines()]
    return [line for line in lines if line and not line.startswith(("from ", "import "))]


def imported(source: str) -> set[str]:
    return {
        name.strip() for line in re.findall(r"^from .* import (.*)$", source, re.MULTILINE) for name in line.split(",")
    }


@pytest.mark.parametrize("module", DOCUMENT)
def test_the_program_is_the_documents_but_for_its_import_lines(module: str) -> None:
    source = (PROGRAMS / f"{module}.py").read_text()

    assert code(source) == code(DOCUMENT[module])
    assert imported(source) == imported(DOCUMENT[module])


def asked(it: Running, module: str) -> None:
    for path, body, value in ASKED[module]:
        answer = it.post(path, body)
        assert answer.status_code == 200, answer.text + it.logs()
        assert (answer.json() if answer.content else None) == value
    assert it.client.get("/openapi.json").json()["openapi"] == "3.1.0"
    assert it.post("/Nobody/home").status_code == 404


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("module", ASKED)
def test_it_is_served_in_local_mode(tmp_path: Path, module: str, server: str) -> None:
    with running(tmp_path, module, server) as it:
        asked(it, module)
    assert "Traceback" not in it.logs()


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("module", ASKED)
def test_with_a_broker_a_celery_worker_executes_it(tmp_path: Path, redis_url: str, module: str, server: str) -> None:
    with running(tmp_path, module, server, broker=redis_url) as it:
        asked(it, module)
        received = (tmp_path / "worker.log").read_text()
        for function in {path.split("/")[1] + "." + path.split("/")[-1] for path, _, _ in ASKED[module]}:
            assert f"{function}[" in received
    assert "Traceback" not in it.logs()


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("celery", [True, False], ids=["on a worker", "in the web server"])
def test_an_invocation_goes_on_when_the_web_server_is_killed(
    tmp_path: Path, redis_url: str, server: str, celery: bool
) -> None:
    keyed = {"idempotency_key": "once"}
    with (
        running(tmp_path, "held", server, store=redis_url, broker=redis_url if celery else "") as it,
        ThreadPoolExecutor(1) as threads,
    ):
        waiting = threads.submit(it.post, "/Held/wait", "ann", **keyed)
        later = it.post("/Held/later/send?delay=2s").headers["location"]
        told = it.told("ann")
        it.supervisor.kill("web")
        assert isinstance(waiting.exception(), httpx.TransportError)

        it.supervisor.restart("web")
        again = threads.submit(it.client.get, "/restate/invocation/Held/wait/once/attach")
        assert it.post(f"/restate/awakeables/{told}/resolve", "back").status_code == 200
        assert again.result().json() == "ann: back"
        assert it.post("/Held/wait", "ann", **keyed).json() == "ann: back"
        assert it.client.get(later).json() == "now"


@pytest.mark.parametrize("celery", [True, False], ids=["on a worker", "in the web server"])
def test_a_step_that_was_recorded_is_not_done_again_by_who_takes_over(
    tmp_path: Path, redis_url: str, celery: bool
) -> None:
    with running(tmp_path, "held", "uvicorn", store=redis_url, broker=redis_url if celery else "") as it:
        location = it.post("/Held/work/send", "x").headers["location"]
        until("the step at the gate", lambda: "at the gate x" in it.steps())
        doer = "worker" if celery else "web"
        it.supervisor.kill(doer)
        it.supervisor.restart(doer)
        answers: list[Any] = []
        attached = threading.Thread(target=lambda: answers.append(it.client.get(location).json()))
        attached.start()
        until("the step to be taken up again", lambda: it.steps().count("at the gate x") == 2)
        (tmp_path / "gate").touch()
        attached.join()

        assert answers == ["done"]
        assert it.steps() == ["before x", "at the gate x", "at the gate x", "after x"]
