"""What people in the org do: seeding, editing, merging, converting; and the pages they look at."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from crm_sms.sandbox.server import running


def send(api: Any, payload: Any) -> requests.Response:
    url = f"{api.sandbox.url}/_sandbox/salesforce/records"
    return requests.post(url, json=payload, timeout=10)


def test_operations_in_order_with_the_ids_of_each(api: Any) -> None:
    """Create, update and delete in one request; calls are not counted."""
    (made,) = api.seed(
        {"op": "create", "object": "Contact", "records": [{"LastName": n} for n in "abc"]}
    )
    results = api.seed(
        {"op": "update", "object": "Contact", "records": [{"Id": made[0], "Phone": "1"}]},
        {"op": "delete", "ids": [made[1]]},
    )
    assert results == [[made[0]], [made[1]]]
    assert api.sandbox.salesforce.stats()["calls"] == 0
    rows = api.rows("SELECT LastName, Phone FROM Contact ORDER BY LastName")
    assert rows == [{"LastName": "a", "Phone": "1"}, {"LastName": "c", "Phone": None}]


def test_one_operation_needs_no_list(api: Any) -> None:
    """A single one may be sent as it is."""
    answer = send(api, {"op": "create", "object": "Contact", "records": [{"LastName": "a"}]})
    assert len(answer.json()["results"][0]) == 1


def test_what_is_wrong_undoes_all(api: Any) -> None:
    """Validation is not bypassed, and nothing of the request is kept."""
    records = [{"LastName": "a"}, {"LastName": "b", "Phone": "1" * 41}]
    answer = send(api, {"op": "create", "object": "Contact", "records": records})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "STRING_TOO_LONG")
    assert api.rows("SELECT Id FROM Contact", deleted=True) == []


@pytest.mark.parametrize(
    "payload",
    [
        {"op": "explode"},
        {"object": "Contact"},
        "text",
        {"op": "create", "object": "Nope", "records": []},
        {"op": "create", "object": "Contact"},
        {"op": "create", "object": "Contact", "records": {"LastName": "a"}},
        {"op": "create", "object": "Contact", "records": ["a"]},
        {"op": "delete", "ids": ["nonsense"]},
        {"op": "delete", "ids": [5]},
        {"op": "update", "object": "Contact", "records": [{"LastName": "a"}]},
        {"op": "merge", "object": "Task", "master": "x", "losers": []},
    ],
)
def test_wrong_operations_are_refused(api: Any, payload: Any) -> None:
    """400 with a code and words."""
    answer = send(api, payload)
    assert answer.status_code == 400
    assert answer.json()[0]["message"]


def test_a_body_that_is_no_json(api: Any) -> None:
    """It is said, not a crash."""
    url = f"{api.sandbox.url}/_sandbox/salesforce/records"
    assert requests.post(url, data=b"{", timeout=10).status_code == 400


class TestMerge:
    """Two records become one."""

    def test_the_loser_names_the_winner(self, api: Any) -> None:
        """It is deleted with MasterRecordId; queryAll alone shows it."""
        winner, loser = api.people("Contact", {"LastName": "a"}, {"LastName": "b"})
        api.seed({"op": "merge", "object": "Contact", "master": winner, "losers": [loser]})
        assert api.rows("SELECT Id FROM Contact") == [{"Id": winner}]
        rows = api.rows(
            "SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true", deleted=True
        )
        assert rows == [{"Id": loser, "MasterRecordId": winner}]

    def test_what_hung_on_the_loser_hangs_on_the_winner(self, api: Any) -> None:
        """Tasks, roles and messages; and both people show in the next pull."""
        winner, loser = api.people("Contact", {"LastName": "a"}, {"LastName": "b"})
        task = api.create("Task", WhoId=loser)
        message = api.create("SMS_Message__c", Contact__c=loser)
        before = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        api.sandbox.clock.advance(60)
        api.seed({"op": "merge", "object": "Contact", "master": winner, "losers": [loser]})
        assert api.get("Task", task)["WhoId"] == winner
        assert api.get("SMS_Message__c", message)["Contact__c"] == winner
        changed = f"SELECT Id FROM Contact WHERE SystemModstamp > {before} ORDER BY Id"
        assert api.rows(changed, deleted=True) == [{"Id": winner}, {"Id": loser}]

    def test_a_merged_record_cannot_be_written(self, api: Any) -> None:
        """ENTITY_IS_DELETED, as after any deletion."""
        winner, loser = api.people("Lead", *({"LastName": n, "Company": "c"} for n in "ab"))
        api.seed({"op": "merge", "object": "Lead", "master": winner, "losers": [loser]})
        answer = api.collection("PATCH", {"type": "Lead", "id": loser, "Phone": "1"})
        assert answer.json()[0]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"

    def test_nothing_is_merged_with_itself(self, api: Any) -> None:
        """Refused."""
        (one,) = api.people("Contact", {"LastName": "a"})
        payload = {"op": "merge", "object": "Contact", "master": one, "losers": [one]}
        assert send(api, payload).status_code == 400


class TestConvert:
    """A lead becomes a contact."""

    @pytest.fixture
    def lead(self, api: Any) -> str:
        fields = {"LastName": "Doe", "FirstName": "Jo", "Company": "Acme", "MobilePhone": "+1555"}
        return api.people("Lead", fields)[0]

    def test_a_contact_and_an_account_are_made(self, api: Any, lead: str) -> None:
        """With the lead's name, phone and company."""
        ((contact,),) = api.seed({"op": "convert", "lead": lead})
        made = api.get("Contact", contact)
        assert (made["Name"], made["MobilePhone"]) == ("Jo Doe", "+1555")
        converted = api.get("Lead", lead)
        assert converted["IsConverted"] is True
        assert converted["ConvertedContactId"] == contact
        assert converted["ConvertedAccountId"] == made["AccountId"]
        assert converted["ConvertedDate"] == api.sandbox.clock.now().date().isoformat()
        assert api.get("Account", made["AccountId"])["Name"] == "Acme"

    def test_into_a_contact_that_is_there(self, api: Any, lead: str) -> None:
        """Nothing new is made."""
        (contact,) = api.people("Contact", {"LastName": "Doe"})
        assert api.seed({"op": "convert", "lead": lead, "contact": contact}) == [[contact]]
        assert api.get("Lead", lead)["ConvertedAccountId"] is None

    def test_tasks_move_messages_stay(self, api: Any, lead: str) -> None:
        """A task's WhoId becomes the contact; a message's Lead__c is a lookup to a lead."""
        task, message = api.create("Task", WhoId=lead), api.create("SMS_Message__c", Lead__c=lead)
        ((contact,),) = api.seed({"op": "convert", "lead": lead})
        assert api.get("Task", task)["WhoId"] == contact
        assert api.get("SMS_Message__c", message)["Lead__c"] == lead

    def test_a_converted_lead_cannot_be_written(self, api: Any, lead: str) -> None:
        """Neither changed, nor hung a task on, nor converted again."""
        api.seed({"op": "convert", "lead": lead})
        refused = "CANNOT_UPDATE_CONVERTED_LEAD"
        answer = api("PATCH", f"sobjects/Lead/{lead}", {"Phone": "1"})
        assert answer.json()[0]["errorCode"] == refused
        answer = api("POST", "sobjects/Task", {"WhoId": lead})
        assert answer.json()[0]["errorCode"] == refused
        assert send(api, {"op": "convert", "lead": lead}).json()[0]["errorCode"] == refused


