"""The run itself: the ledger page by page against the CRM, then the CRM's keys against the
ledger."""

from __future__ import annotations

from collections.abc import Callable

from crm_sms.delivery.windows import is_reserved
from crm_sms.errors import QuotaEnded
from crm_sms.ledger.verified import records_known
from crm_sms.records import Usage
from crm_sms.use_cases.verify.pages import PARTS, Descriptions, pages, verified_page
from crm_sms.use_cases.verify.strays import strays
from crm_sms.use_cases.verify.words import Verifying, VerifyReport

Progress = Callable[[str, int, "int | None"], None]
"""Hears of (what, so many compared, of how many where that is known)."""


def calls_needed(verifying: Verifying) -> int:
    """About how many calls of the CRM a comparison takes, by the records that the ledger knows."""
    limits, objects = verifying.crm.limits, verifying.planner.mapping.objects()
    with verifying.ledger.read() as connection:
        known = records_known(connection, verifying.planner.crm)
    reads = sum(-(-count // limits.keys_per_read) for count in known.values())
    lists = sum(-(-known.get(name, 0) // limits.rows_per_page) for name in _keyed(verifying))
    return len(objects) + reads + lists


def verify(
    verifying: Verifying, *, progress: Progress = lambda what, done, total: None
) -> VerifyReport:
    """Compare every record that concerns somebody with the CRM, and every key of ours in the CRM
    with the ledger. Writes nothing, neither there nor here.

    Safe to run beside a worker: what changed meanwhile is looked at again. Raises what `Crm.read`
    raises, and QuotaEnded before only the calls are left that are kept for opt-outs.
    """
    crm, report = verifying.crm, VerifyReport()
    before = crm.calls
    described = crm.describe(sorted(verifying.planner.mapping.objects()))
    _spare(verifying, calls_needed(verifying))
    for part in PARTS:
        done = 0
        for ids in pages(verifying, part):
            report.add(verified_page(verifying, part, ids, described, report.compared))
            done += len(ids)
            progress(part.name, done, None)
            _spare(verifying)
    _look_for_strays(verifying, described, report, progress)
    report.calls = crm.calls - before
    return report


def _keyed(verifying: Verifying) -> dict[str, str]:
    """The objects whose records are ours, each with the field of our key."""
    sections = verifying.planner.mapping.sections
    return {one.object: one.key_field for one in sections if one.key_field}


def _look_for_strays(
    verifying: Verifying, described: Descriptions, report: VerifyReport, progress: Progress
) -> None:
    for object_name, key_field in _keyed(verifying).items():
        if object_name not in described or key_field not in described[object_name].fields:
            continue  # its records are missing, and said to be
        done = 0
        for keys in verifying.crm.keys(object_name, key_field):
            with verifying.ledger.read() as connection:
                report.add(strays(connection, verifying.planner.crm, object_name, keys))
            done += len(keys)
            progress(f"keys of {object_name}", done, None)
            _spare(verifying)


def _spare(verifying: Verifying, needed: int = 0) -> None:
    """Leave the calls that are kept for opt-outs; `needed` are those that are still to come."""
    usage = verifying.crm.usage
    then = usage and Usage(usage.used + needed, usage.limit)
    if usage and is_reserved(verifying.reserve, then):
        raise QuotaEnded(
            f"{usage.used} of {usage.limit} calls to {verifying.planner.crm} are used, this takes "
            f"about {needed} more, and the rest is kept for opt-outs (windows.opt_out_quota): "
            "compare when calls have come back"
        )
