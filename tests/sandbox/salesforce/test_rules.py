"""What objects do by themselves: names, closed tasks, stages, owners, converted leads."""

from __future__ import annotations

from typing import Any

import pytest


def refusal(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return answer.json()[0]["errorCode"]


def test_names_follow_first_and_last_name(api: Any) -> None:
    """Contacts, leads and users."""
    for name, more in (("Contact", {}), ("Lead", {"Company": "C"})):
        made = api.create(name, FirstName="Jo", LastName="Doe", **more)
        api("PATCH", f"sobjects/{name}/{made}", {"LastName": "Roe"})
        assert api.get(name, made)["Name"] == "Jo Roe"


def test_messages_are_numbered(api: Any) -> None:
    """The name of a message is given by the org."""
    names = [api.get("SMS_Message__c", api.create("SMS_Message__c"))["Name"] for _ in "ab"]
    assert names == ["SMS-000000001", "SMS-000000002"]


class TestTasks:
    """Task."""

    def test_a_new_task_is_open(self, api: Any) -> None:
        """Status, priority and subtype have defaults."""
        task = api.get("Task", api.create("Task", Subject="Call back"))
        assert (task["Status"], task["Priority"], task["TaskSubtype"]) == (
            "Not Started",
            "Normal",
            "Task",
        )
        assert (task["IsClosed"], task["IsHighPriority"], task["CompletedDateTime"]) == (
            False,
            False,
            None,
        )

    def test_completion_is_stamped_and_can_be_taken_back(self, api: Any) -> None:
        """CompletedDateTime is that of the change to a closed status, and goes with it."""
        made = api.create("Task")
        api.sandbox.clock.advance(60)
        closed_at = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        api("PATCH", f"sobjects/Task/{made}", {"Status": "Completed"})
        api.sandbox.clock.advance(60)
        api("PATCH", f"sobjects/Task/{made}", {"Priority": "High"})
        task = api.get("Task", made)
        assert (task["IsClosed"], task["CompletedDateTime"]) == (True, closed_at)
        assert task["IsHighPriority"] is True
        api("PATCH", f"sobjects/Task/{made}", {"Status": "In Progress"})
        assert api.get("Task", made)["CompletedDateTime"] is None

    def test_a_task_made_closed_is_completed_at_once(self, api: Any) -> None:
        """As for a timeline entry."""
        task = api.get("Task", api.create("Task", Status="Completed"))
        assert task["CompletedDateTime"] == task["CreatedDate"]

    def test_its_account_follows_what_it_hangs_on(self, api: Any) -> None:
        """The account itself, the opportunity's, or the contact's."""
        (acme, other) = api.people("Account", {"Name": "Acme"}, {"Name": "Other"})
        (contact,) = api.people("Contact", {"LastName": "A", "AccountId": acme})
        (deal,) = api.people(
            "Opportunity",
            {
                "Name": "D",
                "StageName": "Prospecting",
                "CloseDate": "2026-12-31",
                "AccountId": other,
            },
        )
        for fields, account in (
            ({"WhoId": contact}, acme),
            ({"WhatId": acme}, acme),
            ({"WhoId": contact, "WhatId": deal}, other),
            ({}, None),
        ):
            assert api.get("Task", api.create("Task", **fields))["AccountId"] == account

    def test_a_lead_has_no_related_record(self, api: Any) -> None:
        """WhoId of a lead and WhatId exclude each other, at creation and later."""
        lead = api.create("Lead", LastName="A", Company="B")
        account = api.create("Account", Name="A")
        both = {"WhoId": lead, "WhatId": account}
        assert refusal(api("POST", "sobjects/Task", both)) == "FIELD_INTEGRITY_EXCEPTION"
        made = api.create("Task", WhoId=lead)
        answer = api("PATCH", f"sobjects/Task/{made}", {"WhatId": account})
        assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"

    def test_what_it_may_hang_on(self, api: Any) -> None:
        """A person is no WhatId, an account no WhoId, a message neither."""
        contact = api.create("Contact", LastName="A")
        account = api.create("Account", Name="A")
        message = api.create("SMS_Message__c")
        for fields in (
            {"WhoId": account},
            {"WhatId": contact},
            {"WhatId": message},
            {"WhoId": message},
        ):
            answer = api("POST", "sobjects/Task", fields)
            assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"

    def test_the_subtype_is_for_creation(self, api: Any) -> None:
        """It cannot be changed."""
        made = api.create("Task", TaskSubtype="Call")
        answer = api("PATCH", f"sobjects/Task/{made}", {"TaskSubtype": "Email"})
        assert refusal(answer) == "INVALID_FIELD_FOR_INSERT_UPDATE"


class TestOwners:
    """OwnerId."""

    @pytest.fixture
    def gone(self, api: Any) -> str:
        """A user who has left."""
        user = {"LastName": "Gone", "Username": "g@x.example", "Email": "g@x.example"}
        return api.people("User", user | {"IsActive": False})[0]

    @pytest.mark.parametrize("name", ["Task", "Contact", "SMS_Message__c"])
    def test_an_inactive_user_gets_nothing(self, api: Any, gone: str, name: str) -> None:
        """Creation with an inactive owner is refused, and so is a change to one."""
        fields = {"LastName": "A"} if name == "Contact" else {}
        answer = api("POST", f"sobjects/{name}", fields | {"OwnerId": gone})
        assert refusal(answer) == "INACTIVE_OWNER_OR_USER"
        made = api.create(name, **fields)
        answer = api("PATCH", f"sobjects/{name}/{made}", {"OwnerId": gone})
        assert refusal(answer) == "INACTIVE_OWNER_OR_USER"

    def test_records_of_one_who_leaves_can_still_be_edited(self, api: Any) -> None:
        """Only a change of owner is checked."""
        user = {"LastName": "U", "Username": "u@x.example", "Email": "u@x.example"}
        (rep,) = api.people("User", user | {"IsActive": True})
        made = api.create("Contact", LastName="A", OwnerId=rep)
        (_,) = api.seed(
            {"op": "update", "object": "User", "records": [{"Id": rep, "IsActive": False}]}
        )
        assert api("PATCH", f"sobjects/Contact/{made}", {"Phone": "1"}).status_code == 204
        same = api("PATCH", f"sobjects/Contact/{made}", {"OwnerId": rep})
        assert same.status_code == 204

    def test_an_owner_is_a_user(self, api: Any) -> None:
        """A contact owns nothing."""
        contact = api.create("Contact", LastName="A")
        answer = api("POST", "sobjects/Task", {"OwnerId": contact})
        assert refusal(answer) == "FIELD_INTEGRITY_EXCEPTION"


class TestOpportunities:
    """Opportunity and its roles."""

    DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 1000}  # noqa: RUF012

    def test_the_stage_says_open_won_or_lost(self, api: Any) -> None:
        """And sets probability, forecast and expected revenue."""
        made = api.create("Opportunity", **self.DEAL)
        for stage, closed, won, expected in (
            ("Prospecting", False, False, 100.0),
            ("Closed Won", True, True, 1000.0),
            ("Closed Lost", True, False, 0.0),
        ):
            api("PATCH", f"sobjects/Opportunity/{made}", {"StageName": stage})
            deal = api.get("Opportunity", made)
            assert (deal["IsClosed"], deal["IsWon"]) == (closed, won)
            assert deal["ExpectedRevenue"] == expected

    def test_a_probability_that_is_given_stays(self, api: Any) -> None:
        """The stage's default does not overrule it."""
        made = api.create("Opportunity", **self.DEAL, Probability=42)
        assert api.get("Opportunity", made)["Probability"] == 42

    def test_changes_of_stage_are_dated(self, api: Any) -> None:
        """LastStageChangeDate is set by a change, not by creation."""
        made = api.create("Opportunity", **self.DEAL)
        assert api.get("Opportunity", made)["LastStageChangeDate"] is None
        api("PATCH", f"sobjects/Opportunity/{made}", {"StageName": "Qualification"})
        assert api.get("Opportunity", made)["LastStageChangeDate"]

    def test_a_contact_at_creation_becomes_the_primary_role(self, api: Any) -> None:
        """ContactId is for creation only."""
        contact = api.create("Contact", LastName="A")
        made = api.create("Opportunity", **self.DEAL, ContactId=contact)
        roles = api.rows("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole")
        assert roles == [{"OpportunityId": made, "ContactId": contact, "IsPrimary": True}]
        answer = api("PATCH", f"sobjects/Opportunity/{made}", {"ContactId": contact})
        assert refusal(answer) == "INVALID_FIELD_FOR_INSERT_UPDATE"

    def test_one_primary_role(self, api: Any) -> None:
        """The last one that is made primary is the only one."""
        made = api.create("Opportunity", **self.DEAL)
        people = [api.create("Contact", LastName=name) for name in "ab"]
        for person in people:
            role = {"OpportunityId": made, "ContactId": person, "IsPrimary": True}
            api.create("OpportunityContactRole", **role)
        rows = api.rows("SELECT ContactId FROM OpportunityContactRole WHERE IsPrimary = true")
        assert rows == [{"ContactId": people[1]}]

    def test_a_role_stays_with_its_opportunity(self, api: Any) -> None:
        """OpportunityId cannot be changed."""
        one, other = (api.create("Opportunity", **self.DEAL) for _ in "ab")
        person = api.create("Contact", LastName="A")
        role = api.create("OpportunityContactRole", OpportunityId=one, ContactId=person)
        answer = api("PATCH", f"sobjects/OpportunityContactRole/{role}", {"OpportunityId": other})
        assert refusal(answer) == "INVALID_FIELD_FOR_INSERT_UPDATE"


class TestDeletion:
    """What goes with a deleted record."""

    def test_tasks_and_roles_go_with_a_contact_messages_stay(self, api: Any) -> None:
        """A message keeps its row and loses its lookup."""
        contact = api.create("Contact", LastName="A")
        task = api.create("Task", WhoId=contact)
        message = api.create("SMS_Message__c", Contact__c=contact)
        api("DELETE", f"sobjects/Contact/{contact}")
        assert api("GET", f"sobjects/Task/{task}").status_code == 404
        assert api.get("SMS_Message__c", message)["Contact__c"] is None

    def test_contacts_go_with_an_account(self, api: Any) -> None:
        """And their tasks with them."""
        account = api.create("Account", Name="A")
        contact = api.create("Contact", LastName="A", AccountId=account)
        api.create("Task", WhoId=contact)
        api("DELETE", f"sobjects/Account/{account}")
        assert api.rows("SELECT Id FROM Contact") == api.rows("SELECT Id FROM Task") == []
        assert len(api.rows("SELECT Id FROM Task WHERE IsDeleted = true", deleted=True)) == 1
