"""Schemathesis over the description of each server: `python -m tests.web.fuzz --cases 200 --seed 1`.

Real servers, a real Redis, functions that are executed in this process. Prints
the seed and the figures, and ends with 1 when an answer was not as described.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from durable_celery import Durable
from durable_celery.dev import EmbeddedRedis
from tests.rest import closed_at_rest
from tests.web import shop
from tests.web.servers import KINDS, served

ROOT = Path(__file__).parents[2]
#: A request that takes longer has hung.
LONGEST_S = 5.0
#: Short waits, since nobody means them.
OPTIONS: dict[str, Any] = {
    "max_wait": 0.2,
    "stream_for": 0.2,
    "promises": True,
    "max_body": 100_000,
    "authorize": lambda *_: True,  # without it much is closed, and is not in the document
}
#: An execution may have failed, with the status of its error, or be gone; a step may not be there.
_WELL = ["2xx", "3xx", 401, 402, 403, 404, 409, 410, 429, "5xx"]
CONFIG = f"""
[checks.positive_data_acceptance]
expected-statuses = {_WELL}
[[operations]]
include-operation-id-regex = "^(fork|post)"
checks.positive_data_acceptance.expected-statuses = {[*_WELL, 400, 422]}
"""
#: What follows from the rule that a failed execution is answered as its error says, and from ids of our own choice.
_NOT_ASKED = ("not_a_server_error", "use_after_free")


def functions(durable: Durable) -> list[Any]:
    made = shop.registered(durable)
    return [made[name] for name in ("greet", "nothing", "decline", "ask", "later")]


def checked(url: str, cases: int, seed: int, phases: str) -> dict[str, Any]:
    """What schemathesis says of one server, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(CONFIG)
        argv = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(config),
            "run",
            f"{url}/durable/openapi.json",
        ]
        argv += ["--max-examples", str(cases), "--seed", str(seed), "--phases", phases]
        argv += ["--checks", "all", "--exclude-checks", ",".join(_NOT_ASKED), "--max-response-time", str(LONGEST_S)]
        argv += ["--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--warnings", "off"]
        env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.web.fuzz_checks", "PYTHONPATH": str(ROOT)}
        began = time.monotonic()
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return {"code": done.returncode, "output": done.stdout + done.stderr, "took_s": time.monotonic() - began}


def main(kinds: list[str], cases: int, seed: int, phases: str) -> int:
    """How many servers did not answer as they say."""
    print(f"seed {seed}, {cases} cases for each operation, {phases}")
    wrong = 0
    with EmbeddedRedis() as redis, closed_at_rest(Durable(store=redis.url)) as durable:
        exposed = functions(durable)
        for kind in kinds:
            with served(kind, durable, shop_of(exposed), {"expose": exposed, **OPTIONS}) as url:
                found = checked(url, cases, seed, phases)
            wrong += bool(found["code"])
            count = re.search(r"([\d,]+) generated", found["output"])
            said = "as described" if not found["code"] else f"NOT as described:\n{found['output']}"
            print(f"{kind}: {count[1] if count else 0} cases in {found['took_s']:.0f} s, {said}", flush=True)
    return wrong


def shop_of(exposed: list[Any]) -> dict[str, Any]:
    """By name, as the servers' own routes want them."""
    return {each.registered.name: each for each in exposed} | {"nap": exposed[0]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--servers", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    said = parser.parse_args()
    sys.exit(min(main(said.servers, said.cases, said.seed, said.phases), 1))
