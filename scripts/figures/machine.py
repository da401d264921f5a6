"""The machine that figures were taken on, and how much memory a process holds."""

from __future__ import annotations

import os
import platform
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def machine() -> dict[str, object]:
    """What a reader needs in order to compare figures with others."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * _PAGE // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    names = (
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    return next(names, "unknown").partition(":")[2].strip() or platform.machine()


@contextmanager
def sampled_memory(pid: int) -> Iterator[list[float]]:
    """Megabytes that a process holds, looked at ten times a second while the block runs."""
    samples = [memory_mb(pid)]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            samples.append(memory_mb(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


def memory_mb(pid: int | str = "self") -> float:
    """Megabytes that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20
