"""The language of a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.events import Direction, Status
from crm_sms.mapping.environment import LINK, LONGEST_RESULT
from crm_sms.mapping.expressions import (
    LONGEST_SOURCE,
    Expression,
    ExpressionError,
    compile_text,
    compile_value,
)
from crm_sms.mapping.facts import ReplyTask
from crm_sms.mapping.names import Kind
from crm_sms.mapping.scopes import SCOPES
from crm_sms.messages import Message
from crm_sms.phone import parse_address
from crm_sms.records import Part, Person, PersonKind, Reference, Text

NOON = datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
TASK = SCOPES["task"]
URL = Reference("SMS_Message__c", "k", Part.URL)
MESSAGE = Message(
    key="k",
    provider="twilio",
    account="AC1",
    direction=Direction.INBOUND,
    status=Status.RECEIVED,
    occurred_at=NOON,
    received_at=NOON,
    sender=parse_address("+12025550123"),
    body="Yes",
    price=0.5,
    segments=2,
)
PERSON = Person(
    "Contact", "003A", PersonKind.CONTACT, NOON, "Ada", fields={"Rating": "Hot", "items": 3}
)


def values(**changes: Any) -> Mapping[str, Any]:
    return {
        "message": MESSAGE,
        "person": PERSON,
        "owner": None,
        "opportunity": None,
        "answered": False,
        "task": ReplyTask("t", date(2026, 11, 21)),
        "message_url": URL,
        **changes,
    }


def value(source: str, **changes: Any) -> Any:
    return compile_value(source, TASK).get(values(**changes))


def text(source: str, **changes: Any) -> Any:
    return compile_text(source, TASK).get(values(**changes))


@pytest.mark.parametrize(
    ("source", "expected", "kind"),
    [
        ("message.body", "Yes", Kind.TEXT),
        ("message.status", Status.RECEIVED, Kind.TEXT),
        ("message.segments", 2, Kind.NUMBER),
        ("message.price", 0.5, Kind.NUMBER),
        ("message.occurred_at", NOON, Kind.INSTANT),
        ("task.due", date(2026, 11, 21), Kind.DATE),
        ("answered", False, Kind.CHECKBOX),
        ("message.sender.shown", "+12025550123", Kind.TEXT),
        ("message.person_address.e164", "+12025550123", Kind.TEXT),
        ("message.metadata.campaign", None, Kind.TEXT),
        ("message.recipient.e164", None, Kind.TEXT),
        ("owner.name", None, Kind.TEXT),
        ("person.fields.Rating", "Hot", Kind.ANY),
        ('person.fields["Rating"]', "Hot", Kind.ANY),
        ("person.fields.items", 3, Kind.ANY),
        ("person.fields.Missing", None, Kind.ANY),
        ("message_url", URL, Kind.LINK),
        ("person", PERSON, Kind.RECORD),
        ("true", True, Kind.CHECKBOX),
        ("3", 3, Kind.NUMBER),
        ("'x'", "x", Kind.TEXT),
        ("none", None, Kind.ANY),
    ],
)
def test_a_bare_path_keeps_its_type(source: str, expected: object, kind: Kind) -> None:
    """Paths and constants give native values of a kind that is known beforehand; nothing is None
    wherever it leads."""
    compiled = compile_value(source, TASK)
    assert (compiled.get(values()), compiled.kind) == (expected, kind)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("message.segments * 2 + 1", 5),
        ("message.price / 2", 0.25),
        ("message.segments // 2 - 1", 0),
        ("message.segments % 2", 0),
        ("-message.segments", -2),
        ("message.direction == 'inbound' and not answered", True),
        ("message.body in ('Yes', 'No')", True),
        ("message.body in ['No']", False),
        ("owner.name or person.name", "Ada"),
        ("'A' if message.segments > 1 else 'B'", "A"),
        ("person.name ~ '/' ~ message.body", "Ada/Yes"),
        ("message.occurred_at | date", date(2026, 11, 20)),
        ("message.body | upper", "YES"),
        ("message.body | lower", "yes"),
        ("'ada byron' | title", "Ada Byron"),
        ("' x ' | trim", "x"),
        ("message.body | length", 3),
        ("message.body | replace('Y', 'y')", "yes"),
        ("'3' | int", 3),
        ("'3.5' | float", 3.5),
        ("-3 | abs", 3),
        ("0.126 | round(2)", 0.13),
        ("'a  long\nline' | truncate(6)", "a lon…"),
        ("'short' | truncate(6)", "short"),
        ("('a', 'b') | join(' and ')", "a and b"),
        ("owner.name | default('nobody')", "nobody"),
        ("'' | default('empty')", "empty"),
        ("0 | default(5)", 0),
        ("owner.name | upper", None),
        ("owner.name is none", True),
        ("person.fields.Missing is none", True),
        ("person.fields.items + 1", 4),
        ("owner.email ~ ''", "None"),
    ],
)
def test_expressions_compute_with_native_types(source: str, expected: object) -> None:
    """Arithmetic, comparisons, conditions and filters; a filter leaves a missing value missing."""
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", "plain"),
        ("{{ person.name }}: {{ message.body }}", "Ada: Yes"),
        ("[{{ owner.name }}]", "[]"),
        ("{{ message.occurred_at }}", "2026-11-20 12:05 UTC"),
        ("{{ task.due }}", "2026-11-21"),
        ("{{ message.segments }}", "2"),
        ("{{ message.status }}", "received"),
        ("{% if answered %}a{% elif person.name == 'Ada' %}b{% else %}c{% endif %}", "b"),
        ("{# nobody sees this #}x", "x"),
        ("a & b < {{ '<b>' }}", "a & b < <b>"),
    ],
)
def test_templates_give_texts(source: str, expected: str) -> None:
    """None shows nothing, instants show to the minute in UTC, nothing is escaped as HTML."""
    assert text(source) == expected


def test_a_person_without_further_columns_shows_nothing() -> None:
    """Not an empty table, also where nothing at all was mirrored."""
    bare = replace(PERSON, fields={})
    assert text("[{{ person.fields.Rating }}]", person=bare) == "[]"
    assert value("person.fields.Rating or 'none'", person=bare) == "none"
    assert value("person.fields['Rating'] is none", person=bare) is True


def test_a_link_is_left_for_delivery_to_fill_in() -> None:
    """The message's URL is a reference between the passages of the text."""
    assert text("See {{ message_url }}!") == Text(("See ", URL, "!"))
    assert text("{{ message_url }}{{ message_url }}") == Text((URL, URL))
    assert text("{% if answered %}{{ message_url }}{% endif %}no") == "no"


