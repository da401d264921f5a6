"""Every fault, as a real client over a real connection meets it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import requests

from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.fault_kinds import KINDS

BASE = "/services/data/v66.0"
CONTACT = {"type": "Contact", "LastName": "Doe"}
OF_CONTACT = {"match": {"object": "Contact"}}
NEEDED: dict[str, dict[str, Any]] = {
    "validation": OF_CONTACT,
    "trigger": OF_CONTACT,
    "duplicates": OF_CONTACT,
    "length": {"field": "Contact.Phone", "length": 40},
    "picklist": {"field": "Contact.LeadSource", "values": ["Web"]},
}


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return ["ok" if row["success"] else row["errors"][0]["statusCode"] for row in answer.json()]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def names(api: Any) -> list[str]:
    """The last names of all contacts, oldest first, asked for without counting as a call."""
    with api.sandbox.salesforce._backend.alone() as org:
        return [row["LastName"] for row in org.tables["Contact"].since(None)]


def url(api: Any) -> str:
    return f"{api.sandbox.url}/_sandbox/salesforce/faults"


class TestRules:
    """The switchboard."""

    def test_rules_are_listed_with_what_is_left_of_them(self, api: Any) -> None:
        """GET shows kind, parameters, how often they may still strike and did."""
        api.fault("status", status=500, times=3)
        api("GET", "limits")
        (rule,) = requests.get(url(api), timeout=10).json()
        assert (rule["kind"], rule["status"], rule["times"], rule["struck"]) == (
            "status",
            500,
            2,
            1,
        )

    def test_delete_switches_everything_off(self, api: Any) -> None:
        """The org is calm again."""
        api.fault("status", status=500)
        assert api("GET", "limits").status_code == 500
        api.calm()
        assert api("GET", "limits").status_code == 200
        assert requests.get(url(api), timeout=10).json() == []

    def test_several_rules_at_once(self, api: Any) -> None:
        """A list is switched on as a whole; a wrong one in it switches nothing on."""
        good = {"kind": "latency", "ms": 1}
        assert len(requests.post(url(api), json=[good, good], timeout=10).json()) == 2
        api.calm()
        assert requests.post(url(api), json=[good, {"kind": "?"}], timeout=10).status_code == 400
        assert requests.get(url(api), timeout=10).json() == []

    @pytest.mark.parametrize(
        "given",
        [
            {},
            "text",
            {"kind": "nope"},
            {"kind": "status", "stauts": 500},
            {"kind": "status", "times": 0},
            {"kind": "status", "times": "2"},
            {"kind": "status", "match": {"verb": "GET"}},
            {"kind": "status", "match": "GET"},
            {"kind": "status", "match": {"path": "("}},
            {"kind": "status", "match": {"path": 5}},
            {"kind": "status", "status": "500"},
            {"kind": "latency", "ms": True},
            {"kind": "latency", "ms": None},
            {"kind": "timeout", "chunks": 1},
            {"kind": "timeout", "commit_after_s": "soon"},
            {"kind": "timeout", "hold": 1},
            {"kind": "hidden", "fields": "Contact.Phone"},
            {"kind": "lock", "parents": "003"},
            {"kind": "hidden", "fields": ["Contact.Nope"]},
            {"kind": "hidden", "fields": ["Nope"]},
        ],
    )
    def test_a_wrong_rule_is_refused_with_a_reason(self, api: Any, given: Any) -> None:
        """A typing error must not look like an org without faults."""
        answer = requests.post(url(api), json=given, timeout=10)
        assert answer.status_code == 400
        assert answer.json()[0]["message"]

    def test_every_kind_is_taken(self, api: Any) -> None:
        """Each kind can be switched on with its parameters as they are if not given.

        Rules of an object or a field need its name.
        """
        for kind in KINDS:
            api.fault(kind, times=1, **NEEDED.get(kind, {}))
        assert len(requests.get(url(api), timeout=10).json()) == len(KINDS)

    @pytest.mark.parametrize(
        ("match", "struck"),
        [
            ({"method": "POST"}, ["create", "composite"]),
            ({"path": "/query"}, ["query"]),
            ({"object": "Contact"}, ["create", "composite"]),
            ({"object": "Lead"}, []),
            ({"path": "/composite$", "object": "Contact"}, ["composite"]),
        ],
    )
    def test_a_rule_strikes_only_what_it_matches(
        self, api: Any, match: dict[str, str], struck: list[str]
    ) -> None:
        """By path, method and object, also inside a Composite."""
        api.fault("status", status=500, match=match)
        body = {"LastName": "A"}
        part = {"method": "POST", "url": f"{BASE}/sobjects/Contact", "referenceId": "a"}
        answers = {
            "create": api("POST", "sobjects/Contact", body),
            "query": api("GET", "query", params={"q": "SELECT Id FROM User"}),
            "composite": api("POST", "composite", {"compositeRequest": [part | {"body": body}]}),
        }
        assert [name for name, answer in answers.items() if answer.status_code == 500] == struck


class TestConnections:
    """Calls that get no answer."""

    @pytest.mark.parametrize(("when", "kept"), [("after_commit", ["Doe"]), ("before_commit", [])])
    def test_a_dropped_connection(self, api: Any, when: str, kept: list[str]) -> None:
        """The client sees a broken connection; whether it committed it cannot tell."""
        api.fault("drop", when=when, times=1)
        with pytest.raises(requests.ConnectionError):
            api.collection("POST", CONTACT)
        assert names(api) == kept
        assert outcomes(api.collection("POST", CONTACT)) == ["ok"]

    def test_a_late_commit(self, api: Any) -> None:
        """Nothing at first; from the due time on it is there, stamped with that time."""
        api.fault("timeout", commit_after_s=30, times=1)
        due = api.sandbox.clock.now() + timedelta(seconds=30)
        with pytest.raises(requests.ConnectionError):
            api.create("Contact", LastName="Late")
        api.sandbox.clock.advance(29)
        assert names(api) == []
        api.sandbox.clock.advance(100)
        (row,) = api.rows("SELECT LastName, SystemModstamp FROM Contact")
        assert row["LastName"] == "Late"
        assert row["SystemModstamp"] == due.strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def test_a_late_commit_writes_over_what_came_after(self, api: Any) -> None:
        """An old version lands on a newer one: the trap that a second write must close."""
        made = api.create("Contact", LastName="A", Phone="0")
        api.fault("timeout", commit_after_s=60, times=1)
        with pytest.raises(requests.ConnectionError):
            api("PATCH", f"sobjects/Contact/{made}", {"Phone": "old"})
        api("PATCH", f"sobjects/Contact/{made}", {"Phone": "new"})
        assert api.get("Contact", made)["Phone"] == "new"
        api.sandbox.clock.advance(60)
        assert api.get("Contact", made)["Phone"] == "old"

    def test_late_commits_come_in_the_order_they_are_due(self, api: Any) -> None:
        """Not in the order they were sent."""
        for last_name, after in (("first", 60), ("second", 30)):
            api.fault("timeout", commit_after_s=after, times=1)
            with pytest.raises(requests.ConnectionError):
                api.create("Contact", LastName=last_name)
        assert api.sandbox.salesforce.stats()["late_commits_waiting"] == 2
        api.sandbox.clock.advance(90)
        assert names(api) == ["second", "first"]

    def test_never_committing(self, api: Any) -> None:
        """Without a time the call is lost."""
        api.fault("timeout", times=1)
        with pytest.raises(requests.ConnectionError):
            api.create("Contact", LastName="Lost")
        api.sandbox.clock.advance(10_000)
        assert names(api) == []

    @pytest.mark.parametrize("when", [0, 11 * 60])
    def test_some_chunks_of_a_composite_are_late(self, api: Any, when: int) -> None:
        """The named subrequests wait, the others are there at once."""
        api.fault("timeout", commit_after_s=when, chunks=[1, 3], times=1)
        parts = [
            {
                "method": "POST",
                "url": f"{BASE}/composite/sobjects",
                "referenceId": f"c{number}",
                "body": {"records": [{"attributes": {"type": "Contact"}, "LastName": str(number)}]},
            }
            for number in range(5)
        ]
        with pytest.raises(requests.ConnectionError):
            api("POST", "composite", {"compositeRequest": parts})
        if when:
            assert names(api) == ["0", "2", "4"]
            api.sandbox.clock.advance(when)
        assert sorted(names(api)) == ["0", "1", "2", "3", "4"]
        assert api.sandbox.salesforce.stats()["calls"] == 1

    def test_holding_until_the_client_gives_up(self, api: Any) -> None:
        """With `hold` there is no answer before the client's own time-out; others are served."""
        api.fault("timeout", commit_after_s=5, hold=True, times=1)
        with pytest.raises(requests.ReadTimeout):
            api.session.post(
                f"{api.sandbox.url}{BASE}/sobjects/Contact", json={"LastName": "A"}, timeout=0.2
            )
        assert names(api) == []
        api.sandbox.clock.advance(5)
        assert names(api) == ["A"]

    def test_a_late_call_is_counted_when_it_comes(self, api: Any) -> None:
        """The org has taken it."""
        api.fault("timeout", times=1)
        with pytest.raises(requests.ConnectionError):
            api("GET", "limits")
        assert api.sandbox.salesforce.stats()["calls"] == 1


