"""What a CRM must have for a mapping is told from the mapping alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm_sms.admin_files import shipped, shipped_mapping
from crm_sms.mapping import Mapping
from crm_sms.mapping.needs import needs
from crm_sms.records import FieldType, NeededField

TEXT = (shipped() / "salesforce.toml").read_text(encoding="utf-8")

Needs = Callable[..., dict[tuple[str, str, str], NeededField]]


@pytest.fixture
def needed() -> Needs:
    """The needs of our mapping after some replacements, by section, object and name."""

    def find(*changes: tuple[str, str]) -> dict[tuple[str, str, str], NeededField]:
        text = TEXT
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        found = needs(Mapping.load(text, "mine"), shipped_mapping("salesforce"))
        assert len({(one.section, one.object, one.name) for one in found}) == len(found)
        return {(one.section, one.object, one.name): one for one in found}

    return find


def test_every_field_that_the_mapping_names_is_needed(needed: Needs) -> None:
    """Written ones, keys, and the columns that a pull brings."""
    found = needed()
    mapping = Mapping.load(TEXT, "ours")
    written = {(s.path, s.object, f.name) for s in mapping.sections for f in s.fields}
    keys = {(s.path, s.object, s.key_field) for s in mapping.sections if s.key_field}
    phones = {("people", one.object, name) for one in mapping.people for name in one.phones}
    assert set(found) == written | keys | phones
    assert {place for place, one in found.items() if one.key} == keys
    assert {place for place, one in found.items() if not one.written} == phones
    assert {place for place, one in found.items() if one.flag} == {
        ("opt_out", name, "SMS_Opt_Out__c") for name in ("Contact", "Lead")
    }
    assert not any(one.like for one in found.values())


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        ("Occurred_At__c", FieldType.INSTANT),
        ("Click_Count__c", FieldType.NUMBER),
        ("Body__c", FieldType.TEXT),
        ("Direction__c", FieldType.PICKLIST),
        ("Contact__c", FieldType.REFERENCE),
        ("Message_Key__c", FieldType.TEXT),
    ],
)
def test_the_kind_of_a_value_tells_the_field(needed: Needs, field: str, type_: FieldType) -> None:
    """What an instant, a number or a choice asks for."""
    assert needed()["message", "SMS_Message__c", field].type is type_


def test_what_an_expression_gives_may_be_unknown(needed: Needs) -> None:
    """Then nobody can tell the field from it."""
    found = needed(
        ("[message.fields]", '[message.fields]\nOdd__c = { value = "message.body or 1" }')
    )
    assert found["message", "SMS_Message__c", "Odd__c"].type is None


def test_choices_are_those_that_the_mapping_gives(needed: Needs) -> None:
    """In the words of the admin's own picklist."""
    found = needed(('inbound = "Inbound"', 'inbound = "Eingehend"'))
    field = found["message", "SMS_Message__c", "Direction__c"]
    assert field.choices == ("Outbound", "Eingehend")


def test_a_look_up_says_what_it_points_to(needed: Needs) -> None:
    """The object where the mapping names it, else only whose record it is."""
    found = needed()
    told = {
        name: (
            found["message", "SMS_Message__c", name].record,
            found["message", "SMS_Message__c", name].refers_to,
        )
        for name in ("Contact__c", "Lead__c", "Account__c", "Opportunity__c")
    }
    assert told == {
        "Contact__c": ("contact", "Contact"),
        "Lead__c": ("lead", "Lead"),
        "Account__c": ("account", None),
        "Opportunity__c": ("opportunity", "Opportunity"),
    }


def test_a_renamed_field_is_like_the_one_that_it_replaces(needed: Needs) -> None:
    """As long as both say the same of it; a further field with the same fact replaces nothing."""
    renamed = needed(("Body__c = ", "Words__c = "), ('key = "SMS_Key__c"', 'key = "Text_Key__c"'))
    assert renamed["message", "SMS_Message__c", "Words__c"].like == "Body__c"
    assert renamed["task", "Task", "Text_Key__c"].like == "SMS_Key__c"
    again = needed(("Body__c = ", 'Copy__c = { value = "message.body" }\nBody__c = '))
    assert again["message", "SMS_Message__c", "Copy__c"].like is None


def test_a_renamed_object_keeps_what_its_fields_are_like(needed: Needs) -> None:
    """Its fields are found by the section that they stand in."""
    found = needed(("SMS_Message__c", "Text__c"), ("Body__c = ", "Words__c = "))
    assert found["message", "Text__c", "Words__c"].like == "Body__c"


def test_without_a_mapping_of_ours_nothing_is_like_anything() -> None:
    """Another CRM's adapter may bring none."""
    assert not any(one.like for one in needs(Mapping.load(TEXT, "mine"), None))


def test_columns_that_expressions_read_are_needed_too(needed: Needs) -> None:
    """Only to be read."""
    found = needed(
        ("[message.fields]", '[message.fields]\nTier__c = { value = "person.fields.Tier__c" }')
    )
    assert not found["people", "Contact", "Tier__c"].written
    assert found["message", "SMS_Message__c", "Tier__c"].written
