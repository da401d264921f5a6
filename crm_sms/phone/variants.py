"""The strings under which people type a number, and other numbers that may be the same line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from crm_sms.phone.addresses import to_e164

_NORTH_AMERICAN = re.compile(r"\+1([0-9]{3})([0-9]{3})([0-9]{4})")
_AS_TYPED = (
    "+1{0}{1}{2}",
    "1{0}{1}{2}",
    "{0}{1}{2}",
    "({0}) {1}-{2}",
    "{0}-{1}-{2}",
    "{0}.{1}.{2}",
    "+1 {0} {1} {2}",
    "+1 {0}-{1}-{2}",
    "+1 ({0}) {1}-{2}",
    "1-{0}-{1}-{2}",
)
"""In the North American plan (+1): area, exchange, line. Elsewhere: E.164, its digits, and what
libphonenumber prints as international and national, the latter also as plain digits with the trunk
prefix."""

_NO_DIGIT = re.compile(r"[^0-9]+")


def digits(text: str) -> str:
    """What is left of a number as typed without marks and words."""
    return _NO_DIGIT.sub("", text)


@lru_cache(maxsize=20_000)
def variants(e164: str) -> tuple[str, ...]:
    """The strings under which a CRM may hold this number, E.164 first, its digits among them, each
    once.

    Where its country is the default region, each means this number; but some plans read the bare
    digits of E.164 as a national number. What else somebody typed is not found by these.
    """
    found = _NORTH_AMERICAN.fullmatch(e164)
    if found:
        return tuple(form.format(*found.groups()) for form in _AS_TYPED)
    return tuple(dict.fromkeys([e164, e164[1:], *_printed(e164)]))


def _printed(e164: str) -> list[str]:
    import phonenumbers

    if to_e164(e164, None) is None:
        return _as_it_was_printed(e164)
    number = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    forms = phonenumbers.PhoneNumberFormat
    national = str(phonenumbers.format_number(number, forms.NATIONAL))
    printed = str(phonenumbers.format_number(number, forms.INTERNATIONAL))
    # A few plans print what they do not read again, and then it may be somebody else's number.
    return [one for one in (printed, national, digits(national)) if to_e164(one, region) == e164]


def _as_it_was_printed(e164: str) -> list[str]:
    """A number of an older plan as people still have it: `+52 1 55 1234 5678`."""
    return [
        spelling.replace(" ", f" {quirk.extra} ", 1)
        for quirk in QUIRKS
        if (now := _other(quirk, e164)) and len(now) < len(e164)
        for spelling in _printed(now)
        if spelling.startswith("+")
    ]


def searched_digits(e164: str) -> frozenset[str]:
    """The digits of all variants: whatever marks stand between them, a person with these digits in
    a phone field may hold the number, and nobody else does."""
    return frozenset(map(digits, variants(e164)))


@dataclass(frozen=True, slots=True)
class Quirk:
    """A plan in which one line goes by two numbers: with `extra` between `before` and `rest`, and
    without. The first two are the patterns of digits. `source` is where the rule is from; [mem] is
    a rule that nobody checked against the plan itself."""

    country: str
    before: str
    extra: str
    rest: str
    source: str


QUIRKS = (
    Quirk("Mexico", r"\+52", "1", r"[2-9][0-9]{9}", "chatwoot#14048; mobiles until 2019 [mem]"),
    Quirk("Argentina", r"\+54", "9", r"[1-3][0-9]{9}", "chatwoot#14048; mobiles from abroad [mem]"),
    Quirk(
        "Brazil",
        r"\+55[1-9][0-9]",
        "9",
        r"[6-9][0-9]{7}",
        "chatwoot#12655; never for landlines, which begin with 2 to 5 (#14657)",
    ),
    Quirk("Italy", r"\+39", "0", r"[1-9][0-9]{5,9}", "a leading zero is part of the number [mem]"),
    Quirk("Benin", r"\+229", "01", r"[2-9][0-9]{7}", "eight digits until 2024, now ten [mem]"),
)


def candidates(e164: str) -> tuple[str, ...]:
    """Other numbers that may be the same line, by the quirks of national plans.

    A hint, never a match: a person who holds the number itself always comes first, and nobody is
    written to because of these alone.
    """
    found = (_other(quirk, e164) for quirk in QUIRKS)
    return tuple(number for number in found if number)


def _other(quirk: Quirk, e164: str) -> str | None:
    pattern = f"({quirk.before})({quirk.extra})?({quirk.rest})"
    found = re.fullmatch(pattern, e164)
    if found is None:
        return None
    before, extra, rest = found.groups()
    return f"{before}{rest}" if extra else f"{before}{quirk.extra}{rest}"
