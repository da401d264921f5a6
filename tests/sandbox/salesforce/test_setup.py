"""What an admin has set up: rules of objects, fields that change, who may see and edit what."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
import requests

BASE = "/services/data/v66.0"
CONTACT = {"type": "Contact", "LastName": "A"}


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return ["ok" if row["success"] else row["errors"][0]["statusCode"] for row in answer.json()]


def rules(api: Any) -> list[dict[str, Any]]:
    return requests.get(f"{api.sandbox.url}/_sandbox/salesforce/faults", timeout=10).json()


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "validation"},
        {"kind": "validation", "match": {"object": "Nope"}},
        {"kind": "validation", "match": {"object": "Contact"}, "when": {"Nope": 1}},
        {"kind": "validation", "match": {"object": "Contact"}, "fields": ["Nope"]},
        {"kind": "validation", "match": {"object": "Contact"}, "when": "Phone"},
        {"kind": "trigger", "match": {"object": "Contact"}, "code": "NOPE"},
        {"kind": "duplicates", "match": {"object": "Contact"}, "fields": ["Nope"]},
        {"kind": "duplicates", "match": {"object": "Contact"}, "action": "warn"},
        {"kind": "required", "fields": ["Contact.Nope"]},
        {"kind": "required", "fields": [5]},
        {"kind": "length", "field": "Nope.Phone", "length": 5},
        {"kind": "picklist", "field": "Task.Type", "values": "Call"},
        {"kind": "object_access", "objects": ["Nope"]},
        {"kind": "record_access", "ids": ["x"], "access": "all"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(api: Any, rule: dict[str, Any]) -> None:
    """400 with what is wrong; nothing is switched on."""
    url = f"{api.sandbox.url}/_sandbox/salesforce/faults"
    answer = requests.post(url, json=rule, timeout=10)
    assert (answer.status_code, bool(answer.json()[0]["message"])) == (400, True)
    assert rules(api) == []


def test_one_rule_is_switched_off(api: Any) -> None:
    """By its id; the others stay."""
    api.fault("required", fields=["Contact.Email"])
    api.fault("quota", limit=100, remaining=50)
    first, _ = rules(api)
    url = f"{api.sandbox.url}/_sandbox/salesforce/faults"
    requests.delete(url, params={"id": first["id"]}, timeout=10)
    assert [rule["kind"] for rule in rules(api)] == ["quota"]
    assert outcomes(api.collection("POST", CONTACT)) == ["ok"]
    assert requests.delete(url, params={"id": "x"}, timeout=10).status_code == 400


class TestValidation:
    """A validation rule looks at the record as a whole."""

    def test_it_strikes_whatever_was_changed(self, api: Any) -> None:
        """A record that breaks it cannot be saved by a change of another field."""
        bad, good = api.people("Contact", {"LastName": "A"}, {"LastName": "B", "Phone": "1"})
        api.fault("validation", match={"object": "Contact"}, when={"Phone": None}, message="m")
        rows = [{"type": "Contact", "id": one, "Title": "T"} for one in (bad, good)]
        assert outcomes(api.collection("PATCH", *rows)) == [
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "ok",
        ]

    def test_a_change_that_heals_it_passes(self, api: Any) -> None:
        """The record as it will be stored is what counts."""
        (bad,) = api.people("Contact", {"LastName": "A"})
        api.fault("validation", match={"object": "Contact"}, when={"Phone": None})
        update = {"type": "Contact", "id": bad, "Phone": "1"}
        assert outcomes(api.collection("PATCH", update)) == ["ok"]

    def test_every_broken_rule_is_told(self, api: Any) -> None:
        """A row has several errors, a single record too."""
        for name in ("Phone", "Email"):
            rule = {"when": {name: None}, "message": f"{name} first", "fields": [name]}
            api.fault("validation", match={"object": "Contact"}, **rule)
        (row,) = api.collection("POST", CONTACT).json()
        assert [(e["message"], e["fields"]) for e in row["errors"]] == [
            ("Phone first", ["Phone"]),
            ("Email first", ["Email"]),
        ]
        told = api("POST", "sobjects/Contact", {"LastName": "A"}).json()
        assert [error["message"] for error in told] == ["Phone first", "Email first"]

    def test_it_asks_nothing_of_a_deletion_or_of_people(self, api: Any) -> None:
        """Deleting passes, and so does what people in the org do."""
        (one,) = api.people("Contact", {"LastName": "A"})
        api.fault("validation", match={"object": "Contact"})
        assert api.people("Contact", {"LastName": "B"})
        assert api("DELETE", f"sobjects/Contact/{one}").status_code == 204


class TestTriggers:
    """Automation of the customer's."""

    def test_one_row_fails_all_that_are_saved_with_it(self, api: Any) -> None:
        """Of the same object: a chunk of another one is saved; nothing of the chunk is kept."""
        api.fault(
            "trigger", match={"object": "Contact"}, when={"Phone": "1"}, message="NullPointer"
        )
        lead = {"type": "Lead", "LastName": "A", "Company": "C"}
        rows = [CONTACT, CONTACT | {"Phone": "1"}, CONTACT, lead]
        failed = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        assert outcomes(api.collection("POST", *rows)) == [failed] * 3 + ["ok"]
        assert api.rows("SELECT Id FROM Contact") == []
        assert outcomes(api.collection("POST", CONTACT, lead, CONTACT | {"Phone": "1"})) == [
            "ok",
            "ok",
            failed,
        ]

    def test_a_row_that_was_wrong_before_keeps_its_own_error(self, api: Any) -> None:
        """Types and lengths are looked at before triggers run."""
        api.fault("trigger", match={"object": "Contact"}, above_rows=1)
        long = CONTACT | {"LastName": "x" * 81}
        assert outcomes(api.collection("POST", long, CONTACT)) == [
            "STRING_TOO_LONG",
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        ]

    def test_only_in_bulk(self, api: Any) -> None:
        """By the rows of one object in one collection, not by those of the whole Composite."""
        api.fault("trigger", match={"object": "Contact"}, above_rows=2)
        row = {"attributes": {"type": "Contact"}, "LastName": "A"}
        parts = [
            {
                "method": "POST",
                "url": f"{BASE}/composite/sobjects",
                "referenceId": f"part{rows}",
                "body": {"records": [row] * rows},
            }
            for rows in (2, 3)
        ]
        answer = api("POST", "composite", {"compositeRequest": parts}).json()["compositeResponse"]
        saved = [[row["success"] for row in part["body"]] for part in answer]
        assert saved == [[True, True], [False, False, False]]


