"""Phone numbers as the field writes them: E.164 for people, anything else kept as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_CHANNEL = re.compile(r"[a-z]+:.+")


class AddressKind(StrEnum):
    """What stands at one end of a text."""

    NUMBER = "number"
    SHORT_CODE = "short_code"
    NAME = "name"  # an alphanumeric sender
    CHANNEL = "channel"  # whatsapp:+1…, messenger:…
    UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a text: `raw` as the vendor gave it, `e164` only if it is a person's number."""

    raw: str
    kind: AddressKind
    e164: str | None = None

    @property
    def shown(self) -> str:
        """What a person reads: the number in E.164 where it is one, else as it came."""
        return self.e164 or self.raw


def parse_address(raw: str, default_region: str | None = None) -> Address:
    """Never raises: what cannot be parsed is kept as UNPARSABLE.

    `default_region` is an ISO 3166 code for numbers without a country code; without it they are
    UNPARSABLE. Short codes and names are never completed to numbers (`55511` in the US would give
    the invalid +155511).
    """
    text = raw.strip()
    if _E164.fullmatch(text):
        return Address(raw, AddressKind.NUMBER, text)
    if _SHORT_CODE.fullmatch(text):
        return Address(raw, AddressKind.SHORT_CODE)
    if _CHANNEL.fullmatch(text):
        return Address(raw, AddressKind.CHANNEL)
    e164 = to_e164(text, default_region)
    if e164:
        return Address(raw, AddressKind.NUMBER, e164)
    has_letter = any(character.isalpha() for character in text)
    return Address(raw, AddressKind.NAME if has_letter else AddressKind.UNPARSABLE)


@lru_cache(maxsize=10_000)  # those of a while; a pull of everybody has each only once
def to_e164(raw: str, default_region: str | None) -> str | None:
    """The E.164 form of a number as people type it, or None.

    Gates on what is possible, not on what is valid: metadata lags new ranges. A number with an
    extension gives None, since its E.164 form would reach the switchboard; so does one that is
    possible only within its area.
    """
    import phonenumbers

    if not any(character.isdigit() for character in raw):
        return None
    try:
        number = phonenumbers.parse(raw, default_region)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if number.extension or possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return e164 if _E164.fullmatch(e164) else None


def masked(number: str) -> str:
    """A number fit for a log or a screen that others see: `+1202…23`."""
    return f"{number[:5]}…{number[-2:]}" if len(number) > 8 else "…"


_LONGEST, _SHOWN_DIGITS = 40, 3


def masked_as_typed(raw: str) -> str:
    """What somebody typed, fit for a screen that others see: all but its first three digits are
    dots, its form still says what is wrong with it (`+1 20• ••• •••• ext. •`)."""
    left = _SHOWN_DIGITS
    characters = []
    for character in raw.strip()[:_LONGEST]:
        hidden = character.isdigit() and left <= 0
        left -= character.isdigit()
        characters.append("•" if hidden else character)
    return "".join(characters)
