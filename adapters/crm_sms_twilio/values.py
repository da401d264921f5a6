"""Single values as Twilio writes them, read tolerantly: what does not fit is None."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_ZONE_NAME = re.compile(r"\s*(UTC|GMT)$")


def parse_instant(text: str | None) -> datetime | None:
    """ISO 8601 or RFC 2822, in UTC; a time without a zone is no instant and gives None."""
    if not text:
        return None
    try:
        if _ISO.match(text):
            instant = datetime.fromisoformat(_ZONE_NAME.sub("+00:00", text))
        else:
            instant = parsedate_to_datetime(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_count(text: str | None) -> int | None:
    """A count of parts or media; nine digits are beyond anything a text can have."""
    if text and len(text) < 10 and text.isascii() and text.isdigit():
        return int(text)
    return None


def parse_cost(price: str | None) -> float | None:
    """What a text cost: Twilio writes a charge as a negative price."""
    try:
        value = float(price or "")
    except ValueError:
        return None
    return 0.0 - value if math.isfinite(value) else None


def clean_text(text: str) -> str:
    """The text with lone surrogates, which JSON can spell and no store takes, as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
