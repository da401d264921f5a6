"""One tree of errors, drawn as it is."""

from __future__ import annotations

import inspect
import re

import pytest

from crm_sms import errors
from crm_sms.errors import CrmSmsError, MissingExtra, TryLater

CLASSES = [
    found
    for _, found in inspect.getmembers(errors, inspect.isclass)
    if found.__module__ == errors.__name__
]


def drawn() -> dict[str, str | None]:
    """By class, the class above it in the docstring's drawing."""
    above: dict[int, str] = {}
    parents: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)([A-Z]\w+)(?=\s|$)", line)
        if found:
            depth = len(found[1])
            parents[found[2]] = next(
                (above[at] for at in sorted(above, reverse=True) if at < depth), None
            )
            above = {at: name for at, name in above.items() if at < depth} | {depth: found[2]}
    return parents


def test_the_drawing_is_the_tree() -> None:
    """Every class stands in it, under its own base class, and nothing else does."""
    real = {
        found.__name__: None if found is CrmSmsError else found.__base__.__name__
        for found in CLASSES
    }
    assert drawn() == real


def test_the_drawing_says_what_each_means() -> None:
    """Only the root stands without words."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if re.match("    .*[├└]", line)]
    assert len(lines) == len(CLASSES) - 1
    assert all(re.search(r"[A-Z]\w+ {2,}\S", line) for line in lines)


@pytest.mark.parametrize("error", CLASSES, ids=lambda found: found.__name__)
def test_every_error_is_ours_and_documented(error: type[Exception]) -> None:
    """One `except` catches all; none is also a builtin that others catch by accident."""
    assert issubclass(error, CrmSmsError)
    assert error.__doc__
    assert error.__mro__[-4:] == (CrmSmsError, Exception, BaseException, object)


def test_a_missing_extra_holds_the_command() -> None:
    """The remedy is what to type."""
    error = MissingExtra("salesforce", "the Salesforce adapter")
    assert "pip install 'crm-sms[salesforce]'" in str(error)
    assert error.extra == "salesforce"


@pytest.mark.parametrize("error", [c for c in CLASSES if issubclass(c, TryLater)])
def test_what_may_be_tried_again_says_when(error: type[TryLater]) -> None:
    """A second, unless whoever refused said otherwise."""
    assert error("busy").wait_s == 1
    assert error("busy", wait_s=90).wait_s == 90
