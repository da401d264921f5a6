"""The CRM's words."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from enum import Enum

import pytest

from crm_sms import records
from crm_sms.records import Lane, Op, Reason, Verdict, WriteRule

WORDS = [getattr(records, name) for name in records.__all__]
CLASSES = [word for word in WORDS if inspect.isclass(word)]


def test_every_word_is_exported_once() -> None:
    """The list is sorted as a reader looks, and holds every class of the modules below."""
    assert len(records.__all__) == len(set(records.__all__))
    modules = (
        records.desired,
        records.fields,
        records.needs,
        records.people,
        records.pulls,
        records.stages,
    )
    below = {
        name
        for module in modules
        for name, found in vars(module).items()
        if inspect.isclass(found) and found.__module__ == module.__name__
    } | {
        name
        for name, found in vars(records.writing).items()
        if inspect.isclass(found) and found.__module__ == records.writing.__name__
    }
    assert below == {found.__name__ for found in CLASSES}


@pytest.mark.parametrize("word", CLASSES, ids=lambda word: word.__name__)
def test_a_word_is_frozen_and_documented(word: type) -> None:
    """A dataclass that cannot be changed or grow attributes, or an enum."""
    assert word.__doc__
    if not issubclass(word, Enum):
        assert is_dataclass(word)
        assert word.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert "__slots__" in vars(word)


def test_lanes_go_by_urgency() -> None:
    """Their numbers are stored and sorted by."""
    assert sorted(Lane) == [Lane.OPT_OUT, Lane.TASK, Lane.TIMELINE, Lane.ROLL_UP]
    assert [int(lane) for lane in Lane] == [0, 1, 2, 3]


@pytest.mark.parametrize("enum", [WriteRule, Op, Verdict, Reason])
def test_stored_words_are_their_names(enum: type[Enum]) -> None:
    """What the ledger holds can be read without this program."""
    assert [member.value for member in enum] == [member.name.lower() for member in enum]
