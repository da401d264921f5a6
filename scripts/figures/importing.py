"""How long the library takes to import, and the command to say what it can do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

_COMMANDS: Mapping[str, Sequence[str]] = {
    "python_s": ("-c", "pass"),
    "import_s": ("-c", "import crm_sms"),
    "help_s": ("-m", "crm_sms", "--help"),
}


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md."""
    rounds = 3 if quick else 15
    taken: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for _ in range(rounds + 1):
        for name, arguments in _COMMANDS.items():
            taken[name].append(_seconds(arguments, folder))
    medians = {name: median(times[1:]) for name, times in taken.items()}  # the first warms up
    return {
        "import_s": round(medians["import_s"], 3),
        "import_s_goal": 0.15,
        "help_s": round(medians["help_s"], 3),
        "help_s_goal": 0.4,
        "yardstick_python_s": round(medians["python_s"], 3),
        "import_own_s": round(medians["import_s"] - medians["python_s"], 3),
        "processes_each": rounds,
    }


def _seconds(arguments: Sequence[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
