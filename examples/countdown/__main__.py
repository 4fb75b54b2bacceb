"""Ticks that fall due while no worker lives, and a hundred countdowns that sleep for a month and hold nothing."""

from __future__ import annotations

import time
from pathlib import Path

from celery.utils.nodenames import gethostname

from examples.countdown.flows import app, countdown, durable
from examples.stage import Stage, expect, perform, until

MONTH = 30 * 24 * 3600
SLEEPERS = 100


def tell(stage: Stage) -> None:
    stage.start("one")
    rocket = countdown.run("rocket", 2, 1.4)
    until(lambda: said("rocket") == ["2"], "the countdown begins")
    until(lambda: stage.suspended(rocket), "it sleeps")
    print("rocket: 2\nIt sleeps. kill -9 of the only worker; nobody is alive when the next number is due")
    stage.kill("one")
    time.sleep(1.8)
    expect(said("rocket") == ["2"], "nobody counts")
    stage.start("one")
    print(f"A worker is back, and the countdown ends: {rocket.result(15)}")
    expect(said("rocket") == ["2", "1", "lift-off"], f"every number once: {said('rocket')}")
    print(f"It said {', '.join(said('rocket'))}: each once, in {rocket.promise().attempt} attempts")

    sleepers = [countdown.run(f"probe-{number}", 2, MONTH) for number in range(SLEEPERS)]
    for sleeper in sleepers:
        until(lambda sleeper=sleeper: stage.suspended(sleeper), f"{sleeper.id} sleeps")
    until(lambda: stage.messages() == 0, "the broker is empty")
    print(f"{SLEEPERS} more sleep for a month, at one worker with one slot; Celery holds {tasks_held()} tasks, and the")
    print("broker has 0 messages")
    expect(tasks_held() == 0, "the worker holds nothing")
    began = time.monotonic()
    countdown.run("quick", 0, 0).result(10)
    print(f"The slot is free: another execution takes {time.monotonic() - began:.2f} s")


def tasks_held() -> int:
    """What the worker says that it has, at work, fetched ahead or waiting for an ETA."""
    worker = app.control.inspect([f"one@{gethostname()}"], timeout=10)
    answers = [worker.active(), worker.reserved(), worker.scheduled()]
    expect(all(answers), "the worker answers")
    return sum(len(tasks) for answer in answers for tasks in answer.values())


def said(id: str) -> list[str]:
    book = Path("said.txt")
    lines = book.read_text().splitlines() if book.exists() else []
    return [line.partition(": ")[2] for line in lines if line.startswith(f"{id}: ")]


if __name__ == "__main__":
    perform(tell, durable, "examples.countdown.flows")
