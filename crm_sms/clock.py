"""What time it is: the machine's, or a simulated one that several processes share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]
"""Now, in UTC."""


def machine_clock() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def file_clock(path: Path) -> Clock:
    """A clock that stands at the instant written in a file (ISO 8601 with a zone).

    Whoever simulates time replaces the file; all processes that read it agree. While there is no
    file, it is the machine's time.
    """

    def now() -> datetime:
        try:
            text = path.read_text()
        except FileNotFoundError:
            return machine_clock()
        return datetime.fromisoformat(text.strip()).astimezone(UTC)

    return now
