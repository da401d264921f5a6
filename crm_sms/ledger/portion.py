"""How many rows a bulk job's write transaction takes: on SQLite, webhooks wait for it to end."""

from __future__ import annotations

LEAST, MOST = 50, 500
AIM_S = 0.025
"""How long a write transaction should take."""


class Portion:
    """The size of the next portion, from how long the ones before held the lock."""

    def __init__(self) -> None:
        self.size = LEAST

    def took(self, seconds: float, *, whole: bool) -> None:
        """Half as many after a long one; twice as many after a short one that was `whole`."""
        if seconds > AIM_S:
            self.size = max(LEAST, self.size // 2)
        elif whole:
            self.size = min(MOST, self.size * 2)
