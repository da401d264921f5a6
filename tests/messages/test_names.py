"""Which names are one text's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Event, EventKind
from crm_sms.messages import Named, named, own_key

Told = tuple[str, str | None]


def shown(found: list[Named]) -> set[tuple[frozenset[str], tuple[int, ...]]]:
    """Texts without an order."""
    return {(frozenset(one.names), tuple(one.ids)) for one in found}


@pytest.mark.parametrize(
    ("stored", "told", "texts"),
    [
        ({}, [], []),
        ({}, [("SM1", None)], [({"SM1"}, [])]),
        ({}, [("SM1", "k1"), ("SM1", None), ("SM2", None)], [({"SM1", "k1"}, []), ({"SM2"}, [])]),
        ({}, [("SM1", "k1"), ("SM1", "k2")], [({"SM1", "k1", "k2"}, [])]),
        ({}, [("k1", "k1")], [({"k1"}, [])]),
        ({}, [("k1", "k1"), ("SM1", "k1")], [({"SM1", "k1"}, [])]),
        ({7: {"SM1"}}, [("SM1", "k1")], [({"SM1", "k1"}, [7])]),
        ({7: {"SM1", "k1"}}, [("k1", "k1")], [({"SM1", "k1"}, [7])]),
        ({7: {"k1"}}, [("SM1", "k1")], [({"SM1", "k1"}, [7])]),
        ({7: {"SM1"}, 8: {"k1"}}, [("SM1", "k1")], [({"SM1", "k1"}, [7, 8])]),
        (
            {7: {"SM1"}, 8: {"k1"}, 9: {"k2"}},
            [("SM1", "k2"), ("SM1", "k1")],
            [({"SM1", "k1", "k2"}, [7, 8, 9])],
        ),
    ],
)
def test_a_key_belongs_to_the_text_that_it_comes_with(
    stored: dict[int, set[str]], told: list[Told], texts: list[tuple[set[str], list[int]]]
) -> None:
    """A text known by that key only is the one that it comes with, as one message or as two."""
    assert shown(named(stored, told)) == {(frozenset(names), tuple(ids)) for names, ids in texts}


@pytest.mark.parametrize(
    ("stored", "told", "texts"),
    [
        ({7: {"SM1", "k1"}}, [("SM2", "k1")], [({"SM1", "k1"}, [7]), ({"SM2"}, [])]),
        ({7: {"SM2", "k1"}}, [("SM1", "k1")], [({"SM2", "k1"}, [7]), ({"SM1"}, [])]),
        ({}, [("SM2", "k1"), ("SM1", "k1")], [({"SM1", "k1"}, []), ({"SM2"}, [])]),
        (
            {7: {"SM1", "k1"}, 8: {"SM2"}},
            [("SM2", "k1"), ("k1", "k1")],
            [({"SM1", "k1"}, [7]), ({"SM2"}, [8])],
        ),
    ],
)
def test_a_key_that_was_used_twice_makes_no_two_texts_one(
    stored: dict[int, set[str]], told: list[Told], texts: list[tuple[set[str], list[int]]]
) -> None:
    """It stays with the one that has it."""
    assert shown(named(stored, told)) == {(frozenset(names), tuple(ids)) for names, ids in texts}


KEYS = ("k1", "k2", "k3", "k4")
IDS = ("SM1", "SM2", "SM3")
OWNS = st.fixed_dictionaries({key: st.sampled_from(IDS) for key in KEYS})
FACTS = st.lists(
    st.tuples(st.sampled_from(IDS + KEYS), st.sampled_from([None, *KEYS])), max_size=10
)


@given(OWNS, FACTS, st.data())
def test_in_any_order_and_portions_the_same_texts_are_found(
    owns: dict[str, str], facts: list[Told], data: st.DataObject
) -> None:
    """As long as no key was used twice: stored in between or not, with keys learnt late."""
    told = [
        (name, name) if name in KEYS else (name, key if key and owns[key] == name else None)
        for name, key in facts
    ]
    expected = {names for names, _ in shown(named({}, told))}
    order = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(order)))
    stored: dict[int, set[str]] = {}
    for part in (order[:cut], order[cut:]):
        spoken = {name for pair in part for name in pair if name}
        known = {id: names for id, names in stored.items() if names & spoken}
        for text in named(known, part):
            for id in text.ids:
                del stored[id]
            stored[max(stored, default=0) + 1] = text.names
    assert set(map(frozenset, stored.values())) == expected


def fact(key: str | None) -> Event:
    """One that carries this key of the sender."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return Event("twilio", "AC1", f"with {key}", EventKind.STATUS, at, message_key=key)


@pytest.mark.parametrize(
    ("keys", "names", "key"),
    [
        ([None], {"a:SM1"}, "a:SM1"),
        (["k1"], {"a:SM1", "k1"}, "k1"),
        (["z9"], {"a:SM1", "z9"}, "z9"),
        (["k2", None, "k1"], {"a:SM1", "k1", "k2"}, "k1"),
        (["k1", "z9"], {"a:SM1", "z9"}, "z9"),
        (["k1"], {"a:SM1"}, "a:SM1"),
    ],
)
def test_a_text_goes_by_the_sender_s_key_if_it_has_one(
    keys: list[str | None], names: set[str], key: str
) -> None:
    """Not by one that another text has; else by the provider's id, whatever its letters."""
    assert own_key([fact(one) for one in keys], names) == key
