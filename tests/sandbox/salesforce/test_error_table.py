"""Every error that an org is known to give can be had, in its real shape, mostly by its rules."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
import requests

BASE = "/services/data/v66.0"
ROW, TOP = "row", "whole"
CONTACT = {"type": "Contact", "LastName": "A"}

Act = Callable[[Any], requests.Response]
CASES: dict[str, tuple[str, int, str, Act]] = {}


def case(code: str, where: str, status: int = 200, says: str = "") -> Callable[[Act], Act]:
    """A function that makes the org answer with `code`: in a row, or to the whole request."""

    def keep(act: Act) -> Act:
        CASES[code if code not in CASES else f"{code} {act.__name__}"] = (where, status, says, act)
        return act

    return keep


@case("UNABLE_TO_LOCK_ROW", ROW, says="unable to obtain exclusive access")
def locked(api: Any) -> requests.Response:
    parent = api.create("Account", Name="A")
    api.fault("lock", parents=[parent], times=1)
    return api.collection("POST", {"type": "Task", "WhatId": parent})


@case("UNABLE_TO_LOCK_ROW", TOP, 400)
def locked_alone(api: Any) -> requests.Response:
    parent = api.create("Account", Name="A")
    api.fault("lock", parents=[parent], times=1)
    return api("POST", "sobjects/Task", {"WhatId": parent})


@case("INVALID_SESSION_ID", TOP, 401)
def expired(api: Any) -> requests.Response:
    api.fault("expired_token", times=1)
    return api("GET", "limits")


@case("REQUEST_LIMIT_EXCEEDED", TOP, 403, says="TotalRequests")
def no_calls_left(api: Any) -> requests.Response:
    api.fault("quota", limit=100, remaining=0)
    return api("GET", "limits")


@case("REQUEST_LIMIT_EXCEEDED", TOP, 403, says="ConcurrentRequests")
def too_many_at_once(api: Any) -> requests.Response:
    api.fault(
        "status",
        status=403,
        body="json",
        code="REQUEST_LIMIT_EXCEEDED",
        message="ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    )
    return api("GET", "limits")


@case("SERVER_UNAVAILABLE", TOP, 503)
def unavailable(api: Any) -> requests.Response:
    api.fault("status", status=503, body="json")
    return api("GET", "limits")


@case("UNKNOWN_EXCEPTION", TOP, 500)
def unknown(api: Any) -> requests.Response:
    api.fault("status", status=500, body="json", code="UNKNOWN_EXCEPTION")
    return api("GET", "limits")


@case("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", ROW)
def maintained(api: Any) -> requests.Response:
    api.fault("maintenance")
    return api.collection("POST", CONTACT)


@case("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", TOP, 503)
def maintained_alone(api: Any) -> requests.Response:
    api.fault("maintenance")
    return api("POST", "sobjects/Contact", {"LastName": "A"})


@case("QUERY_TIMEOUT", TOP, 400, says="running for too long")
def slow_query(api: Any) -> requests.Response:
    api.people("Contact", *({"LastName": "A"} for _ in range(3)))
    api.fault("slow_query", rows=2)
    return api("GET", "query", params={"q": "SELECT Id FROM Contact WHERE Phone = '1'"})


@case("REQUEST_RUNNING_TOO_LONG", TOP, 503)
def slow_write(api: Any) -> requests.Response:
    api.fault("too_long", rows=1)
    return api.collection("POST", CONTACT, CONTACT)


@case("EXCEEDED_ID_LIMIT", TOP, 400)
def too_many_rows(api: Any) -> requests.Response:
    return api.collection("POST", *[CONTACT] * 201)


@case("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", ROW, says="LimitException")
def trigger(api: Any) -> requests.Response:
    api.fault("trigger", match={"object": "Contact"}, above_rows=1)
    return api.collection("POST", CONTACT, CONTACT)


@case("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", ROW, says="entity type cannot be inserted: Contact")
def no_create(api: Any) -> requests.Response:
    api.fault("object_access", objects=["Contact"], access="read")
    return api.collection("POST", CONTACT)


@case("APEX_ERROR", ROW, says="LimitException")
def apex(api: Any) -> requests.Response:
    api.fault("trigger", match={"object": "Contact"}, code="APEX_ERROR")
    return api.collection("POST", CONTACT)


@case("CANNOT_EXECUTE_FLOW_TRIGGER", ROW)
def flow(api: Any) -> requests.Response:
    code = "CANNOT_EXECUTE_FLOW_TRIGGER"
    api.fault("trigger", match={"object": "Contact"}, code=code, message="Welcome_Flow failed")
    return api.collection("POST", CONTACT)


@case("DUPLICATE_VALUE", ROW, says="duplicates value on record with id")
def same_key(api: Any) -> requests.Response:
    api.create("Task", SMS_Key__c="k")
    return api.collection("POST", {"type": "Task", "SMS_Key__c": "k"})


@case("DUPLICATES_DETECTED", ROW, says="Use one of these records?")
def same_person(api: Any) -> requests.Response:
    api.fault("duplicates", match={"object": "Contact"}, fields=["LastName"])
    api.people("Contact", {"LastName": "A"})
    return api.collection("POST", CONTACT)


@case("ENTITY_IS_DELETED", ROW)
def deleted(api: Any) -> requests.Response:
    (gone,) = api.people("Contact", {"LastName": "A"})
    api.seed({"op": "delete", "ids": [gone]})
    return api.collection("PATCH", {"type": "Contact", "id": gone, "Phone": "1"})


@case("CANNOT_UPDATE_CONVERTED_LEAD", ROW)
def converted(api: Any) -> requests.Response:
    (lead,) = api.people("Lead", {"LastName": "A", "Company": "B"})
    api.seed({"op": "convert", "lead": lead})
    return api.collection("PATCH", {"type": "Lead", "id": lead, "Phone": "1"})


@case("FIELD_CUSTOM_VALIDATION_EXCEPTION", ROW, says="Phone first")
def invalid(api: Any) -> requests.Response:
    rule = {"when": {"Phone": None}, "message": "Phone first", "fields": ["Phone"]}
    api.fault("validation", match={"object": "Contact"}, **rule)
    return api.collection("POST", CONTACT)


@case("REQUIRED_FIELD_MISSING", ROW, says="[LastName]")
def incomplete(api: Any) -> requests.Response:
    return api.collection("POST", {"type": "Contact", "FirstName": "A"})


@case("STRING_TOO_LONG", ROW, says="max length=5")
def too_long(api: Any) -> requests.Response:
    api.fault("length", field="Contact.LastName", length=5)
    return api.collection("POST", CONTACT | {"LastName": "123456"})


@case("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ROW)
def picklist(api: Any) -> requests.Response:
    api.fault("picklist", field="SMS_Message__c.Status__c", values=["Sent"])
    return api.collection("POST", {"type": "SMS_Message__c", "Status__c": "Delivered"})


@case("INVALID_FIELD", ROW, says="No such column")
def hidden(api: Any) -> requests.Response:
    api.fault("hidden", fields=["Contact.Phone"])
    return api.collection("POST", CONTACT | {"Phone": "1"})


@case("INVALID_FIELD", TOP, 400, says="No such column")
def hidden_in_query(api: Any) -> requests.Response:
    api.fault("hidden", fields=["Contact.Phone"])
    return api("GET", "query", params={"q": "SELECT Phone FROM Contact"})


@case("INVALID_FIELD_FOR_INSERT_UPDATE", ROW)
def read_only(api: Any) -> requests.Response:
    api.fault("read_only", fields=["Contact.Phone"])
    return api.collection("POST", CONTACT | {"Phone": "1"})


@case("INVALID_TYPE", TOP, 400, says="sObject type 'SMS_Message__c' is not supported")
def no_object(api: Any) -> requests.Response:
    api.fault("object_access", objects=["SMS_Message__c"])
    return api("GET", "query", params={"q": "SELECT Id FROM SMS_Message__c"})


@case("INVALID_TYPE", ROW)
def no_object_to_write(api: Any) -> requests.Response:
    api.fault("object_access", objects=["SMS_Message__c"])
    return api.collection("POST", {"type": "SMS_Message__c"})


@case("INSUFFICIENT_ACCESS", TOP, 403, says="view all data")
def blind_upsert(api: Any) -> requests.Response:
    (other,) = api.people("Contact", {"LastName": "A"})
    api.fault("record_access", ids=[other], access="none")
    return api("PATCH", "sobjects/Contact/SMS_Phone_E164__c/1", {"LastName": "A"})


@case("INSUFFICIENT_ACCESS_OR_READONLY", ROW, says="insufficient access rights on object id")
def not_ours(api: Any) -> requests.Response:
    (other,) = api.people("Contact", {"LastName": "A"})
    api.fault("record_access", ids=[other], access="read")
    return api.collection("PATCH", {"type": "Contact", "id": other, "Phone": "1"})


@case("INSUFFICIENT_ACCESS_OR_READONLY", TOP, 403)
def not_ours_alone(api: Any) -> requests.Response:
    (other,) = api.people("Contact", {"LastName": "A"})
    api.fault("record_access", ids=[other], access="read")
    return api("PATCH", f"sobjects/Contact/{other}", {"Phone": "1"})


@case("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", ROW, says="cross-reference id")
def unseen_parent(api: Any) -> requests.Response:
    (other,) = api.people("Contact", {"LastName": "A"})
    api.fault("record_access", ids=[other], access="none")
    return api.collection("POST", {"type": "Task", "WhoId": other})


@case("MALFORMED_ID", ROW)
def malformed_id(api: Any) -> requests.Response:
    return api.collection("PATCH", {"type": "Contact", "id": "nonsense", "Phone": "1"})


@case("MALFORMED_QUERY", TOP, 400)
def malformed_query(api: Any) -> requests.Response:
    return api("GET", "query", params={"q": "SELECT FROM Contact"})


@case("JSON_PARSER_ERROR", TOP, 400)
def malformed_json(api: Any) -> requests.Response:
    headers = {"Content-Type": "application/json"}
    return api("POST", "sobjects/Contact", data=b"{", headers=headers)


@case("INVALID_CROSS_REFERENCE_KEY", ROW)
def unknown_parent(api: Any) -> requests.Response:
    return api.collection("POST", {"type": "Task", "WhoId": "0035g00000zzzzz"})


@case("INACTIVE_OWNER_OR_USER", ROW, says="inactive user")
def inactive_owner(api: Any) -> requests.Response:
    gone = {"LastName": "G", "Username": "g@x.example", "Email": "g@x.example", "IsActive": False}
    (owner,) = api.people("User", gone)
    return api.collection("POST", {"type": "Task", "OwnerId": owner})


@case("OP_WITH_INVALID_USER_TYPE_EXCEPTION", ROW)
def portal_owner(api: Any) -> requests.Response:
    user = {"LastName": "P", "Username": "p@x.example", "Email": "p@x.example"}
    (owner,) = api.people("User", user | {"UserType": "CsnOnly"})
    return api.collection("POST", {"type": "Task", "OwnerId": owner})


@case("API_DISABLED_FOR_ORG", TOP, 403, says="not enabled for this Organization")
def no_api(api: Any) -> requests.Response:
    api.fault("api_off")
    return api("GET", "limits")


@case("API_CURRENTLY_DISABLED", TOP, 403)
def no_api_now(api: Any) -> requests.Response:
    api.fault("api_off", code="API_CURRENTLY_DISABLED")
    return api("GET", "limits")


@case("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", TOP, 401, says="must call SetPassword")
def old_password(api: Any) -> requests.Response:
    api.fault("api_off", code="INVALID_OPERATION_WITH_EXPIRED_PASSWORD")
    return api("GET", "limits")


@case("UNSUPPORTED_API_VERSION", TOP, 410)
def retired(api: Any) -> requests.Response:
    return api("GET", "/services/data/v30.0/limits")


@case("DUPLICATE_EXTERNAL_ID", ROW)
def several_in_a_collection(api: Any) -> requests.Response:
    api.people("Contact", *({"LastName": "A", "SMS_Phone_E164__c": "1"} for _ in range(2)))
    path = "composite/sobjects/Contact/SMS_Phone_E164__c"
    return api.collection("PATCH", CONTACT | {"SMS_Phone_E164__c": "1"}, path=path)


@pytest.mark.parametrize("name", CASES)
def test_the_org_says_it(api: Any, name: str) -> None:
    """In a row it is `statusCode` and the request is a 200; else `errorCode` and the status."""
    where, status, says, act = CASES[name]
    answer = act(api)
    assert answer.status_code == status, answer.text
    told = answer.json()[0]
    if where == ROW:
        assert told["success"] is False
        told = told["errors"][0]
        assert set(told) == {"statusCode", "message", "fields"}
    assert told["statusCode" if where == ROW else "errorCode"] == name.split()[0]
    assert told["message"]
    assert says in told["message"]


def test_a_key_of_several_records_is_300(api: Any) -> None:
    """The body is the list of their URLs."""
    both = api.people("Contact", *({"LastName": "A", "SMS_Phone_E164__c": "1"} for _ in range(2)))
    answer = api("PATCH", "sobjects/Contact/SMS_Phone_E164__c/1", {"LastName": "A"})
    assert answer.status_code == 300
    assert answer.json() == [f"{BASE}/sobjects/Contact/{one}" for one in both]


def test_the_readme_tells_how_to_produce_each() -> None:
    """Its table of errors and the cases above are the same."""
    text = resources.files("crm_sms.sandbox.salesforce").joinpath("README.md").read_text("utf-8")
    _, _, table = text.partition("## Errors and how to have them")
    lines = table.partition("\n## ")[0].splitlines()
    told = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert told == {name.split()[0] for name in CASES}
