"""The people of the script: names, phones in every spelling, owners, accounts, deals."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from crm_sms.demo.words import LIVE_DAY, Deal, Person, Rep

REPS = (
    Rep("rep0", "Ana Ruiz"),
    Rep("rep1", "Ben Okafor"),
    Rep("rep2", "Chloe Lind"),
    Rep("rep3", "Dev Shah"),
    Rep("gone", "Olga Former", active=False),
)
MANAGER = "manager"
COLLEAGUE = "rep3"
"""Who gets what a rep gives away; owns nobody of the special cast."""

_FIRST = ("Ada", "Ali", "Bea", "Carl", "Dana", "Eva", "Finn", "Hana", "Ivy", "Juan", "Kai", "Lea")
_SECOND = ("", "", "", " Ann", " Lee", " May", " Jo")
_LAST = ("Adams", "Baker", "Diaz", "Evans", "Garcia", "Ito", "Khan", "Meyer", "Nguyen", "Patel")
_ENDING = ("", "", "", "-Reed", "-Vega", "-Young")

SPELLINGS: Sequence[Callable[[str, str, str], str]] = (
    lambda area, exchange, line: f"({area}) {exchange}-{line}",
    lambda area, exchange, line: f"{area}.{exchange}.{line}",
    lambda area, exchange, line: f"+1 {area} {exchange} {line}",
    lambda area, exchange, line: f"1-{area}-{exchange}-{line}",
    lambda area, exchange, line: f"{area}{exchange}{line}",
    lambda area, exchange, line: f"+1{area}{exchange}{line}",
    lambda area, exchange, line: f" {area} / {exchange} - {line} ",
)
"""How people type a phone into a CRM."""

_FIELDS = {
    "Contact": ("MobilePhone", "MobilePhone", "Phone", "HomePhone"),
    "Lead": ("MobilePhone",),
}
_STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review")


class Casting:
    """Makes people whose number nobody else has, unless they are to share one."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        self.people: list[Person] = []
        self._lines = self._numbers()

    def _numbers(self) -> Iterator[tuple[str, str, str]]:
        """Lines of exchange 555 in several area codes."""
        for line in range(2000, 10_000):
            yield self._random.choice(("202", "212", "415", "617", "773")), "555", str(line)

    def add(
        self,
        object: str = "Contact",
        *,
        like: Person | None = None,
        rep: str | None = None,
        appears: timedelta | None = None,
    ) -> Person:
        """A new person; `like` somebody they have the number of that one, in another spelling."""
        pick = self._random
        parts = (like.number[2:5], like.number[5:8], like.number[8:]) if like else next(self._lines)
        person = Person(
            ref=f"p{len(self.people):04}",
            object=object,
            first_name=pick.choice(_FIRST) + pick.choice(_SECOND),
            last_name=pick.choice(_LAST) + pick.choice(_ENDING),
            phone=pick.choice(SPELLINGS)(*parts),
            number="+1" + "".join(parts),
            phone_field=pick.choice(_FIELDS[object]),
            rep=rep or pick.choice(REPS).ref,
            account=f"a{len(self.people) // 3:03}" if object == "Contact" else None,
            appears=appears,
        )
        self.people.append(person)
        return person

    def stranger(self) -> str:
        """A number that nobody in the CRM has."""
        return "+1" + "".join(next(self._lines))


def deals(randomness: random.Random, contacts: Sequence[Person]) -> list[Deal]:
    """For a part of these contacts: one open deal, several, a lost one, one for two people."""
    made: list[Deal] = []

    def add(people: Sequence[Person], stage: str | None = None, primary: bool = False) -> None:
        ref = f"d{len(made):03}"
        name = f"{people[0].last_name} {ref}"
        stage = stage or randomness.choice(_STAGES)
        rep = randomness.choice(REPS).ref
        leading = people[0].ref if primary else None
        made.append(Deal(ref, name, stage, rep, tuple(person.ref for person in people), leading))

    for place, person in enumerate(contacts):
        match place % 10:
            case 0 | 5:
                add([person], primary=place % 2 == 0)
            case 1:
                add([person], primary=True)
                add([person])
            case 2:
                add([person])
                add([person])
            case 3:
                add([person], "Closed Lost")
            case 4 if place + 4 < len(contacts):
                add([person, contacts[place + 4]])
    return made


LATE_CONTACT = timedelta(days=LIVE_DAY, hours=13, minutes=10)
"""When somebody enters a number that was unknown until then."""