def test_a_text_cannot_forge_a_link() -> None:
    """The mark that stands for the link is taken out of what people write."""
    forged = replace(MESSAGE, body=f"a{LINK}b")
    assert text("{{ message.body }}", message=forged) == "ab"


@pytest.mark.parametrize("source", ["x", "{{ 'x' }}", "{{ message.body }}"])
def test_constants_are_known(source: str) -> None:
    """A text without anything in braces is the same for every record."""
    assert compile_text(source, TASK).constant == ("x" if source == "x" else None)


def test_an_enumeration_tells_its_members() -> None:
    """So that a table of values can be held against them."""
    assert compile_value("message.direction", TASK).members == ("outbound", "inbound")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("message.occurred_at | date", Kind.DATE),
        ("message.body | truncate(9)", Kind.TEXT),
        ("message.body | length", Kind.NUMBER),
        ("message.segments * 2", Kind.NUMBER),
        ("message.segments > 2", Kind.CHECKBOX),
        ("not answered", Kind.CHECKBOX),
        ("owner.name is none", Kind.CHECKBOX),
        ("person.name ~ 'x'", Kind.TEXT),
        ("owner.name or person.name", Kind.ANY),
        ("person.name | default(1)", Kind.ANY),
    ],
)
def test_the_outermost_operation_tells_the_kind(source: str, kind: Kind) -> None:
    """So that a check can tell a wrong field also behind an expression."""
    assert compile_value(source, TASK).kind is kind


