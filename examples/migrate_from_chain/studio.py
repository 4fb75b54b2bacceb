"""The work itself, which knows nothing of Celery: each function says in a file when it begins and when it is done."""

from __future__ import annotations

import time
from pathlib import Path

DID = Path("did.txt")


def download(name: str) -> str:
    return _work("download", f"{name}.raw", 0.1)


def transcode(file: str) -> str:
    return _work("transcode", file.replace(".raw", ".mp4"), 0.6)


def publish(file: str) -> str:
    return _work("publish", f"https://example.test/{file}", 0.1)


def _work(what: str, result: str, seconds: float) -> str:
    with DID.open("a") as did:
        did.write(f"{what} begins\n")
    time.sleep(seconds)
    with DID.open("a") as did:
        did.write(f"{what} done\n")
    return result
