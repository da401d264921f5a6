"""From a provider's request to a durable event: verify, parse, judge opt-outs, one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_sms.consent import OptOutVerdict, verdict
from crm_sms.events import Event, OptOutRules, OptOutType
from crm_sms.ledger import Ledger
from crm_sms.ledger.facts import append, suppress
from crm_sms.ledger.storable import storable
from crm_sms.ports import Clock, SmsProvider, WebhookRequest


@dataclass(frozen=True, slots=True)
class Receiving:
    """What one provider's callbacks need on their way in; `rules` are the opt-out rules of every
    provider."""

    ledger: Ledger
    provider: SmsProvider
    rules: Mapping[str, OptOutRules]
    clock: Clock


def receive_webhook(
    receiving: Receiving, request: WebhookRequest, kind: str | None = None
) -> list[Event]:
    """Verify one callback and keep it, with what it says of opt-outs; what it said.

    Once this returns it survives a power cut, so answer 204 with an empty body: a text in an answer
    may be texted to the person. `kind` is the last part of the address, where the vendor has kinds.
    Raises Forged or Unreadable, both RefusedInput, where nothing was kept (403, 400), and
    StoreUnavailable, a TryLater, where the provider must send it again (503).
    """
    events = receiving.provider.receive(request, kind)
    receive(receiving.ledger, receiving.rules, events, receiving.clock())
    return events


def receive(
    ledger: Ledger,
    rules: Mapping[str, OptOutRules],
    events: Sequence[Event],
    now: datetime,
    *,
    commit: str = "receive",
    give_way: bool = False,
) -> list[bool]:
    """Make events durable with their inbox rows and suppressions, in one commit.

    `rules` are the opt-out rules by provider. Answers True for each event that was new. Once this
    returns, the events survive a power cut; if it raises, none of them is kept. Events of several
    requests may share a commit. Bulk jobs `give_way` to webhooks.
    """
    events = [storable(event) for event in events]
    judged = [(event, verdict(event, rules[event.provider])) for event in events]
    suppressed = [
        _suppression(ledger, event, no) for event, no in judged if no and no.type is OptOutType.STOP
    ]
    with ledger.write(commit, give_way=give_way) as connection:
        fresh = append(ledger, connection, events, now)
        suppress(ledger, connection, suppressed)
    return fresh


def _suppression(ledger: Ledger, event: Event, no: OptOutVerdict) -> dict[str, Any]:
    return {
        "number_digest": ledger.digest(no.number),
        "provider": event.provider,
        "account": event.account,
        "sender": no.sender or "",
        "at": no.at,
        "source": no.source,
        "event_key": event.key,
    }
