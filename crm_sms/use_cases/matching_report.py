"""How matching goes: what finds its person, by which rule, what does not, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from crm_sms.ledger import Ledger
from crm_sms.ledger.matching_counts import Count, counts_by_rule, shared_numbers
from crm_sms.ledger.unparsed import Unparsed, unparsed
from crm_sms.matching import Rule
from crm_sms.phone import masked
from crm_sms.use_cases.unmatched import Likeness, Unmatched, unmatched

EXAMPLES = 3

_LIST = "crm-sms unmatched list --show-numbers"
REMEDIES: Mapping[str, str] = {
    Rule.SHARED: f"say whose number it is: {_LIST} shows the commands to assign it",
    Rule.UNKNOWN: "correct the phone in the CRM, or make a lead: crm-sms unmatched create-lead "
    f"NUMBER; {_LIST} shows the numbers, and whose phone looks like one",
}
"""What an admin does about texts without a person; a rule that is not here needs nothing."""
UNPARSED_REMEDY = (
    "correct these phones in the CRM, or default_region in crm-sms.toml if most of a field are "
    "listed; then crm-sms sync people"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Texts that one rule decided, and how many numbers they came from; `examples` are masked.
    `look_alike` counts numbers for which somebody's phone looks like it."""

    rule: str
    texts: int
    numbers: int
    examples: tuple[str, ...] = ()
    look_alike: int = 0
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MatchingReport:
    """One CRM: texts that have their person, by rule; of these, texts of numbers that several
    people hold; texts without a person, by rule; phones of people that are no number."""

    crm: str
    matched: tuple[Group, ...]
    shared: Group
    nobody: tuple[Group, ...]
    unparsed: tuple[Unparsed, ...]
    unparsed_remedy: str

    @property
    def texts(self) -> int:
        """All texts that were looked at."""
        return sum(group.texts for group in (*self.matched, *self.nobody))


def matching_report(ledger: Ledger, crm: str) -> MatchingReport:
    """From what is stored; no call is made."""
    waiting = unmatched(ledger, [crm])
    with ledger.read() as connection:
        counts = counts_by_rule(connection, crm)
        fields = tuple(unparsed(connection, crm, EXAMPLES))
        return MatchingReport(
            crm,
            matched=tuple(Group(c.rule, c.texts, c.numbers) for c in counts if c.matched),
            shared=_shared(connection, crm),
            nobody=tuple(_nobody(count, waiting) for count in counts if not count.matched),
            unparsed=fields,
            unparsed_remedy=UNPARSED_REMEDY if fields else "",
        )


def _shared(connection: Connection, crm: str) -> Group:
    found = shared_numbers(connection, crm, EXAMPLES)
    remedy = f"if a text went to the wrong one: {_ASSIGN}" if found.texts else ""
    examples = tuple(map(masked, found.examples))
    return Group("several hold the number", found.texts, found.numbers, examples, remedy=remedy)


_ASSIGN = "crm-sms unmatched assign NUMBER PERSON_ID"


def _nobody(count: Count, waiting: Sequence[Unmatched]) -> Group:
    """The latest numbers are its examples."""
    here = [one for one in waiting if one.rule == count.rule and one.number]
    alike = [one for one in here if any(c.likeness is not Likeness.HOLDS for c in one.candidates)]
    return Group(
        count.rule,
        count.texts,
        count.numbers,
        tuple(masked(one.number) for one in here[:EXAMPLES] if one.number),
        len(alike),
        REMEDIES.get(count.rule, ""),
    )
