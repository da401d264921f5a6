"""Single records: what is kept, what is refused, and how."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

CONTACT_FIELDS = {"LastName": "Doe", "FirstName": "Jo", "MobilePhone": "(555) 123-4567"}


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_a_record_is_kept_as_given(api: Any) -> None:
    """Fields come back as they were sent, with name, owner, stamps and attributes."""
    made = api.create("Contact", **CONTACT_FIELDS)
    record = api.get("Contact", made)
    assert record.items() >= CONTACT_FIELDS.items()
    assert record["attributes"] == {
        "type": "Contact",
        "url": f"/services/data/v66.0/sobjects/Contact/{made}",
    }
    now = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    stamps = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    assert [record[name] for name in stamps] == [now] * 3
    assert record["OwnerId"] == api.credentials["user_id"]
    assert (record["Name"], record["IsDeleted"], record["SMS_Opt_Out__c"]) == (
        "Jo Doe",
        False,
        False,
    )
    assert record["Email"] is None


def test_creation_says_where_the_record_is(api: Any) -> None:
    """201 with id, success, no errors, and a Location."""
    answer = api("POST", "sobjects/Contact", CONTACT_FIELDS)
    made = answer.json()["id"]
    assert answer.json() == {"id": made, "success": True, "errors": []}
    assert answer.headers["Location"] == f"/services/data/v66.0/sobjects/Contact/{made}"


def test_a_change_moves_the_stamps_and_nothing_else(api: Any) -> None:
    """PATCH is 204 without a body; null clears; what is not named stays."""
    made = api.create("Contact", **CONTACT_FIELDS)
    before = api.get("Contact", made)
    api.sandbox.clock.advance(60)
    answer = api("PATCH", f"sobjects/Contact/{made}", {"FirstName": None, "Phone": "1"})
    assert (answer.status_code, answer.content) == (204, b"")
    after = api.get("Contact", made)
    changed = {name for name in after if after[name] != before[name]}
    stamps = {"LastModifiedDate", "SystemModstamp"}
    assert changed == {"FirstName", "Phone", "Name"} | stamps
    assert (after["FirstName"], after["Name"]) == (None, "Doe")


def test_chosen_fields_only(api: Any) -> None:
    """`fields` names what is wanted; a wrong name is refused."""
    made = api.create("Contact", **CONTACT_FIELDS)
    answer = api("GET", f"sobjects/Contact/{made}", params={"fields": "Id,LastName"})
    assert set(answer.json()) == {"attributes", "Id", "LastName"}
    answer = api("GET", f"sobjects/Contact/{made}", params={"fields": "Id,Nope"})
    assert refusal(answer) == (400, "INVALID_FIELD")


def test_both_lengths_of_an_id_lead_to_the_record(api: Any) -> None:
    """Fifteen characters do, in paths and in lookups."""
    account = api.create("Account", Name="Acme")
    made = api.create("Contact", LastName="Doe", AccountId=account[:15])
    record = api.get("Contact", made[:15])
    assert (record["Id"], record["AccountId"]) == (made, account)


def test_deleted_is_gone_but_not_forgotten(api: Any) -> None:
    """DELETE is 204, then 404 ENTITY_IS_DELETED; queryAll still has the row."""
    made = api.create("Contact", **CONTACT_FIELDS)
    assert api("DELETE", f"sobjects/Contact/{made}").status_code == 204
    for method, body in (("GET", None), ("PATCH", {"Phone": "1"}), ("DELETE", None)):
        answer = api(method, f"sobjects/Contact/{made}", body)
        assert refusal(answer) == (404, "ENTITY_IS_DELETED")
    assert api.rows("SELECT Id FROM Contact") == []
    assert api.rows("SELECT Id, IsDeleted FROM Contact", deleted=True) == [
        {"Id": made, "IsDeleted": True}
    ]


@pytest.mark.parametrize(
    ("name", "fields", "code", "named"),
    [
        ("Contact", {}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ("Contact", {"FirstName": "Jo"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ("Lead", {"LastName": "Doe"}, "REQUIRED_FIELD_MISSING", ["Company"]),
        ("Opportunity", {"Name": "x"}, "REQUIRED_FIELD_MISSING", ["StageName", "CloseDate"]),
        ("Contact", {"LastName": "Doe", "Nope__c": 1}, "INVALID_FIELD", ["Nope__c"]),
        ("Contact", {"LastName": "Doe", "lastname": "x"}, "INVALID_FIELD", ["lastname"]),
        ("Contact", {"LastName": "Doe", "Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        (
            "Contact",
            {"LastName": "Doe", "CreatedDate": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            ["CreatedDate"],
        ),
        ("Lead", {"LastName": "D", "Company": "C", "IsConverted": True}, None, ["IsConverted"]),
        ("Task", {"IsClosed": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsClosed"]),
        ("Contact", {"LastName": "Doe", "Id": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Id"]),
        ("Contact", {"LastName": "Doe", "Phone": "1" * 41}, "STRING_TOO_LONG", ["Phone"]),
        ("Contact", {"LastName": "Doe", "Phone": 5}, "JSON_PARSER_ERROR", ["Phone"]),
        ("Contact", {"LastName": "Doe", "Email": "x"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ("Contact", {"LastName": "Doe", "AccountId": "001"}, "MALFORMED_ID", ["AccountId"]),
        ("Task", {"Subject": "x" * 256}, "STRING_TOO_LONG", ["Subject"]),
        ("Task", {"Description": "x" * 32001}, "STRING_TOO_LONG", ["Description"]),
        ("Task", {"TaskSubtype": "SMS"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", None),
        (
            "SMS_Message__c",
            {"Status__c": "Lost"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            ["Status__c"],
        ),
        ("TaskStatus", {"MasterLabel": "x"}, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", None),
    ],
)
def test_creations_that_are_refused(
    api: Any, name: str, fields: dict[str, Any], code: str | None, named: list[str] | None
) -> None:
    """400 with the code and the fields, and nothing is made."""
    answer = api("POST", f"sobjects/{name}", fields)
    assert refusal(answer) == (400, code or "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert named is None or answer.json()[0]["fields"] == named
    if name != "TaskStatus":
        assert api.query(f"SELECT COUNT() FROM {name}")["totalSize"] == 0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING"),
        ({"Nope__c": 1}, "INVALID_FIELD"),
        ({"IsDeleted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Id": "0035g0000000001AAA"}, "INVALID_FIELD"),
        ({"SMS_Opt_Out__c": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ({"SMS_Opt_Out__c": "true"}, "JSON_PARSER_ERROR"),
        ({"SMS_Sent_Count__c": "3"}, "JSON_PARSER_ERROR"),
    ],
)
def test_changes_that_are_refused(api: Any, fields: dict[str, Any], code: str) -> None:
    """400, and the record stays as it was."""
    made = api.create("Contact", **CONTACT_FIELDS)
    before = api.get("Contact", made)
    answer = api("PATCH", f"sobjects/Contact/{made}", {"Phone": "1"} | fields)
    assert refusal(answer) == (400, code)
    assert api.get("Contact", made) == before


def test_no_such_column_is_worded_as_salesforce_words_it(api: Any) -> None:
    """The message names field and object."""
    answer = api("POST", "sobjects/Contact", {"LastName": "x", "Foo__c": 1})
    assert answer.json()[0]["message"] == "No such column 'Foo__c' on sobject of type Contact"


def test_lookups_must_lead_somewhere(api: Any) -> None:
    """Wrong type, nowhere, deleted: three different refusals."""
    contact, account = api.create("Contact", LastName="A"), api.create("Account", Name="B")
    gone = api.create("Account", Name="C")
    api("DELETE", f"sobjects/Account/{gone}")
    for target, code in (
        (contact, "FIELD_INTEGRITY_EXCEPTION"),
        ("0015g00000009zzAAA", "INVALID_CROSS_REFERENCE_KEY"),
        (gone, "ENTITY_IS_DELETED"),
    ):
        answer = api("POST", "sobjects/Contact", {"LastName": "x", "AccountId": target})
        assert refusal(answer) == (400, code)
        assert answer.json()[0]["fields"] == ["AccountId"]
    assert api.create("Contact", LastName="x", AccountId=account)


def test_an_unknown_id_is_404(api: Any) -> None:
    """Neither an id that was never given out nor one of another object names a contact."""
    account = api.create("Account", Name="A")
    for one in ("0035g00000009zzAAA", account, "nonsense"):
        assert refusal(api("GET", f"sobjects/Contact/{one}"))[0] == 404


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"Phone": "1"}), ("DELETE", None)])
def test_ids_to_be_written_are_of_their_object(api: Any, method: str, body: Any) -> None:
    """Another object's id is malformed; one that was never given out is 404."""
    account = api.create("Account", Name="A")
    assert refusal(api(method, f"sobjects/Contact/{account}", body)) == (400, "MALFORMED_ID")
    assert refusal(api(method, "sobjects/Contact/0035g00000009zzAAA", body))[0] == 404
    assert refusal(api(method, "sobjects/Contact/nonsense", body))[0] == 404
    assert api.get("Account", account)["IsDeleted"] is False


