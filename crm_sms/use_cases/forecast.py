"""What texting will cost a CRM, told before it is switched on: calls a day, storage a month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from crm_sms.clock import Clock
from crm_sms.delivery.advice import Day, Judgement, judge
from crm_sms.delivery.forecast import Forecast, Stream, Upkeep
from crm_sms.delivery.windows import Windows
from crm_sms.errors import CrmSmsError
from crm_sms.ledger import Ledger, schema
from crm_sms.ledger.traffic import Traffic, calls_since, traffic_since
from crm_sms.mapping import Mapping as AMapping
from crm_sms.ports import Crm, CrmLimits, Room
from crm_sms.records import MirrorPart, Usage
from crm_sms.use_cases.example_texts import rows_of

_LATELY = timedelta(days=30)
_ENOUGH = 200
"""Texts from which the shares of answers and clicks are taken; fewer say little."""

_DAY = timedelta(days=1)
_MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Mix:
    """What becomes of each text that is sent: the share that is answered, clicked, or answered with
    a no. `counted` is from how many texts that was counted; 0 says that it is assumed."""

    replies: float = 0.25
    clicks: float = 0.1
    opt_outs: float = 0.02
    counted: int = 0

    @staticmethod
    def of(traffic: Traffic) -> Mix:
        """As it was lately, or as assumed where too little was."""
        if traffic.sent < _ENOUGH:
            return Mix()
        replies = max(traffic.received - traffic.opt_outs, 0)
        return Mix(
            replies / traffic.sent,
            traffic.clicked / traffic.sent,
            traffic.opt_outs / traffic.sent,
            counted=traffic.sent,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a forecast is made of. Asking for `crm` may raise what is wrong with it; `record_kb` is
    None where nobody knows it."""

    name: str
    texts_a_day: float
    mapping: AMapping
    windows: Windows
    sync_s: float
    record_kb: float | None
    crm: Callable[[], Crm]
    ledger: Ledger
    clock: Clock


@dataclass(frozen=True, slots=True)
class Storage:
    """New records a month by object, and the megabytes they take; `full_after` months nothing is
    left of what is free now, where that is known."""

    records: Mapping[str, float]
    mb: float | None
    full_after: float | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The day of so many texts. `quota` is None where the CRM did not tell, with the reason in
    `unknown`; its `used` are the calls of others. `kept` are the calls that only opt-outs may
    use."""

    texts_a_day: float
    mix: Mix
    forecast: Forecast
    quota: Usage | None
    unknown: str
    judgement: Judgement | None
    kept: float | None
    storage: Storage


def outlook(asked: Asked) -> Outlook:
    """The forecast for the mapping and the windows in use. Asks the CRM for its limits, in one
    call; a CRM that cannot be asked leaves open whether it fits."""
    mix, ours = _lately(asked)
    room, limits, unknown = _room(asked)
    quota = _of_others(room.calls, ours)
    day = Day(
        streams(asked.mapping, asked.name, asked.texts_a_day, mix),
        asked.windows,
        _upkeep(asked),
        limits,
    )
    found = day.forecast
    return Outlook(
        asked.texts_a_day,
        mix,
        found,
        quota,
        unknown,
        judge(day, quota) if quota else None,
        quota.limit * asked.windows.reserve if quota else None,
        _storage(found, asked.record_kb, room.storage_mb),
    )


def streams(mapping: AMapping, crm: str, texts_a_day: float, mix: Mix) -> tuple[Stream, ...]:
    """What happens on a day of so many texts, with the rows that this mapping makes of it."""
    rows = rows_of(mapping, crm)
    shares = {
        "sent": 1.0,
        "clicked": mix.clicks,
        "reply": mix.replies,
        "opt_out": mix.opt_outs,
    }
    return tuple(Stream(name, texts_a_day * share, rows[name]) for name, share in shares.items())


def _upkeep(asked: Asked) -> Upkeep:
    """A pull is one call a part, while no part has more changes than fit a page."""
    parts = len(MirrorPart) - 1 + len(asked.mapping.columns())
    return Upkeep(len({one.object for one in asked.mapping.sections}), parts, asked.sync_s)


def _lately(asked: Asked) -> tuple[Mix, int]:
    """What texts came to, and the calls of ours that a CRM counts among its own; without a ledger
    nothing is known of either."""
    now = asked.clock()
    try:
        schema.require(asked.ledger)
        with asked.ledger.read() as connection:
            traffic = traffic_since(connection, now - _LATELY)
            return Mix.of(traffic), calls_since(connection, asked.name, now - _DAY)
    except CrmSmsError:
        return Mix(), 0


def _room(asked: Asked) -> tuple[Room, CrmLimits | None, str]:
    limits = None
    try:
        crm = asked.crm()
        limits = crm.limits
        room = crm.room()
    except CrmSmsError as error:
        return Room(), limits, str(error)
    return room, limits, "" if room.calls else "it does not tell our user"


def _of_others(calls: Usage | None, ours: int) -> Usage | None:
    return Usage(max(calls.used - ours, 0), calls.limit) if calls else None


def _storage(found: Forecast, record_kb: float | None, held: Usage | None) -> Storage:
    records = {name: a_day * _MONTH_DAYS for name, a_day in found.records.items()}
    if record_kb is None:
        return Storage(records, None, None)
    mb = sum(records.values()) * record_kb / 1024
    free = held.limit - held.used if held else None
    return Storage(records, mb, None if free is None or not mb else free / mb)
