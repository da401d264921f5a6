"""Which facts say that a person does, or does not, want our texts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm_sms.events import Direction, ErrorClass, Event, EventKind, OptOutRules, OptOutType

_MAY_CARRY_WORDS = frozenset({EventKind.REPLY, EventKind.SNAPSHOT})


@dataclass(frozen=True, slots=True)
class OptOutVerdict:
    """What a fact says about a person's number.

    Only STOP suppresses; START and HELP are facts that clear nothing. `number` is E.164, `sender`
    our end of the text as far as it is known, `source` words for a screen or a CRM field.
    """

    type: OptOutType
    number: str
    sender: str | None
    source: str
    at: datetime


def verdict(event: Event, rules: OptOutRules) -> OptOutVerdict | None:
    """What this one fact says, or None; called between parsing a fact and storing it.

    The provider's own word comes first, then a reply whose whole body is one of its keywords, then
    a failure that names missing consent. Without a person's number (a short code, a name) there is
    nobody to suppress. Unverified facts count too: a forged no does less harm than a missed one.
    """
    person, ours = event.person_address, event.our_address
    said = _said(event, rules)
    if said is None or person is None or person.e164 is None:
        return None
    return OptOutVerdict(
        type=said[0],
        number=person.e164,
        sender=ours.shown if ours else None,
        source=said[1],
        at=event.occurred_at or event.received_at,
    )


def _said(event: Event, rules: OptOutRules) -> tuple[OptOutType, str] | None:
    if event.opt_out_type:
        return event.opt_out_type, "provider"
    if event.direction is Direction.OUTBOUND:
        refused = event.error_class is ErrorClass.CONSENT
        return (OptOutType.STOP, f"error {event.error_code or 'consent'}") if refused else None
    word = (event.body or "").strip().upper()
    if event.kind in _MAY_CARRY_WORDS and word in rules.keywords:
        return rules.keywords[word], f"keyword {word}"
    return None
