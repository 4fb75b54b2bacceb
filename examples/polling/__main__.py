"""Two exports, one of which is never ready, polled while the worker is killed and restarted."""

from __future__ import annotations

import os

from examples.polling.flows import durable, export
from examples.polling.service import Exports, serving
from examples.stage import Stage, expect, perform, until


def tell(stage: Stage) -> None:
    with serving() as service:
        os.environ["EXPORTS_URL"] = service.url
        stage.start("one")
        follow(stage, service)


def follow(stage: Stage, service: Exports) -> None:
    sales, taxes = export.run("sales", "sales", 60), export.run("taxes", "taxes", 2.5)
    print("Two exports are asked for: sales, and taxes, which will never be ready")
    until(lambda: service.asked["sales"] == 1 and stage.suspended(sales), "sales sleeps after its first poll")
    stage.kill("one")
    print("kill -9 of the only worker, while both sleep between two polls")
    stage.start("one")
    until(lambda: service.asked["sales"] == 2, "sales is polled again")
    stage.kill("one")
    print("kill -9 again, in the middle of a poll")
    service.let_go.set()
    stage.start("one")

    print(f"sales: {sales.result(15)}")
    print(f"taxes: {taxes.result(15)}")
    polls = [step for step in sales.steps() if step.name == "poll"]
    tries = sum(step.tries for step in polls)
    print(f"sales was polled in {len(polls)} steps and {tries} tries: the service was broken once, and busy once")
    expect(sales.result(0) == "/files/sales.csv", "sales is exported")
    expect("not ready" in taxes.result(0), "taxes is given up at its deadline")
    expect(len(service.jobs) == 2, f"each export is one job of the service: {service.jobs}")
    expect((len(polls), tries) == (3, 5), f"what went wrong was tried again: {tries} tries of {len(polls)} steps")
    expect(service.asked["sales"] == tries + 1, "the poll that was cut off was repeated, without being a try")


if __name__ == "__main__":
    perform(tell, durable, "examples.polling.flows")