class TestTime:
    """Slow answers and those that take too long."""

    def test_a_slow_call_holds_nobody_else_up(self, api: Any) -> None:
        """While one call sleeps another is answered; both are done in the end."""
        api.fault("latency", ms=60_000, match={"method": "POST"}, times=1)
        slow = threading.Thread(target=self._post, args=(api,))
        slow.start()
        while not requests.get(url(api), timeout=10).json()[0]["struck"]:
            pass
        assert api("GET", "limits").status_code == 200
        assert names(api) == []
        slow.join(timeout=10)
        assert not slow.is_alive()

    def _post(self, api: Any) -> None:
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                f"{api.sandbox.url}{BASE}/sobjects/Contact",
                json={"LastName": "A"},
                headers=api.session.headers,
                timeout=0.3,
            )

    def test_latency_grows_with_the_rows(self, api: Any) -> None:
        """The plan of a call of 150 rows sleeps for each of them."""
        api.fault("latency", ms=5, ms_per_row=2)
        records = [{"attributes": {"type": "Contact"}}] * 150
        part = {
            "method": "PATCH",
            "url": f"{BASE}/composite/sobjects",
            "body": {"records": records},
        }
        call = Call("POST", "v66.0", ("composite",), body={"compositeRequest": [part] * 2})
        plan = api.sandbox.salesforce.faults.plan(call, f"{BASE}/composite")
        assert plan.sleep_s == pytest.approx(0.005 + 300 * 0.002)

    def test_too_many_rows_run_too_long(self, api: Any) -> None:
        """Above the number of rows the whole request is refused and nothing kept."""
        api.fault("too_long", rows=3)
        assert outcomes(api.collection("POST", *[CONTACT] * 3)) == ["ok"] * 3
        answer = api.collection("POST", *[CONTACT] * 4)
        assert refusal(answer) == (503, "REQUEST_RUNNING_TOO_LONG")
        assert len(names(api)) == 3

    def test_rows_of_a_composite_count_together(self, api: Any) -> None:
        """Two chunks of two are four rows."""
        api.fault("too_long", rows=3, code="EXCEEDED_ID_LIMIT", status=400)
        records = [{"attributes": {"type": "Contact"}, "LastName": "A"}] * 2
        parts = [
            {
                "method": "POST",
                "url": f"{BASE}/composite/sobjects",
                "referenceId": reference,
                "body": {"records": records},
            }
            for reference in "ab"
        ]
        answer = api("POST", "composite", {"compositeRequest": parts})
        assert refusal(answer) == (400, "EXCEEDED_ID_LIMIT")


