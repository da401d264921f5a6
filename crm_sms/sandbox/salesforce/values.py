"""What a field takes: JSON values in, values as they are stored and given back out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from crm_sms.sandbox.salesforce.ids import normalise
from crm_sms.sandbox.salesforce.refusals import Refused
from crm_sms.sandbox.salesforce.schema import Field

YEARS = range(1700, 4001)
"""The years that a date or datetime field takes."""

_DATETIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>().]+")
_JSON_TOKENS: tuple[tuple[type, str], ...] = (
    (bool, "VALUE_BOOLEAN value {}"),
    (int, "VALUE_NUMBER_INT value {}"),
    (float, "VALUE_NUMBER_FLOAT value {}"),
    (str, "VALUE_STRING value {:.80}"),
    (list, "START_ARRAY value ["),
    (dict, "START_OBJECT value {{"),
)


def stored(field: Field, value: Any) -> Any:
    """`value` as the field keeps it; None clears. Raises Refused with Salesforce's code."""
    check: Callable[[Field, Any], Any] = _TYPES.get(field.type, _text)
    # A number is never a text, not an empty one either: the JSON types are those of an org.
    if value is None or (value == "" and check not in (_number, _int)):
        _check_clearing(field)
        return None
    return check(field, value)


def as_datetime(text: str) -> str | None:
    """A datetime as stored: UTC, whole seconds (finer parts are dropped); None if unreadable."""
    moment = _moment(text)
    return None if moment is None else stamp(moment)


def as_instant(text: str) -> str | None:
    """A datetime to compare stored ones with: the same form, but with its milliseconds."""
    moment = _moment(text)
    if moment is None:
        return None
    return stamp(moment).replace(".000", f".{moment.microsecond // 1000:03}")


def _moment(text: str) -> datetime | None:
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    second, fraction, zone = match.groups()
    try:
        whole = datetime.fromisoformat(second + zone.replace("Z", "+00:00"))
        moment = whole.astimezone(UTC) + timedelta(seconds=float(fraction or 0))
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in YEARS else None


def as_date(text: str) -> str | None:
    """A date as stored; None if it is none."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return text if date.fromisoformat(text).year in YEARS else None
    except ValueError:
        return None


def stamp(moment: datetime) -> str:
    """An instant as Salesforce writes it; these texts sort as the instants do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def text_length(text: str) -> int:
    """Characters as Salesforce counts them: UTF-16 units, so an emoji is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_clearing(field: Field) -> None:
    if field.type == "boolean":
        raise Refused(
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            f"{field.label}: value not of required type: null",
            [field.name],
        )
    if not field.nillable:
        raise Refused(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{field.name}]", [field.name]
        )


def _wrong_json(field: Field, value: Any, wanted: str) -> Refused:
    name = next(say.format(value) for kind, say in _JSON_TOKENS if isinstance(value, kind))
    return Refused(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {wanted} from {name} or request may be missing a "
        f"required field at [{field.name}]",
        [field.name],
    )


def _string(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong_json(field, value, "string")
    return value


def _text(field: Field, value: Any) -> str | None:
    text = _string(field, value).strip()
    if text_length(text) > field.length:
        raise Refused(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text[:255]} (max length={field.length})",
            [field.name],
        )
    if not text:
        _check_clearing(field)
    return text or None


def _picklist(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if field.restricted and text is not None and text not in field.values:
        raise Refused(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {text}",
            [field.name],
        )
    return text


def _email(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise Refused(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name]
        )
    return text


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong_json(field, value, "boolean")
    return value


def _number(field: Field, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_json(field, value, "double")
    if not math.isfinite(value) or abs(value) >= 10 ** (field.precision - field.scale):
        raise Refused(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            [field.name],
        )
    return round(float(value), field.scale)


def _int(field: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_json(field, value, "int")
    return int(_number(field, value))


def _date(field: Field, value: Any) -> str:
    day = as_date(_string(field, value))
    if day is None:
        raise _wrong_json(field, value, "date")
    return day


def _datetime(field: Field, value: Any) -> str:
    moment = as_datetime(_string(field, value))
    if moment is None:
        raise _wrong_json(field, value, "datetime")
    return moment


def _reference(field: Field, value: Any) -> str:
    text = _string(field, value)
    full = normalise(text)
    if full is None:
        raise Refused(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {text}", [field.name]
        )
    return full


_TYPES: Mapping[str, Callable[[Field, Any], Any]] = {
    "picklist": _picklist,
    "email": _email,
    "boolean": _boolean,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _int,
    "date": _date,
    "datetime": _datetime,
    "reference": _reference,
    "id": _reference,
}
