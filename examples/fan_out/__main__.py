"""A thousand children on two workers, one of which is killed meanwhile."""

from __future__ import annotations

import time

from examples.fan_out.flows import durable, extract, load, nightly, transform
from examples.stage import Stage, expect, perform, until

COUNT = 1000


def tell(stage: Stage) -> None:
    stage.start("one", "two", slots=2)
    began = time.monotonic()
    handle = nightly.run("etl-2026-07-01", COUNT)
    until(lambda: stage.suspended(handle), "the parent waits for its children", 60)
    print(f"nightly has made {COUNT} children after {time.monotonic() - began:.1f} s, and holds no worker any more")
    stage.kill("two")
    print("kill -9 worker two; what it was at goes on in worker one")
    summary = handle.result(90)
    seconds = time.monotonic() - began
    print(f"{summary['rows']} rows, the warmest: {summary['warmest']}")
    attempts = handle.promise().attempt
    print(
        f"{COUNT / seconds:.0f} items a second; the parent was attempted {attempts} times: begun, and woken at the end"
    )
    expect(
        summary == load([transform.fn(None, row) for row in extract(COUNT)]), "the summary is what a loop would give"
    )
    expect(attempts <= 3, f"a thousand children do not wake their parent a thousand times: {attempts}")
    children = [step for step in handle.steps() if step.kind == "rpc"]
    expect(len(children) == COUNT and all(child.state == "resolved" for child in children), "each child is recorded")


if __name__ == "__main__":
    perform(tell, durable, "examples.fan_out.flows")
