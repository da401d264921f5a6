"""Whether a mapping fits its CRM, found out at each pull and so before anything is written."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.ledger import Ledger
from crm_sms.ledger.notes import note, put_note
from crm_sms.mapping import Mapping, check
from crm_sms.ports import Crm

log = structlog.get_logger(__name__)

_EVERY = timedelta(hours=1)
"""As long as a description is trusted; a changed mapping is checked at once."""


def mapping_problems(
    ledger: Ledger, crm: Crm, name: str, mapping: Mapping, now: datetime
) -> list[str]:
    """All that is wrong, each with file, key and remedy; in the log once for each look at the CRM,
    fatal ones as errors. While the CRM says nothing, what was found last."""
    with ledger.read() as connection:
        last = note(connection, f"checked:{name}") or {}
    known: list[str] = last.get("problems", [])
    fresh = last and now - datetime.fromisoformat(last["at"]) < _EVERY
    if fresh and last["mapping"] == mapping.digest:
        return known
    try:
        found = check(mapping, crm.describe(sorted(mapping.objects())))
    except (TryLater, AccessRefused):
        return known  # whoever asked goes on to the same CRM, and says what is wrong with it
    for problem in found:
        tell = log.error if problem.fatal else log.warning
        place = f"{problem.file}: {problem.key}"
        tell("mapping", crm=name, at=place, problem=problem.text, remedy=problem.remedy)
    problems = [str(problem) for problem in found]
    with ledger.write("meta") as connection:
        value = {"at": now.isoformat(), "mapping": mapping.digest, "problems": problems}
        put_note(ledger, connection, f"checked:{name}", value)
    return problems
