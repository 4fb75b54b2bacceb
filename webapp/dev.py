"""`python -m webapp.dev`: the whole thing on this machine, until Ctrl-C. Its data stays in `.durable/`.

`DURABLE_DEV_FOLDER` names another folder, `WEB_PORT` and `FLOWER_PORT` other ports; with
`RENDER_STEP_SECONDS=1` each line takes a second, so that there is something to watch, or to kill.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from webapp.stack import PROJECT, Stack, end_on_signals, running
from workers.settings import render_step_seconds

FOLDER = Path(os.environ.get("DURABLE_DEV_FOLDER") or PROJECT / ".durable")

ADDRESSES = """
  web application   {web}
  Flower            {flower}
  Redis             {redis}
  logs              {logs}

Try:
  curl -i {web}/render/hello -H 'content-type: application/json' -d '{{"text_list": ["Hello.", "Goodbye."]}}'
  curl -i {web}/render/hello/status
  curl -o hello.wav {web}/render/hello/file

Ctrl-C stops everything; what is not finished goes on at the next start."""


def main() -> None:
    """Start everything, say where it is, and watch over it until told to stop."""
    end_on_signals()
    print("Starting Redis, two workers, the web application and Flower ...", flush=True)
    try:
        with running(FOLDER, redis_data=FOLDER / "redis", step_seconds=render_step_seconds()) as stack:
            print(ADDRESSES.format(web=stack.web, flower=stack.flower, redis=stack.redis, logs=stack.logs), flush=True)
            _watch(stack)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (RuntimeError, TimeoutError) as error:
        sys.exit(f"error: {error}")


def _watch(stack: Stack) -> None:
    """Start again what ended by itself, as an init system would, and say so."""
    while True:
        for name, code in stack.supervisor.ended().items():
            print(f"{name} ended with code {code}; starting it again", flush=True)
            stack.supervisor.restart(name)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
