"""Records by key, against the sandbox."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crm_sms.errors import AccessRefused
from crm_sms.records import Found
from crm_sms_salesforce.reads import composite_query

Org = Any
KEY = ("SMS_Message__c", "Message_Key__c")


def test_found_by_key_in_our_form(org: Org) -> None:
    """Values come in the form of Scalar; keys that have no record are absent."""
    (id,) = org.create(
        KEY[0],
        {
            "Message_Key__c": "m1",
            "Occurred_At__c": "2026-11-20T15:48:22.000Z",
            "Click_Count__c": 2,
            "Body__c": "it's\nfine",
        },
    )
    fields = ["Occurred_At__c", "Click_Count__c", "Body__c", "Price__c"]
    assert org.crm().read(*KEY, ["m1", "m2"], fields) == {
        "m1": Found(
            id,
            {
                "Occurred_At__c": "2026-11-20T15:48:22.000Z",
                "Click_Count__c": 2,
                "Body__c": "it's\nfine",
                "Price__c": None,
            },
        )
    }


@pytest.mark.parametrize("length", [15, 18])
def test_found_by_id_of_either_length(org: Org, length: int) -> None:
    """A caller may hold an id of 15 characters; what is found goes by the key it asked with."""
    (id,) = org.create("Contact", {"LastName": "Ada"})
    found = org.crm().read("Contact", None, [id[:length]], ["LastName"])
    assert found == {id[:length]: Found(id, {"LastName": "Ada"})}


def test_objects_that_cannot_be_deleted_are_read(org: Org) -> None:
    """Users have no IsDeleted."""
    (owner,) = org.rows("SELECT Id FROM User LIMIT 1")
    found = org.crm().read("User", None, [owner["Id"]], ["IsActive"])
    assert found[owner["Id"]].fields == {"IsActive": True}


def test_nothing_asked_is_no_call(org: Org) -> None:
    """An empty list of keys needs no request."""
    crm = org.crm()
    assert crm.read(*KEY, [], ["Status__c"]) == {}
    assert crm.calls == 0


def test_keys_that_need_quoting(org: Org) -> None:
    """Quotes, backslashes and other alphabets find their records."""
    keys = ["o'hara", 'a"b', "back\\slash", "percent%_", "Ærø", "+1 (202)"]
    org.create(KEY[0], *({"Message_Key__c": key} for key in keys))
    assert set(org.crm().read(*KEY, keys, [])) == set(keys)


def test_key_in_another_case_is_the_same_where_the_org_says_so(org: Org) -> None:
    """Task keys are unique without regard to case, so a find in another case is a find."""
    (id,) = org.create("Task", {"Subject": "x", "SMS_Key__c": "Conv-A"})
    assert org.crm().read("Task", "SMS_Key__c", ["conv-a"], []) == {"conv-a": Found(id, {})}


def test_case_sensitive_keys_stay_apart(org: Org) -> None:
    """Message keys are case sensitive: each asked key finds its own record."""
    ids = org.create(KEY[0], {"Message_Key__c": "Ab"}, {"Message_Key__c": "aB"})
    found = org.crm().read(*KEY, ["Ab", "aB", "AB"], [])
    assert {key: item.id for key, item in found.items()} == {"Ab": ids[0], "aB": ids[1]}


def test_deleted_records_are_found_only_if_asked_for(org: Org) -> None:
    """After a maybe a deleted task is a find; otherwise it is not there."""
    (id,) = org.create("Task", {"Subject": "x", "SMS_Key__c": "t1"})
    org.seed("delete", ids=[id])
    crm = org.crm()
    assert crm.read("Task", "SMS_Key__c", ["t1"], []) == {}
    found = crm.read("Task", "SMS_Key__c", ["t1"], ["Subject"], deleted=True)
    assert found == {"t1": Found(id, {"Subject": "x"}, deleted=True)}


@pytest.mark.parametrize("living_first", [True, False])
def test_living_record_wins_over_deleted_ones(org: Org, living_first: bool) -> None:
    """The unique check ignores deleted rows, so one key may have several records."""
    ids = []
    for _ in range(3):
        (id,) = org.create("Task", {"Subject": "x", "SMS_Key__c": "t1"})
        org.seed("delete", ids=[id])
        ids.append(id)
    if living_first:
        org.create("Task", {"Subject": "living", "SMS_Key__c": "t1"})
    else:
        (living,) = org.create("Task", {"Subject": "living", "SMS_Key__c": "t1"})
        org.sandbox.clock.advance(60)
        org.seed("update", object="Task", records=[{"Id": living, "Priority": "High"}])
    found = org.crm().read("Task", "SMS_Key__c", ["t1"], ["Subject"], deleted=True)
    assert (found["t1"].fields, found["t1"].deleted) == ({"Subject": "living"}, False)


def test_a_thousand_keys_are_one_call(org: Org) -> None:
    """A full read costs one Composite."""
    keys = [f"SM{n:032}" for n in range(1000)]
    org.create(KEY[0], *({"Message_Key__c": key} for key in keys))
    crm = org.crm()
    found = crm.read(*KEY, keys, ["Status__c"])
    assert (len(found), crm.calls) == (1000, 1)


def test_long_keys_are_spread_over_calls(org: Org) -> None:
    """More than five statements need a second Composite; nothing is lost."""
    keys = [f"{n:04}{chr(39) * 251}" for n in range(1000)]
    org.create(KEY[0], *({"Message_Key__c": key} for key in keys[::250]))
    crm = org.crm()
    assert set(crm.read(*KEY, keys, [])) == set(keys[::250])
    assert crm.calls == 2


def test_more_rows_than_a_page_are_followed(org: Org) -> None:
    """A field that is not unique may bring more rows than one page has."""
    people = [{"LastName": f"P{n}", "SMS_Phone_E164__c": "+12025550100"} for n in range(2100)]
    org.create("Contact", *people, {"LastName": "Z", "SMS_Phone_E164__c": "+12025550199"})
    crm = org.crm()
    found = crm.read("Contact", "SMS_Phone_E164__c", ["+12025550100", "+12025550199"], [])
    assert set(found) == {"+12025550100", "+12025550199"}
    assert crm.calls == 2


def test_hidden_field_is_absent(org: Org) -> None:
    """A field hidden since the mapping was checked costs its value, not the whole look-up."""
    org.create(KEY[0], {"Message_Key__c": "m1", "Intent__c": "Question"})
    org.fault("hidden", fields=["SMS_Message__c.Intent__c"])
    found = org.crm().read(*KEY, ["m1"], ["Intent__c", "Status__c"])
    assert found["m1"].fields == {"Status__c": None}


def test_hidden_key_is_for_the_admin(org: Org) -> None:
    """Without the key there is nothing to look by."""
    org.fault("hidden", fields=["Task.SMS_Key__c"])
    with pytest.raises(AccessRefused, match=r"No such column 'SMS_Key__c'.*permission set"):
        org.crm().read("Task", "SMS_Key__c", ["t1"], ["Subject"])


def test_missing_object_is_for_the_admin(org: Org) -> None:
    """An object that our user does not see is named."""
    with pytest.raises(AccessRefused, match="Nowhere__c"):
        org.crm().read("Nowhere__c", "Key__c", ["k"], [])


def test_queries_travel_encoded(org: Org) -> None:
    """A plus in a number and a space in a statement survive the URL."""
    statement = "SELECT Id FROM Contact WHERE SMS_Phone_E164__c IN ('+12025550100')"
    (part,) = composite_query([statement], "/services/data/v66.0", deleted=True)["compositeRequest"]
    url = urlsplit(part["url"])
    assert url.path == "/services/data/v66.0/queryAll"
    assert parse_qs(url.query) == {"q": [statement]}


def test_every_key_of_living_records(org: Org) -> None:
    """Those without a key are others' records; pages are followed."""
    ids = org.create(KEY[0], *({"Message_Key__c": f"m{n}"} for n in range(2001)))
    org.create("Task", {"Subject": "theirs"}, {"Subject": "ours", "SMS_Key__c": "task:m1"})
    org.seed("delete", ids=[ids[0]])
    crm = org.crm()
    pages = list(crm.keys(*KEY))
    assert len(pages) == crm.calls == 1
    assert {id: key for page in pages for id, key in page.items()} == {
        id: f"m{n}" for n, id in enumerate(ids) if n
    }
    [ours] = [key for page in crm.keys("Task", "SMS_Key__c") for key in page.values()]
    assert ours == "task:m1"
    org.create(KEY[0], {"Message_Key__c": "m0"})
    assert [len(page) for page in crm.keys(*KEY)] == [2000, 1]


def test_keys_that_our_user_does_not_see_are_for_the_admin(org: Org) -> None:
    """Nothing can be said of what is not shown."""
    org.fault("hidden", fields=[f"{KEY[0]}.{KEY[1]}"])
    with pytest.raises(AccessRefused):
        list(org.crm().keys(*KEY))
