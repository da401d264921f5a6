"""When our user last wrote a text there, by the org's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from crm_sms.errors import AccessRefused, TryLater
from crm_sms.records import Chunk
from crm_sms_salesforce.auth import Token
from crm_sms_salesforce.soql import select_written
from crm_sms_salesforce.transport import parse_date

Org = Any
Make = Callable[..., Chunk]
KEY = ("SMS_Message__c", "Message_Key__c")


@pytest.fixture
def start(org: Org) -> datetime:
    """When the org's clock stood at the beginning of the test."""
    now: datetime = org.sandbox.clock.now()
    return now


def test_the_newest_of_ours_in_one_call(org: Org, upserts: Make, start: datetime) -> None:
    """Those of others, and rows without a key of ours, are none of it."""
    crm = org.crm()
    assert crm.newest_write(*KEY, None) is None
    wrote = crm.write([upserts("a")])
    assert wrote.at == start
    org.sandbox.clock.advance(60)
    crm.write([upserts("b")])
    org.sandbox.clock.advance(60)
    [rep] = org.create("User", {"LastName": "R", "Username": "r@x.example", "Email": "r@x.example"})
    [first, *_] = [row["Id"] for row in org.rows("SELECT Id FROM SMS_Message__c")]
    edit = {"Id": first, "Body__c": "x"}
    org.seed("update", object=KEY[0], records=[edit], by=rep)
    org.create(KEY[0], {"Status__c": "Sent"})
    before = crm.calls
    assert crm.newest_write(*KEY, None) == start + timedelta(seconds=60)
    assert crm.calls == before + 1


def test_only_what_came_after_is_asked_for(org: Org, upserts: Make, start: datetime) -> None:
    """However many texts there are, an index finds it."""
    crm = org.crm()
    for _ in range(3):
        crm.write([upserts("a", "b")])
        org.sandbox.clock.advance(60)
    org.fault("slow_query", rows=2)
    assert crm.newest_write(*KEY, start + timedelta(seconds=60)) == start + timedelta(seconds=120)
    assert crm.newest_write(*KEY, start + timedelta(seconds=120)) is None


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("hidden", {"fields": ["SMS_Message__c.Message_Key__c"]}),
        ("object_access", {"objects": ["SMS_Message__c"], "access": "none"}),
    ],
)
def test_what_our_user_does_not_see_is_nothing(
    org: Org, upserts: Make, kind: str, parameters: dict[str, Any]
) -> None:
    """It is no reason to write nothing else."""
    crm = org.crm()
    crm.write([upserts("a")])
    org.fault(kind, **parameters)
    assert crm.newest_write(*KEY, None) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "status", "status": 503}, TryLater), ({"kind": "api_off"}, AccessRefused)],
)
def test_an_org_that_does_not_answer_is_no_no(
    org: Org, fault: dict[str, Any], error: type[Exception]
) -> None:
    """Nobody knows, so nothing may be concluded."""
    org.fault(**fault)
    with pytest.raises(error):
        org.crm().newest_write(*KEY, None)


def test_a_write_without_an_answer_has_no_time(org: Org, upserts: Make) -> None:
    """The time of an earlier answer says nothing of it."""
    crm = org.crm()
    assert crm.write([upserts("a")]).at is not None
    org.fault("drop", when="after_commit", times=1)
    assert crm.write([upserts("a")]).at is None


def test_bounded_by_an_index(start: datetime) -> None:
    """The bound is in whole seconds, earlier by less than one; names are checked."""
    bound = start.replace(microsecond=999)
    statement = select_written(*KEY, "005A'", bound)
    assert f"SystemModstamp >= {start:%Y-%m-%dT%H:%M:%SZ}" in statement
    assert r"LastModifiedById = '005A\''" in statement
    with pytest.raises(ValueError, match="not a name"):
        select_written("A WHERE", "K", "005", None)


@pytest.mark.parametrize("header", ["", "yesterday", "Fri, 99 Nov 2026 15:00:00 GMT"])
def test_a_date_that_is_none_is_no_time(header: str) -> None:
    """An org that does not say what time it is goes by our clock."""
    assert parse_date(header) is None


def test_a_date_is_an_instant() -> None:
    """In UTC, to the second."""
    found = parse_date("Fri, 20 Nov 2026 15:48:22 GMT")
    assert found == datetime.fromisoformat("2026-11-20T15:48:22+00:00")


def test_a_token_without_a_user_asks_nothing(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose writes would be looked for?"""
    crm = org.crm()
    anonymous = Token("t", org.sandbox.url)
    monkeypatch.setattr("crm_sms_salesforce.auth.Tokens.current", lambda self: anonymous)
    assert crm.newest_write(*KEY, None) is None
    assert crm.calls == 0
