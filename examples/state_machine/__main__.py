"""A machine starts while nobody is alive; another is reset in the middle, and its outdated arrival does no harm."""

from __future__ import annotations

import time
from typing import Any

from durable_celery import TerminalError
from examples.stage import Stage, expect, perform, until
from examples.state_machine.flows import BOOT, Machine, durable


def tell(stage: Stage) -> None:
    stage.start("one")
    mill, press = (durable.client().object(Machine, name) for name in ("mill", "press"))
    print(f"mill: {mill.state()}, {mill.start()}")
    print(f"  start it again: {refused(mill.start)}; stop it: {refused(mill.stop)}")
    stage.kill("one")
    time.sleep(BOOT.total_seconds())
    print("kill -9 of the only worker; nobody is alive when the mill should be up")
    stage.start("one")
    until(lambda: mill.state() == "up", "the mill is up")
    print(f"A worker is back, and so is the mill: {mill.state()}")

    print(f"press: {press.start()}")
    time.sleep(BOOT.total_seconds() / 2)
    print(f"  half-way: {press.reset()} by a reset")
    began = time.monotonic()
    print(f"  started anew: {press.start()}")
    until(lambda: press.state() == "up", "the press is up")
    expect(time.monotonic() - began >= BOOT.total_seconds(), "what was reset does not bring it up before its time")
    print(f"press: {', '.join(press.history())}; the start that was reset has changed nothing")
    expect(press.history() == ["starting", "down", "starting", "up"], "it went up once")

    print(f"mill: {mill.stop()}")
    until(lambda: mill.state() == "down", "the mill is down")
    print(f"mill: {', '.join(mill.history())}")
    expect(mill.history() == ["starting", "up", "stopping", "down"], "every change once")


def refused(call: Any) -> str:
    try:
        call()
    except TerminalError as error:
        return f"{error} ({error.status_code})"
    raise RuntimeError("it is refused")


if __name__ == "__main__":
    perform(tell, durable, "examples.state_machine.flows")