def test_further_columns_are_found() -> None:
    """The mirror has to pull what expressions read, however it is written."""
    source = "{{ person.fields.Rating }}{% if person.fields['Region'] == 'x' %}y{% endif %}"
    assert compile_text(source, TASK).columns == {"Rating", "Region"}
    assert compile_value("person.fields.Rating", TASK).columns == {"Rating"}
    assert compile_value("person.fields.Rating or 1", TASK).columns == {"Rating"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "cannot be read"),
        ("message.", "cannot be read"),
        ("message.body message", "cannot be read from"),
        ("(message.body", "cannot be read"),
        ("massage.body", "there is no massage; did you mean message?"),
        ("roll_up.sent_count", "there is no roll_up; there is: answered, message"),
        ("message.sent_att", "message has no sent_att; did you mean sent_at?"),
        ("message.sender.number", "message.sender has no number"),
        ("message.body.upper", "message.body has no parts"),
        ("message.occurred_at.year", "message.occurred_at has no parts"),
        ("message_url.key", "message_url has no parts"),
        ("message.__class__", "message has no __class__"),
        ("person.fields.__class__.__mro__", "has no parts"),
        ("message['__class__']", "message has no __class__"),
        ("''.__class__", "a dot may only follow a name"),
        ("(person or owner).name", "a dot may only follow a name"),
        ("message[message.body]", "a dot may only follow a name"),
        ("message.body[0:2]", "a dot may only follow a name"),
        ("range(9)", "a call cannot be used here"),
        ("message.body.upper()", "a call cannot be used here"),
        ("9 ** 9 ** 9", "a power cannot be used here"),
        ("{'a': 1}", "“dict” cannot be used here"),
        ("message.body | center(99999999)", "No filter named 'center'"),
        ("message.body | attr('x')", "No filter named 'attr'"),
        ("message.body | format(1)", "No filter named 'format'"),
        ("message.body is sameas none", "No test named 'sameas'"),
        ("message_url ~ ''", "message_url can only stand alone"),
        ("message_url | upper", "message_url can only stand alone"),
        ("'" + "x" * LONGEST_SOURCE + "'", "is longer than 10000 characters"),
        ("(" * 3000 + "1" + ")" * 3000, "is nested too deeply"),
        ("not " * 2000 + "true", "is nested too deeply"),
        (f"'{LINK}'", "holds U\\+FDD0"),
    ],
)
def test_a_wrong_expression_is_refused_before_any_record(source: str, said: str) -> None:
    """Unknown names, ways out of the sandbox and anything that could run long fail on loading, and
    the error says what to put right."""
    with pytest.raises(ExpressionError, match=said):
        compile_value(source, TASK)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for x in message.body %}{{ x }}{% endfor %}", "a loop cannot be used here"),
        ("{% set x = 1 %}", "“assign” cannot be used here"),
        ("{% macro m() %}{% endmacro %}", "“macro” cannot be used here"),
        ("{% include 'x' %}", "“include” cannot be used here"),
        ("{% import 'x' as y %}", "“import” cannot be used here"),
        ("{% extends 'x' %}", "“extends” cannot be used here"),
        ("{% block x %}{% endblock %}", "“block” cannot be used here"),
        ("{% raw %}{{ x }}", "cannot be read"),
        ("{{ message.body", "cannot be read"),
        ("{% if answered %}x", "cannot be read"),
        ("{{ nobody.name }}", "there is no nobody"),
        ("{{ self }}", "there is no self"),
        ("{{ message_url | truncate(5) }}", "can only stand alone"),
        ("{% if message_url %}x{% endif %}", "can only stand alone"),
    ],
)
def test_a_wrong_template_is_refused_before_any_record(source: str, said: str) -> None:
    """Templates have conditions and comments, nothing else of Jinja2's statements."""
    with pytest.raises(ExpressionError, match=said):
        compile_text(source, TASK)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("message.body * 1000000000", "takes numbers"),
        ("'%999999999d' % 1", "takes numbers"),
        ("message.segments / 0", "failed with ZeroDivisionError"),
        ("message.body + 1", "failed with TypeError"),
        ("owner.name < 1", "failed with TypeError"),
        ("message.body | int", "failed with ValueError$"),
        ("message.body | date", "failed with AttributeError$"),
        ("message.body | round", "failed with TypeError"),
        (
            "message.body | replace('Y', 'x')" + " | replace('x', 'xxxxxxxxxx')" * 7,
            "too long|longer",
        ),
    ],
)
def test_a_failing_expression_says_so_without_data(source: str, said: str) -> None:
    """What fails for one record raises one kind of error, which never quotes a person's words."""
    with pytest.raises(ExpressionError, match=said) as caught:
        value(source)
    assert "Yes" not in str(caught.value)


def test_a_result_has_a_longest_length() -> None:
    """A template cannot multiply a long text without bound."""
    long = replace(MESSAGE, body="x" * (LONGEST_RESULT // 2))
    assert len(text("{{ message.body }}{{ message.body }}", message=long)) == LONGEST_RESULT
    with pytest.raises(ExpressionError, match="longer than"):
        text("{{ message.body }}{{ message.body }}!", message=long)


@given(st.text())
def test_whatever_an_admin_writes_is_compiled_or_refused(source: str) -> None:
    """No source makes anything but an expression or an ExpressionError."""
    for compile_ in (compile_value, compile_text):
        with suppress(ExpressionError):
            assert isinstance(compile_(source, TASK), Expression)


@given(st.text())
def test_what_a_person_writes_is_only_ever_text(body: str) -> None:
    """A text that looks like a template is quoted, not run."""
    written = replace(MESSAGE, body=body)
    assert text("{{ message.body }}", message=written) == body.replace(LINK, "")
