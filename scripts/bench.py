"""Measures crm-sms on this machine, each figure beside a yardstick from the same run.

    python scripts/bench.py [receive|process|people|calls|day|import|all] [--json] [--quick]

Figures of two runs can only be compared if their yardsticks agree. docs/figures.md says what each
figure means. `--quick` measures less of the same; `receive` needs wrk.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from figures import calls, day, importing, people, process, receive
from figures.machine import machine

Measure = Callable[[Path, bool], Mapping[str, Any]]

MEASURES: Mapping[str, Measure] = {
    "receive": receive.measure,
    "process": process.measure,
    "people": people.measure,
    "calls": calls.measure,
    "day": day.measure,
    "import": importing.measure,
}
"""Each takes an empty folder and whether to be quick."""


def main() -> int:
    """0, or 1 if something that binds was missed."""
    given = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = list(MEASURES) if given.figure == "all" else [given.figure]
    taken = {"machine": machine(), "quick": given.quick}
    for name in names:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="crm-sms-bench-") as folder:
            taken[name] = dict(MEASURES[name](Path(folder), given.quick))
        taken[name]["took_s"] = round(time.perf_counter() - started, 1)
        if not given.json:
            _show(name, taken[name])
    if given.json:
        json.dump(taken, sys.stdout, indent=2)
        print()
    else:
        _show("machine", taken["machine"])
    return int(any(not taken[name].get("binding_met", True) for name in names))


def _arguments() -> argparse.Namespace:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="bench.py", description=summary)
    parser.add_argument("figure", nargs="?", default="all", choices=[*MEASURES, "all"])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="measure less of the same")
    return parser.parse_args()


def _show(name: str, values: Any) -> None:
    print(name)
    for key, value in values.items():
        print(f"  {key:32} {value}")


if __name__ == "__main__":
    sys.exit(main())
