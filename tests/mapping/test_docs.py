"""The page on the mapping file tells the truth, and all of it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from crm_sms.events import Metadata
from crm_sms.mapping import Mapping, OptOut, ReplyTask, RollUp
from crm_sms.mapping.environment import Environment
from crm_sms.mapping.schema import SECTIONS
from crm_sms.mapping.scopes import SCOPES, RecordName
from crm_sms.messages import Message
from crm_sms.phone import Address
from crm_sms.records import Opportunity, Owner, Person, WriteRule

PAGE = Path(__file__).parents[2] / "docs" / "mapping.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The page that an admin reads."""
    return PAGE.read_text(encoding="utf-8")


def names(*types: Any) -> list[str]:
    found = {field.name for type_ in types for field in fields(type_)}
    return sorted(found)


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in ("", "fields")])
def test_every_section_is_explained(page: str, section: str) -> None:
    """Each table that a file may hold."""
    assert f"[{section}]" in page or f"[{section}." in page


@pytest.mark.parametrize(
    "key", sorted({key for model in SECTIONS.values() for key in model.model_fields})
)
def test_every_key_is_explained(page: str, key: str) -> None:
    """Each key of the schema stands in the page."""
    assert f"`{key}`" in page or f"[{key}]" in page or f"[{key}." in page


@pytest.mark.parametrize("word", [*WriteRule, *RecordName])
def test_every_word_of_a_key_is_explained(page: str, word: str) -> None:
    """Each rule and each record."""
    assert f"`{word}`" in page


@pytest.mark.parametrize("name", sorted({name for s in SCOPES.values() for name, _ in s.types}))
def test_every_fact_is_explained(page: str, name: str) -> None:
    """Each name that an expression may use."""
    assert f"| `{name}`" in page


@pytest.mark.parametrize(
    "name",
    names(Message, Metadata, Address, Person, Owner, Opportunity, RollUp, OptOut, ReplyTask),
)
def test_every_part_of_a_fact_is_explained(page: str, name: str) -> None:
    """Each part that a dot may lead to."""
    assert f"`{name}" in page


@pytest.mark.parametrize("name", sorted(Environment().filters))
def test_every_filter_is_explained(page: str, name: str) -> None:
    """Each filter that an expression may use."""
    assert re.search(rf"`{name}[`(]", page)


def test_the_examples_can_be_pasted(page: str, shipped_text: str, minimal: str) -> None:
    """Every example of the page is read without an error, in the place it is meant for."""
    for example in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        assert Mapping.load(_pasted(example, minimal), "example.toml")


def _pasted(example: str, minimal: str) -> str:
    if "[people.contact]" in example:
        rest = minimal.replace("Out__c", "SMS_Opt_Out__c").split("[message]")[1]
        entries = "[timeline_entry.fields]\n" if "[timeline_entry]" in example else ""
        return f"{example}\n{entries}[message]{rest}"
    if "[task.fields]" in example:
        return minimal.replace("[task.fields]\n", example)
    if "[timeline_entry]" in example:
        return minimal + example
    fields_of_a_text = example.replace("[message.fields]\n", "")
    return minimal.replace("[message.fields]\n", f"[message.fields]\n{fields_of_a_text}")
