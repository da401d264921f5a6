"""The org against a plain model of it: keys, deletions and merges in any order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from crm_sms.sandbox.salesforce import life, query
from crm_sms.sandbox.salesforce.calls import Call
from crm_sms.sandbox.salesforce.desk import Desk
from crm_sms.sandbox.salesforce.org import Org
from crm_sms.sandbox.salesforce.resources import answer

KEYS = st.sampled_from(["a", "A", "b"])


class Clock:
    """Moves a second a step."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 2, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


class Tasks(RuleBasedStateMachine):
    """Tasks with a unique key, written every way there is, beside a dict."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.org = Org(self.clock.now)
        self.desk = Desk(self.org, lambda write: None)
        self.alive: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()

    def call(self, method: str, *path: str, body: Any = None) -> Any:
        self.clock.instant += timedelta(seconds=1)
        given = answer(self.desk, Call(method, "v66.0", path, {}, {}, body))
        self.org.commit()
        return given

    def holder(self, key: str | None) -> str | None:
        """Who has that key; case does not count for a task's."""
        wanted = key and key.casefold()
        return next(
            (
                one
                for one, fields in self.alive.items()
                if wanted and (fields["SMS_Key__c"] or "").casefold() == wanted
            ),
            None,
        )

    @rule(target=made, key=st.none() | KEYS, subject=st.text("xyz", max_size=2))
    def create(self, key: str | None, subject: str) -> Any:
        """Is refused if another one has the key."""
        body = {"SMS_Key__c": key, "Subject": subject}
        given = self.call("POST", "sobjects", "Task", body=body)
        if self.holder(key):
            assert given.body[0]["errorCode"] == "DUPLICATE_VALUE"
            return multiple()
        self.alive[given.body["id"]] = {"SMS_Key__c": key, "Subject": subject or None}
        return given.body["id"]

    @rule(target=made, key=KEYS, subject=st.text("xyz", min_size=1, max_size=2))
    def upsert(self, key: str, subject: str) -> Any:
        """Changes the one that has the key, else makes one."""
        row = {"attributes": {"type": "Task"}, "SMS_Key__c": key, "Subject": subject}
        path = ("composite", "sobjects", "Task", "SMS_Key__c")
        (given,) = self.call("PATCH", *path, body={"records": [row]}).body
        holder = self.holder(key)
        assert (given["success"], given["created"]) == (True, holder is None)
        if holder:
            assert given["id"] == holder
            self.alive[holder]["Subject"] = subject
            return multiple()
        self.alive[given["id"]] = {"SMS_Key__c": key, "Subject": subject}
        return given["id"]

    @rule(one=made, key=st.none() | KEYS)
    def rekey(self, one: str, key: str | None) -> None:
        """A key may move to a task if no other has it."""
        given = self.call("PATCH", "sobjects", "Task", one, body={"SMS_Key__c": key})
        if one in self.gone:
            assert (given.status, given.body[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
        elif self.holder(key) not in (None, one):
            assert given.body[0]["errorCode"] == "DUPLICATE_VALUE"
        else:
            assert given.status == 204
            self.alive[one]["SMS_Key__c"] = key

    @rule(one=consumes(made))
    def delete(self, one: str) -> None:
        """The key is free again."""
        given = self.call("DELETE", "sobjects", "Task", one)
        if one in self.gone:
            assert given.status == 404
        else:
            assert given.status == 204
            del self.alive[one]
            self.gone.add(one)

    @invariant()
    def queries_show_the_model(self) -> None:
        """query shows what is alive, queryAll what ever was."""
        soql = "SELECT Id, SMS_Key__c, Subject FROM Task"
        found = {
            row["Id"]: {name: row.get(name) for name in ("SMS_Key__c", "Subject")}
            for row in query.run(self.org, soql, deleted=False).rows
        }
        assert found == self.alive
        every = {row["Id"] for row in query.run(self.org, soql, deleted=True).rows}
        assert every == set(self.alive) | self.gone

    @invariant()
    def a_key_is_found_with_its_deleted_holders(self) -> None:
        """Looking a key up with queryAll finds who has it and who had it when deleted."""
        for key in ("a", "b"):
            soql = f"SELECT Id FROM Task WHERE SMS_Key__c = '{key}'"
            found = {row["Id"] for row in query.run(self.org, soql, deleted=True).rows}
            rows = self.org.tables["Task"].rows.values()
            scan = {r["Id"] for r in rows if (r.get("SMS_Key__c") or "").casefold() == key}
            assert found == scan


class People(RuleBasedStateMachine):
    """Contacts that are merged, deleted, restored and purged while messages hang on them."""

    people = Bundle("people")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.org = Org(self.clock.now)
        self.parent: dict[str, str | None] = {}
        self.alive: set[str] = set()
        self.lost: dict[str, list[str]] = {}

    def run(self, operation: dict[str, Any]) -> list[str]:
        self.clock.instant += timedelta(seconds=1)
        (ids,) = life.run(self.org, operation)
        self.org.commit()
        return ids

    @rule(target=people)
    def person(self) -> str:
        """A new contact."""
        (one,) = self.run({"op": "create", "object": "Contact", "records": [{"LastName": "x"}]})
        self.alive.add(one)
        return one

    @rule(one=people)
    def message(self, one: str) -> None:
        """A text of somebody who is there."""
        if one in self.alive:
            records = [{"Contact__c": one}]
            operation = {"op": "create", "object": "SMS_Message__c", "records": records}
            self.parent[self.run(operation)[0]] = one

    @rule(winner=people, loser=people)
    def merge(self, winner: str, loser: str) -> None:
        """The loser's messages become the winner's."""
        if winner != loser and {winner, loser} <= self.alive:
            operation = {"op": "merge", "object": "Contact", "master": winner, "losers": [loser]}
            self.run(operation)
            self.alive.discard(loser)
            self.lost[loser] = []
            moved = {one: winner for one, parent in self.parent.items() if parent == loser}
            self.parent |= moved

    @rule(one=people)
    def delete(self, one: str) -> None:
        """Messages stay and belong to nobody."""
        if one in self.alive:
            self.run({"op": "delete", "ids": [one]})
            self.leave(one)

    def leave(self, one: str) -> None:
        self.alive.discard(one)
        self.lost[one] = [m for m, parent in self.parent.items() if parent == one]
        self.parent |= dict.fromkeys(self.lost[one])

    @rule(one=people)
    def undelete(self, one: str) -> None:
        """Whose messages were left to nobody has them again."""
        if one in self.lost:
            self.run({"op": "undelete", "ids": [one]})
            self.alive.add(one)
            self.parent |= {m: one for m in self.lost.pop(one) if self.parent[m] is None}

    @rule(one=people)
    def purge(self, one: str) -> None:
        """For good, whether deleted before or not."""
        if one in self.alive | set(self.lost):
            self.run({"op": "purge", "ids": [one]})
            if one in self.alive:
                self.leave(one)
            del self.lost[one]

    @invariant()
    def rows_are_those_that_were_not_purged(self) -> None:
        """Alive or in the recycle bin."""
        rows = self.org.tables["Contact"].rows
        assert {one for one, row in rows.items() if not row["IsDeleted"]} == self.alive
        assert {one for one, row in rows.items() if row["IsDeleted"]} == set(self.lost)

    @invariant()
    def every_message_hangs_where_the_model_says(self) -> None:
        """And on nobody who is gone."""
        rows = self.org.tables["SMS_Message__c"].rows.values()
        assert {row["Id"]: row.get("Contact__c") for row in rows} == self.parent
        assert set(filter(None, self.parent.values())) <= self.alive

    @invariant()
    def masters_lead_to_somebody_or_to_a_deleted_one(self) -> None:
        """Following MasterRecordId ends, maybe at one who was purged; a loser is always deleted."""
        rows = self.org.tables["Contact"].rows
        for row in rows.values():
            seen = set()
            while row.get("MasterRecordId"):
                assert row["IsDeleted"]
                assert row["Id"] not in seen
                seen.add(row["Id"])
                row = rows.get(row["MasterRecordId"], {})


TestTasks = Tasks.TestCase
TestTasks.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestPeople = People.TestCase
TestPeople.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_many_clients_upsert_one_key_into_one_row(api: Any) -> None:
    """Requests at the same time come one after another: one makes the row, the others change it."""
    answers: list[Any] = []

    def upsert(number: int) -> None:
        path = "sobjects/SMS_Message__c/Message_Key__c/k"
        answers.append(api("PATCH", path, {"From__c": str(number)}).json())

    threads = [threading.Thread(target=upsert, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["created"] for answer in answers) == [False] * 7 + [True]
    assert len({answer["id"] for answer in answers}) == 1
    assert api.query("SELECT COUNT() FROM SMS_Message__c")["totalSize"] == 1
