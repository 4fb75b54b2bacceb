"""`python -m webapp.demo`: a worker is killed in the middle of a rendering, and another one carries on. All checked."""

from __future__ import annotations

import io
import os
import shutil
import socket
import sys
import tempfile
import time
import uuid
import wave
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from webapp import evidence, http_client
from webapp.rendering import Rendering
from webapp.stack import PROJECT, Stack, end_on_signals, running

if TYPE_CHECKING:
    from typing import Any

LINES = [
    "Good morning.",
    "This is the news.",
    "A worker will die.",
    "It dies right here.",
    "Another one goes on.",
    "No line is lost.",
    "None is read twice.",
    "Goodbye.",
]
#: So that there is a middle to be killed in.
STEP_SECONDS = 0.6
KILL_AFTER_STEPS = 3
#: A living host: no lease has to run out before another worker goes on.
TAKEOVER_SECONDS = 3.0
FOLLOW_SECONDS = 45.0
SOUND = PROJECT / ".durable" / "demo.wav"


def main() -> None:
    """Tell the story; exit 0 when all was as told, else say what was not and keep the logs."""
    end_on_signals()
    folder = Path(tempfile.mkdtemp(prefix="durable-demo-"))
    keep = False
    try:
        began = time.monotonic()
        print("Starting Redis, two workers, the web application and Flower ...", flush=True)
        with running(folder, redis_data=folder / "redis", step_seconds=STEP_SECONDS) as stack:
            _introduce(stack, time.monotonic() - began)
            _tell(stack)
        _check_all_stopped(stack)
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; everything was stopped.")
    except (RuntimeError, TimeoutError, OSError) as error:
        keep = (folder / "logs").exists()
        where = f"\nThe logs are in {folder / 'logs'}" if keep else ""
        sys.exit(f"NOT AS TOLD: {error}{where}")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    print("All of this was checked. Everything is stopped.")


def _introduce(stack: Stack, seconds: float) -> None:
    workers = ", ".join(f"{name} (pid {stack.supervisor.pid(name)})" for name in ("worker one", "worker two"))
    print(f"  Redis   {stack.redis}\n  web     {stack.web}\n  Flower  {stack.flower}\n  {workers}")
    print(f"All up in {seconds:.1f} s.\n")


def _tell(stack: Stack) -> None:
    rendering = Rendering(stack, f"demo-{uuid.uuid4().hex[:8]}", LINES)
    print(f"POST /render/{rendering.id} with {len(LINES)} lines; each is rendered to sound by a step of its own")
    location = rendering.accepted.headers.get("location")
    print(f"{rendering.accepted.status}, Location: {location}")
    _expect(rendering.accepted.status == http_client.ACCEPTED, f"POST answers 202: {rendering.accepted.content!r}")
    _expect(location == f"/render/{rendering.id}/status", "Location is where the status is")

    before = _follow_to_the_middle(rendering)
    killed = _kill_holder(stack, rendering, before[-1])
    after = _follow_to_the_end(rendering, before)
    _table(rendering, before, after)
    _check_steps(rendering, killed, before, after)
    _check_sound(stack, rendering.answer.json["result"])
    _check_flower(stack, rendering)


def _follow_to_the_middle(rendering: Rendering) -> list[evidence.Ran]:
    """Follow until some steps are recorded and one is at work; return the ledger as it is then."""
    for ran in rendering.follow(FOLLOW_SECONDS):
        if rendering.recorded >= KILL_AFTER_STEPS and len(ran) > rendering.recorded and ran[-1].open:
            time.sleep(STEP_SECONDS / 4)
            return ran
    message = f"no step was at work after {KILL_AFTER_STEPS}: {rendering.answer.content!r}"
    raise RuntimeError(message)


def _kill_holder(stack: Stack, rendering: Rendering, cut_off: evidence.Ran) -> str:
    """SIGKILL the main process of the worker that holds the rendering."""
    _expect(rendering.holder is not None, "the status names the worker that holds the rendering")
    hostname, main_pid, _ = str(rendering.holder).rsplit(":", 2)
    name = stack.worker_of(hostname)
    _expect(int(main_pid) == stack.supervisor.pid(name), f"{rendering.holder} is the {name} we started")
    stack.supervisor.kill(name)
    rendering.killed_at = time.monotonic()
    rendering.say(f"kill -9 {main_pid}: {name} dies in the middle of {cut_off.label}")
    return name


