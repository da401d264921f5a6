"""`python -m crm_sms.sandbox`: serves the sandbox and prints its address as one line of JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from crm_sms.sandbox.server import LOOPBACK, NotLoopback, serve


def main() -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m crm_sms.sandbox")
    parser.add_argument("--host", default=LOOPBACK, help="a loopback address")
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument("--clock", type=Path, help="a file that holds the time, and sets it")
    parser.add_argument("--bare", action="store_true", help="an org without the mapping's fields")
    given = parser.parse_args()

    def announce(url: str) -> None:
        print(json.dumps({"url": url}), flush=True)

    try:
        serve(given.host, given.port, clock=given.clock, bare=given.bare, announce=announce)
    except (NotLoopback, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
