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
        {"op": "undelete", "ids": ["nonsense"]},
        {"op": "undelete", "ids": "nonsense"},
        {"op": "purge", "ids": ["nonsense"]},
        {"op": "delete", "ids": [], "by": "nobody"},
        {"op": "delete", "ids": [], "by": []},
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

    def test_chains(self, api: Any) -> None:
        """A into B, then B into C: each names the one it was merged into."""
        a, b, c = api.people("Contact", *({"LastName": n} for n in "abc"))
        api.seed({"op": "merge", "object": "Contact", "master": b, "losers": [a]})
        api.seed({"op": "merge", "object": "Contact", "master": c, "losers": [b]})
        rows = api.rows("SELECT Id, MasterRecordId FROM Contact ORDER BY Id", deleted=True)
        assert [row["MasterRecordId"] for row in rows] == [b, c, None]

    def test_a_loser_can_be_restored(self, api: Any) -> None:
        """It is itself again; what moved to the winner stays there."""
        winner, loser = api.people("Contact", {"LastName": "a"}, {"LastName": "b"})
        task = api.create("Task", WhoId=loser)
        api.seed({"op": "merge", "object": "Contact", "master": winner, "losers": [loser]})
        api.seed({"op": "undelete", "ids": [loser]})
        assert api.get("Contact", loser)["MasterRecordId"] is None
        assert api.get("Task", task)["WhoId"] == winner