class TestRows:
    """Rows that are refused."""

    def test_a_number_of_rows(self, api: Any) -> None:
        """`times` counts rows; then it is over."""
        api.fault("row_error", code="UNKNOWN_EXCEPTION", times=2)
        assert outcomes(api.collection("POST", *[CONTACT] * 3)) == [
            "UNKNOWN_EXCEPTION",
            "UNKNOWN_EXCEPTION",
            "ok",
        ]

    def test_given_keys(self, api: Any) -> None:
        """Rows that hold one of `keys` in any field, each as often as `times_per_key` says."""
        api.fault("row_error", code="APEX_ERROR", keys=["k2"], fields=["X"], times_per_key=1)
        rows = [{"type": "SMS_Message__c", "Message_Key__c": key} for key in ("k1", "k2", "k3")]
        path = "composite/sobjects/SMS_Message__c/Message_Key__c"
        answer = api.collection("PATCH", *rows, path=path)
        assert outcomes(answer) == ["ok", "APEX_ERROR", "ok"]
        assert answer.json()[1]["errors"][0]["fields"] == ["X"]
        assert outcomes(api.collection("PATCH", *rows, path=path)) == ["ok"] * 3

    def test_a_share(self, api: Any) -> None:
        """The same rows fail in every run of one seed, about as many as the share says."""
        api.fault("row_error", share=0.3, seed=7)
        rows = [{"type": "SMS_Message__c", "Message_Key__c": f"k{n}"} for n in range(200)]
        path = "composite/sobjects/SMS_Message__c/Message_Key__c"
        first = outcomes(api.collection("PATCH", *rows, path=path))
        assert 30 <= first.count("UNKNOWN_EXCEPTION") <= 90
        assert outcomes(api.collection("PATCH", *rows, path=path)) == first

    def test_only_in_large_chunks(self, api: Any) -> None:
        """A trigger that runs out of time fails the rows of a chunk above `above_rows`."""
        code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        api.fault("row_error", code=code, above_rows=2)
        assert outcomes(api.collection("POST", *[CONTACT] * 3)) == [code] * 3
        assert outcomes(api.collection("POST", *[CONTACT] * 2)) == ["ok"] * 2

    def test_of_one_object(self, api: Any) -> None:
        """`match.object` is that of the row, in a mixed request too."""
        api.fault("row_error", match={"object": "Lead"})
        lead = {"type": "Lead", "LastName": "A", "Company": "B"}
        assert outcomes(api.collection("POST", CONTACT, lead)) == ["ok", "UNKNOWN_EXCEPTION"]

    def test_a_locked_parent(self, api: Any) -> None:
        """Rows that hang on it, or are it, are refused so many times for each parent."""
        one, other, free = (api.create("Contact", LastName=name) for name in "abc")
        api.fault("lock", parents=[one, other], times=2)
        tasks = [{"type": "Task", "WhoId": who} for who in (one, other, free)]
        locked = "UNABLE_TO_LOCK_ROW"
        assert outcomes(api.collection("POST", *tasks)) == [locked, locked, "ok"]
        update = {"type": "Contact", "id": one, "Phone": "1"}
        assert outcomes(api.collection("PATCH", update)) == [locked]
        assert outcomes(api.collection("PATCH", update)) == ["ok"]
        assert outcomes(api.collection("POST", *tasks)) == ["ok", locked, "ok"]
        assert outcomes(api.collection("POST", *tasks)) == ["ok"] * 3

    def test_a_single_record_is_refused_whole(self, api: Any) -> None:
        """There the code is a 400's."""
        api.fault("row_error", code="UNABLE_TO_LOCK_ROW", times=1)
        answer = api("POST", "sobjects/Contact", {"LastName": "A"})
        assert refusal(answer) == (400, "UNABLE_TO_LOCK_ROW")

    def test_people_in_the_org_meet_no_faults(self, api: Any) -> None:
        """Seeding goes past them."""
        api.fault("row_error")
        api.fault("status")
        assert api.people("Contact", {"LastName": "A"})


