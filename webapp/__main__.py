"""`python -m webapp`: serve on HOST and WEB_PORT, 127.0.0.1 and 8000 unless said."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import NoReturn

import waitress

from webapp import create_app

#: Bytes that are read before a request is answered at all; what is above the application's own, smaller limit
#: and below this one still gets its problem document.
MAX_READ = 32 * 1024 * 1024
THREADS = 8


def main() -> None:
    """Serve until SIGTERM or SIGINT; requests in work are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, _leave)
    host = os.environ.get("HOST") or "127.0.0.1"
    port = os.environ.get("WEB_PORT") or "8000"
    if not port.isdecimal():
        sys.exit(f"WEB_PORT must be a number, not {port!r}")
    try:
        waitress.serve(create_app(), host=host, port=port, threads=THREADS, max_request_body_size=MAX_READ, ident=None)
    except OSError as error:
        sys.exit(f"cannot serve on {host} port {port}: {error}")


def _leave(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
