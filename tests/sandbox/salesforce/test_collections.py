"""Collections: rows with outcomes of their own, and what refuses the whole request."""

from __future__ import annotations

from typing import Any

import pytest

UPSERT = "composite/sobjects/SMS_Message__c/Message_Key__c"
CONTACT = {"type": "Contact", "LastName": "Doe"}


def outcomes(answer: Any) -> list[str]:
    """`ok`, or the code of the first error, row by row."""
    assert answer.status_code == 200, answer.text
    return ["ok" if row["success"] else row["errors"][0]["statusCode"] for row in answer.json()]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def message(key: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "SMS_Message__c", "Message_Key__c": key, "Status__c": "Sent", **fields}


class TestEveryVerb:
    """What create, update, upsert and delete have in common."""

    def test_good_and_bad_rows_go_their_own_way(self, api: Any) -> None:
        """Outcomes stand in the order of the rows, and good rows are kept."""
        answer = api.collection(
            "POST",
            CONTACT,
            {"type": "Contact"},
            {"type": "Contact", "LastName": "x" * 81},
            {"type": "Lead", "LastName": "A", "Company": "B"},
            {"type": "Lead", "LastName": "A", "Company": "B", "Nope": 1},
        )
        assert outcomes(answer) == [
            "ok",
            "REQUIRED_FIELD_MISSING",
            "STRING_TOO_LONG",
            "ok",
            "INVALID_FIELD",
        ]
        assert len(api.rows("SELECT Id FROM Contact")) == len(api.rows("SELECT Id FROM Lead")) == 1

    def test_a_failed_row_has_the_shape_of_an_orgs(self, api: Any) -> None:
        """`statusCode`, message and fields; no id."""
        row = api.collection("POST", {"type": "Contact"}).json()[0]
        assert row == {
            "success": False,
            "errors": [
                {
                    "statusCode": "REQUIRED_FIELD_MISSING",
                    "message": "Required fields are missing: [LastName]",
                    "fields": ["LastName"],
                }
            ],
        }

    def test_all_or_none_undoes_the_good_rows(self, api: Any) -> None:
        """One bad row, and nothing is kept; the good ones say that they were rolled back."""
        answer = api.collection("POST", CONTACT, {"type": "Contact"}, CONTACT, allOrNone=True)
        rolled_back = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
        assert outcomes(answer) == [rolled_back, "REQUIRED_FIELD_MISSING", rolled_back]
        assert api.rows("SELECT Id FROM Contact", deleted=True) == []

    def test_all_or_none_keeps_all_when_all_are_good(self, api: Any) -> None:
        """Without a bad row it is a plain request."""
        assert outcomes(api.collection("POST", CONTACT, CONTACT, allOrNone=True)) == ["ok", "ok"]
        assert len(api.rows("SELECT Id FROM Contact")) == 2

    def test_two_hundred_rows_at_most(self, api: Any) -> None:
        """201 rows are refused whole, 200 are not."""
        assert outcomes(api.collection("POST", *[CONTACT] * 200)) == ["ok"] * 200
        assert refusal(api.collection("POST", *[CONTACT] * 201)) == (400, "EXCEEDED_ID_LIMIT")
        assert api.query("SELECT COUNT() FROM Contact")["totalSize"] == 200

    def test_ten_chunks_of_types_at_most(self, api: Any) -> None:
        """Rows of two types in turn make a chunk each; sorted by type they are two."""
        lead = {"type": "Lead", "LastName": "A", "Company": "B"}
        assert outcomes(api.collection("POST", *[CONTACT, lead] * 5)) == ["ok"] * 10
        mixed = [CONTACT, lead] * 5 + [CONTACT]
        assert refusal(api.collection("POST", *mixed)) == (400, "LIMIT_EXCEEDED")
        ordered = sorted(mixed, key=lambda row: row["type"])
        assert outcomes(api.collection("POST", *ordered)) == ["ok"] * 11

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"records": []},
            {"records": {}},
            {"records": ["x"]},
            {"records": [None]},
            {"records": [{"attributes": {"type": "Contact"}}], "allOrNone": "no"},
        ],
    )
    def test_bodies_without_rows(self, api: Any, method: str, body: Any) -> None:
        """No rows, or rows that are none, are refused whole."""
        assert api(method, "composite/sobjects", body).status_code == 400

    @pytest.mark.parametrize("attributes", [None, {}, {"type": "Nope"}, {"type": 5}, "Contact"])
    def test_rows_must_say_what_they_are(self, api: Any, attributes: Any) -> None:
        """A row without a known type fails, the others go on."""
        records = [
            {"attributes": attributes, "LastName": "A"},
            {"attributes": {"type": "Contact"}, "LastName": "B"},
        ]
        answer = api("POST", "composite/sobjects", {"records": records})
        assert outcomes(answer) == ["INVALID_TYPE", "ok"]