def _follow_to_the_end(rendering: Rendering, before: list[evidence.Ran]) -> list[evidence.Ran]:
    """Follow until the result is there; tell when another worker begins the interrupted step again."""
    began = time.monotonic()
    ran, taken_over = before, 0.0
    for ran in rendering.follow(FOLLOW_SECONDS):
        if not taken_over and _starts(ran) > _starts(before):
            taken_over = time.monotonic() - began
            rendering.say(f"{_newest(before, ran).label} begins again{rendering.since_kill()}")
    done = rendering.answer.status == http_client.OK and rendering.answer.json["state"] == "resolved"
    _expect(done, f"the status becomes 200, with a result: {rendering.answer.content!r}")
    _expect(
        0 < taken_over < TAKEOVER_SECONDS, f"another worker goes on within {TAKEOVER_SECONDS:g} s: {taken_over:.2f}"
    )
    rendering.say("200, the rendering is done\n")
    return ran


def _starts(ran: list[evidence.Ran]) -> int:
    return sum(len(step.started) for step in ran)


def _newest(before: list[evidence.Ran], after: list[evidence.Ran]) -> evidence.Ran:
    """Return the step that started between two readings of the ledger."""
    known = {step.label: len(step.started) for step in before}
    return next(step for step in after if len(step.started) > known.get(step.label, 0))


def _table(rendering: Rendering, before: list[evidence.Ran], after: list[evidence.Ran]) -> None:
    print("What the steps themselves wrote into a file:")
    done_before = {step.label for step in before if step.ended}
    for step in after:
        workers = [rendering.worker(pid) for pid in step.started]
        if step.once:
            note = "" if step.label in done_before else "after the kill"
            print(f"  {step.label:<7} ran once in {workers[0]:<12} {note}".rstrip())
        else:
            print(f"  {step.label:<7} cut off in {workers[0]:<12} ran again in {', '.join(workers[1:])}")
    print()


def _check_steps(rendering: Rendering, killed: str, before: list[evidence.Ran], after: list[evidence.Ran]) -> None:
    """Check, by the ledger, that nothing was lost and nothing completed was done again."""
    cut_off = next(step.label for step in before if step.open)
    _expect(len(after) == len(LINES) + 1, f"{len(LINES)} lines and their joining were executed: {len(after)}")
    for step in after:
        if step.label == cut_off:
            workers = [rendering.worker(pid) for pid in step.started]
            right = len(step.started) == 2 and step.ended == step.started[1:]  # noqa: PLR2004 - before and after
            _expect(right and workers[0] == killed != workers[1], f"{cut_off} was cut off in {killed} and ran again")
        else:
            _expect(step.once, f"{step.label} ran exactly once: {step.started}")
    print(f"Each completed step ran exactly once; only {cut_off}, which was cut off, ran again.")


def _check_sound(stack: Stack, result: dict[str, Any]) -> None:
    """Fetch the file over HTTP, read it as a player would and keep it for the person at the terminal."""
    answer = http_client.get(stack.web + result["file"])
    _expect(answer.status == http_client.OK, f"{result['file']} can be fetched: {answer.status}")
    _expect(answer.headers["content-type"] == "audio/wav", f"it is audio/wav: {answer.headers['content-type']}")
    with wave.open(io.BytesIO(answer.content)) as sound:
        frames, rate = sound.getnframes(), sound.getframerate()
        _expect(len(sound.readframes(frames)) == frames * sound.getsampwidth() * sound.getnchannels(), "it is whole")
    _expect(frames > 0 and abs(frames / rate - result["seconds"]) < 0.01, "it is as long as the result says")  # noqa: PLR2004
    _expect(result["lines"] == len(LINES), f"it has all lines: {result['lines']}")
    SOUND.parent.mkdir(exist_ok=True)
    SOUND.write_bytes(answer.content)
    path = os.path.relpath(SOUND)
    print(
        f"The file: {frames / rate:.1f} s at {rate} Hz, voice {result['voice']}, {len(answer.content)} bytes, in {path}"
    )


def _check_flower(stack: Stack, rendering: Rendering) -> None:
    """Flower hears of the end by an event, so it may know a moment later."""
    until = time.monotonic() + 10
    state = None
    while state != "SUCCESS" and time.monotonic() < until:
        answer = http_client.get(f"{stack.flower}/api/task/info/{rendering.id}")
        state = answer.json["state"] if answer.status == http_client.OK else answer.status
        time.sleep(0.1)
    _expect(state == "SUCCESS", f"Flower knows the task {rendering.id} as SUCCESS: {state}")
    print(f"Flower: task {rendering.id} is {state}")


def _check_all_stopped(stack: Stack) -> None:
    survivors = stack.supervisor.survivors()
    _expect(not survivors, f"nothing is left running: {survivors}")
    if not os.environ.get("DURABLE_REDIS_URL"):
        address = urlsplit(stack.redis)
        with socket.socket() as probe:
            left = probe.connect_ex((address.hostname or "", address.port or 0)) == 0
        _expect(not left, f"Redis is stopped: {stack.redis}")


def _expect(truth: bool, sentence: str) -> None:
    if not truth:
        message = f"this does not hold: {sentence}"
        raise RuntimeError(message)


if __name__ == "__main__":
    main()
