"""What the names in expressions stand for."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from typing import Any

import pytest

from crm_sms.events import Status
from crm_sms.mapping.names import Kind, Scope
from crm_sms.messages import Message
from crm_sms.phone import Address
from crm_sms.records import Person, Reference

SCOPE = Scope.of(message=Message, person=Person)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (str, Kind.TEXT),
        (Status, Kind.TEXT),
        (int, Kind.NUMBER),
        (float, Kind.NUMBER),
        (bool, Kind.CHECKBOX),
        (datetime, Kind.INSTANT),
        (date, Kind.DATE),
        (tuple[str, ...], Kind.LIST),
        (Reference, Kind.LINK),
        (Address, Kind.RECORD),
        (type(None), Kind.ANY),
        (Any, Kind.ANY),
        (str | int, Kind.ANY),
    ],
)
def test_each_type_has_a_kind(type_: Any, kind: Kind) -> None:
    """A truth is not a number, and an instant is not a date, though Python says both."""
    assert Kind.of(type_) is kind


@pytest.mark.parametrize("name", [field.name for field in fields(Message)])
def test_every_part_of_a_message_has_a_kind_of_its_own(name: str) -> None:
    """None of them is taken on trust."""
    assert SCOPE.follow("message", (name,)).kind is not Kind.ANY


def test_properties_are_parts_too() -> None:
    """What a record computes can be named like what it holds."""
    assert SCOPE.follow("message", ("person_address", "shown")).kind is Kind.TEXT


def test_further_columns_have_any_kind() -> None:
    """What a CRM's own field holds is not known beforehand."""
    assert SCOPE.follow("person", ("fields", "Whatever__c")).kind is Kind.ANY


@pytest.mark.parametrize(
    ("root", "names", "said"),
    [
        ("persn", (), "there is no persn; did you mean person?"),
        ("zzz", (), "there is no zzz; there is: message, person"),
        ("person", ("nam",), "person has no nam; did you mean name?"),
        ("person", ("name", "upper"), "person.name has no parts; end the path there"),
        ("person", ("_fields",), "person has no _fields; did you mean fields?"),
        ("person", ("phones", "raw"), "person.phones has no parts"),
        ("person", ("fields", "A", "b"), "person.fields.A has no parts"),
    ],
)
def test_a_name_that_does_not_exist_is_refused(
    root: str, names: tuple[str, ...], said: str
) -> None:
    """With what was probably meant, else with what there is."""
    with pytest.raises(ValueError, match=said):
        SCOPE.follow(root, names)


def test_a_scope_knows_its_names() -> None:
    """So that a key which rests on a fact can be refused where there is none."""
    assert SCOPE.has("message")
    assert not SCOPE.has("task")