class TestUpdate:
    """PATCH by id."""

    def test_changes_rows_of_several_types(self, api: Any) -> None:
        """`id` names the row; 15 characters will do."""
        contact = api.create("Contact", LastName="A")
        lead = api.create("Lead", LastName="A", Company="B")
        answer = api.collection(
            "PATCH",
            {"type": "Contact", "id": contact, "SMS_Opt_Out__c": True},
            {"type": "Lead", "id": lead[:15], "SMS_Opt_Out__c": True},
        )
        assert outcomes(answer) == ["ok", "ok"]
        assert [row["id"] for row in answer.json()] == [contact, lead]
        assert api.get("Lead", lead)["SMS_Opt_Out__c"] is True

    def test_an_id_twice_fails_both(self, api: Any) -> None:
        """Also when it is written in two lengths; others go on."""
        one, other = (api.create("Contact", LastName="A") for _ in "ab")
        answer = api.collection(
            "PATCH",
            {"type": "Contact", "id": one, "Phone": "1"},
            {"type": "Contact", "id": other, "Phone": "2"},
            {"type": "Contact", "id": one[:15], "Phone": "3"},
        )
        assert outcomes(answer) == ["DUPLICATE_VALUE", "ok", "DUPLICATE_VALUE"]
        assert api.get("Contact", one)["Phone"] is None

    def test_ids_that_lead_nowhere(self, api: Any) -> None:
        """Each has a refusal of its own."""
        account, gone = api.create("Account", Name="A"), api.create("Contact", LastName="A")
        api("DELETE", f"sobjects/Contact/{gone}")
        rows = [
            {"type": "Contact", "id": one, "Phone": "1"}
            for one in ("x", account, "0035g00000009zzAAA", gone, "", None, 5)
        ]
        assert outcomes(api.collection("PATCH", *rows)) == [
            "MALFORMED_ID",
            "MALFORMED_ID",
            "INVALID_CROSS_REFERENCE_KEY",
            "ENTITY_IS_DELETED",
            "MISSING_ARGUMENT",
            "MISSING_ARGUMENT",
            "MISSING_ARGUMENT",
        ]


class TestUpsert:
    """PATCH by external id."""

    def test_makes_and_changes(self, api: Any) -> None:
        """`created` says which."""
        api.create("SMS_Message__c", Message_Key__c="k1")
        answer = api.collection("PATCH", message("k1"), message("k2"), path=UPSERT)
        assert [row["created"] for row in answer.json()] == [False, True]
        keys = api.rows("SELECT Message_Key__c FROM SMS_Message__c ORDER BY Message_Key__c")
        assert [row["Message_Key__c"] for row in keys] == ["k1", "k2"]

    def test_a_key_twice_fails_both(self, api: Any) -> None:
        """The message names the key; case counts as the field says."""
        answer = api.collection(
            "PATCH", message("k1"), message("k2"), message("k1"), message("K1"), path=UPSERT
        )
        assert outcomes(answer) == ["DUPLICATE_VALUE", "ok", "DUPLICATE_VALUE", "ok"]
        assert "Duplicate external id specified: k1" in answer.text

    def test_keys_that_are_none(self, api: Any) -> None:
        """Missing and empty keys fail; a number is no text."""
        rows = [message(None), message(""), message("  "), message(5), {"type": "SMS_Message__c"}]
        assert outcomes(api.collection("PATCH", *rows, path=UPSERT)) == [
            "MISSING_ARGUMENT",
            "MISSING_ARGUMENT",
            "MISSING_ARGUMENT",
            "JSON_PARSER_ERROR",
            "MISSING_ARGUMENT",
        ]

    def test_no_id_beside_the_key(self, api: Any) -> None:
        """A row that names its id as well fails."""
        made = api.create("SMS_Message__c", Message_Key__c="k1")
        for name in ("id", "Id"):
            answer = api.collection("PATCH", message("k1", **{name: made}), path=UPSERT)
            assert outcomes(answer) == ["INVALID_FIELD"]

    def test_one_type_only(self, api: Any) -> None:
        """A row of another type than the path's fails."""
        answer = api.collection("PATCH", message("k1"), CONTACT, path=UPSERT)
        assert outcomes(answer) == ["ok", "INVALID_TYPE"]

    def test_a_key_that_several_have(self, api: Any) -> None:
        """Where the external id is not unique, a row that matches two fails."""
        for _ in "ab":
            api.create("Contact", LastName="A", SMS_Phone_E164__c="+1555")
        answer = api.collection(
            "PATCH",
            {**CONTACT, "SMS_Phone_E164__c": "+1555"},
            path="composite/sobjects/Contact/SMS_Phone_E164__c",
        )
        assert outcomes(answer) == ["DUPLICATE_EXTERNAL_ID"]

    @pytest.mark.parametrize("path", ["SMS_Message__c/Status__c", "Nope/Message_Key__c"])
    def test_the_path_must_name_an_external_id(self, api: Any, path: str) -> None:
        """Another field or object is 404."""
        answer = api.collection("PATCH", message("k1"), path=f"composite/sobjects/{path}")
        assert refusal(answer) == (404, "NOT_FOUND")

    def test_by_id(self, api: Any) -> None:
        """Id is an external id too: the row with that id is changed."""
        made = api.create("SMS_Message__c", Message_Key__c="k1")
        row = {"type": "SMS_Message__c", "id": made, "Status__c": "Sent"}
        answer = api.collection("PATCH", row, path="composite/sobjects/SMS_Message__c/Id")
        assert [(row["id"], row["created"]) for row in answer.json()] == [(made, False)]


