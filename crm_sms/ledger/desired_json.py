"""Desired fields as the JSON that the outbox keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crm_sms.records import DesiredField, Part, Reference, Text, Value, WriteRule

_RULES = {rule.value: rule for rule in WriteRule}


def encode(field: DesiredField) -> list[Any]:
    """A desired field as JSON: the rule, then a scalar, {"ref": …} or {"text": […]}."""
    return [field.rule, _encode_value(field.value)]


def _encode_value(value: Value) -> Any:
    if isinstance(value, Reference):
        return {"ref": [value.object, value.key, value.part]}
    if isinstance(value, Text):
        return {"text": [_encode_value(part) for part in value.parts]}
    return value


def decode(field: Sequence[Any]) -> DesiredField:
    """The inverse of `encode`."""
    return DesiredField(_decode_value(field[1]), _RULES[field[0]])


def _decode_value(value: Any) -> Value:
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]
    if "ref" in value:
        name, key, part = value["ref"]
        return Reference(name, key, Part(part))
    parts = (_decode_value(part) for part in value["text"])
    return Text(tuple(part if isinstance(part, Reference) else str(part) for part in parts))
