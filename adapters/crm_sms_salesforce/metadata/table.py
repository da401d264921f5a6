"""The table of our own fields, and where in it the fields of each section of a mapping stand."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

PARTS: Mapping[str, str] = {
    "message": "message",
    "person_roll_up": "person",
    "opt_out": "person",
    "people": "person",
    "opportunity_roll_up": "opportunity",
    "task": "activity",
    "timeline_entry": "activity",
}
"""By section of a mapping."""

ACTIVITIES = frozenset({"Task", "Event"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A custom field in the Metadata API's words; `help` becomes its description."""

    type: str
    label: str = ""
    help: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    unique: bool = False
    external: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    to: str = ""
    children: str = ""
    """Of a look-up: what the related records are called on the record that it points to."""


@dataclass(frozen=True, slots=True)
class View:
    """A list view. `filters` are (field, operation, value); `columns` come after the usual ones."""

    label: str
    scope: str = "Everything"
    filters: tuple[tuple[str, str, str], ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """All of fields.toml. `fields` are by part and name; `grantable` and `read` by object; of the
    objects `always` something is read, whatever a mapping says."""

    object: Mapping[str, str]
    fields: Mapping[str, Mapping[str, Definition]]
    columns: tuple[str, ...]
    grantable: Mapping[str, frozenset[str]]
    always: tuple[str, ...]
    read: Mapping[str, tuple[str, ...]]
    views: Mapping[str, View]


@cache
def table() -> Table:
    """The table as the file has it."""
    raw = tomllib.loads(resources.files(__package__).joinpath("fields.toml").read_text("utf-8"))
    message = raw["message"]
    return Table(
        object=message["object"],
        fields={
            part: {name: _definition(name, body) for name, body in raw[part]["fields"].items()}
            for part in dict.fromkeys(PARTS.values())
        },
        columns=tuple(message["columns"]["names"]),
        grantable={name: frozenset(fields) for name, fields in raw["grantable"].items()},
        always=tuple(raw["read"]["objects"]),
        read={name: tuple(fields) for name, fields in raw["read"]["fields"].items()},
        views={name: _view(body) for name, body in message["views"].items()},
    )


def words(name: str) -> str:
    """`Provider_Message_Id__c` → `Provider Message Id`: what a field is called unless told."""
    return name.removesuffix("__c").replace("_", " ")


def _definition(name: str, body: Mapping[str, Any]) -> Definition:
    children = "SMS_Messages" if body["type"] == "Lookup" else ""
    lists = {"values": tuple(body.get("values", ()))}
    return Definition(**{"label": words(name), "children": children, **body, **lists})


def _view(body: Mapping[str, Any]) -> View:
    filters = tuple((name, how, value) for name, how, value in body.get("filters", ()))
    columns = tuple(body.get("columns", ()))
    return View(body["label"], body.get("scope", "Everything"), filters, columns)
