"""A real uvicorn process that serves the services of these tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from durable_celery.dev.ports import free_port

ROOT = Path(__file__).parents[2]


class Server:
    """Started, killed and started again at the same address."""

    def __init__(self, store_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), "DURABLE_STORE_URL": store_url}
        self._env.pop("CELERY_BROKER_URL", None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [sys.executable, "-m", "uvicorn", "tests.client.served:app", "--port", str(self.port)]
        self._process = subprocess.Popen([*argv, "--log-level", "warning"], env=self._env, cwd=ROOT)
        end = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/openapi.json", timeout=1).is_success
        except httpx.TransportError:
            return False