class TestDuplicateRules:
    """Duplicate management."""

    @pytest.fixture
    def twin(self, api: Any) -> str:
        return api.people("Contact", {"LastName": "A", "Phone": "1"})[0]

    @pytest.mark.parametrize(
        ("action", "header", "code"),
        [
            ("alert", {}, "DUPLICATES_DETECTED"),
            ("alert", {"Sforce-Duplicate-Rule-Header": "allowSave=false"}, "DUPLICATES_DETECTED"),
            ("alert", {"Sforce-Duplicate-Rule-Header": "allowSave=true"}, "ok"),
            (
                "alert",
                {"Sforce-Duplicate-Rule-Header": "includeRecordDetails=false; allowSave=true"},
                "ok",
            ),
            ("block", {"Sforce-Duplicate-Rule-Header": "allowSave=true"}, "DUPLICATES_DETECTED"),
        ],
    )
    def test_the_header_passes_an_alert_only(
        self, api: Any, twin: str, action: str, header: dict[str, str], code: str
    ) -> None:
        """A rule that blocks is not passed."""
        api.fault("duplicates", match={"object": "Contact"}, fields=["Phone"], action=action)
        body = {"records": [{"attributes": {"type": "Contact"}, "LastName": "B", "Phone": "1"}]}
        assert outcomes(api("POST", "composite/sobjects", body, headers=header)) == [code]

    @pytest.mark.parametrize("inside", [True, False])
    def test_a_part_of_a_composite_has_its_own_headers(
        self, api: Any, twin: str, inside: bool
    ) -> None:
        """That of the outer request is not handed down."""
        api.fault("duplicates", match={"object": "Contact"}, fields=["Phone"], action="alert")
        header = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
        part = {
            "method": "POST",
            "url": f"{BASE}/sobjects/Contact",
            "referenceId": "a",
            "httpHeaders": header if inside else {},
            "body": {"LastName": "B", "Phone": "1"},
        }
        answer = api("POST", "composite", {"compositeRequest": [part]}, headers=header)
        (told,) = answer.json()["compositeResponse"]
        assert told["httpStatusCode"] == (201 if inside else 400)

    def test_a_single_record_is_told_what_was_found(self, api: Any, twin: str) -> None:
        """With the key spelt as orgs spell it."""
        api.fault("duplicates", match={"object": "Contact"}, fields=["Phone"], action="alert")
        (told,) = api("POST", "sobjects/Contact", {"LastName": "B", "Phone": "1"}).json()
        assert told["errorCode"] == "DUPLICATES_DETECTED"
        found = told["duplicateResut"]
        assert found["allowSave"] is True
        records = [match["record"] for match in found["matchResults"][0]["matchRecords"]]
        assert [record["Id"] for record in records] == [twin]

    def test_it_looks_only_when_a_field_of_its_own_changes(self, api: Any, twin: str) -> None:
        """A double that was there before can be written."""
        (double,) = api.people("Contact", {"LastName": "B", "Phone": "1"})
        api.fault("duplicates", match={"object": "Contact"}, fields=["Phone"])
        update = {"type": "Contact", "id": double, "Title": "T"}
        assert outcomes(api.collection("PATCH", update)) == ["ok"]
        assert outcomes(api.collection("PATCH", update | {"Phone": "2"})) == ["ok"]
        assert outcomes(api.collection("PATCH", update | {"Phone": "1"})) == ["DUPLICATES_DETECTED"]

    def test_empty_fields_are_like_nothing(self, api: Any) -> None:
        """Two people without a number are no doubles."""
        api.fault("duplicates", match={"object": "Contact"}, fields=["Phone"])
        assert outcomes(api.collection("POST", CONTACT, CONTACT)) == ["ok", "ok"]


