"""People by the phones that somebody typed: by their spellings, or else by a search for digits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from crm_sms.errors import TryLater
from crm_sms.phone import searched_digits, variants
from crm_sms.records import Columns, MirrorPart, MirrorRow, ObjectDescription, Person, Pull, Scalar
from crm_sms_salesforce.faults import HIDDEN, ApiError
from crm_sms_salesforce.pulls import source_of
from crm_sms_salesforce.reads import records
from crm_sms_salesforce.rest import Rest
from crm_sms_salesforce.soql import find_phones, select_by_key, select_by_phones
from crm_sms_salesforce.values import distinct, scalars

TERMS_PER_SEARCH = 150
"""So that a search text stays below 4,000 characters, above which its operators are dropped."""
MOST_FOUND = 2_000
"""Rows that a search gives at most; those beyond are silently missing."""

_TOO_HEAVY = frozenset({"QUERY_TIMEOUT", "QUERY_TOO_COMPLICATED", "REQUEST_RUNNING_TOO_LONG"})


@dataclass(frozen=True, slots=True)
class Sought:
    """One object of people: the columns of it that our user sees, phones among them, and the person
    that a record is."""

    object: str
    fields: tuple[str, ...]
    phones: tuple[str, ...]
    row: Callable[[Mapping[str, Scalar]], MirrorRow]

    def person(self, record: Mapping[str, Any]) -> MirrorRow:
        """The person of one record found."""
        return self.row(scalars(record, self.fields))


def sought(columns: Columns, description: ObjectDescription) -> Sought:
    """Where to look, without what our user does not see."""
    source = source_of(Pull(MirrorPart.PEOPLE, columns=columns))
    seen = {name.casefold() for name in description.fields}
    wanted = distinct(["Id", "SystemModstamp", "IsDeleted", *source.fields])
    return Sought(
        columns.object,
        tuple(name for name in wanted if name.casefold() in seen),
        tuple(name for name in columns.phones if name.casefold() in seen),
        source.row,
    )


def find_people(
    rest: Rest, places: Sequence[Sought], numbers: Collection[str]
) -> dict[str, Person]:
    """Living people by id who may hold one of these numbers.

    A query that takes too long for Salesforce, or for our patience, gives way to a search: its
    index lags by minutes, and it finds other numbers that end alike.
    """
    there = [place for place in places if place.phones]
    try:
        rows = list(_by_spelling(rest, there, numbers))
    except TryLater:
        rows = list(_by_digits(rest, there, numbers))
    except ApiError as error:
        if not error.codes & _TOO_HEAVY:
            raise
        rows = list(_by_digits(rest, there, numbers))
    people = (row for row in rows if isinstance(row, Person))
    return {person.id: person for person in people if not person.deleted}


def _by_spelling(
    rest: Rest, places: Sequence[Sought], numbers: Collection[str]
) -> Iterator[MirrorRow]:
    spellings = list(chain.from_iterable(map(variants, numbers)))
    by_object = {place.object: place for place in places}
    statements = [
        statement
        for place in places
        for statement in select_by_phones(place.object, place.phones, spellings, place.fields)
    ]
    for record in records(rest, statements, deleted=False):
        yield by_object[record["attributes"]["type"]].person(record)


def _by_digits(
    rest: Rest, places: Sequence[Sought], numbers: Collection[str]
) -> Iterator[MirrorRow]:
    terms = sorted(set(chain.from_iterable(map(searched_digits, numbers))))
    for place in places:
        for start in range(0, len(terms), TERMS_PER_SEARCH):
            some = terms[start : start + TERMS_PER_SEARCH]
            found = _search(rest, place.object, place.fields, some)
            if place.object == "Contact":
                found += _contacts_of_persons(rest, place, some)
            yield from map(place.person, found)


def _contacts_of_persons(
    rest: Rest, place: Sought, terms: Sequence[str]
) -> list[Mapping[str, Any]]:
    """The contacts of person accounts, which a search finds as accounts only; none where the org
    has no such accounts."""
    try:
        accounts = _search(rest, "Account", ("PersonContactId",), terms)
    except ApiError as error:
        if not error.codes & HIDDEN:
            raise
        return []
    ids = [account["PersonContactId"] for account in accounts if account["PersonContactId"]]
    statements = list(select_by_key("Contact", "Id", ids, place.fields))
    return list(records(rest, statements, deleted=False))


def _search(
    rest: Rest, object: str, fields: Sequence[str], terms: Sequence[str]
) -> list[Mapping[str, Any]]:
    found = rest.search(find_phones(object, terms, fields))
    if len(found) < MOST_FOUND or len(terms) == 1:
        return found
    middle = len(terms) // 2
    halves = terms[:middle], terms[middle:]
    return [record for half in halves for record in _search(rest, object, fields, half)]