class TestUniqueKeys:
    """Unique fields hold once among what is not deleted."""

    def test_a_second_row_is_a_duplicate(self, api: Any) -> None:
        """DUPLICATE_VALUE names the field and the record that has it."""
        made = api.create("Task", SMS_Key__c="reply:1")
        answer = api("POST", "sobjects/Task", {"SMS_Key__c": "reply:1"})
        assert refusal(answer) == (400, "DUPLICATE_VALUE")
        assert "SMS_Key__c" in answer.json()[0]["message"]
        assert made in answer.json()[0]["message"]
        assert answer.json()[0]["fields"] == []

    def test_case_counts_only_where_the_field_says_so(self, api: Any) -> None:
        """A task's key is unique without regard to case, a message's with."""
        api.create("Task", SMS_Key__c="abc")
        answer = api("POST", "sobjects/Task", {"SMS_Key__c": "ABC"})
        assert refusal(answer) == (400, "DUPLICATE_VALUE")
        assert api.create("SMS_Message__c", Message_Key__c="abc")
        assert api.create("SMS_Message__c", Message_Key__c="ABC")

    def test_a_deleted_row_holds_nothing(self, api: Any) -> None:
        """The key of a deleted task is free again, so a blind retry makes a second one."""
        made = api.create("Task", SMS_Key__c="reply:1")
        api("DELETE", f"sobjects/Task/{made}")
        assert api.create("Task", SMS_Key__c="reply:1") != made

    def test_a_row_may_keep_its_own_key(self, api: Any) -> None:
        """Writing the same key to the same row is no duplicate."""
        made = api.create("Task", SMS_Key__c="reply:1")
        answer = api("PATCH", f"sobjects/Task/{made}", {"SMS_Key__c": "reply:1"})
        assert answer.status_code == 204

    def test_empty_keys_do_not_collide(self, api: Any) -> None:
        """Any number of rows may have none."""
        assert api.create("Task") != api.create("Task")


