"""Thirty turns, the worker at work killed at every second one; then the same without a kill: the same transcript."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from sqlite3 import connect

from examples.agent_loop.flows import agent, durable
from examples.agent_loop.model import ASKED, TURNS
from examples.agent_loop.tools import BOUGHT
from examples.stage import Stage, expect, perform, until

TASK = "Plan a radio that I can build at home."
WORKERS = ("one", "two", "three")


def tell(stage: Stage) -> None:
    stage.start(*WORKERS)
    harried = agent.run("harried", TASK, TURNS)
    print(f"An agent begins its {TURNS} turns; at every second turn the worker that has it is killed")
    killed = [kill_at(stage, turn) for turn in range(2, TURNS + 1, 2)]
    print("  kill -9 of worker " + ", ".join(killed))
    transcript = harried.result(20)
    print(f"It has ended: {transcript[-1]['text']}")
    asked = Counter(ASKED.read_text().splitlines())
    again = sum(times - 1 for times in asked.values())
    print(f"The model was asked {asked.total()} times for {TURNS} turns: again only for the {again} that were cut off")
    expect(len(asked) == TURNS and again <= len(killed), f"no answered turn is asked again: {asked}")
    expect(set(asked.values()) <= {1, 2}, f"none was asked more than twice: {asked}")

    calm = agent.run("calm", TASK, TURNS).result(30)
    expect(transcript == calm, "the transcript is that of a run without kills")
    print(f"A run without kills has the same transcript, of {len(calm)} entries")
    wanted = Counter(entry["input"] for entry in calm if entry.get("tool") == "buy")
    with closing(connect(BOUGHT)) as shop:
        bought = [what for (what,) in shop.execute("SELECT what FROM bought WHERE key LIKE 'harried.%'")]
    expect(Counter(bought) == wanted, f"what it bought, it bought once: {bought}")
    print(f"It bought {len(bought)} parts, each once")


def kill_at(stage: Stage, turn: int) -> str:
    """Kill the worker that has asked the model for this turn, while it waits for the answer; start it again."""
    line = f"harried {turn}"
    until(lambda: ASKED.exists() and line in ASKED.read_text().splitlines(), f"turn {turn}")
    worker = until(lambda: stage.holder("harried"), "somebody has it")
    stage.kill(worker)
    stage.start_soon(worker)
    return worker


if __name__ == "__main__":
    perform(tell, durable, "examples.agent_loop.flows")
