"""The program of "Making an asynchronous task in Flask", its threads and its table of tasks replaced by an import."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx

from durable_celery.dev import Supervisor, free_port, log_has
from tests.acceptance.test_web_programs import accepts, imports, program

PROGRAM = Path(__file__).parent / "data" / "async_api.py"
#: What the document has of it beside the decorator, its table of tasks and its status link, in its own words.
DOCUMENT = """
app = Flask(__name__)
api = Api(app)
class CatchAll(Resource):
    @async_api
    def get(self, path=''):
        # perform some intensive processing
        print("starting processing task, path: '%s'" % path)
        time.sleep(10)
        print("completed processing task, path: '%s'" % path)
        return f'The answer is: {path}'
api.add_resource(CatchAll, '/<path:path>', '/')
if __name__ == '__main__':
    app.run(debug=True)
"""
#: What stands for these.
WIRING = """
celery = Celery("tasks", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
bind(app, Durable(celery), url_prefix="")
"""


def test_the_program_is_the_documents_but_for_its_imports_and_its_wiring() -> None:
    source = PROGRAM.read_text()
    lines = [line for line in source.splitlines() if line and line not in imports(source, without="nobody")]
    assert Counter(lines) == Counter([line for line in (DOCUMENT + WIRING).splitlines() if line])
    rest = iter(lines)
    assert [line for line in DOCUMENT.splitlines() if line and line not in rest] == []  # in the document's order


def test_it_answers_202_and_its_status_link_the_answer_in_the_end(tmp_path: Path, redis_url: str) -> None:
    (tmp_path / PROGRAM.name).write_text(PROGRAM.read_text().replace("time.sleep(10)", "time.sleep(1)"))
    port, env = free_port(), {"REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}
    web, worker = tmp_path / "web.log", tmp_path / "worker.log"
    serve = f"flask --app async_api run --port {port}"
    work = "celery -A async_api:celery worker -P solo --without-mingle --without-gossip -l info"
    with Supervisor() as supervisor, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        supervisor.start(
            program("web", serve, tmp_path, env, web, lambda: accepts(port)),
            program("worker", work, tmp_path, env, worker, log_has(worker, " ready.")),
            deadline=60,
        )
        started = client.get("/tea/with/milk")
        assert (started.status_code, started.headers["location"][:8]) == (202, "/status/")
        assert client.get(started.headers["location"]).status_code == 202
        over = client.get(started.headers["location"], headers={"Prefer": "wait=10"})

        assert (over.status_code, over.headers["content-type"]) == (200, "application/json")
        assert over.json() == "The answer is: tea/with/milk"
        assert worker.read_text().count("completed processing task, path: 'tea/with/milk'") == 1
        assert "processing task" not in web.read_text()
