"""Sets up what the programs say about themselves: one line an event, without personal data.

What may stand in a line: names from the settings, counts, times, keys of the ledger, and the
messages of our own errors. Bodies, numbers, signatures, secrets, URLs and foreign exceptions may
not; `where` says of the latter all that a line may hold.
"""

from __future__ import annotations

import sys
import traceback
from typing import TextIO

import structlog


def configure(stream: TextIO | None = None) -> None:
    """Write log lines as `key=value` text to the stream, standard error if none is given."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def where(error: BaseException) -> str:
    """A foreign exception by its type and the place it came from; its message may quote data."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
