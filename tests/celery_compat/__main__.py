"""`python -m tests.celery_compat [FILE | FILE::TEST …]`: what passes as it comes must pass with Durable(app) too.

Exit codes: 0 the same set passes, 1 something is lost, 2 the source package cannot be had.
"""

from __future__ import annotations

import sys
from collections import Counter

from durable_celery.dev import EmbeddedRedis
from tests.celery_compat.suite import FILES, NoSource, lost, run, source

#: How often a test that was lost may try again, without and with Durable: some depend on the machine's load.
AGAIN = 2


def main(tests: list[str]) -> int:
    try:
        print(f"Celery's integration tests, from {source()}")
    except NoSource as error:
        print(error)
        return 2
    with EmbeddedRedis() as redis:
        stock = run(redis, tests, durable=False)
        print("as they come:", dict(Counter(stock.values())))
        durable = run(redis, tests, durable=True)
        print("with Durable(app):", dict(Counter(durable.values())))
        missing = lost(stock, durable)
        for _ in range(AGAIN):
            if missing:
                print("again:", *missing)
                missing = lost(run(redis, missing, durable=False), run(redis, missing, durable=True))
    for test in missing:
        print("LOST", test)
    return 1 if missing or not stock else 0


sys.exit(main(sys.argv[1:] or list(FILES)))