class TestStatuses:
    """Answers that are none of the org's resources."""

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_an_html_page(self, api: Any, status: int) -> None:
        """As a proxy sends it; the call does nothing."""
        api.fault("status", status=status, message="proxy", times=1)
        answer = api("POST", "sobjects/Contact", {"LastName": "A"})
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "<h1>" in answer.text
        assert names(api) == []

    def test_a_json_error(self, api: Any) -> None:
        """With the code that the rule names."""
        api.fault("status", status=500, body="json", code="UNKNOWN_EXCEPTION", message="x")
        assert refusal(api("GET", "limits")) == (500, "UNKNOWN_EXCEPTION")

    def test_maintenance_lets_reads_pass(self, api: Any) -> None:
        """Each row that is written is refused, alone with 503; reads are as ever."""
        made = api.create("Contact", LastName="A")
        api.fault("maintenance")
        read = {"ids": [made], "fields": ["Id"]}
        for status, method, path, body in (
            (200, "GET", f"sobjects/Contact/{made}", None),
            (200, "GET", "sobjects/Contact/describe", None),
            (200, "POST", "composite/sobjects/Contact", read),
            (503, "POST", "sobjects/Contact", {"LastName": "B"}),
            (503, "PATCH", f"sobjects/Contact/{made}", {"Phone": "1"}),
            (503, "DELETE", f"sobjects/Contact/{made}", None),
        ):
            assert api(method, path, body).status_code == status, (method, path)
        refused = "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"
        assert outcomes(api.collection("POST", CONTACT, CONTACT)) == [refused] * 2
        write = {"method": "POST", "url": f"{BASE}/sobjects/Contact", "body": {"LastName": "B"}}
        parts = {"compositeRequest": [write | {"referenceId": "a"}]}
        (told,) = api("POST", "composite", parts).json()["compositeResponse"]
        assert (told["httpStatusCode"], told["body"][0]["errorCode"]) == (503, refused)
        assert names(api) == ["A"]

    def test_the_token_endpoint_can_fail_too(self, api: Any) -> None:
        """A rule that names its path strikes it; others leave it alone."""
        api.fault("status", status=500)
        assert api.token().status_code == 200
        api.fault("status", status=503, match={"path": "oauth2/token"})
        assert api.token().status_code == 503


