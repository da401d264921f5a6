"""Each text as it truly was: the script's word for what happened, the provider's for when.

Nothing here uses what the product uses to find the same things out: that is the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_sms.demo.witness import ARRIVED, LEFT, Witness
from crm_sms.demo.words import Deal, Meaning, Person, Reply, Script, Sent

ANSWERS_WITHIN = timedelta(days=7)
"""A reply that comes later answers nothing."""

_LOST = frozenset({"undelivered", "failed"})
"""Texts that end so reach nobody, in the provider's words."""


@dataclass(slots=True)
class Text:
    """One text. `key` is what its record goes by; `seconds` are from a text to its first answer,
    on both. `origin` is what the script says of it."""

    key: str
    sid: str
    origin: Sent | Reply
    person: str | None
    occurred_at: datetime
    received_at: datetime
    deal: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    clicks: Sequence[datetime] = ()
    replied_at: datetime | None = None
    seconds: int | None = None

    @property
    def inbound(self) -> bool:
        """Whether a person wrote it."""
        return isinstance(self.origin, Reply)

    @property
    def reached(self) -> bool:
        """Whether it is a text of the company that a person could read."""
        return isinstance(self.origin, Sent) and self.origin.outcome not in _LOST

    @property
    def left(self) -> bool:
        """Whether it is a text of the company that went out."""
        return self.sent_at is not None


@dataclass(slots=True)
class Conversation:
    """Replies that share a task: `first` made it."""

    first: Text
    texts: list[Text] = field(default_factory=list)
    closed_at: datetime | None = None


def texts(
    script: Script, sids: Mapping[str, str], witness: Witness, account: str
) -> dict[str, Text]:
    """Every text by its name in the script."""
    found: dict[str, Text] = {}
    deals = deals_of(script)
    for sent in script.sent:
        found[sent.ref] = _sent(sent, sids[sent.ref], witness, account)
    for reply in script.replies:
        found[reply.ref] = _reply(reply, sids[reply.ref], witness, account)
    for text in found.values():
        text.deal = deals.get(text.person or "")
    _answer(found.values())
    return found


def _sent(one: Sent, sid: str, witness: Witness, account: str) -> Text:
    receipts = witness.receipts(sid)
    clicked = sorted({p.clicked_at for p in witness.posted if p.sid == sid and p.clicked_at})
    planned = sorted(one.clicks, key=lambda click: click.after)
    human = [at for at, click in zip(clicked, planned, strict=True) if click.human]
    return Text(
        key=one.ref if one.keyed else f"twilio:{account}:{sid}",
        sid=sid,
        origin=one,
        person=one.person,
        occurred_at=min(receipts),
        received_at=min(receipts),
        sent_at=min(witness.receipts(sid, LEFT), default=None),
        delivered_at=min(witness.receipts(sid, ARRIVED), default=None),
        clicks=human,
    )


def _reply(one: Reply, sid: str, witness: Witness, account: str) -> Text:
    at = min(witness.receipts(sid))
    return Text(f"twilio:{account}:{sid}", sid, one, one.person, occurred_at=at, received_at=at)


def _answer(every: Iterable[Text]) -> None:
    """A reply answers the last text before it between the same two numbers that reached them."""
    threads: dict[tuple[str, str], list[Text]] = {}
    for text in every:
        threads.setdefault((text.origin.number, text.origin.sender), []).append(text)
    for thread in threads.values():
        thread.sort(key=lambda text: text.occurred_at)
        for reply in (text for text in thread if text.inbound):
            before = [t for t in thread if t.reached and t.occurred_at < reply.occurred_at]
            if not before or reply.occurred_at - before[-1].occurred_at > ANSWERS_WITHIN:
                continue
            asked = before[-1]
            if asked.replied_at is None:
                took = int((reply.occurred_at - asked.occurred_at).total_seconds())
                asked.replied_at, asked.seconds, reply.seconds = reply.occurred_at, took, took


def deals_of(script: Script) -> dict[str, str]:
    """The deal that a person's texts belong to: the only open one, or the one they lead."""
    found: dict[str, str] = {}
    for person in script.people:
        held = [deal for deal in script.deals if deal.open and person.ref in deal.people]
        leads = [deal for deal in held if deal.primary == person.ref]
        if len(held) == 1 or len(leads) == 1:
            found[person.ref] = (held if len(held) == 1 else leads)[0].ref
    return found


def conversations(every: Iterable[Text], closed: Mapping[str, datetime]) -> list[Conversation]:
    """Answers of one person within a day of the first, unless its task was completed before.

    `closed` says when, by the script's name of the reply that made the task.
    """
    found: list[Conversation] = []
    current: dict[str, Conversation] = {}
    for text in sorted(every, key=lambda text: text.occurred_at):
        if text.person is None or not _is_answer(text.origin):
            continue
        talk = current.get(text.person)
        if talk is None or _is_over(talk, text.occurred_at):
            talk = Conversation(text, closed_at=closed.get(text.origin.ref))
            current[text.person] = talk
            found.append(talk)
        talk.texts.append(text)
    return found


def _is_answer(origin: Sent | Reply) -> bool:
    return isinstance(origin, Reply) and origin.meaning is Meaning.ANSWER


def _is_over(talk: Conversation, at: datetime) -> bool:
    ended = talk.closed_at is not None and at > talk.closed_at
    return ended or at - talk.first.occurred_at >= timedelta(days=1)


def acting(script: Script, person: Person, deal: Deal | None) -> str:
    """Who looks after a person: their rep, else the deal's, else the manager; nobody who left."""
    at_work = {rep.ref for rep in script.reps if rep.active}
    wanted = [person.rep, *([deal.rep] if deal else [])]
    return next((rep for rep in wanted if rep in at_work), script.manager)


@dataclass(frozen=True, slots=True)
class OptOut:
    """A person's number said no."""

    number: str
    at: datetime
    source: str


def opt_outs(every: Iterable[Text]) -> dict[str, OptOut]:
    """The first no of each number, by number."""
    found: dict[str, OptOut] = {}
    for text in sorted(every, key=lambda text: text.received_at):
        source = _no(text.origin)
        if source:
            found.setdefault(
                text.origin.number, OptOut(text.origin.number, text.received_at, source)
            )
    return found


def _no(origin: Sent | Reply) -> str:
    if isinstance(origin, Reply):
        said = origin.body.strip().upper()
        return f"keyword {said}" if origin.meaning is Meaning.STOP else ""
    return "error 21610" if origin.error_code == 21610 else ""
