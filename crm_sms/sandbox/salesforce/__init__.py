"""A Salesforce org on this machine: stateful, strict, with faults to switch on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.routing import BaseRoute

from crm_sms.sandbox.salesforce.backend import Backend
from crm_sms.sandbox.salesforce.faults import Faults
from crm_sms.sandbox.salesforce.web import routes

__all__ = ["Salesforce"]


class Salesforce:
    """One org, in memory. `now` gives its time; `bare` leaves out the fields we would install."""

    def __init__(self, now: Callable[[], datetime], *, bare: bool = False) -> None:
        self.now = now
        self._backend = Backend(now, bare=bare)

    @property
    def faults(self) -> Faults:
        """The faults that are on."""
        return self._backend.faults

    def routes(self) -> list[BaseRoute]:
        """REST, tokens, record pages and the sandbox's own switches, from the server's root."""
        return routes(self._backend)

    def credentials(self, base_url: str) -> dict[str, Any]:
        """What one needs to sign in to the org at this address."""
        return self._backend.credentials(base_url)

    def stats(self) -> dict[str, Any]:
        """API calls as the org counts them: `calls` and `by_kind`; `used` of `limit` in 24 h."""
        return self._backend.stats()

    def seed(self, payload: Any) -> dict[str, Any]:
        """Does what somebody in the org does: edit, delete and restore, merge, convert.

        `payload` is an operation or a list of them, as README.md tells them; `results` of the
        answer has their ids. Raises Refused, and then none of it is done.
        """
        return self._backend.seed(payload)

    def records(self, object: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The rows of one object as they stand, oldest first; with `deleted`, those too."""
        rows = self._backend.org.tables[object].rows.values()
        return [dict(row) for row in rows if deleted or not row.get("IsDeleted")]
