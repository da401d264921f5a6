"""Texts, replies, clicks, and what the network makes of their callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.orders import Fault
from month.people import new_number
from month.stage import Month

SENDERS = ("+12025550100", "+12025550101")
BODIES = ("Yes please", "Call me", "  no blanks ", "Ja \U0001f44d", "What is @{this}?", "")
OUTCOMES = (
    ("delivered", None, 12),
    ("undelivered", 30005, 2),
    ("failed", 30003, 1),
    ("failed", 21610, 1),
    ("sent", None, 2),
)


def send(month: Month) -> None:
    """The other system texts somebody, or a number that nobody has."""
    person = month.one(month.people)
    number = person.number if person and month.dice.random() < 0.9 else new_number(month)
    if not number:
        return
    key = f"k{len(month.sids)}"
    given: dict[str, Any] = {"campaign": month.dice.choice(("spring", "fall"))}
    if person and number == person.number and month.dice.random() < 0.3:
        given["person_id"] = person.id
    url = f"{month.stage.web_url}/webhooks/twilio/status"
    if month.dice.random() < 0.7:
        provider = month.stage.app.providers["twilio"]
        url = provider.callback_url(month.stage.web_url, key, given)
    outcome, code, _ = month.dice.choices(OUTCOMES, [one[2] for one in OUTCOMES])[0]
    order = {
        "to": number,
        "from": month.dice.choice(SENDERS),
        "body": f"Offer {len(month.sids)}",
        "status_callback": url,
        "outcome": outcome,
        "error_code": code,
        "delays": {"delivered": month.dice.choice((2, 60, 4000))},
    }
    if month.dice.random() < 0.2:
        order["clicks"] = [{"link": "https://sms.example.com/a", "after_s": 90}]
    try:
        month.sids.append(month.orders("texts", order)["sid"])
    except (RuntimeError, Refused):
        month.note(f"Twilio takes no text to {number}")
        return
    if code == 21610:
        month.said_no.add(number)
    month.note(f"{key} {month.sids[-1][-4:]} to {number}: {outcome} {code or ''}")


def answer(month: Month, body: str | None = None) -> None:
    """A person writes."""
    known = [one.number for one in month.people.values() if one.number]
    number = month.one(known) if month.dice.random() < 0.9 else month.one(month.numbers)
    if number:
        body = month.dice.choice(BODIES) if body is None else body
        order = {"from": number, "to": month.dice.choice(SENDERS), "body": body}
        month.sids.append(month.orders("replies", order)["sid"])
        if body == "STOP":
            month.said_no.add(number)
        month.note(f"{number} writes {body!r} {month.sids[-1][-4:]}")


def stop(month: Month) -> None:
    """A person wants no more texts."""
    answer(month, "STOP")


def start(month: Month) -> None:
    """A person wants them again; that alone clears nothing."""
    answer(month, "START")


def click(month: Month) -> None:
    """A visit to the link of an old text."""
    if month.sids:
        sid = month.dice.choice(month.sids[-30:])
        order = {"sid": sid, "link": "https://sms.example.com/a"}
        try:
            month.orders("clicks", order)
        except RuntimeError:  # a reply has no links
            return
        month.note(f"a click on {sid[-4:]}")


def network(month: Month) -> None:
    """For a while callbacks are lost, late, doubled or out of order."""
    kind = month.dice.choice(("lost", "late", "doubled", "reordered"))
    seconds = month.dice.choice((30, 600, 7200))
    share, seed = month.dice.uniform(0.1, 0.9), month.dice.randrange(1000)
    month.stage.box.twilio.add_fault(Fault(fault=kind, seconds=seconds, share=share, seed=seed))
    month.later(timedelta(hours=12), month.stage.box.twilio.clear_faults)
    month.note(f"callbacks are {kind}")


EVENTS = ((30, send), (14, answer), (3, stop), (1, start), (4, click), (2, network))
"""How often each, and what."""