class TestRecycleBin:
    """Deleted records come back, or go for good."""

    @pytest.fixture
    def jane(self, api: Any) -> dict[str, str]:
        account = api.create("Account", Name="Acme")
        contact = api.create("Contact", LastName="Doe", AccountId=account)
        task = api.create("Task", WhoId=contact, SMS_Key__c="k")
        message = api.create("SMS_Message__c", Contact__c=contact)
        return {"Account": account, "Contact": contact, "Task": task, "SMS_Message__c": message}

    def test_a_restored_record_is_as_it_was(self, api: Any, jane: dict[str, str]) -> None:
        """With what went with it and what pointed to it; the next pull sees it."""
        api.seed({"op": "delete", "ids": [jane["Account"]]})
        assert api.get("SMS_Message__c", jane["SMS_Message__c"])["Contact__c"] is None
        api.sandbox.clock.advance(60)
        since = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        api.seed({"op": "undelete", "ids": [jane["Account"]]})
        assert api.get("Contact", jane["Contact"])["AccountId"] == jane["Account"]
        assert api.get("Task", jane["Task"])["WhoId"] == jane["Contact"]
        assert api.get("SMS_Message__c", jane["SMS_Message__c"])["Contact__c"] == jane["Contact"]
        changed = f"SELECT Id, IsDeleted FROM Contact WHERE SystemModstamp >= {since}"
        assert api.rows(changed) == [{"Id": jane["Contact"], "IsDeleted": False}]

    def test_what_was_deleted_before_stays_deleted(self, api: Any, jane: dict[str, str]) -> None:
        """Only what went together comes back together; a new lookup is not overwritten."""
        api.seed(
            {"op": "delete", "ids": [jane["Task"]]}, {"op": "delete", "ids": [jane["Contact"]]}
        )
        other = api.create("Contact", LastName="Other")
        path = f"sobjects/SMS_Message__c/{jane['SMS_Message__c']}"
        api("PATCH", path, {"Contact__c": other})
        api.seed({"op": "undelete", "ids": [jane["Contact"]]})
        assert api("GET", f"sobjects/Task/{jane['Task']}").status_code == 404
        assert api.get("SMS_Message__c", jane["SMS_Message__c"])["Contact__c"] == other

    @pytest.mark.parametrize("which", ["alive", "with another", "purged"])
    def test_what_is_not_in_the_bin(self, api: Any, jane: dict[str, str], which: str) -> None:
        """UNDELETE_FAILED."""
        if which == "with another":
            api.seed({"op": "delete", "ids": [jane["Account"]]})
        if which == "purged":
            api.seed({"op": "purge", "ids": [jane["Contact"]]})
        answer = send(api, {"op": "undelete", "ids": [jane["Contact"]]})
        assert answer.json()[0]["errorCode"] == "UNDELETE_FAILED"

    def test_a_key_that_was_taken_meanwhile(self, api: Any, jane: dict[str, str]) -> None:
        """Keeps the old record in the bin; nothing else comes back either."""
        api.seed({"op": "delete", "ids": [jane["Contact"]]})
        api.create("Task", SMS_Key__c="k")
        answer = send(api, {"op": "undelete", "ids": [jane["Contact"]]})
        assert answer.json()[0]["errorCode"] == "DUPLICATE_VALUE"
        assert api.rows("SELECT Id FROM Contact") == []

    @pytest.mark.parametrize("deleted_before", [True, False])
    def test_a_purged_record_is_gone(
        self, api: Any, jane: dict[str, str], deleted_before: bool
    ) -> None:
        """queryAll does not find it, nor its tasks; writes know no such id."""
        if deleted_before:
            api.seed({"op": "delete", "ids": [jane["Contact"]]})
        api.seed({"op": "purge", "ids": [jane["Contact"]]})
        for name in ("Contact", "Task"):
            assert api.rows(f"SELECT Id FROM {name}", deleted=True) == []
        answer = api.collection("PATCH", {"type": "Contact", "id": jane["Contact"], "Phone": "1"})
        (error,) = answer.json()[0]["errors"]
        assert error["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
        assert api.get("SMS_Message__c", jane["SMS_Message__c"])["Contact__c"] is None

    def test_a_purge_that_fails_is_undone(self, api: Any, jane: dict[str, str]) -> None:
        """All or nothing, as ever."""
        assert send(api, {"op": "purge", "ids": [jane["Contact"], "x"]}).status_code == 400
        assert api.get("Task", jane["Task"])["WhoId"] == jane["Contact"]


def test_who_did_it(api: Any) -> None:
    """`by` is whose stamp the record has, and who owns what is created; else the API's user."""
    user = {"LastName": "Rep", "Username": "r@x.example", "Email": "r@x.example"}
    (rep,) = api.people("User", user)
    records = [{"LastName": "A"}]
    ((made,),) = api.seed({"op": "create", "object": "Contact", "records": records, "by": rep})
    contact = api.get("Contact", made)
    assert {contact[name] for name in ("CreatedById", "LastModifiedById", "OwnerId")} == {rep}
    api("PATCH", f"sobjects/Contact/{made}", {"Phone": "1"})
    assert api.get("Contact", made)["LastModifiedById"] == api.credentials["user_id"]


def test_an_owner_who_leaves(api: Any) -> None:
    """His records stay his and can be edited; he gets no new ones."""
    user = {"LastName": "Rep", "Username": "r@x.example", "Email": "r@x.example"}
    (rep,) = api.people("User", user)
    (contact,) = api.people("Contact", {"LastName": "A", "OwnerId": rep})
    records = [{"Id": rep, "IsActive": False}]
    api.seed({"op": "update", "object": "User", "records": records})
    changes = {"MobilePhone": "+1555"}
    assert api("PATCH", f"sobjects/Contact/{contact}", changes).status_code == 204
    answer = api("POST", "sobjects/Task", {"OwnerId": rep})
    assert answer.json()[0]["errorCode"] == "INACTIVE_OWNER_OR_USER"


class TestHistory:
    """OpportunityHistory."""

    DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100}  # noqa: RUF012
    FIELDS = "StageName, Amount, Probability, CloseDate, PrevAmount, PrevCloseDate"

    def rows(self, api: Any, *names: str) -> list[tuple[Any, ...]]:
        found = api.rows(f"SELECT {self.FIELDS} FROM OpportunityHistory ORDER BY CreatedDate, Id")
        return [tuple(row[name] for name in names) for row in found]

    def test_a_row_for_each_change_that_counts(self, api: Any) -> None:
        """Amount, stage, close date, probability; not a name. Rows can share a stage."""
        (deal,) = api.people("Opportunity", self.DEAL)
        for changes in (
            {"Amount": 200},
            {"Name": "E"},
            {"Probability": 15},
            {"CloseDate": "2027-01-31"},
            {"StageName": "Closed Won"},
        ):
            api.sandbox.clock.advance(60)
            record = {"Id": deal} | changes
            api.seed({"op": "update", "object": "Opportunity", "records": [record]})
        assert self.rows(api, "StageName", "Amount", "Probability", "CloseDate") == [
            ("Prospecting", 100, 10, "2026-12-31"),
            ("Prospecting", 200, 10, "2026-12-31"),
            ("Prospecting", 200, 15, "2026-12-31"),
            ("Prospecting", 200, 15, "2027-01-31"),
            ("Closed Won", 200, 100, "2027-01-31"),
        ]
        assert self.rows(api, "PrevAmount", "PrevCloseDate")[:2] == [
            (None, None),
            (100, "2026-12-31"),
        ]

    def test_writes_of_the_api_count_too(self, api: Any) -> None:
        """And are stamped with who made them and when."""
        deal = api.create("Opportunity", **self.DEAL)
        api.sandbox.clock.advance(60)
        api("PATCH", f"sobjects/Opportunity/{deal}", {"StageName": "Closed Lost"})
        now = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        last = api.rows("SELECT CreatedDate, CreatedById FROM OpportunityHistory ORDER BY Id")[-1]
        assert last == {"CreatedDate": now, "CreatedById": api.credentials["user_id"]}

    def test_it_cannot_be_written(self, api: Any) -> None:
        """Neither inserted nor changed."""
        api.create("Opportunity", **self.DEAL)
        (row,) = api.rows("SELECT Id FROM OpportunityHistory")
        refused = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        answer = api("POST", "sobjects/OpportunityHistory", {"Amount": 1})
        assert answer.json()[0]["errorCode"] == refused
        answer = api("PATCH", f"sobjects/OpportunityHistory/{row['Id']}", {"Amount": 1})
        assert answer.json()[0]["errorCode"] == refused

    def test_it_goes_with_the_opportunity_and_comes_back(self, api: Any) -> None:
        """Deleted rows show in queryAll."""
        deal = api.create("Opportunity", **self.DEAL)
        api("DELETE", f"sobjects/Opportunity/{deal}")
        assert api.rows("SELECT Id FROM OpportunityHistory") == []
        deleted = "SELECT OpportunityId FROM OpportunityHistory WHERE IsDeleted = true"
        assert api.rows(deleted, deleted=True) == [{"OpportunityId": deal}]
        api.seed({"op": "undelete", "ids": [deal]})
        assert len(api.rows("SELECT Id FROM OpportunityHistory")) == 1