def test_a_page_is_found_without_a_look_at_the_rest(api: Any) -> None:
    """Keyset pages over the stamps find their place without a look at all the rest."""
    records = [{"LastName": f"L{n}", "MobilePhone": f"+1555{n:07}"} for n in range(4_000)]
    with api.sandbox.salesforce._backend.alone() as org:
        for _ in range(5):
            api.sandbox.salesforce.seed({"op": "create", "object": "Contact", "records": records})
            api.sandbox.clock.advance(1)
        table, reads = org.tables["Contact"], []
        since = table.since
        table.since = lambda moment: (reads.append(1) or row for row in since(moment))
        last = max(table.rows.values(), key=lambda row: row["Id"])
    stamp = last["SystemModstamp"].replace(".000+0000", "Z")
    where = f"WHERE SystemModstamp >= {stamp} ORDER BY SystemModstamp, Id LIMIT 2000"
    page = api.query(f"SELECT Id, MobilePhone FROM Contact {where}")
    assert (page["totalSize"], len(reads)) == (2000, 2000)


def test_a_bare_org_lacks_what_we_would_install() -> None:
    """No SMS field, no message object; the rest is the same."""
    with running(bare=True) as sandbox:
        about = requests.get(f"{sandbox.url}/_sandbox/salesforce", timeout=10).json()
        known = about["credentials"]
        form = {
            "grant_type": "client_credentials",
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
        }
        token = requests.post(known["token_url"], data=form, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        base = f"{sandbox.url}/services/data/v66.0/sobjects"
        names = {
            entry["name"]
            for entry in requests.get(base, headers=headers, timeout=10).json()["sobjects"]
        }
        assert "Contact" in names
        assert "SMS_Message__c" not in names
        for name in ("Contact", "Lead", "Opportunity", "Task"):
            url = f"{base}/{name}/describe"
            fields = requests.get(url, headers=headers, timeout=10).json()["fields"]
            assert not [field["name"] for field in fields if field["name"].startswith("SMS_")]
        assert requests.get(f"{sandbox.url}/salesforce", timeout=10).status_code == 200
