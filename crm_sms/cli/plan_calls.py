"""`crm-sms plan --calls`: what a day of texts will cost a CRM, and whether it bears that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crm_sms.cli.screen import answer, table

if TYPE_CHECKING:
    from crm_sms.bootstrap import App
    from crm_sms.use_cases.forecast import Outlook


def plan_calls(app: App, name: str, texts_a_day: float, as_json: bool) -> bool:
    """Whether the CRM's quota does not bear it."""
    from crm_sms.bootstrap import forecasting
    from crm_sms.delivery.advice import Fit
    from crm_sms.use_cases.forecast import outlook

    found = outlook(forecasting(app, name, texts_a_day))
    answer(_document(name, found), as_json, lambda: _shown(name, found))
    return found.judgement is not None and found.judgement.fit is Fit.TOO_MUCH


def _document(name: str, found: Outlook) -> dict[str, Any]:
    """Whole numbers: a forecast has no other digits that mean anything."""
    judged, storage = found.judgement, found.storage
    return {
        "crm": name,
        "texts_a_day": round(found.texts_a_day),
        "mix": {
            "replies": round(found.mix.replies, 3),
            "clicks": round(found.mix.clicks, 3),
            "opt_outs": round(found.mix.opt_outs, 3),
            "counted_from": found.mix.counted,
        },
        "calls_a_day": round(found.forecast.calls),
        "by_kind": _whole(found.forecast.by_kind),
        "by_lane": _whole({lane.name.lower(): n for lane, n in found.forecast.by_lane.items()}),
        "quota": found.quota and {"limit": found.quota.limit, "used_by_others": found.quota.used},
        "quota_unknown": found.unknown,
        "kept_for_opt_outs": found.kept and round(found.kept),
        "fit": judged.fit.value if judged else "unknown",
        "windows_stretched": round(judged.day.stretched, 2) if judged else None,
        "calls_a_day_then": round(judged.day.calls) if judged else None,
        "changes": {change.setting: change.seconds for change in judged.changes} if judged else {},
        "calls_a_day_with_changes": (
            round(judged.calls_then) if judged and judged.calls_then is not None else None
        ),
        "records_a_month": _whole(storage.records),
        "storage_mb_a_month": None if storage.mb is None else round(storage.mb, 1),
        "storage_full_after_months": (
            None if storage.full_after is None else round(storage.full_after, 1)
        ),
    }


def _whole(numbers: Mapping[str, float]) -> dict[str, int]:
    return {name: round(number) for name, number in numbers.items()}


def _shown(name: str, found: Outlook) -> Iterator[object]:
    yield from _day(found)
    by_kind, by_lane = found.forecast.by_kind, found.forecast.by_lane
    why = ", ".join(
        f"{lane.name.lower().replace('_', ' ')} {n:,.0f}" for lane, n in by_lane.items() if n
    )
    rows = [(kind, f"{n:,.0f}", why if kind == "write" else "") for kind, n in by_kind.items()]
    rows.append(("all", f"{found.forecast.calls:,.0f}", ""))
    yield table("calls a day", "", "by the lane that could not wait longer", rows=rows)
    yield from _verdict(name, found)
    yield from _storage(found)


def _day(found: Outlook) -> Iterator[str]:
    mix, texts = found.mix, found.texts_a_day
    source = (
        f"as with the last {mix.counted:,} texts in the ledger"
        if mix.counted
        else "assumed; `crm-sms import` of your history replaces that by what you had"
    )
    yield (
        f"a day of {texts:,.0f} texts, with {texts * mix.replies:,.0f} replies, "
        f"{texts * mix.clicks:,.0f} clicks and {texts * mix.opt_outs:,.0f} opt-outs ({source})"
    )


def _verdict(name: str, found: Outlook) -> Iterator[str]:
    from crm_sms.delivery.advice import Fit
    from crm_sms.records import Lane

    quota, judged = found.quota, found.judgement
    if quota is None or judged is None:
        yield f"whether {name} bears that is unknown: {found.unknown}"
        return
    yield (
        f"{name} allows {quota.limit:,} calls a day, of which others used {quota.used:,}; "
        f"{found.kept or 0:,.0f} are kept for opt-outs, which need "
        f"{found.forecast.by_lane[Lane.OPT_OUT]:,.0f}"
    )
    if judged.fit is Fit.FITS:
        yield "it fits"
        return
    longer = f"windows grow to {judged.day.stretched:,.1f} times their length"
    yield (
        f"it fits slower: as the quota runs low, {longer} ({judged.day.calls:,.0f} calls)"
        if judged.fit is Fit.SLOWER
        else "it does not fit: only opt-outs are written at once, and the rest falls behind"
    )
    for change in judged.changes:
        yield f"→ set {change.setting} = {change.seconds:g}"
    yield (
        f"→ with that it fits, at {judged.calls_then:,.0f} calls a day"
        if judged.calls_then is not None
        else "→ no setting of ours makes it fit: buy calls, or send less"
    )


def _storage(found: Outlook) -> Iterator[str]:
    storage = found.storage
    records = ", ".join(f"{n:,.0f} {name}" for name, n in storage.records.items()) or "no records"
    size = "" if storage.mb is None else f": {storage.mb:,.0f} MB"
    full = (
        ""
        if storage.full_after is None
        else f"; what is free now is full after {storage.full_after:,.1f} months"
    )
    yield f"storage a month: {records}{size}{full}"
