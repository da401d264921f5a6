"""Whether the ledger is there, has our schema and takes writes."""

from __future__ import annotations

import asyncio
import time

import structlog
from starlette.concurrency import run_in_threadpool

from crm_sms.clock import Clock
from crm_sms.errors import CrmSmsError
from crm_sms.ledger import Ledger, schema
from crm_sms.ledger.notes import put_note
from crm_sms.logs import where

_log = structlog.get_logger("crm_sms.web")
_FRESH_S = 1.0


class Readiness:
    """Answers many askers with one look a second, as each look is a commit."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._holds = False
        self._looked_at = float("-inf")
        # Those who ask while somebody looks wait for the same answer instead of looking as well.
        self._lock = asyncio.Lock()

    async def holds(self) -> bool:
        """True if a webhook that comes in now can be stored."""
        async with self._lock:
            if time.monotonic() - self._looked_at > _FRESH_S:
                self._holds = await run_in_threadpool(self._look)
                self._looked_at = time.monotonic()
            return self._holds

    def _look(self) -> bool:
        try:
            schema.require(self._ledger)
            with self._ledger.write("meta") as connection:
                put_note(self._ledger, connection, "ready", self._clock().isoformat())
        except CrmSmsError as error:
            _log.error("not ready", reason=str(error))
            return False
        except Exception as error:  # noqa: BLE001  # left to the server, it would print its text
            _log.error("not ready", reason=where(error))
            return False
        return True