class TestAllowance:
    """The quota and tokens."""

    def test_the_quota_ends(self, api: Any) -> None:
        """403 REQUEST_LIMIT_EXCEEDED once nothing remains; the header says so all along."""
        api.fault("quota", limit=100, remaining=2)
        assert api("GET", "limits").headers["Sforce-Limit-Info"] == "api-usage=99/100"
        assert api("GET", "limits").json()["DailyApiRequests"] == {"Max": 100, "Remaining": 0}
        answer = api("GET", "limits")
        assert refusal(answer) == (403, "REQUEST_LIMIT_EXCEEDED")
        assert answer.headers["Sforce-Limit-Info"] == "api-usage=100/100"
        assert "TotalRequests" in answer.text

    def test_the_quota_comes_back_when_told(self, api: Any) -> None:
        """By a new rule, or by switching it off."""
        api.fault("quota", limit=100, remaining=0)
        assert api("GET", "limits").status_code == 403
        api.fault("quota", limit=100, remaining=1)
        assert api("GET", "limits").status_code == 200
        assert api("GET", "limits").status_code == 403
        api.calm()
        assert api("GET", "limits").status_code == 200

    def test_other_faults_do_not_refill_the_quota(self, api: Any) -> None:
        """Only a rule about the quota does."""
        api.fault("quota", limit=100, remaining=1)
        api("GET", "limits")
        api.fault("latency", ms=0)
        assert api("GET", "limits").status_code == 403

    @pytest.mark.parametrize("shape", ["list", "object"])
    def test_an_expired_token(self, api: Any, shape: str) -> None:
        """401 once, and that token is dead; a new one works."""
        api.fault("expired_token", body=shape, times=1)
        answer = api("GET", "limits")
        body = answer.json()
        assert answer.status_code == 401
        assert isinstance(body, list) is (shape == "list")
        error = body[0] if shape == "list" else body
        assert error["errorCode"] == "INVALID_SESSION_ID"
        assert api("GET", "limits").status_code == 401
        api.login()
        assert api("GET", "limits").status_code == 200

    def test_a_token_revoked_for_good(self, api: Any) -> None:
        """Neither the old one nor a new one: the token endpoint says invalid_grant."""
        api.fault("expired_token", for_good=True)
        assert api("GET", "limits").status_code == 401
        answer = api.token()
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        api.calm()
        assert api.token().status_code == 200


