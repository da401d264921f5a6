"""What time it is: the machine's, or a simulated one that several processes share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from crm_sms.errors import BadSettings

Clock = Callable[[], datetime]
"""Now, in UTC."""


def machine_clock() -> datetime:
    """The machine's time."""
    return datetime.now(UTC)


def file_clock(path: Path) -> Clock:
    """A clock that stands at the instant written in a file (ISO 8601 with a zone); BadSettings if
    there is something else.

    Whoever simulates time replaces the file; all processes that read it agree. While there is no
    file, it is the machine's time.
    """

    def now() -> datetime:
        try:
            text = path.read_text()
        except FileNotFoundError:
            return machine_clock()
        return _instant(text.strip(), path)

    return now


def _instant(text: str, path: Path) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        example = "2026-01-31T09:00:00+00:00"
        raise BadSettings(
            f"clock: {path} holds no instant such as {example}, with a zone; correct or remove it"
        )
    return instant.astimezone(UTC)
