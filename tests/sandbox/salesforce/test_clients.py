"""The real client works against the sandbox as it does against an org."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from simple_salesforce import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id, format_soql


def test_a_record_lives_its_life(client: Any) -> None:
    """Create, get, update, upsert by external id, query and delete answer as the client expects."""
    made = client.Contact.create({"LastName": "Doe", "MobilePhone": "+15551234567"})
    assert made["success"] is True
    assert client.Contact.update(made["id"], {"FirstName": "Jo"}) == 204
    assert client.Contact.get(made["id"])["Name"] == "Jo Doe"
    found = client.query(format_soql("SELECT Id FROM Contact WHERE Name = {}", "jo doe"))
    assert [row["Id"] for row in found["records"]] == [made["id"]]
    assert client.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        client.Contact.get(made["id"])


def test_upsert_by_a_key_that_needs_escaping(client: Any) -> None:
    """A key with slash, plus and colon travels in the path."""
    key = format_external_id("Message_Key__c", "acc/1:SM+2")
    assert client.SMS_Message__c.upsert(key, {"Status__c": "Sent"}) == 201
    assert client.SMS_Message__c.upsert(key, {"Status__c": "Delivered"}) == 200
    rows = client.query_all("SELECT Message_Key__c, Status__c FROM SMS_Message__c")["records"]
    assert [(r["Message_Key__c"], r["Status__c"]) for r in rows] == [("acc/1:SM+2", "Delivered")]


def test_pages_follow_each_other(client: Any, api: Any) -> None:
    """query_all walks nextRecordsUrl to the end."""
    api.people("Contact", *({"LastName": f"N{n}"} for n in range(4100)))
    rows = client.query_all("SELECT Id FROM Contact ORDER BY SystemModstamp, Id")
    assert rows["totalSize"] == 4100
    assert len({row["Id"] for row in rows["records"]}) == 4100


def test_collections_go_through_restful(client: Any) -> None:
    """The client has no word for collections; its restful call carries them."""
    records = [{"attributes": {"type": "Lead"}, "LastName": "A", "Company": "B"}]
    body = {"allOrNone": False, "records": records}
    answer = client.restful("composite/sobjects", method="POST", json=body)
    assert [row["success"] for row in answer] == [True]


def test_refusals_reach_the_client(client: Any) -> None:
    """A wrong query is SalesforceMalformedRequest with the list as content."""
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.query("SELECT Nope FROM Contact")
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ({"kind": "expired_token", "times": 1}, SalesforceExpiredSession),
        ({"kind": "quota", "remaining": 0}, SalesforceRefusedRequest),
        ({"kind": "status", "status": 503}, SalesforceGeneralError),
        ({"kind": "drop"}, requests.ConnectionError),
    ],
)
def test_faults_reach_the_client(client: Any, api: Any, fault: Any, raised: Any) -> None:
    """Each as the exception that the client has for it."""
    api.fault(**fault)
    with pytest.raises(raised):
        client.query("SELECT Id FROM Contact")


def test_several_records_of_one_key(client: Any, api: Any) -> None:
    """300 is an exception of its own."""
    api.people("Contact", *({"LastName": "A", "SMS_Phone_E164__c": "1"} for _ in range(2)))
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Contact.get_by_custom_id("SMS_Phone_E164__c", "1")


def test_describe_and_limits(client: Any) -> None:
    """Describes name the custom fields; the allowance falls with each call."""
    fields = {field["name"]: field for field in client.Contact.describe()["fields"]}
    assert fields["SMS_Phone_E164__c"]["externalId"] is True
    daily = client.limits()["DailyApiRequests"]
    assert daily["Max"] - daily["Remaining"] == 2
    assert client.api_usage["api-usage"].used == 2