def test_stages_can_be_asked_for(api: Any) -> None:
    """In their order, with what is open, won and lost."""
    rows = api.rows(
        "SELECT MasterLabel, IsClosed, IsWon, DefaultProbability FROM OpportunityStage "
        "WHERE IsActive = true ORDER BY SortOrder"
    )
    assert rows[0]["MasterLabel"] == "Prospecting"
    closed = [(row["MasterLabel"], row["IsWon"]) for row in rows if row["IsClosed"]]
    assert closed == [("Closed Won", True), ("Closed Lost", False)]


def test_roles_change_and_go(api: Any) -> None:
    """A person edits a role, makes another primary, deletes one."""
    deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31"}
    (made,) = api.people("Opportunity", deal)
    people = api.people("Contact", {"LastName": "A"}, {"LastName": "B"})
    roles = api.people(
        "OpportunityContactRole",
        *({"OpportunityId": made, "ContactId": one, "IsPrimary": True} for one in people),
    )
    change = {"Id": roles[0], "Role": "Evaluator", "IsPrimary": True}
    api.seed({"op": "update", "object": "OpportunityContactRole", "records": [change]})
    rows = "SELECT Role, IsPrimary FROM OpportunityContactRole ORDER BY Id"
    assert api.rows(rows) == [
        {"Role": "Evaluator", "IsPrimary": True},
        {"Role": None, "IsPrimary": False},
    ]
    api.seed({"op": "delete", "ids": [roles[0]]})
    gone = "SELECT Id FROM OpportunityContactRole WHERE IsDeleted = true"
    assert api.rows(gone, deleted=True) == [{"Id": roles[0]}]


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

    @pytest.mark.parametrize("given", [{}, {"Name": "Big", "Amount": 500}])
    def test_with_an_opportunity(self, api: Any, lead: str, given: dict[str, Any]) -> None:
        """Named as the company unless told; the contact has the primary role in it."""
        ((contact,),) = api.seed({"op": "convert", "lead": lead, "opportunity": given})
        converted = api.get("Lead", lead)
        deal = api.get("Opportunity", converted["ConvertedOpportunityId"])
        assert (deal["Name"], deal["Amount"]) == (given.get("Name", "Acme"), given.get("Amount"))
        assert (deal["AccountId"], deal["IsClosed"]) == (converted["ConvertedAccountId"], False)
        roles = api.rows("SELECT ContactId, IsPrimary FROM OpportunityContactRole")
        assert roles == [{"ContactId": contact, "IsPrimary": True}]

    def test_what_it_became_cannot_be_written(self, api: Any, lead: str) -> None:
        """IsConverted and the ids are read-only, for a lead that is not converted as well."""
        for name in ("IsConverted", "ConvertedDate", "ConvertedContactId"):
            answer = api("PATCH", f"sobjects/Lead/{lead}", {name: None})
            assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"

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
