"""Which names are one text's: the provider's id, and the key that the sender gave it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from crm_sms.events import Event


@dataclass(slots=True, eq=False)
class Named:
    """One text by all its names. `ids` are the messages that it is stored as: none for a new one,
    several if what was two turns out to be one."""

    names: set[str]
    ids: list[int] = field(default_factory=list)


def named(
    stored: Mapping[int, Collection[str]], told: Iterable[tuple[str, str | None]]
) -> list[Named]:
    """The texts of these stored messages, and of facts that were `told`: each names its text, and
    the sender's key where it has one.

    A key belongs to the text that it comes with, unless a text with an id of its own has it
    already: then it was used twice, and those stay two texts. Which of them has the key is the one
    thing that rests on which fact was processed first; within a batch it does not. A text that was
    known by that key only is the one that it comes with.
    """
    owners: dict[str, Named] = {}
    for id, names in stored.items():
        owners |= dict.fromkeys(names, Named(set(names), [id]))
    for name, key in sorted(told, key=lambda one: (one[0], one[1] or "")):
        text = owners.setdefault(name, Named({name}))
        if key:
            _take(owners, text, key)
    return list(dict.fromkeys(owners.values()))


def _take(owners: dict[str, Named], text: Named, key: str) -> None:
    owner = owners.get(key)
    if owner is None or owner.names == {key}:
        owners[key] = text
        text.names.add(key)
        if owner and owner is not text:
            text.ids += owner.ids


def own_key(facts: Collection[Event], names: Collection[str]) -> str:
    """The key of a text that goes by these names: the sender's (the smallest, if it has several),
    else the smallest name."""
    given = {fact.message_key for fact in facts if fact.message_key}
    return min(given.intersection(names) or names)
