"""WAV files of one kind, 16-bit mono at one rate, written so that a reader never sees half of one."""

from __future__ import annotations

import os
import tempfile
import wave
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Frames a second: what espeak-ng speaks at, so Morse code uses it too.
SAMPLE_RATE = 22_050
#: Bytes a frame: 16 bits, one channel.
FRAME_BYTES = 2

_CHUNK_FRAMES = 65_536
_PART = ".part"


def silence(seconds: float) -> bytes:
    """Return nothing, for that long."""
    return bytes(FRAME_BYTES * round(seconds * SAMPLE_RATE))


def write(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a WAV file in one move, replacing any former one, and return its number of frames."""
    with replacing(path) as part, wave.open(str(part), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(FRAME_BYTES)
        out.setframerate(SAMPLE_RATE)
        for chunk in chunks:
            out.writeframes(chunk)
        return out.getnframes()


def read(path: Path) -> Iterator[bytes]:
    """Yield a WAV file's frames in pieces; ValueError when it is of another kind than ours."""
    with wave.open(str(path), "rb") as sound:
        kind = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
        if kind != (1, FRAME_BYTES, SAMPLE_RATE):
            message = f"{path.name} is not 16-bit mono at {SAMPLE_RATE} Hz but (channels, bytes, rate) = {kind}"
            raise ValueError(message)
        while chunk := sound.readframes(_CHUNK_FRAMES):
            yield chunk


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well, and goes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_PART, dir=path.parent)
    os.close(fd)
    part = path.parent / name
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for part in folder.glob(f".*{_PART}"):
        part.unlink(missing_ok=True)
