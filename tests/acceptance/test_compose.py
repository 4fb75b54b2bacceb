"""docker-compose.yml says the right things, and each service's very command works on this machine, without Docker."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.retry import Retry

from durable_celery.dev import Program, Supervisor, free_port
from durable_celery.dev.child import wait_until
from durable_celery.dev.server import server_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = ("worker-1", "worker-2")
OURS = (*WORKERS, "web", "flower")


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60}[unit]


# What it says


def test_redis_forgets_nothing_and_evicts_nothing() -> None:
    service = SERVICES["redis"]

    assert service["command"] == "redis-server --appendonly yes --maxmemory-policy noeviction"
    assert service["healthcheck"]["test"] == ["CMD", "redis-cli", "ping"]
    assert [volume.partition(":") for volume in service["volumes"]] == [("redis", ":", "/data")]
    assert "redis" in COMPOSE["volumes"]


def test_every_service_has_a_healthcheck_with_limits() -> None:
    for name, service in SERVICES.items():
        check = service["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert seconds(check["timeout"]) <= seconds(check["interval"]), name
        assert check["retries"] >= 3, name


@pytest.mark.parametrize("name", OURS)
def test_all_wait_for_a_healthy_redis_and_use_it(name: str) -> None:
    service = SERVICES[name]

    assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert service["environment"]["DURABLE_REDIS_URL"] == "redis://redis:6379/0"


@pytest.mark.parametrize("name", OURS)
def test_all_share_one_folder_of_rendered_files(name: str) -> None:
    service = SERVICES[name]

    assert service["volumes"] == [f"renders:{service['environment']['RENDER_DIR']}"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_time_to_hand_over_before_it_is_killed(name: str) -> None:
    assert seconds(SERVICES[name]["stop_grace_period"]) >= 45


def test_ports_are_published_to_this_machine_only() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_image_has_what_the_services_run() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text()

    for word in ("durable_celery", "workers", "webapp", "pyproject.toml"):
        assert word in dockerfile
    assert "\nUSER app\n" in dockerfile, "nothing runs as root"


# What it does


class HereInsteadOfThere:
    """Turns a service's command, environment and healthcheck into ones for this machine, and changes nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis_port = free_port()
        self.web_port = free_port()
        self.flower_port = free_port()
        self._there_and_here = {
            "redis:6379": f"127.0.0.1:{self.redis_port}",
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.web_port),
            "5555": str(self.flower_port),
            "/data/renders": str(folder / "renders"),
        }

    def __call__(self, text: str) -> str:
        for there, here in self._there_and_here.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {key: self(value) for key, value in SERVICES[name].get("environment", {}).items()} | {"PATH": path}

    def program(self, name: str) -> Program:
        argv = [self(word) for word in shlex.split(SERVICES[name]["command"])]
        if name == "redis":
            assert argv[0] == "redis-server"
            places = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
            argv = [str(server_binary()), *argv[1:], *places]
        elif found := shutil.which(argv[0], path=self.environment(name)["PATH"]):
            argv[0] = found
        log = self.folder / f"{name}.log"
        return Program(name=name, argv=argv, env=self.environment(name), cwd=PROJECT, log=log)

    def is_healthy(self, name: str) -> bool:
        """Run the service's healthcheck; for redis, which may come without redis-cli here, send the same PING."""
        if name == "redis":
            with contextlib.suppress(redis.RedisError):
                return bool(redis.Redis(port=self.redis_port, retry=Retry(NoBackoff(), 0)).ping())
            return False
        argv = [self(word) for word in SERVICES[name]["healthcheck"]["test"][1:]]
        env = {**os.environ, **self.environment(name)}
        limit = seconds(SERVICES[name]["healthcheck"]["timeout"])
        with contextlib.suppress(subprocess.TimeoutExpired):
            return (
                subprocess.run(argv, env=env, cwd=PROJECT, timeout=limit, capture_output=True, check=False).returncode
                == 0
            )
        return False


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HereInsteadOfThere, Supervisor]]:
    here = HereInsteadOfThere(tmp_path_factory.mktemp("compose"))
    with Supervisor(grace=seconds(SERVICES["worker-1"]["stop_grace_period"])) as supervisor:
        supervisor.start(here.program("redis"))
        assert wait_until(lambda: here.is_healthy("redis"), 10), supervisor.last_lines("redis")
        supervisor.start(*(here.program(name) for name in OURS))
        yield here, supervisor


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SERVICES)
def test_the_service_runs_and_becomes_healthy(name: str, composed: tuple[HereInsteadOfThere, Supervisor]) -> None:
    here, supervisor = composed

    assert wait_until(lambda: here.is_healthy(name), 60, pause=0.5), supervisor.last_lines(name, 40)
    assert supervisor.alive(name)


def test_redis_runs_with_the_settings_of_the_file(composed: tuple[HereInsteadOfThere, Supervisor]) -> None:
    here, _ = composed

    with redis.Redis(port=here.redis_port, decode_responses=True) as client:
        assert client.config_get("appendonly", "maxmemory-policy") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }


@pytest.mark.timeout(120)
def test_a_rendering_goes_through_all_of_them(composed: tuple[HereInsteadOfThere, Supervisor]) -> None:
    here, supervisor = composed
    web = f"http://127.0.0.1:{here.web_port}"
    for name in OURS:
        assert wait_until(lambda name=name: here.is_healthy(name), 60, pause=0.5), supervisor.last_lines(name, 40)  # type: ignore[misc]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"content-type": "application/json"}
    body = json.dumps({"text_list": ["One.", "Two."]}).encode()

    with opener.open(urllib.request.Request(f"{web}/render/composed", body, headers), timeout=10) as answer:
        assert answer.status == 202
        location = urlsplit(answer.headers["location"]).path
    deadline = time.monotonic() + 30
    while True:
        with opener.open(web + location, timeout=10) as answer:
            status = json.load(answer)
        if answer.status == 200:
            break
        assert time.monotonic() < deadline, status
        time.sleep(0.1)

    with opener.open(web + status["result"]["file"], timeout=10) as answer, wave.open(io.BytesIO(answer.read())) as wav:
        assert wav.getnframes() > 0


def test_all_end_by_sigterm_within_the_grace_period(composed: tuple[HereInsteadOfThere, Supervisor]) -> None:
    _, supervisor = composed
    began = time.monotonic()

    supervisor.stop()

    assert time.monotonic() - began < seconds(SERVICES["worker-1"]["stop_grace_period"])
    assert supervisor.survivors() == []
