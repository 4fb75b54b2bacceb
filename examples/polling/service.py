"""The service that makes exports: slow, sometimes busy, sometimes broken. It runs in the story's own process."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: What GET says of the job "sales", in turn; "held" is not answered before the story says so.
ANSWERS = ["working", "held", "503", "429", "working", "done"]


class Exports(ThreadingHTTPServer):
    """Counts what it was asked, and remembers which idempotency key was given which job."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.let_go = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Exports

    def do_POST(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked[f"POST {name}"] += 1
        self.answer(200, {"job": self.server.jobs.setdefault(self.headers["Idempotency-Key"], name)})

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked[name] += 1
        said = ANSWERS[self.server.asked[name] - 1] if name == "sales" else "working"
        if said == "held":
            self.server.let_go.wait()
        elif said.isdigit():
            self.answer(int(said), {})
        else:
            self.answer(200, {"state": said, "url": f"/files/{name}.csv"})

    def answer(self, code: int, body: dict[str, str]) -> None:
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "0.3")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing: the story is told by `__main__.py`."""


@contextmanager
def serving() -> Iterator[Exports]:
    with Exports() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