class TestFieldLevelSecurity:
    """Fields that are hidden, or not to be edited."""

    def test_a_hidden_field_is_nowhere(self, api: Any) -> None:
        """Absent from describe and record; no such column in queries and writes."""
        made = api.create("Contact", LastName="A", SMS_Opt_Out__c=True)
        api.fault("hidden", fields=["Contact.SMS_Opt_Out__c"])
        described = api("GET", "sobjects/Contact/describe").json()["fields"]
        assert "SMS_Opt_Out__c" not in {field["name"] for field in described}
        assert "SMS_Opt_Out__c" not in api.get("Contact", made)
        for soql in (
            "SELECT SMS_Opt_Out__c FROM Contact",
            "SELECT Id FROM Contact WHERE SMS_Opt_Out__c = true",
            "SELECT Id FROM Contact ORDER BY SMS_Opt_Out__c",
            "SELECT Contact__r.SMS_Opt_Out__c FROM SMS_Message__c",
        ):
            code, message = api.refused(soql)
            assert code == "INVALID_FIELD"
            assert "No such column 'SMS_Opt_Out__c'" in message
        rows = [
            {"type": "Contact", "id": made, "SMS_Opt_Out__c": False},
            {"type": "Contact", "id": api.create("Contact", LastName="B"), "Phone": "1"},
        ]
        assert outcomes(api.collection("PATCH", *rows)) == ["INVALID_FIELD", "ok"]

    def test_hiding_one_objects_field_leaves_anothers(self, api: Any) -> None:
        """Contact's is hidden, Lead's is not."""
        api.fault("hidden", fields=["Contact.SMS_Opt_Out__c"])
        assert api.rows("SELECT SMS_Opt_Out__c FROM Lead") == []

    def test_a_hidden_lookup_leads_nowhere(self, api: Any) -> None:
        """Its relationship is not understood either."""
        api.fault("hidden", fields=["SMS_Message__c.Contact__c"])
        assert api.refused("SELECT Contact__r.Name FROM SMS_Message__c")[0] == "INVALID_FIELD"

    def test_a_hidden_key_cannot_be_upserted_by(self, api: Any) -> None:
        """The external id is not accessible."""
        api.fault("hidden", fields=["Task.SMS_Key__c"])
        answer = api("PATCH", "sobjects/Task/SMS_Key__c/k", {})
        assert refusal(answer) == (404, "NOT_FOUND")

    def test_several_rules_hide_together(self, api: Any) -> None:
        """Each adds its fields; switching off shows them all again."""
        api.fault("hidden", fields=["Contact.Phone"])
        api.fault("hidden", fields=["Contact.Fax"])
        assert api.refused("SELECT Phone FROM Contact")[0] == "INVALID_FIELD"
        assert api.refused("SELECT Fax FROM Contact")[0] == "INVALID_FIELD"
        api.calm()
        assert api.rows("SELECT Phone, Fax FROM Contact") == []

    def test_a_field_that_may_not_be_edited(self, api: Any) -> None:
        """It can be read; its describe says no, and so does a write."""
        made = api.create("Contact", LastName="A", Phone="1")
        api.fault("read_only", fields=["Contact.Phone"])
        assert api.get("Contact", made)["Phone"] == "1"
        described = api("GET", "sobjects/Contact/describe").json()["fields"]
        phone = next(field for field in described if field["name"] == "Phone")
        assert (phone["createable"], phone["updateable"]) == (False, False)
        answer = api("PATCH", f"sobjects/Contact/{made}", {"Phone": "2"})
        assert refusal(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