class TestDelete:
    """DELETE ?ids=."""

    def test_deletes_rows_of_several_types(self, api: Any) -> None:
        """Good ids go, bad ones say why."""
        contact = api.create("Contact", LastName="A")
        lead = api.create("Lead", LastName="A", Company="B")
        ids = ",".join([contact, "nonsense", lead, contact])
        answer = api("DELETE", "composite/sobjects", params={"ids": ids})
        assert outcomes(answer) == ["ok", "MALFORMED_ID", "ok", "ENTITY_IS_DELETED"]
        assert api.rows("SELECT Id FROM Contact") == api.rows("SELECT Id FROM Lead") == []

    def test_all_or_none(self, api: Any) -> None:
        """One bad id, and nothing is deleted."""
        contact = api.create("Contact", LastName="A")
        params = {"ids": f"{contact},nonsense", "allOrNone": "true"}
        answer = api("DELETE", "composite/sobjects", params=params)
        assert outcomes(answer) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "MALFORMED_ID"]
        assert api.rows("SELECT Id FROM Contact") == [{"Id": contact}]

    def test_ids_are_required_and_two_hundred_at_most(self, api: Any) -> None:
        """None at all, or too many, are refused whole."""
        assert api("DELETE", "composite/sobjects").status_code == 400
        ids = ",".join(["0035g0000000001AAA"] * 201)
        answer = api("DELETE", "composite/sobjects", params={"ids": ids})
        assert refusal(answer) == (400, "EXCEEDED_ID_LIMIT")

    def test_what_cannot_be_deleted(self, api: Any) -> None:
        """Users are deactivated, not deleted."""
        user = api.credentials["user_id"]
        answer = api("DELETE", "composite/sobjects", params={"ids": user})
        assert outcomes(answer) == ["INSUFFICIENT_ACCESS_OR_READONLY"]


class TestRead:
    """POST ids and fields."""

    def test_rows_in_the_order_asked_for(self, api: Any) -> None:
        """What is deleted or unknown is null in its place."""
        one, other, gone = (api.create("Contact", LastName=name) for name in "abc")
        api("DELETE", f"sobjects/Contact/{gone}")
        body = {"ids": [other, gone, one[:15], "0035g00000009zzAAA"], "fields": ["LastName"]}
        answer = api("POST", "composite/sobjects/Contact", body).json()
        assert [row and row["LastName"] for row in answer] == ["b", None, "a", None]
        assert answer[0]["attributes"]["type"] == "Contact"

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"ids": [], "fields": ["Id"]}, 400, "REQUIRED_FIELD_MISSING"),
            ({"ids": ["x"]}, 400, "REQUIRED_FIELD_MISSING"),
            ({"ids": ["x"], "fields": ["Id"]}, 400, "MALFORMED_ID"),
            ({"ids": ["0035g0000000001AAA"], "fields": ["Nope"]}, 400, "INVALID_FIELD"),
            ({"ids": ["0035g0000000001AAA"] * 2001, "fields": ["Id"]}, 400, "EXCEEDED_ID_LIMIT"),
        ],
    )
    def test_what_is_refused(self, api: Any, body: Any, status: int, code: str) -> None:
        """Missing, malformed, unknown or too many."""
        assert refusal(api("POST", "composite/sobjects/Contact", body)) == (status, code)
