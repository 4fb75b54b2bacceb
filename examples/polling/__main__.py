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
    until(lambda: service.asked["sales"] >= 2, "sales is polled")
    stage.kill("one")
    print(f"kill -9 of the only worker, after {service.asked['sales']} polls of sales")
    stage.start("one")
    until(lambda: stage.suspended(sales), "sales sleeps between two polls")
    stage.kill("one")
    print("kill -9 again, while sales sleeps")
    stage.start("one")

    print(f"sales: {sales.result(15)}")
    print(f"taxes: {taxes.result(15)}")
    polls = [step for step in sales.steps() if step.name == "poll"]
    tries = sum(step.tries for step in polls)
    print(f"sales was polled in {len(polls)} steps and {tries} tries: the service was broken once, and busy once")
    expect(sales.result(0) == "/files/sales.csv", "sales is exported")
    expect("not ready" in taxes.result(0), "taxes is given up at its deadline")
    expect(len(service.jobs) == 2, f"each export is one job of the service: {service.jobs}")
    expect(tries == len(polls) + 2, f"what went wrong was tried again: {tries}")
    cut_off = service.asked["sales"] - tries
    expect(0 <= cut_off <= 2, f"only a poll cut off by a kill is repeated without being a try: {cut_off}")


if __name__ == "__main__":
    perform(tell, durable, "examples.polling.flows")
