"""Numbers that nobody is known to hold are looked for in the CRM, once a day each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from crm_sms.ledger import lookups
from crm_sms.ledger.portion import Portion
from crm_sms.phone import candidates, digits, searched_digits, to_e164
from crm_sms.records import Page, Person
from crm_sms.use_cases.sync_people.pages import keep_usage, slices
from crm_sms.use_cases.sync_people.people import store_people_page
from crm_sms.use_cases.sync_people.reserve import keep_reserve
from crm_sms.use_cases.sync_people.words import Progress, Syncing, SyncReport

MOST_NUMBERS = 2_500
"""Of one run: a history that was just imported must not hold up the pulls of the next hours."""


@dataclass(frozen=True, slots=True)
class Sighted:
    """Of the people whom a CRM found, those who hold a number that was asked for, or look as if
    they did; and by number, who holds it and whose phone only looks like it."""

    people: Sequence[Person]
    held: Mapping[str, Collection[str]]
    alike: Mapping[str, Collection[str]]


def look_up(syncing: Syncing, report: SyncReport, progress: Progress) -> None:
    """Ask for what is due, batch by batch, and have whoever is found in the mirror.

    A batch that is cut off before its last commit is asked for again; nothing is stored twice.
    Raises like a pull.
    """
    with syncing.ledger.read() as connection:
        due = lookups.due(syncing.ledger, connection, syncing.planner.crm, syncing.clock())
    numbers = due[:MOST_NUMBERS]
    size = syncing.crm.limits.keys_per_read // 2  # each number may have a candidate
    for start in range(0, len(numbers), size):
        some = numbers[start : start + size]
        keep_reserve(syncing)
        wanted = {*some, *(other for number in some for other in candidates(number))}
        people = syncing.crm.find_people(syncing.planner.mapping.columns(), sorted(wanted))
        _store(syncing, report, sight(some, people, syncing.region))
        progress("numbers looked up", start + len(some), len(numbers))


def sight(numbers: Collection[str], people: Collection[Person], region: str | None) -> Sighted:
    """What people found have to do with the numbers asked for.

    Only who holds a number by the org's own region holds it: the digits of another country's
    number, or another form of it, are no more than a hint.
    """
    by_digits: dict[str, set[str]] = {}
    for number in numbers:
        for form in (number, *candidates(number)):
            for one in searched_digits(form):
                by_digits.setdefault(one, set()).add(number)
    held: dict[str, set[str]] = {number: set() for number in numbers}
    alike: dict[str, set[str]] = {number: set() for number in numbers}
    for person in people:
        for phone in person.phones:
            e164 = to_e164(phone.raw, region)
            if e164 in held:
                held[e164].add(person.id)
            else:
                for number in by_digits.get(digits(phone.raw), ()):
                    alike[number].add(person.id)
    seen = set().union(*held.values(), *alike.values())
    return Sighted([person for person in people if person.id in seen], held, alike)


def _store(syncing: Syncing, report: SyncReport, sighted: Sighted) -> None:
    ledger, crm, now = syncing.ledger, syncing.planner.crm, syncing.clock()
    for some in slices(Page(tuple(sighted.people)), Portion()):
        with ledger.write("sync.lookup", give_way=True) as connection:
            found = [one for one in some.rows if isinstance(one, Person)]
            store_people_page(syncing, report, connection, found, now)
    with ledger.write("sync.lookup", give_way=True) as connection:
        lookups.put_asked(ledger, connection, crm, sighted.alike, now)
        keep_usage(syncing, connection)
    report.looked_up += len(sighted.held)
    report.found += sum(map(bool, sighted.held.values()))