class TestFields:
    """Fields that are not as they come."""

    def described(self, api: Any, object_name: str, field: str) -> dict[str, Any]:
        fields = api("GET", f"sobjects/{object_name}/describe").json()["fields"]
        return next(one for one in fields if one["name"] == field)

    def test_a_required_field(self, api: Any) -> None:
        """Described so; no record is created, changed or cleared without it."""
        (bare,) = api.people("Contact", {"LastName": "A"})
        api.fault("required", fields=["Contact.Email"])
        assert self.described(api, "Contact", "Email")["nillable"] is False
        missing = "REQUIRED_FIELD_MISSING"
        assert outcomes(api.collection("POST", CONTACT)) == [missing]
        update = {"type": "Contact", "id": bare}
        assert outcomes(api.collection("PATCH", update | {"Phone": "1"})) == [missing]
        assert outcomes(api.collection("PATCH", update | {"Email": "a@x.example"})) == ["ok"]
        assert outcomes(api.collection("PATCH", update | {"Email": None})) == [missing]
        api.calm()
        assert outcomes(api.collection("PATCH", update | {"Email": None})) == ["ok"]

    def test_a_length_that_shrinks(self, api: Any) -> None:
        """Between describe and write; what is stored stays."""
        assert self.described(api, "SMS_Message__c", "Body__c")["length"] == 32768
        made = api.create("SMS_Message__c", Body__c="x" * 300)
        api.fault("length", field="SMS_Message__c.Body__c", length=255)
        assert self.described(api, "SMS_Message__c", "Body__c")["length"] == 255
        long = {"type": "SMS_Message__c", "Body__c": "x" * 256}
        assert outcomes(api.collection("POST", long)) == ["STRING_TOO_LONG"]
        assert len(api.get("SMS_Message__c", made)["Body__c"]) == 300

    @pytest.mark.parametrize(("restricted", "code"), [(True, "INVALID_OR_NULL"), (False, "ok")])
    def test_a_picklist_that_changes(self, api: Any, restricted: bool, code: str) -> None:
        """Only a restricted one refuses what it does not hold."""
        field = "SMS_Message__c.Status__c"
        api.fault("picklist", field=field, values=["Out", "In"], restricted=restricted)
        described = self.described(api, "SMS_Message__c", "Status__c")
        assert [one["value"] for one in described["picklistValues"]] == ["Out", "In"]
        assert described["restrictedPicklist"] is restricted
        rows = [{"type": "SMS_Message__c", "Status__c": value} for value in ("Out", "Sent")]
        first, second = outcomes(api.collection("POST", *rows))
        assert (first, second.startswith(code)) == ("ok", True)


def test_an_org_that_hides_the_standard_opt_outs(api: Any) -> None:
    """The README's rule: they are in no describe and no query, ours are."""
    text = resources.files("crm_sms.sandbox.salesforce").joinpath("README.md").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith('{"kind": "hidden"'))
    api.fault(**json.loads(line))
    for name in ("Contact", "Lead"):
        fields = {one["name"] for one in api("GET", f"sobjects/{name}/describe").json()["fields"]}
        assert not fields & {"DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax"}
        assert "SMS_Opt_Out__c" in fields
        assert api.refused(f"SELECT DoNotCall FROM {name}")[0] == "INVALID_FIELD"


