"""Nothing that an admin can write runs for long, gets out, or gives away what a person wrote."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, Status
from crm_sms.mapping.environment import LONGEST_RESULT, Environment
from crm_sms.mapping.expressions import ExpressionError, compile_text, compile_value
from crm_sms.mapping.facts import ReplyTask
from crm_sms.mapping.scopes import SCOPES
from crm_sms.messages import Message
from crm_sms.records import Part, Person, PersonKind, Reference, Text

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TASK = SCOPES["task"]
SECRET = "s3cr3t words"
VALUES: Mapping[str, Any] = {
    "message": Message(
        "k", "twilio", "AC1", Direction.INBOUND, Status.RECEIVED, NOON, NOON, body=SECRET
    ),
    "person": Person("Contact", "003A", PersonKind.CONTACT, NOON, "Ada", fields={"Vip": True}),
    "owner": None,
    "opportunity": None,
    "answered": True,
    "task": ReplyTask("t", date(2026, 11, 21)),
    "message_url": Reference("SMS_Message__c", "k", Part.URL),
}

ATOMS = st.sampled_from(
    [
        "message.body",
        "message.segments",
        "message.occurred_at",
        "message.sender.shown",
        "message.status",
        "person.name",
        "person.fields.Vip",
        "person",
        "owner.name",
        "answered",
        "task.due",
        "message_url",
        "none",
        "true",
        "3",
        "1.5",
        "0",
        "'x'",
        "''",
        "(1, 'a')",
    ]
)
FILTERS = st.sampled_from(
    [
        *sorted(Environment().filters),
        "truncate(3)",
        "truncate(-1)",
        "truncate('x')",
        "default('y')",
        "replace('e', 'ee')",
        "replace('', 'ab')",
        "replace(1, 2)",
        "join('-')",
        "round(1)",
        "round(99999)",
    ]
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, FILTERS).map(lambda t: f"({t[0]} | {t[1]})"),
        st.tuples(inner, OPERATORS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"(-{one})"),
        inner.map(lambda one: f"({one} is none)"),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_an_expression_gives_a_value_or_one_kind_of_error(source: str) -> None:
    """Whatever is combined with whatever; and an error never quotes the text."""
    try:
        compile_value(source, TASK).get(VALUES)
    except ExpressionError as error:
        said = str(error)
    else:
        said = ""
    assert SECRET not in said


@given(st.lists(EXPRESSIONS, min_size=1, max_size=4))
def test_a_template_gives_a_text_or_one_kind_of_error(expressions: list[str]) -> None:
    """The same between braces, with a condition around it."""
    shown = " ".join(f"{{{{ {one} }}}}" for one in expressions)
    source = f"{{% if {expressions[0]} %}}{shown}{{% else %}}-{{% endif %}}"
    with suppress(ExpressionError):
        assert isinstance(compile_text(source, TASK).get(VALUES), str | Text)


def chained(times: int) -> str:
    return "message.body" + " | replace('s', 'ssssssssss')" * times


def test_a_text_cannot_be_blown_up_by_filters() -> None:
    """Each step may make it ten times as long: the limit stops it before memory does."""
    assert len(compile_value(chained(4), TASK).get(VALUES)) > 10_000
    with pytest.raises(ExpressionError, match=f"longer than {LONGEST_RESULT}"):
        compile_value(chained(100), TASK).get(VALUES)


@pytest.mark.parametrize(
    "name",
    [
        "range",
        "dict",
        "lipsum",
        "cycler",
        "joiner",
        "namespace",
        "self",
        "caller",
        "loop",
        "super",
        "__import__",
        "environment",
    ],
)
def test_none_of_jinjas_own_names_are_there(name: str) -> None:
    """Only facts can be spoken of."""
    with pytest.raises(ExpressionError, match=f"there is no {name}"):
        compile_value(name, TASK)


@pytest.mark.parametrize(
    "name",
    [
        "attr",
        "batch",
        "center",
        "filesizeformat",
        "format",
        "groupby",
        "indent",
        "list",
        "map",
        "pprint",
        "reject",
        "select",
        "slice",
        "sort",
        "sum",
        "tojson",
        "urlize",
        "wordwrap",
        "xmlattr",
    ],
)
def test_filters_that_loop_grow_or_reach_are_not_there(name: str) -> None:
    """The list of filters is short on purpose."""
    with pytest.raises(ExpressionError, match=f"No filter named '{name}'"):
        compile_value(f"message.body | {name}", TASK)


@pytest.mark.parametrize("filter_", sorted(set(Environment().filters) - {"default"}))
def test_a_filter_leaves_nothing_as_it_is(filter_: str) -> None:
    """No filter turns a missing value into the word None."""
    arguments = {"replace": "('a', 'b')", "truncate": "(3)"}.get(filter_, "")
    assert compile_value(f"owner.name | {filter_}{arguments}", TASK).get(VALUES) is None


def test_the_sandbox_holds_where_the_language_does_not() -> None:
    """Were a way out to pass the language, Jinja2's own sandbox would still refuse it."""
    escape = Environment().from_string("{{ ''.__class__.__mro__ }}")
    with pytest.raises(Exception, match="unsafe"):
        escape.render()