class TestUpsert:
    """PATCH by external id."""

    PATH = "sobjects/SMS_Message__c/Message_Key__c"

    def test_makes_then_changes(self, api: Any) -> None:
        """201 created, then 200 with `created` false and the same id."""
        first = api("PATCH", f"{self.PATH}/k1", {"Status__c": "Sent"})
        second = api("PATCH", f"{self.PATH}/k1", {"Status__c": "Delivered"})
        assert (first.status_code, first.json()["created"]) == (201, True)
        assert (second.status_code, second.json()["created"]) == (200, False)
        assert first.json()["id"] == second.json()["id"]

    @pytest.mark.parametrize("key", ["a/b", "a+b", "a b", "a%2Fb", "ä:ö", "x?y=z#"])
    def test_keys_travel_encoded(self, api: Any, key: str) -> None:
        """Whatever the characters, the key kept is the key meant."""
        answer = api("PATCH", f"{self.PATH}/{quote(key, safe='')}", {"Status__c": "Sent"})
        assert answer.status_code == 201
        assert api.get("SMS_Message__c", answer.json()["id"])["Message_Key__c"] == key

    def test_a_key_is_trimmed_as_it_is_kept(self, api: Any) -> None:
        """Blanks around it do not make another key."""
        first = api("PATCH", f"{self.PATH}/k1", {"Status__c": "Sent"}).json()
        again = api("PATCH", f"{self.PATH}/%20k1%20", {"Status__c": "Sent"}).json()
        assert (again["id"], again["created"]) == (first["id"], False)

    def test_several_matches_are_300(self, api: Any) -> None:
        """The answer lists the records' addresses, and none is changed."""
        ids = [api.create("Contact", LastName="A", SMS_Phone_E164__c="+1555") for _ in "ab"]
        answer = api("PATCH", "sobjects/Contact/SMS_Phone_E164__c/+1555", {"LastName": "B"})
        assert answer.status_code == 300
        assert answer.json() == [f"/services/data/v66.0/sobjects/Contact/{one}" for one in ids]
        assert {row["LastName"] for row in api.rows("SELECT LastName FROM Contact")} == {"A"}

    @pytest.mark.parametrize("name", ["Message_Key__c", "Id", "id"])
    def test_the_body_must_not_repeat_the_key(self, api: Any, name: str) -> None:
        """Neither key nor Id may stand in the body."""
        answer = api("PATCH", f"{self.PATH}/k1", {name: "k1", "Status__c": "Sent"})
        assert refusal(answer) == (400, "INVALID_FIELD")

    @pytest.mark.parametrize("field", ["Status__c", "Nope__c"])
    def test_the_field_must_be_an_external_id(self, api: Any, field: str) -> None:
        """Another field is 404."""
        answer = api("PATCH", f"sobjects/SMS_Message__c/{field}/k1", {})
        assert refusal(answer) == (404, "NOT_FOUND")

    def test_a_deleted_row_is_not_found_again(self, api: Any) -> None:
        """Upserting the key of a deleted row makes a new one."""
        first = api("PATCH", f"{self.PATH}/k1", {"Status__c": "Sent"}).json()["id"]
        api("DELETE", f"sobjects/SMS_Message__c/{first}")
        second = api("PATCH", f"{self.PATH}/k1", {"Status__c": "Sent"})
        assert (second.status_code, second.json()["id"] == first) == (201, False)

    def test_a_record_can_be_read_by_its_key(self, api: Any) -> None:
        """GET by external id; unknown is 404, several 300."""
        made = api.create("SMS_Message__c", Message_Key__c="k1")
        assert api("GET", f"{self.PATH}/k1").json()["Id"] == made
        assert refusal(api("GET", f"{self.PATH}/k2")) == (404, "NOT_FOUND")
        for _ in "ab":
            api.create("Contact", LastName="A", SMS_Phone_E164__c="+1555")
        assert api("GET", "sobjects/Contact/SMS_Phone_E164__c/+1555").status_code == 300