class TestAccess:
    """Permissions and sharing."""

    def test_an_object_that_is_not_there(self, api: Any) -> None:
        """Neither described, nor listed, nor queried, nor a parent to climb to."""
        api.fault("object_access", objects=["Contact"])
        assert api("GET", "sobjects/Contact/describe").status_code == 404
        listed = {one["name"] for one in api("GET", "sobjects").json()["sobjects"]}
        assert "Contact" not in listed
        assert api.refused("SELECT Id FROM Contact")[0] == "INVALID_TYPE"
        assert api.refused("SELECT Contact__r.Name FROM SMS_Message__c")[0] == "INVALID_FIELD"

    def test_an_object_that_may_only_be_read(self, api: Any) -> None:
        """Its describe says so, and so does every write."""
        (one,) = api.people("Contact", {"LastName": "A"})
        api.fault("object_access", objects=["Contact"], access="read")
        described = api("GET", "sobjects/Contact/describe").json()
        assert {described[name] for name in ("createable", "updateable", "deletable")} == {False}
        assert api.rows("SELECT Id FROM Contact") == [{"Id": one}]
        update = {"type": "Contact", "id": one, "Phone": "1"}
        refused = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        assert outcomes(api.collection("PATCH", update)) == [refused]
        answer = api("DELETE", f"sobjects/Contact/{one}")
        assert answer.json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
        assert api.people("Contact", {"LastName": "B"})

    def test_a_record_that_may_only_be_read(self, api: Any) -> None:
        """It shows in queries and tasks may hang on it; it is neither changed nor deleted."""
        (other,) = api.people("Contact", {"LastName": "A"})
        api.fault("record_access", ids=[other])
        assert api.get("Contact", other)["LastName"] == "A"
        assert api.rows("SELECT Id FROM Contact") == [{"Id": other}]
        assert outcomes(api.collection("POST", {"type": "Task", "WhoId": other})) == ["ok"]
        refused = "INSUFFICIENT_ACCESS_OR_READONLY"
        answer = api("DELETE", f"composite/sobjects?ids={other}")
        assert outcomes(answer) == [refused]
        api.calm()
        assert outcomes(api("DELETE", f"composite/sobjects?ids={other}")) == ["ok"]

    def test_a_record_that_is_not_shown(self, api: Any) -> None:
        """No query finds it, nor its name through a lookup; no read, no write reaches it."""
        (other,) = api.people("Contact", {"LastName": "A", "SMS_Phone_E164__c": "1"})
        message = api.create("SMS_Message__c", Contact__c=other)
        api.fault("record_access", ids=[other], access="none")
        assert api.rows("SELECT Id FROM Contact", deleted=True) == []
        found = api.query("SELECT Contact__c, Contact__r.Name FROM SMS_Message__c")["records"]
        assert [(row["Contact__c"], row["Contact__r"]) for row in found] == [(other, None)]
        assert api("GET", f"sobjects/Contact/{other}").status_code == 404
        read = {"ids": [other], "fields": ["Id"]}
        assert api("POST", "composite/sobjects/Contact", read).json() == [None]
        assert api("GET", "sobjects/Contact/SMS_Phone_E164__c/1").status_code == 404
        update = {"type": "Contact", "id": other, "Phone": "1"}
        refused = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        assert outcomes(api.collection("PATCH", update)) == [refused]
        keep = {"type": "SMS_Message__c", "id": message, "Contact__c": other, "Status__c": "Sent"}
        assert outcomes(api.collection("PATCH", keep)) == ["ok"]

    def test_upsert_by_a_unique_key_needs_no_view_of_all(self, api: Any) -> None:
        """Only a key that several records may have does."""
        (other,) = api.people("Contact", {"LastName": "A"})
        api.fault("record_access", ids=[other], access="none")
        path = "composite/sobjects/SMS_Message__c/Message_Key__c"
        rows = {"type": "SMS_Message__c", "Message_Key__c": "k"}
        assert outcomes(api.collection("PATCH", rows, path=path)) == ["ok"]
        path = "composite/sobjects/Contact/SMS_Phone_E164__c"
        rows = CONTACT | {"SMS_Phone_E164__c": "1"}
        assert outcomes(api.collection("PATCH", rows, path=path)) == ["INSUFFICIENT_ACCESS"]


def test_a_query_that_an_index_answers_is_not_slow(api: Any) -> None:
    """Id, external id, lookup and SystemModstamp look at what they find; the rest at all rows."""
    people = [{"LastName": "A", "SMS_Phone_E164__c": str(n)} for n in range(5)]
    first, *_ = api.people("Contact", *people)
    api.sandbox.clock.advance(60)
    since = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    api.fault("slow_query", rows=3)
    for where in (
        f"Id = '{first}'",
        "SMS_Phone_E164__c IN ('1', '2')",
        f"AccountId = '{first}'",
        f"SystemModstamp >= {since}",
    ):
        api.rows(f"SELECT Id FROM Contact WHERE {where}")
    assert api.refused("SELECT Id FROM Contact WHERE Phone = '1'")[0] == "QUERY_TIMEOUT"
    assert api.refused("SELECT COUNT() FROM Contact")[0] == "QUERY_TIMEOUT"
    pages = "SELECT Id FROM Contact ORDER BY SystemModstamp, Id LIMIT 3"
    assert len(api.rows(pages)) == 3
