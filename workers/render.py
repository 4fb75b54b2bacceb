"""The durable function `render`: lines of text to one WAV file, one step for each line.

Steps tell each other file names, never sounds: what a step returns is kept in Redis, and the sound in a folder.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workers import ledger, settings, sound, wav
from workers.script import check_script

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from durable_celery import Context, Durable, Function

#: The name of the whole, in the execution's folder; each line is beside it.
JOINED = "render.wav"
#: Silence between two lines.
PAUSE_SECONDS = 0.5


def register(durable: Durable) -> Function[..., Any]:
    """Register `render` with an application, under its name everywhere."""
    return durable.register(name="render")(render)


def render(ctx: Context, text_list: list[str]) -> Generator[Any, Any, dict[str, Any]]:
    """Render each line in a step of its own, then join them."""
    lines = check_script(text_list)
    rendered = []
    for index, line in enumerate(lines):
        rendered.append((yield ctx.run(render_line, ctx.id, index, line)))
    result: dict[str, Any] = yield ctx.run(join, ctx.id, rendered)
    return result


def render_line(ctx: Context, execution_id: str, index: int, line: str) -> dict[str, Any]:
    """Render one line to a file of its own; doing it again writes the same file again."""
    name = f"{execution_id}/{index:03d}.wav"
    with _told(f"{ctx.id} {index}"), _lasting(settings.render_step_seconds()):
        voice, frames = sound.speak(line, settings.render_dir() / name)
    return {"file": name, "voice": voice, "frames": frames}


def join(ctx: Context, execution_id: str, rendered: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the lines' files into one, and say what came out."""
    name = f"{execution_id}/{JOINED}"
    path = settings.render_dir() / name
    with _told(f"{ctx.id} join"):
        frames = wav.write(path, _joined_frames([line["file"] for line in rendered]))
        wav.sweep(path.parent)
    return {
        "file": name,
        # Workers with and without speech may have taken turns.
        "voice": "+".join(sorted({line["voice"] for line in rendered})),
        "seconds": round(frames / wav.SAMPLE_RATE, 3),
        "lines": len(rendered),
        "bytes": path.stat().st_size,
    }


def _joined_frames(names: list[str]) -> Iterator[bytes]:
    for index, name in enumerate(names):
        if index:
            yield wav.silence(PAUSE_SECONDS)
        try:
            yield from wav.read(settings.render_dir() / name)
        except FileNotFoundError:
            message = f"{name} is not in RENDER_DIR here; all workers must share that folder"
            raise FileNotFoundError(message) from None


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Tell the ledger, when there is one, that a step starts and that it is done."""
    path = settings.render_ledger()
    if path is None:
        yield
        return
    ledger.append(path, f"{what} {os.getpid()} start")
    yield
    ledger.append(path, f"{what} {os.getpid()} done")


@contextmanager
def _lasting(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    yield
    time.sleep(max(0.0, end - time.monotonic()))