class TestLookupsByKey:
    """`"Contact__r": {…}` instead of an id."""

    def test_the_one_that_has_the_key(self, api: Any) -> None:
        """A message finds its contact by the number."""
        contact = api.create("Contact", LastName="A", SMS_Phone_E164__c="+1555")
        by_number = {"Contact__r": {"SMS_Phone_E164__c": "+1555"}}
        made = api.create("SMS_Message__c", Message_Key__c="k", **by_number)
        assert api.get("SMS_Message__c", made)["Contact__c"] == contact

    @pytest.mark.parametrize("holders", [0, 2])
    def test_none_or_several_are_refused(self, api: Any, holders: int) -> None:
        """A number that nobody or two people have leads nowhere."""
        for _ in range(holders):
            api.create("Contact", LastName="A", SMS_Phone_E164__c="+1555")
        by_number = {"Contact__r": {"SMS_Phone_E164__c": "+1555"}}
        assert refusal(api("POST", "sobjects/SMS_Message__c", by_number)) == (400, "INVALID_FIELD")

    @pytest.mark.parametrize(
        "given",
        [
            {"Contact__r": {"LastName": "A"}},
            {"Contact__r": {}},
            {"Contact__r": "x"},
            {"Contact__r": {"SMS_Phone_E164__c": ["+1555"]}},
            {"Contact__r": {"SMS_Phone_E164__c": None}},
            {"Nope__r": {"SMS_Phone_E164__c": "+1555"}},
        ],
    )
    def test_only_external_ids_lead(self, api: Any, given: dict[str, Any]) -> None:
        """Another field, none, or an unknown relationship is refused."""
        assert refusal(api("POST", "sobjects/SMS_Message__c", given)) == (400, "INVALID_FIELD")
