"""The org's objects and fields, read from the table in objects.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

LONG_TEXT = 255
"""A text area longer than this can be neither filtered nor sorted."""


_EXACT = ("id", "reference", "date", "datetime")
"""Types whose texts are compared as they stand."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column, in the words of a describe."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    seeded: bool = False
    nillable: bool = True
    external: bool = False
    unique: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    default: Any = None
    to: tuple[str, ...] = ()
    relationship: str | None = None
    cascade: bool = False

    @property
    def filterable(self) -> bool:
        """Whether it may stand in WHERE and ORDER BY."""
        return not (self.type == "textarea" and self.length > LONG_TEXT)

    @property
    def indexed(self) -> bool:
        """Whether look-ups by equality need no scan."""
        return self.external or self.unique or self.type == "reference"

    def key(self, value: Any) -> Any:
        """`value` as compared for equality: text without regard to case, unless told."""
        return value if self.case_sensitive or not isinstance(value, str) else value.casefold()


@dataclass(frozen=True, slots=True)
class SObject:
    """A kind of record."""

    name: str
    prefix: str
    label: str
    plural: str
    fields: Mapping[str, Field]
    writable: bool = True
    deletable: bool = True
    mergeable: bool = False

    @property
    def custom(self) -> bool:
        """Whether an admin made it."""
        return self.name.endswith("__c")

    def required(self) -> tuple[str, ...]:
        """What a creation must give: not nillable, writable, and without a default."""
        return tuple(
            field.name
            for field in self.fields.values()
            if not field.nillable
            and field.createable
            and field.default is None
            and field.type != "boolean"
            and field.name != "OwnerId"
        )

    def relation(self, name: str) -> Field | None:
        """The reference field behind a path such as `Owner` (case does not count)."""
        wanted = name.casefold()
        for field in self.fields.values():
            if field.relationship is not None and field.relationship.casefold() == wanted:
                return field
        return None

    def field(self, name: str) -> Field | None:
        """The field of that name, whatever the case."""
        found = self.fields.get(name)
        if found is not None:
            return found
        wanted = name.casefold()
        return next((f for f in self.fields.values() if f.name.casefold() == wanted), None)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("objects.toml").read_text("utf-8"))


def first_rows() -> Mapping[str, list[dict[str, Any]]]:
    """The rows an org has from the start, per object."""
    rows: Mapping[str, list[dict[str, Any]]] = _table()["rows"]
    return rows


@cache
def load(*, bare: bool = False, persons: bool = False) -> Mapping[str, SObject]:
    """Every object by name.

    `bare` leaves out what the default mapping wants installed; `persons` adds what an org with
    person accounts has.
    """
    table = _table()
    sets = {name: body for name, body in table["sets"].items() if not (bare and _ours(name))}
    objects = {
        name: _object(name, entry, sets)
        for name, entry in table["objects"].items()
        if not (bare and _ours(name))
    }
    return objects | _with_persons(objects) if persons else objects


def person_fields(contact: SObject) -> Mapping[str, str]:
    """The fields of a person account by their names, with those of its contact that they show."""
    names = _table()["person_accounts"]
    pairs = {name: name for name in names["same"]}
    pairs |= {f"Person{name}": name for name in names["prefixed"]}
    custom = (name for name in contact.fields if name.endswith("__c"))
    return pairs | {f"{name.removesuffix('c')}pc": name for name in custom}


def _with_persons(objects: Mapping[str, SObject]) -> dict[str, SObject]:
    account, contact = objects["Account"], objects["Contact"]
    more = {
        name: {column: _field(column, body) for column, body in fields.items()}
        for name, fields in _table()["person_accounts"]["fields"].items()
    }
    shown = {
        name: replace(contact.fields[held], name=name, nillable=True, external=False, unique=False)
        for name, held in person_fields(contact).items()
        if name not in account.fields
    }
    return {
        "Account": replace(account, fields={**account.fields, **shown, **more["Account"]}),
        "Contact": replace(contact, fields={**contact.fields, **more["Contact"]}),
    }


def _ours(name: str) -> bool:
    return name.lower().startswith("sms_")


def _object(name: str, entry: Mapping[str, Any], sets: Mapping[str, Any]) -> SObject:
    columns: dict[str, Any] = {}
    for group in entry["sets"]:
        columns |= sets.get(group, {})
    columns |= entry["fields"]
    label = entry.get("label", name)
    columns["Id"] = columns["Id"] | {"label": f"{label} ID"}
    return SObject(
        name=name,
        prefix=entry["prefix"],
        label=label,
        plural=entry.get("plural", f"{label}s"),
        fields={column: _field(column, body) for column, body in columns.items()},
        writable=entry.get("writable", True),
        deletable=entry.get("deletable", True),
        mergeable=entry.get("mergeable", False),
    )


def _field(name: str, body: Mapping[str, Any]) -> Field:
    access = body.get("access", "rw")
    kind = body["type"]
    return Field(
        name=name,
        type=kind,
        label=body.get("label", _words(name)),
        length=body.get("length", 0),
        precision=body.get("precision", 0),
        scale=body.get("scale", 0),
        createable=access in ("rw", "c"),
        updateable=access == "rw",
        seeded=access == "s",
        nillable=not body.get("required", False) and kind != "boolean",
        external=body.get("external", False),
        unique=body.get("unique", False),
        case_sensitive=body.get("case_sensitive", kind in _EXACT),
        values=tuple(body.get("values", ())),
        restricted=body.get("restricted", False),
        default=body.get("default", False if kind == "boolean" else None),
        to=tuple(body.get("to", ())),
        relationship=body.get("relationship"),
        cascade=body.get("on_delete") == "cascade",
    )


def _words(name: str) -> str:
    """`LastName` → `Last Name`, `SMS_Opt_Out__c` → `SMS Opt Out`, `OwnerId` → `Owner ID`."""
    if name.endswith("__c"):
        return name.removesuffix("__c").replace("_", " ")
    return re.sub(r"\bId\b", "ID", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
