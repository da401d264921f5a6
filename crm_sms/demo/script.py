"""The fortnight as data: who is texted, what becomes of the texts, what people and reps do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from crm_sms.demo.cast import COLLEAGUE, LATE_CONTACT, MANAGER, REPS, Casting, deals
from crm_sms.demo.words import (
    DAYS,
    LEAST_PEOPLE,
    LIVE_DAY,
    Act,
    Click,
    Deed,
    Meaning,
    Person,
    Reply,
    Script,
    Sent,
)

SENDERS = ("+12025550100", "+12025550101")

_HUMAN = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
_ANDROID = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/137.0 Mobile"

_CAMPAIGNS: Sequence[tuple[int, int, Mapping[str, str]]] = tuple(
    (
        day,
        hour,
        {
            "campaign": campaign,
            "offer": f"{campaign}-{percent}",
            "template": "reminder" if percent < 20 else "invitation",
            "template_version": str(1 + day // 5),
            "purpose": "marketing" if percent else "informational",
            "segment": segment,
            "journey": "autumn",
            "arm": "ab"[day % 2],
        },
    )
    for day, hour, campaign, percent, segment in (
        (0, 15, "open-house", 10, "all"),
        (2, 16, "renewal", 0, "customers"),
        (4, 14, "demo-day", 20, "trial"),
        (6, 17, "renewal", 5, "customers"),
        (8, 15, "webinar", 0, "all"),
        (10, 16, "bundle", 30, "trial"),
        (12, 14, "last-call", 25, "all"),
        (LIVE_DAY, 14, "thank-you", 0, "customers"),
    )
)
"""Day, hour (UTC) and what the other system says of each."""

_FATES: Sequence[tuple[str, int | None, int]] = (
    ("delivered", None, 78),
    ("read", None, 6),
    ("sent", None, 4),
    ("undelivered", 30003, 5),
    ("undelivered", 30005, 3),
    ("failed", 30007, 4),
)
"""Outcome, error code, weight."""

_ANSWERS = (
    "Yes please, call me",
    "What does it cost?",
    "Can we talk on Monday?",
    "Who is this?",
    "Send me the details",
    "I am interested",
    "Is it still available?",
    "Not now, maybe next month",
    "👍",
)
_STOPS = ("STOP", "Stop ", "stop", "UNSUBSCRIBE", "Quit", "cancel")
_NOISE = (
    "HELP",
    "info",
    "Liked “See you there”",
    'Loved "See you there"',
    "Reacted 🎉 to “See you there”",
    "I'm driving with Do Not Disturb While Driving turned on.",
    "Auto-reply: I am out of office until Monday.",
)

_SHARES: Mapping[str, float] = {
    "clicks": 0.25,
    "scanned": 0.10,
    "answers": 0.17,
    "chats": 0.03,
    "stops": 0.05,
    "makes_noise": 0.07,
    "blocked": 0.02,
}
"""What part of the people does what; the rest keeps still."""


def minutes(number: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=number)


class _Pen:
    """Writes the script down; every random choice comes from one generator."""

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.cast = Casting(randomness)
        self.sent: list[Sent] = []
        self.replies: list[Reply] = []
        self.acts: list[Act] = []

    def text(self, person: Person, at: timedelta, **fields: object) -> Sent:
        """A text to this person; returned as it stands now."""
        number = len(self.sent)
        made = Sent(
            ref=f"t{number:05}",
            at=at,
            person=person.ref,
            number=person.number,
            sender=sender_of(person.number),
            body=f"Hello {person.first_name}, see you there. #{number}",
        )
        self.sent.append(replace(made, **fields))  # type: ignore[arg-type]
        return self.sent[-1]

    def change(self, text: Sent, **fields: object) -> Sent:
        """Another version of a text that was written down."""
        changed = replace(text, **fields)  # type: ignore[arg-type]
        self.sent[self.sent.index(text)] = changed
        return changed

    def reply(self, number: str, at: timedelta, body: str, **fields: object) -> Reply:
        """A reply to the sender that texts this number."""
        made = Reply(f"r{len(self.replies):04}", at, number, sender_of(number), body)
        self.replies.append(replace(made, **fields))  # type: ignore[arg-type]
        return self.replies[-1]

    def answer(self, person: Person, at: timedelta) -> Reply:
        """An answer that nobody else gives, so that a body on a wrong record is seen."""
        body = f"{self.random.choice(_ANSWERS)} ({len(self.replies)})"
        return self.reply(person.number, at, body, person=person.ref)

    def act(self, at: timedelta, deed: Deed, of: str, **fields: str) -> None:
        """Something that somebody in the CRM does."""
        self.acts.append(Act(at, deed, of, fields))

    def forget_after(self, person: Person, at: timedelta) -> None:
        """The other system keeps to an opt-out."""
        self.sent = [t for t in self.sent if t.person != person.ref or t.at <= at]


def sender_of(number: str) -> str:
    """The same number is always texted from the same sender."""
    return SENDERS[int(number[-1]) % len(SENDERS)]


def write(people: int, seed: int) -> Script:
    """A script with so many people in the CRM, at least LEAST_PEOPLE; the same for the same seed.

    Replies of one number are at least ten minutes apart, and nobody clicks within a quarter of an
    hour of a delivery but machines: what follows from less rests on times that providers round.
    """
    if people < LEAST_PEOPLE:
        raise ValueError(f"the demo needs at least {LEAST_PEOPLE} people, not {people}")
    pen = _Pen(random.Random(seed))
    _special_cast(pen)
    special = len(pen.cast.people)
    while len(pen.cast.people) < people:
        pen.cast.add("Lead" if pen.random.random() < 0.2 else "Contact")
    ordinary = pen.cast.people[special:]
    _send_campaigns(pen, ordinary)
    _behave(pen, ordinary)
    answered = {reply.person for reply in pen.replies if reply.meaning is Meaning.ANSWER}
    contacts = [person for person in ordinary if person.object == "Contact"]
    pen.random.shuffle(contacts)
    contacts.sort(key=lambda person: person.ref not in answered)  # these have deals first
    found = deals(pen.random, contacts[: len(contacts) // 2])
    return Script(
        reps=REPS,
        manager=MANAGER,
        people=pen.cast.people,
        deals=found,
        sent=sorted(pen.sent, key=lambda text: (text.at, text.ref)),
        replies=sorted(pen.replies, key=lambda reply: (reply.at, reply.ref)),
        acts=sorted(pen.acts, key=lambda act: act.at),
    )


def _send_campaigns(pen: _Pen, people: Sequence[Person]) -> None:
    for person in people:
        for day, hour, metadata in pen.random.sample(_CAMPAIGNS, pen.random.choice((2, 3, 3, 4))):
            outcome, error_code, _ = pen.random.choices(_FATES, [fate[2] for fate in _FATES])[0]
            arrives = outcome in ("delivered", "read")
            phone_off = arrives and day < LIVE_DAY and pen.random.random() < 0.05
            keyed = pen.random.random() < 0.9
            pen.text(
                person,
                timedelta(days=day, hours=hour, minutes=pen.random.choice((0, 15, 30))),
                outcome=outcome,
                error_code=error_code,
                delivered_after=timedelta(hours=2) if phone_off else timedelta(seconds=5),
                keyed=keyed,
                tells_person=keyed and pen.random.random() < 0.5,
                metadata=metadata if keyed else {},
            )


def _behave(pen: _Pen, people: Sequence[Person]) -> None:
    """Deal the parts out by count, not by chance, so that no demo lacks one."""
    left = pen.random.sample(people, len(people))
    for part, share in _SHARES.items():
        for _ in range(max(1, round(len(people) * share))):
            person = left.pop()
            texts = [text for text in pen.sent if text.person == person.ref]
            # The last text more often than others: the last day is to be a lively one.
            _PARTS[part](pen, person, pen.random.choice([max(texts, key=_when), *texts]))


def _when(text: Sent) -> timedelta:
    return text.at


def _arrived(pen: _Pen, text: Sent) -> Sent:
    return pen.change(text, outcome="delivered", error_code=None)


def _moment_after(pen: _Pen, text: Sent, most_minutes: int = 360) -> timedelta:
    """Some minutes after it arrived, on the same day if that is the last one."""
    return text.at + text.delivered_after + minutes(pen.random.randint(15, most_minutes))


def _clicks(pen: _Pen, person: Person, text: Sent) -> None:
    text = _arrived(pen, text)
    agents = (_HUMAN, _ANDROID)
    first = _moment_after(pen, text) - text.at
    clicks = [
        Click(first + minutes(20 * number), human=True, user_agent=pen.random.choice(agents))
        for number in range(pen.random.choice((1, 1, 1, 2, 3)))
    ]
    if pen.random.random() < 0.2:
        clicks.append(_machine(pen, text))
    pen.change(text, clicks=tuple(clicks))


def _scanned(pen: _Pen, person: Person, text: Sent) -> None:
    text = _arrived(pen, text)
    pen.change(text, clicks=(_machine(pen, text),))


def _machine(pen: _Pen, text: Sent) -> Click:
    """A crawler, a phone's preview, or a carrier's scanner that looks like a browser."""
    at = text.delivered_after
    return pen.random.choice(
        (
            Click(
                at + minutes(30), human=False, user_agent="Mozilla/5.0 (compatible; Googlebot/2.1)"
            ),
            Click(at + minutes(1), human=False, user_agent="facebookexternalhit/1.1"),
            Click(at + minutes(16), human=False, user_agent=_HUMAN, preview=True),
            Click(at + timedelta(seconds=1), human=False, user_agent=_ANDROID),
        )
    )


def _answers(pen: _Pen, person: Person, text: Sent) -> None:
    text = _arrived(pen, text)
    pen.answer(person, _moment_after(pen, text))


def _chats(pen: _Pen, person: Person, text: Sent) -> None:
    """Line by line over two days and more, if there is time."""
    text = _arrived(pen, text)
    at = _moment_after(pen, text, 120)
    for _ in range(pen.random.randint(4, 8)):
        if at < timedelta(days=DAYS) - minutes(60):
            pen.answer(person, at)
        at += minutes(pen.random.choice((11, 14, 25, 90, 600, 1000)))


def _stops(pen: _Pen, person: Person, text: Sent) -> None:
    text = _arrived(pen, text)
    at = _moment_after(pen, text, 90)
    pen.forget_after(person, at)
    body = pen.random.choice(_STOPS)
    pen.reply(person.number, at, body, person=person.ref, meaning=Meaning.STOP)


def _makes_noise(pen: _Pen, person: Person, text: Sent) -> None:
    text = _arrived(pen, text)
    body = pen.random.choice(_NOISE)
    at = _moment_after(pen, text)
    pen.reply(person.number, at, body, person=person.ref, meaning=Meaning.NOISE)


def _blocked(pen: _Pen, person: Person, text: Sent) -> None:
    """The carrier knows of an opt-out that we do not know of."""
    text = pen.change(text, outcome="failed", error_code=21610)
    pen.forget_after(person, text.at)


_PARTS: Mapping[str, Callable[[_Pen, Person, Sent], None]] = {
    "clicks": _clicks,
    "scanned": _scanned,
    "answers": _answers,
    "chats": _chats,
    "stops": _stops,
    "makes_noise": _makes_noise,
    "blocked": _blocked,
}


def _special_cast(pen: _Pen) -> None:
    """Those whose story is told by hand."""
    _shared_numbers(pen)
    _strangers(pen)
    _reps_at_work(pen)


def _shared_numbers(pen: _Pen) -> None:
    """Nobody can say who of two wrote; or a text said whom it meant; or a contact goes first, and
    everybody with the number is opted out."""
    one = pen.cast.add()
    pen.cast.add(like=one)
    pen.reply(one.number, timedelta(days=1, hours=15), "Is this for me?", unmatched="shared")

    meant = pen.cast.add()
    pen.cast.add(like=meant)
    pen.text(meant, timedelta(days=3, hours=14), tells_person=True)
    pen.answer(meant, timedelta(days=3, hours=15))

    contact = pen.cast.add()
    pen.cast.add("Lead", like=contact)
    pen.text(contact, timedelta(days=5, hours=14), keyed=False)
    at = timedelta(days=5, hours=15)
    pen.reply(contact.number, at, "STOP", person=contact.ref, meaning=Meaning.STOP)


def _strangers(pen: _Pen) -> None:
    """A number that nobody knows, and one that somebody enters on the last day."""
    at = timedelta(days=7, hours=15)
    pen.reply(pen.cast.stranger(), at, "Call me about the house", unmatched="unknown")
    late = pen.cast.add(rep="rep2", appears=LATE_CONTACT)
    pen.answer(late, timedelta(days=6, hours=16))
    pen.act(LATE_CONTACT, Deed.ADD_PERSON, late.ref)


def _reps_at_work(pen: _Pen) -> None:
    """What reps change while texts go on; nothing of it may be undone."""
    before, morning = timedelta(days=LIVE_DAY - 1), timedelta(days=LIVE_DAY, hours=10)

    done = pen.cast.add(rep="rep0")
    pen.text(done, before + timedelta(hours=15))
    first = pen.answer(done, before + timedelta(hours=18))
    pen.act(morning, Deed.COMPLETE_TASK, first.ref, Status="Completed", Subject="Called, will buy")
    pen.answer(done, morning + timedelta(hours=5))

    edited = pen.cast.add(rep="rep1")
    pen.text(edited, before + timedelta(hours=15))
    first = pen.answer(edited, before + timedelta(hours=18))
    pen.act(morning, Deed.EDIT_TASK, first.ref, Subject="Call on Friday", OwnerId=COLLEAGUE)
    pen.answer(edited, morning + timedelta(hours=5))

    deleted = pen.cast.add(rep="rep2")
    pen.text(deleted, before + timedelta(hours=15))
    first = pen.answer(deleted, before + timedelta(hours=18))
    pen.act(morning, Deed.DELETE_TASK, first.ref)
    pen.answer(deleted, morning + timedelta(hours=5))

    clicker = pen.cast.add(rep="rep0")
    click = Click(timedelta(hours=23), human=True, user_agent=_HUMAN)
    text = pen.text(clicker, before + timedelta(hours=15), clicks=(click,))
    pen.act(morning, Deed.GIVE_TEXT_AWAY, text.ref, OwnerId=COLLEAGUE)

    quitter = pen.cast.add("Lead", rep="rep1")
    pen.text(quitter, timedelta(days=3, hours=15))
    at = timedelta(days=3, hours=17)
    pen.reply(quitter.number, at, "Stop", person=quitter.ref, meaning=Meaning.STOP)
    pen.act(morning, Deed.UNCHECK_OPT_OUT, quitter.ref)
