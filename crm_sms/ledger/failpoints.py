"""Named places around every commit where a test can stop the process as a power cut would."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

COMMITS: Mapping[str, str] = {
    "receive": "events, their inbox rows and suppressions of one or more webhooks",
    "import": "events of an export, their inbox rows and suppressions",
    "reconcile": "events of a provider's listing, their inbox rows and suppressions",
    "reconcile.mark": "how far a listing was read",
    "process": "messages, matches and desired records of a batch of inbox rows",
    "process.replan": "rows that a changed mapping or setting has planned anew",
    "deliver.claim": "the lease of the rows that one request will carry",
    "deliver.leave": "what of a request may have reached the CRM once it has left",
    "deliver.settle": "what became of those rows",
    "deliver.pause": "the rest of a request that never left, and how long to leave the CRM alone",
    "sync.page": "one page of the mirror",
    "sync.watermark": "how far a pull came",
    "sync.gone": "rows that wait for somebody or something gone",
    "sync.lookup": "people who were looked up by their number, and which numbers were",
    "restored": "the word that a restored ledger has what it lacked, and which rows are doubted",
    "parked": "a retry or a drop of parked rows",
    "unmatched": "an assignment made by hand",
    "meta": "a note of what is in use",
}
"""Every commit of the ledger by name; `Ledger.write` takes no other."""


class Failpoints:
    """Kills the process at `NAME:before` or `NAME:after` a commit, the nth time it comes by.

    Built from a text like `process:after=2,receive:before` (the count is 1 if left out), so that a
    test can hand it to a child process in CRM_SMS_FAILPOINTS.
    """

    def __init__(self, text: str = "") -> None:
        self._left: dict[str, int] = {}
        for entry in filter(None, text.split(",")):
            point, _, count = entry.partition("=")
            name, _, side = point.rpartition(":")
            if name not in COMMITS or side not in ("before", "after"):
                raise ValueError(f"no failpoint {point!r}; there are NAME:before and NAME:after")
            if not (count or "1").isdecimal() or count == "0":
                raise ValueError(f"{point}={count}: the count is a number from 1 on")
            self._left[point] = int(count or 1)

    def reach(self, point: str) -> None:
        """Does nothing unless this point is armed; then SIGKILL, as nothing else is like it."""
        if point not in self._left:
            return
        self._left[point] -= 1
        if self._left[point] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
