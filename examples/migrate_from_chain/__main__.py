"""The same work as a chain and as a durable function; in both the worker is killed in the middle of the second step."""

from __future__ import annotations

import time

from examples.migrate_from_chain import after, before
from examples.migrate_from_chain.studio import DID
from examples.stage import Stage, expect, perform, until


def tell(stage: Stage) -> None:
    print("before.py, a chain:")
    stage.start("one", app="examples.migrate_from_chain.before")
    chained = before.start("cats")
    kill_while_transcoding(stage)
    stage.start("one", app="examples.migrate_from_chain.before")
    print("  a new worker is up")
    # What is sent now is done after everything that the broker still has.
    before.download.delay("later").get(timeout=30)
    until(lambda: stage.messages() == 0, "the broker is empty")
    print(f"  the broker has 0 messages for it, no step begins again, and its state is {chained.state}, for ever")
    expect(did()[:3] == ["download begins", "download done", "transcode begins"], f"it ran so far: {did()}")
    expect("transcode done" not in did() and "publish begins" not in did(), f"and no further: {did()}")
    expect(not chained.ready(), "nobody is told of a failure either")
    stage.kill("one")
    DID.unlink()

    print("after.py, a durable function:")
    stage.start("one", app="examples.migrate_from_chain.after")
    handle = after.start("cats")
    kill_while_transcoding(stage)
    stage.start("one", app="examples.migrate_from_chain.after")
    began = time.monotonic()
    print("  a new worker is up")
    print(f"  {handle.result(30)}, {time.monotonic() - began:.1f} s later")
    print(f"  what ran: {', '.join(did())}")
    cut_off = ["transcode begins"]
    whole = [f"{what} {when}" for what in ("download", "transcode", "publish") for when in ("begins", "done")]
    expect(did() == whole[:2] + cut_off + whole[2:], f"only the step that was cut off ran again: {did()}")


def kill_while_transcoding(stage: Stage) -> None:
    until(lambda: did()[-1:] == ["transcode begins"], "transcode begins")
    stage.kill("one")
    print("  download is done; kill -9 in the middle of transcode")


def did() -> list[str]:
    return DID.read_text().splitlines() if DID.exists() else []


if __name__ == "__main__":
    perform(tell, after.durable, "examples.migrate_from_chain.after")
