"""`python -m webapp.dev`: the whole thing on this machine, until Ctrl-C. Its data stays in `.durable/`.

`DURABLE_DEV_FOLDER` names another folder, `WEB_PORT` and `FLOWER_PORT` other ports. Each line takes a second, so
that there is something to watch, and to kill, unless `RENDER_STEP_SECONDS` says otherwise.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from webapp.killing import Control
from webapp.stack import PROJECT, Stack, end_on_signals, running
from workers.settings import render_step_seconds

FOLDER = Path(os.environ.get("DURABLE_DEV_FOLDER") or PROJECT / ".durable")

ADDRESSES = """
  web application   {web}
  Flower            {flower}
  Redis             {redis}
  logs              {logs}

Open {web} in a browser: there is a button that kills a worker. Or try:
  curl -i {web}/render/hello -H 'content-type: application/json' -d '{{"text_list": ["Hello.", "Goodbye."]}}'
  curl -i {web}/render/hello/status
  curl -o hello.wav {web}/render/hello/file

Ctrl-C stops everything; what is not finished goes on at the next start."""


def main() -> None:
    """Start everything, say where it is, and watch over it until told to stop."""
    end_on_signals()
    print("Starting Redis, two workers, the web application and Flower ...", flush=True)
    try:
        os.environ.setdefault("RENDER_STEP_SECONDS", "1")
        seconds = render_step_seconds()
        with running(FOLDER, redis_data=FOLDER / "redis", step_seconds=seconds, control=Control()) as stack:
            print(ADDRESSES.format(web=stack.web, flower=stack.flower, redis=stack.redis, logs=stack.logs), flush=True)
            while True:
                start_again(stack)
                time.sleep(0.2)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (RuntimeError, TimeoutError) as error:
        sys.exit(f"error: {error}")


def start_again(stack: Stack) -> None:
    """Start again what ended by itself or was killed, as an init system would, and say so."""
    for name, code in stack.supervisor.ended().items():
        print(f"{name} ended with code {code}; starting it again", flush=True)
        stack.supervisor.restart(name)


if __name__ == "__main__":
    main()
