"""What an admin has set up, read from the rules that are on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crm_sms.sandbox.salesforce.fault_rules import Rule
from crm_sms.sandbox.salesforce.refusals import RequestRefused
from crm_sms.sandbox.salesforce.schema import Field, SObject

Schema = Mapping[str, SObject]
PERMISSIONS = "UserPermissionAccess"
"""The object whose only row tells what the user may do."""


@dataclass(slots=True)
class Setup:
    """Names are `Object.Field`; access is "none" or "read", of objects by name, of records by id.

    `permissions` are those that the user has besides its own.
    `scanned` is how many rows a query may look at before it takes too long; None is any number.
    """

    hidden: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    fields: dict[str, Field] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    scanned: int | None = None
    permissions: set[str] = field(default_factory=set)


def read(schema: Schema, rules: Iterable[Rule]) -> Setup:
    """What the rules that are on amount to; a name that is none of the org's is RequestRefused."""
    setup = Setup()
    for rule in rules:
        setter = _SETTERS.get(rule.kind)
        if setter is not None:
            setter(schema, setup, rule.params)
        if rule.kind in _OF_ONE_OBJECT:
            _check_of_one_object(schema, rule)
    return setup


def _field(schema: Schema, name: str) -> Field:
    object_name, _, field_name = name.partition(".")
    found: Field | None = getattr(schema.get(object_name), "fields", {}).get(field_name)
    if found is None:
        raise RequestRefused("UNKNOWN_FIELD", f"there is no field {name}")
    return found


def _check_objects(schema: Schema, names: Iterable[str]) -> None:
    for name in names:
        if name not in schema:
            raise RequestRefused("UNKNOWN_OBJECT", f"there is no object {name}")


def _check_of_one_object(schema: Schema, rule: Rule) -> None:
    """A rule of the org's own belongs to one object, and names that object's fields."""
    name = rule.match.get("object", "")
    _check_objects(schema, [name])
    for field_name in (*rule.params.get("when", ()), *rule.params.get("fields", ())):
        _field(schema, f"{name}.{field_name}")


def _hidden(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    for name in params["fields"]:
        _field(schema, name)
        setup.hidden.add(name)


def _read_only(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    for name in params["fields"]:
        _field(schema, name)
        setup.read_only.add(name)


def _required(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    for name in params["fields"]:
        _change(schema, setup, name, nillable=False)


def _length(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    _change(schema, setup, params["field"], length=params["length"])


def _picklist(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    values = tuple(params["values"])
    _change(schema, setup, params["field"], values=values, restricted=params["restricted"])


def _change(schema: Schema, setup: Setup, name: str, **changes: Any) -> None:
    setup.fields[name] = replace(setup.fields.get(name) or _field(schema, name), **changes)


def _object_access(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    _check_objects(schema, params["objects"])
    setup.objects |= dict.fromkeys(params["objects"], params["access"])


def _record_access(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    setup.records |= dict.fromkeys(params["ids"], params["access"])


def _permissions(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    for name in params["fields"]:
        _field(schema, f"{PERMISSIONS}.{name}")
        setup.permissions.add(name)


def _slow_query(schema: Schema, setup: Setup, params: Mapping[str, Any]) -> None:
    setup.scanned = params["rows"]


_SETTERS: Mapping[str, Callable[[Schema, Setup, Mapping[str, Any]], None]] = {
    "permissions": _permissions,
    "hidden": _hidden,
    "read_only": _read_only,
    "required": _required,
    "length": _length,
    "picklist": _picklist,
    "object_access": _object_access,
    "record_access": _record_access,
    "slow_query": _slow_query,
}
SETTINGS = frozenset(_SETTERS)
"""The kinds of rules that describe the org, and strike neither calls nor rows."""
_OF_ONE_OBJECT = ("validation", "trigger", "duplicates")
