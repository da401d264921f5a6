"""Facts become matches, conversations and desired records, through a ledger in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from crm_sms.admin_files import shipped
from crm_sms.delivery.windows import Windows
from crm_sms.events import (
    Direction,
    Event,
    EventKind,
    Metadata,
    OptOutRules,
    OptOutType,
    Status,
)
from crm_sms.ledger import Ledger, conversations
from crm_sms.ledger.assignments import assign
from crm_sms.ledger.crm_records import CrmRecord, remember
from crm_sms.ledger.inbox import backlog, put_back
from crm_sms.ledger.mirror_pages import store_others, store_people
from crm_sms.ledger.notes import put_note
from crm_sms.ledger.parked import parked, retry
from crm_sms.ledger.tables import assignments, matches, message_aliases, messages, metadata
from crm_sms.ledger.tables import conversations as talks
from crm_sms.ledger.tables import outbox as waiting
from crm_sms.mapping import Mapping as CrmMapping
from crm_sms.phone import parse_address
from crm_sms.records import Lane, Opportunity, Owner, Person, PersonKind, Phone, Role
from crm_sms.routing import TaskRules
from crm_sms.use_cases.process import Planner, Processing, ProcessReport, process, replanning
from crm_sms.use_cases.receive import receive

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
OURS = "+15005550006"
JANE, SHARED, UNKNOWN = "+12025550123", "+12025550188", "+12025550199"
RULES = {"twilio": OptOutRules({"STOP": OptOutType.STOP, "START": OptOutType.START})}
WINDOWS = {lane: Windows().of(lane) for lane in Lane}
SHIPPED = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
CRM = "salesforce"


class Desk:
    """A ledger in memory and a mirror that tests fill."""

    def __init__(self, mapping: str = SHIPPED) -> None:
        self.ledger = Ledger("sqlite://", b"k" * 32)
        metadata.create_all(self.ledger.engine)
        planner = Planner(CRM, CrmMapping.load(mapping, "test.toml"), TaskRules(), WINDOWS)
        self.processing = Processing(self.ledger, (planner,), RULES, lambda: NOW)

    def mirror(self, *rows: Any) -> None:
        """What a pull brought."""
        with self.ledger.write("sync.page") as connection:
            people = [row for row in rows if isinstance(row, Person)]
            store_people(self.ledger, connection, CRM, people, "US")
            for kind in (Owner, Opportunity, Role):
                found = [row for row in rows if isinstance(row, kind)]
                store_others(self.ledger, connection, CRM, found)

    def receive(self, *events: Event) -> None:
        """As a webhook would."""
        receive(self.ledger, RULES, events, NOW)

    def process(self, *events: Event, most_batches: int | None = None) -> ProcessReport:
        """Plan these and whatever waits."""
        self.receive(*events)
        return process(self.processing, most_batches=most_batches)

    def rows(self, query: Any) -> list[Any]:
        """What the ledger holds."""
        with self.ledger.read() as connection:
            return list(connection.execute(query).all())

    def whom(self) -> dict[str, tuple[str | None, str]]:
        """By message key: the person and the rule."""
        query = select(messages.c.key, matches.c.person_id, matches.c.rule).join(messages)
        return {row[0]: (row[1], row[2]) for row in self.rows(query)}

    def wanted(self, object: str, lane: Lane | None = None) -> dict[str, Mapping[str, Any]]:
        """By key: the fields that wait, without their rules."""
        query = select(waiting).where(waiting.c.object == object)
        return {
            row.key: {name: value for name, (_, value) in row.fields.items()}
            for row in self.rows(query)
            if lane is None or row.lane == lane
        }

    def tasks(self) -> dict[str, str]:
        """By key of a reply's task: whose it is."""
        return {key: row["WhoId"] for key, row in self.wanted("Task", Lane.TASK).items()}

    def delivered(self) -> None:
        """Everything that waited was written."""
        with self.ledger.write("deliver.settle") as connection:
            for row in connection.execute(select(waiting)).all():
                place, known = (
                    (row.object, row.key),
                    CrmRecord("id", dict.fromkeys(row.fields, "x")),
                )
                remember(self.ledger, connection, CRM, {place: known})
            connection.execute(delete(waiting))

    def assign(self, number: str, person: str) -> None:
        """Somebody says whose number it is."""
        with self.ledger.write("unmatched") as connection:
            assign(self.ledger, connection, CRM, number, person, NOW, "kim")

    def inbox(self) -> int:
        """How many events wait."""
        with self.ledger.read() as connection:
            return backlog(connection)[0]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """With the shipped mapping."""
    made = Desk()
    yield made
    made.ledger.close()


def person(id: str, *numbers: str, **fields: Any) -> Person:
    """Somebody in the mirror."""
    phones = tuple(Phone("MobilePhone", number) for number in numbers)
    return Person("Contact", id, PersonKind.CONTACT, NOW, name=id, phones=phones, **fields)


def fact(id: str, minute: float, *, inbound: bool = False, **fields: Any) -> Event:
    """A fact about one text."""
    ours, theirs = fields.pop("ours", OURS), fields.pop("theirs", JANE)
    sender, recipient = (theirs, ours) if inbound else (ours, theirs)
    status = fields.pop("status", Status.RECEIVED if inbound else Status.SENT)
    return Event(
        provider="twilio",
        account="AC1",
        key=fields.pop("key", f"{id}:{status}"),
        kind=fields.pop("kind", EventKind.REPLY if inbound else EventKind.STATUS),
        received_at=NOW + timedelta(minutes=minute),
        provider_message_id=id,
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        sender=parse_address(sender),
        recipient=parse_address(recipient),
        status=status,
        **fields,
    )


def reply(id: str, minute: float, body: str = "yes", **fields: Any) -> Event:
    """A text from a person."""
    return fact(id, minute, inbound=True, body=body, **fields)


def key(id: str) -> str:
    """The key of a text without one of ours."""
    return f"twilio:AC1:{id}"


# ── Threads ──────────────────────────────────────────────────────────────────────────────────────


def meant(id: str, minute: float, who: str) -> Event:
    """A text to the shared number that says whom it was for."""
    return fact(id, minute, theirs=SHARED, metadata=Metadata(person_id=who))


def test_a_late_outbound_text_says_whom_a_reply_concerns(desk: Desk) -> None:
    """The reply left triage for the person who had been texted; its task is theirs."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(reply("R", 5, theirs=SHARED))
    assert desk.whom() == {key("R"): (None, "shared")}
    desk.process(meant("O", 1, "bob"))
    assert desk.whom() == {key("R"): ("bob", "last_texted"), key("O"): ("bob", "given")}
    assert desk.tasks() == {f"task:{key('R')}": "bob"}
    assert desk.inbox() == 0


def test_a_later_outbound_text_between_moves_the_reply_and_its_waiting_task(desk: Desk) -> None:
    """One task, which goes along while it waits; everybody's sums follow."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(meant("O1", 1, "ann"), reply("R", 5, theirs=SHARED))
    assert desk.tasks() == {f"task:{key('R')}": "ann"}
    desk.process(meant("O2", 3, "bob"))
    assert desk.whom()[key("R")] == ("bob", "last_texted")
    assert desk.tasks() == {f"task:{key('R')}": "bob"}
    counts = desk.wanted("Contact", Lane.ROLL_UP)
    assert [counts[who]["SMS_Reply_Count__c"] for who in ("ann", "bob")] == [0, 1]


def test_a_reply_that_moves_after_delivery_makes_no_second_task(desk: Desk) -> None:
    """Its conversation goes along; the task in the CRM is the rep's, and is wanted under the same
    key only."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(meant("O1", 1, "ann"), reply("R", 5, theirs=SHARED))
    desk.delivered()
    desk.process(meant("O2", 3, "bob"))
    assert set(desk.tasks()) == {f"task:{key('R')}"}
    assert [row.person_id for row in desk.rows(select(talks))] == ["bob"]
    assert desk.wanted("SMS_Message__c")[key("R")]["Contact__c"] == "bob"


def test_who_loses_the_only_text_is_not_left_with_its_counts(desk: Desk) -> None:
    """Sums of somebody without texts go back to nothing."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(meant("O1", 1, "ann"))
    desk.process(reply("R", 5, theirs=SHARED))
    desk.delivered()
    desk.process(replace(meant("O1", 2, "bob"), key="O1:later"))
    counts = desk.wanted("Contact", Lane.ROLL_UP)
    assert counts["bob"]["SMS_Sent_Count__c"] == 1
    assert counts["ann"]["SMS_Sent_Count__c"] == 0
    assert counts["ann"]["SMS_Reply_Count__c"] == 0


def test_sums_that_nobody_saw_are_withdrawn_with_the_only_text(desk: Desk) -> None:
    """The person is as if the text had never been theirs."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED), *deal("x"))
    desk.process(meant("O1", 1, "ann"))
    assert set(desk.wanted("Opportunity")) == {"x"}
    desk.process(replace(meant("O1", 2, "bob"), key="O1:later"))
    assert set(desk.wanted("Contact", Lane.ROLL_UP)) == {"bob"}
    assert desk.wanted("Opportunity") == {}


def test_a_conversation_that_moves_to_somebody_who_has_one_joins_it(desk: Desk) -> None:
    """Nobody gets two tasks for one exchange, as long as no rep may have the second."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED, JANE))
    desk.assign(SHARED, "ann")
    desk.process(reply("R1", 1), reply("R2", 2, theirs=SHARED))
    assert desk.tasks() == {f"task:{key('R1')}": "bob", f"task:{key('R2')}": "ann"}
    desk.assign(SHARED, "bob")
    desk.process()
    assert desk.tasks() == {f"task:{key('R1')}": "bob"}
    assert [row.person_id for row in desk.rows(select(talks))] == ["bob"]


def test_a_chain_of_texts_follows_its_first(desk: Desk) -> None:
    """Each text concerns whom the one before it did, also when that is learnt last."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(*(fact(f"O{n}", n, theirs=SHARED) for n in range(1, 5)))
    assert {who for who, _ in desk.whom().values()} == {None}
    desk.process(meant("O0", 0, "bob"))
    assert {who for who, _ in desk.whom().values()} == {"bob"}
    assert desk.inbox() == 0


@pytest.mark.parametrize(
    ("end", "answers"),
    [
        (Status.FAILED, "O1"),
        (Status.UNDELIVERED, "O1"),
        (Status.EXPIRED, "O1"),
        (Status.CANCELED, "O1"),
        (Status.QUEUED, "O2"),
        (Status.UNKNOWN, "O2"),
        (Status.UNCONFIRMED, "O2"),
        (Status.DELIVERED, "O2"),
    ],
)
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_reply_answers_the_last_text_that_may_have_reached_the_phone(
    desk: Desk, end: Status, answers: str, order: tuple[int, ...]
) -> None:
    """In whatever order that is learnt; it also says whom the reply concerns."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    first = meant("O1", 1, "ann")
    second = replace(meant("O2", 2, "bob"), status=end)
    events = (first, second, reply("R", 5, theirs=SHARED))
    for turn in order:
        desk.process(events[turn])
    answered = messages.c.replied_at.is_not(None)
    assert [row[0] for row in desk.rows(select(messages.c.key).where(answered))] == [key(answers)]
    assert desk.whom()[key("R")][0] == {"O1": "ann", "O2": "bob"}[answers]
    assert desk.inbox() == 0


def test_a_reply_leaves_a_text_that_failed_after_all(desk: Desk) -> None:
    """The text before it is the one that was answered, once the failure is known."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O1", 1), fact("O2", 2), reply("R", 5))
    wanted = desk.wanted("SMS_Message__c")
    assert [wanted[key(one)]["Response_Seconds__c"] for one in ("O1", "O2", "R")] == [
        None,
        180,
        180,
    ]
    desk.process(fact("O2", 6, status=Status.UNDELIVERED))
    wanted = desk.wanted("SMS_Message__c")
    assert [wanted[key(one)]["Response_Seconds__c"] for one in ("O1", "O2", "R")] == [
        240,
        None,
        240,
    ]


def test_a_reply_to_texts_that_all_failed_concerns_whom_they_were_for(desk: Desk) -> None:
    """Nothing was answered, but nobody is likelier."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(replace(meant("O", 1, "bob"), status=Status.FAILED), reply("R", 5, theirs=SHARED))
    assert desk.whom()[key("R")] == ("bob", "last_texted")
    assert desk.wanted("SMS_Message__c")[key("R")]["Response_Seconds__c"] is None


def test_texts_from_another_address_of_ours_are_another_thread(desk: Desk) -> None:
    """The one last texted from this sender, not from any."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.process(meant("O1", 1, "ann"), reply("R", 5, theirs=SHARED, ours="+15005550007"))
    assert desk.whom()[key("R")] == (None, "shared")


def test_a_thread_s_text_is_not_taken_for_done_with_facts_that_were_not_claimed(
    desk: Desk,
) -> None:
    """A text that came along with its thread keeps its inbox row: another worker may have claimed
    and folded it without the newest fact."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("X", 10))
    desk.receive(fact("O", 9), *(fact(f"F{n}", 20, theirs=UNKNOWN) for n in range(49)))
    desk.receive(fact("X", 11, status=Status.DELIVERED), reply("R", 12))
    process(desk.processing, most_batches=1)
    assert desk.inbox() == 2
    process(desk.processing)
    assert desk.inbox() == 0
    assert desk.wanted("SMS_Message__c")[key("X")]["Status__c"] == "Delivered"


# ── Conversations ────────────────────────────────────────────────────────────────────────────────


def test_replies_of_a_day_share_a_task_and_the_next_day_has_its_own(desk: Desk) -> None:
    """At exactly 24 hours the next conversation begins."""
    desk.mirror(person("ann", JANE))
    desk.process(reply("R1", 0), reply("R2", 1439.99), reply("R3", 1440))
    assert set(desk.tasks()) == {f"task:{key('R1')}", f"task:{key('R3')}"}


def test_a_reply_after_the_task_was_completed_opens_another(desk: Desk) -> None:
    """One before the completion, received later, belongs to the old one."""
    desk.mirror(person("ann", JANE))
    desk.process(reply("R1", 0))
    with desk.ledger.write("sync.page") as connection:
        closed = [(f"task:{key('R1')}", NOW + timedelta(minutes=30))]
        conversations.close(connection, CRM, closed)
    desk.process(reply("R2", 20))
    assert set(desk.tasks()) == {f"task:{key('R1')}"}
    desk.process(reply("R3", 31))
    assert set(desk.tasks()) == {f"task:{key('R1')}", f"task:{key('R3')}"}


@pytest.mark.parametrize(("seen", "task"), [(True, "R2"), (False, "R1")])
def test_a_conversation_that_moves_takes_late_older_replies_along(
    desk: Desk, seen: bool, task: str
) -> None:
    """An older reply joined after the opening one: when the number is assigned to somebody else
    both move, and one task serves them: the one that a rep may have, else the first reply's."""
    desk.mirror(person("ann", SHARED), person("bob", "+12025550111"))
    desk.process(reply("R2", 10, theirs=SHARED))
    desk.process(reply("R1", 5, theirs=SHARED))
    assert set(desk.tasks()) == {f"task:{key('R2')}"}
    if seen:
        desk.delivered()
    desk.assign(SHARED, "bob")
    desk.process()
    assert desk.tasks() == {f"task:{key(task)}": "bob"}
    assert [row.person_id for row in desk.rows(select(talks))] == ["bob"]
    assert desk.inbox() == 0


@pytest.mark.parametrize(
    ("text", "makes_task"),
    [
        (reply("R", 0), True),
        (reply("R", 0, "STOP"), False),
        (reply("R", 0, "START"), False),
        (reply("R", 0, "Liked “see you”"), False),
        (reply("R", 0, verified=False), False),
        (reply("R", 0, occurred_at=NOW - timedelta(days=2)), True),
        (reply("R", 0, occurred_at=NOW - timedelta(days=2, seconds=1)), False),
        (fact("R", 0), False),
    ],
)
def test_which_texts_make_a_task(desk: Desk, text: Event, makes_task: bool) -> None:
    """Fresh, verified replies that a person wrote; all of them have a record."""
    desk.mirror(person("ann", JANE))
    desk.process(text)
    assert bool(desk.tasks()) == makes_task
    assert key("R") in desk.wanted("SMS_Message__c")


def listed(id: str, body: str) -> Event:
    """The provider's listing of a reply, which says what callbacks left out."""
    return replace(reply(id, 9, body), key=f"{id}:snapshot", kind=EventKind.SNAPSHOT)


@pytest.mark.parametrize("body", ["STOP", "Liked “see you”"])
def test_a_reply_that_turns_out_to_be_noise_takes_its_task_back(desk: Desk, body: str) -> None:
    """The next reply that deserves one makes the task instead."""
    desk.mirror(person("ann", JANE))
    desk.process(replace(reply("R1", 0), body=None), reply("R2", 5))
    assert set(desk.tasks()) == {f"task:{key('R1')}"}
    desk.process(listed("R1", body))
    assert set(desk.tasks()) == {f"task:{key('R2')}"}
    assert [row.task_key for row in desk.rows(select(talks))] == [f"task:{key('R2')}"]
    assert desk.inbox() == 0


def test_a_reply_that_turns_out_to_be_noise_leaves_a_task_that_a_rep_may_have_seen(
    desk: Desk,
) -> None:
    """Further replies belong to it: nobody wants a second one."""
    desk.mirror(person("ann", JANE))
    desk.process(replace(reply("R1", 0), body=None))
    with desk.ledger.write("deliver.claim") as connection:
        connection.execute(update(waiting).values(tries=1))
    desk.process(listed("R1", "Liked “see you”"), reply("R2", 5))
    assert set(desk.tasks()) == {f"task:{key('R1')}"}


def test_a_reply_that_concerns_nobody_any_more_leaves_nothing_behind(desk: Desk) -> None:
    """Its record, task and conversation are gone, and come back with a person."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.assign(SHARED, "bob")
    desk.process(reply("R", 1, theirs=SHARED))
    assert desk.tasks() == {f"task:{key('R')}": "bob"}
    with desk.ledger.write("unmatched") as connection:
        connection.execute(delete(assignments))
    desk.process(reply("R", 2, theirs=SHARED, key="R2"))
    assert desk.whom() == {key("R"): (None, "shared")}
    assert (desk.tasks(), desk.wanted("SMS_Message__c")) == ({}, {})
    assert desk.rows(select(talks)) == []
    desk.assign(SHARED, "ann")
    desk.process()
    assert desk.tasks() == {f"task:{key('R')}": "ann"}


@pytest.mark.parametrize("seen", [True, False])
def test_a_record_of_a_text_that_concerns_nobody_any_more_names_nobody(
    desk: Desk, seen: bool
) -> None:
    """Where the CRM may have it: it must not stay with whom the text was never for."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    desk.assign(SHARED, "bob")
    desk.process(reply("R", 1, theirs=SHARED))
    if seen:
        desk.delivered()
    with desk.ledger.write("unmatched") as connection:
        connection.execute(delete(assignments))
    for minute in (2, 3):
        desk.process(reply("R", minute, theirs=SHARED, key=f"R{minute}"))
    record = desk.wanted("SMS_Message__c")
    assert set(record) == ({key("R")} if seen else set())
    assert [one["Contact__c"] for one in record.values()] == ([None] if seen else [])
    assert desk.wanted("Task") == {}


# ── Whom it concerns ─────────────────────────────────────────────────────────────────────────────


def test_triage_keeps_the_reason(desk: Desk) -> None:
    """Unknown, shared, and without a number at all; nothing is planned for any of them."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    report = desk.process(
        reply("U", 1, theirs=UNKNOWN), reply("S", 1, theirs=SHARED), reply("N", 1, theirs="ACME")
    )
    assert report.unmatched == 3
    assert {k: rule for k, (_, rule) in desk.whom().items()} == {
        key("U"): "unknown",
        key("S"): "shared",
        key("N"): "no_number",
    }
    assert desk.rows(select(waiting)) == []


def test_a_choice_stays_when_others_get_the_number(desk: Desk) -> None:
    """Later facts of the text leave it where it is; new texts are in doubt."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O", 1))
    desk.mirror(person("bob", JANE))
    desk.process(fact("O", 2, status=Status.DELIVERED))
    assert desk.whom() == {key("O"): ("ann", "only")}


def test_an_assignment_that_is_withdrawn_leaves_what_the_crm_says(desk: Desk) -> None:
    """What was said holds only as long as it is said."""
    desk.mirror(person("ann", SHARED), person("bob", "+12025550111"))
    desk.assign(SHARED, "bob")
    desk.process(fact("O", 1, theirs=SHARED))
    assert desk.whom() == {key("O"): ("bob", "assigned")}
    with desk.ledger.write("unmatched") as connection:
        connection.execute(delete(assignments))
    desk.process(fact("O", 2, theirs=SHARED, status=Status.DELIVERED))
    assert desk.whom() == {key("O"): ("ann", "only")}


def deal(id: str, **fields: Any) -> tuple[Opportunity, Role]:
    """An opportunity in which Ann has a role."""
    primary = fields.pop("primary", False)
    return Opportunity(id, id, NOW, **fields), Role(f"r{id}", id, "ann", NOW, primary=primary)


@pytest.mark.parametrize(
    ("deals", "which", "rule"),
    [
        ([], None, "none"),
        ([deal("x")], "x", "only"),
        ([deal("x"), deal("y", open=False)], "x", "only"),
        ([deal("x"), deal("y", primary=True)], "y", "primary"),
        ([deal("x"), deal("y")], None, "several"),
    ],
)
def test_the_opportunity_of_a_text(
    desk: Desk, deals: list[tuple[Opportunity, Role]], which: str | None, rule: str
) -> None:
    """By role, with the reason kept; its record and sums say so."""
    desk.mirror(person("ann", JANE), *(row for pair in deals for row in pair))
    desk.process(reply("R", 1))
    [row] = desk.rows(select(matches))
    assert (row.opportunity_id, row.opportunity_rule) == (which, rule)
    assert desk.wanted("SMS_Message__c")[key("R")]["Opportunity__c"] == which
    assert set(desk.wanted("Opportunity")) == ({which} if which else set())


@pytest.mark.parametrize("change", ["role deleted", "lost", "another"])
def test_a_text_stays_with_its_opportunity(desk: Desk, change: str) -> None:
    """What the pipeline becomes later does not move it: its record keeps the opportunity, whose
    sums go on."""
    opportunity, role = deal("x")
    desk.mirror(person("ann", JANE), opportunity, role)
    desk.process(fact("O", 1))
    desk.delivered()
    match change:
        case "role deleted":
            desk.mirror(replace(role, deleted=True))
        case "lost":
            desk.mirror(replace(opportunity, open=False))
        case _:
            desk.mirror(*deal("y", primary=True))
    desk.process(fact("O", 2, status=Status.DELIVERED))
    assert desk.wanted("SMS_Message__c")[key("O")]["Opportunity__c"] == "x"
    assert desk.wanted("Opportunity")["x"]["SMS_Sent_Count__c"] == 1


def test_an_opportunity_that_loses_a_text_counts_it_no_more(desk: Desk) -> None:
    """When the text turns out to be somebody else's."""
    desk.mirror(person("ann", SHARED), person("bob", "+12025550111"), *deal("x"))
    desk.process(fact("O", 1, theirs=SHARED), fact("P", 2, theirs=SHARED))
    assert desk.wanted("Opportunity")["x"]["SMS_Sent_Count__c"] == 2
    desk.delivered()
    desk.process(
        fact("P", 3, theirs=SHARED, status=Status.DELIVERED, metadata=Metadata(person_id="bob"))
    )
    assert desk.wanted("Opportunity")["x"]["SMS_Sent_Count__c"] == 1


def test_an_opt_out_concerns_everybody_who_holds_the_number(desk: Desk) -> None:
    """Also while the text itself is in triage, with every number of theirs that said no."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED, JANE), person("cat", "+12025550111"))
    desk.process(reply("S", 1, "STOP", theirs=SHARED))
    opted = desk.wanted("Contact", Lane.OPT_OUT)
    assert {who: row["SMS_Opt_Out_Phone__c"] for who, row in opted.items()} == {
        "ann": SHARED,
        "bob": SHARED,
    }
    desk.process(reply("T", 2, "stop", theirs=JANE))
    assert desk.wanted("Contact", Lane.OPT_OUT)["bob"]["SMS_Opt_Out_Phone__c"] == (
        f"{JANE};{SHARED}"
    )


# ── Refusals, settings, batches, names ───────────────────────────────────────────────────────────


def test_an_entry_of_a_text_that_nobody_answered_after_all_is_withdrawn(desk: Desk) -> None:
    """What earlier facts asked for, and later ones do not, leaves no trace if nobody saw it."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O1", 1), fact("O2", 2), reply("R", 5))
    entries = desk.wanted("Task", Lane.TIMELINE)
    assert set(entries) == {f"entry:{key('O2')}", f"entry:{key('R')}"}
    desk.process(fact("O2", 6, status=Status.FAILED))
    entries = desk.wanted("Task", Lane.TIMELINE)
    assert set(entries) == {f"entry:{key('O1')}", f"entry:{key('R')}"}


def test_what_a_later_fact_mends_is_not_left_parked() -> None:
    """Nobody has to retry what is planned by now."""
    bad = Desk(SHIPPED.replace('text = "SMS reply', 'text = "{{ 1 // message.media_count }} reply'))
    bad.mirror(person("ann", JANE))
    assert bad.process(reply("R", 1, media_count=0)).refused == 1
    bad.process(reply("R", 2, key="R2", media_count=1))
    with bad.ledger.read() as connection:
        assert parked(connection) == []
    assert set(bad.tasks()) == {f"task:{key('R')}"}
    bad.ledger.close()


def test_what_the_mapping_refuses_is_parked_and_planned_again_on_retry() -> None:
    """The other records of the text, and other texts, go on."""
    bad = Desk(SHIPPED.replace('text = "SMS reply', 'text = "{{ 1 // message.media_count }} reply'))
    bad.mirror(person("ann", JANE), person("bob", SHARED))
    report = bad.process(reply("R", 1, media_count=0), reply("S", 1, theirs=SHARED, media_count=1))
    assert report.refused == 1
    assert set(bad.tasks()) == {f"task:{key('S')}"}
    assert set(bad.wanted("SMS_Message__c")) == {key("R"), key("S")}
    with bad.ledger.write("parked") as connection:
        [row] = parked(connection)
        assert "Subject" in row.detail
        retry(bad.ledger, connection, [row.id], NOW)
    good = replace(bad.processing.planners[0], mapping=CrmMapping.load(SHIPPED, "test.toml"))
    process(replace(bad.processing, planners=(good,)))
    assert set(bad.tasks()) == {f"task:{key('R')}", f"task:{key('S')}"}
    assert bad.inbox() == 0
    bad.ledger.close()


def test_facts_of_a_provider_that_was_taken_out_of_the_settings_are_planned(desk: Desk) -> None:
    """They wait in the inbox while somebody edits the settings; they must not stop the others."""
    desk.mirror(person("ann", JANE))
    desk.receive(fact("O", 1), reply("R", 2))
    process(replace(desk.processing, rules={}))
    assert desk.inbox() == 0
    assert set(desk.wanted("SMS_Message__c")) == {key("O"), key("R")}


def test_a_no_that_was_received_counts_whatever_the_rules_are_when_it_is_planned(
    desk: Desk,
) -> None:
    """The sender keeps to it from its receipt on, and so does the CRM."""
    desk.mirror(person("ann", JANE), person("bob", SHARED))
    desk.receive(reply("R", 1, "STOP"), reply("S", 2, theirs=SHARED))
    process(replace(desk.processing, rules={}))
    assert set(desk.wanted("Contact", Lane.OPT_OUT)) == {"ann"}


@pytest.mark.parametrize("number", [1, 49, 50, 51, 99, 100, 101, 150])
def test_batches_of_any_size_plan_everything_once(desk: Desk, number: int) -> None:
    """Also when the facts of one text fall into two batches."""
    desk.mirror(person("ann", JANE))
    statuses = (Status.QUEUED, Status.SENT, Status.DELIVERED)
    events = [fact(f"O{n // 3}", n, status=statuses[n % 3]) for n in range(number)]
    heard: list[int] = []
    desk.receive(*events)
    report = process(desk.processing, progress=heard.append)
    assert desk.inbox() == 0
    assert sum(heard) == report.events <= number
    assert len(desk.wanted("SMS_Message__c")) == (number + 2) // 3
    assert process(desk.processing) == ProcessReport()


def test_a_run_can_stop_after_some_batches_and_go_on(desk: Desk) -> None:
    """Nothing is lost between."""
    desk.receive(*(fact(f"O{n}", n) for n in range(120)))
    assert process(desk.processing, most_batches=1).events == 50
    assert desk.inbox() == 70
    assert process(desk.processing).events == 70


def test_a_message_that_is_put_back_is_planned_again_the_same(desk: Desk) -> None:
    """A retry wants what it wanted before."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O", 1), reply("R", 2))
    before = [dict(row._mapping) for row in desk.rows(select(waiting))]
    with desk.ledger.write("parked") as connection:
        ids = list(connection.execute(select(messages.c.id)).scalars())
        put_back(desk.ledger, connection, ids, NOW)
        put_back(desk.ledger, connection, ids, NOW)
    assert desk.inbox() == 2
    process(desk.processing)
    after = [dict(row._mapping) for row in desk.rows(select(waiting))]
    for row in (*before, *after):
        row.pop("version")
    assert after == before


def test_texts_wait_in_the_inbox_while_there_is_no_crm(desk: Desk) -> None:
    """Whoever adds a CRM later gets them."""
    desk.mirror(person("ann", JANE))
    desk.receive(fact("O", 1), reply("R", 2))
    assert process(replace(desk.processing, planners=())) == ProcessReport()
    assert desk.inbox() == 2
    assert desk.process().messages == 2
    assert set(desk.wanted("SMS_Message__c")) == {key("O"), key("R")}


@pytest.mark.parametrize("stops_after", [None, 0, 1])
def test_a_crm_that_is_added_gets_the_texts_that_came_before_it(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, stops_after: int | None
) -> None:
    """Also if putting them back was cut off; a text that comes later is planned once."""
    monkeypatch.setattr(replanning, "_ROWS", 2)
    desk.mirror(person("ann", JANE))
    desk.process(*(fact(f"O{n}", n) for n in range(5)))
    second = replace(desk.processing.planners[0], crm="second")
    both = replace(desk.processing, planners=(*desk.processing.planners, second))
    if stops_after is not None:
        stop_after(monkeypatch, stops_after)
        with pytest.raises(KeyboardInterrupt):
            process(both)
        monkeypatch.undo()
    assert process(both).messages == 5
    query = select(matches.c.message_id).where(matches.c.crm == "second")
    assert len(desk.rows(query)) == 5
    assert process(both) == ProcessReport()


def stop_after(monkeypatch: pytest.MonkeyPatch, slices: int) -> None:
    """A kill while slice number `slices` is being committed."""
    left = iter(range(slices))

    def put(*args: Any) -> None:
        put_note(*args)
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(replanning, "put_note", put)


def test_our_key_learnt_late_renames_what_no_crm_has_seen(desk: Desk) -> None:
    """One record, under our key; both names lead to the one message."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O", 1))
    assert set(desk.wanted("SMS_Message__c")) == {key("O")}
    desk.process(fact("O", 2, status=Status.DELIVERED, message_key="k1"))
    assert set(desk.wanted("SMS_Message__c")) == {"k1"}
    assert {row.alias for row in desk.rows(select(message_aliases))} == {"k1", key("O")}


@pytest.mark.parametrize("moved", [False, True])
def test_our_key_learnt_late_renames_the_task_of_a_reply_too(desk: Desk, moved: bool) -> None:
    """One task, also if the conversation went to somebody else; later replies make none."""
    desk.mirror(person("ann", SHARED), person("bob"))
    desk.process(reply("R", 1, theirs=SHARED))
    if moved:
        desk.process(reply("R", 1, theirs=SHARED, key="R2", metadata=Metadata(person_id="bob")))
    desk.process(
        reply("R", 1, theirs=SHARED, key="R3", message_key="k1"), reply("S", 2, theirs=SHARED)
    )
    whose = desk.tasks()
    assert whose.pop("task:k1") == ("bob" if moved else "ann")
    assert whose == ({f"task:{key('S')}": "ann"} if moved else {})


def test_a_key_that_a_crm_may_have_seen_stays(desk: Desk) -> None:
    """Once a row was tried, another key would leave a second record."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O", 1))
    with desk.ledger.write("deliver.claim") as connection:
        connection.execute(update(waiting).values(tries=1))
    desk.process(fact("O", 2, status=Status.DELIVERED, message_key="k1"))
    [record] = desk.wanted("SMS_Message__c").items()
    assert record[0] == key("O")
    assert record[1]["Status__c"] == "Delivered"
    assert {row.alias for row in desk.rows(select(message_aliases))} == {"k1", key("O")}


# ── Two messages that are one text ───────────────────────────────────────────────────────────────


def by_key(event: Event, ours: str = "k1") -> Event:
    """The same fact as it is told by our key alone."""
    return replace(event, key=f"{event.key}:by key", provider_message_id=None, message_key=ours)


def linking(event: Event, ours: str = "k1") -> Event:
    """The fact that says which text our key belongs to."""
    return replace(event, key=f"{event.key}:linking", message_key=ours)


def written(desk: Desk, *records: tuple[str, str]) -> None:
    """The CRM has these records, and nothing of them waits."""
    with desk.ledger.write("deliver.settle") as connection:
        for place in records:
            remember(desk.ledger, connection, CRM, {place: CrmRecord("id", {})})
            connection.execute(delete(waiting).where(waiting.c.key == place[1]))


@pytest.mark.parametrize("seen", ["", "by id", "by key"])
def test_two_messages_that_are_one_text_leave_one_record(desk: Desk, seen: str) -> None:
    """Under the key that a CRM may have seen, else under ours."""
    desk.mirror(person("ann", JANE))
    one, other = fact("O", 1), by_key(fact("O", 2, status=Status.DELIVERED))
    desk.process(one)
    desk.process(other)
    assert set(desk.wanted("SMS_Message__c")) == {"k1", key("O")}
    kept = key("O") if seen == "by id" else "k1"
    if seen:
        written(desk, ("SMS_Message__c", kept))
    desk.process(linking(fact("O", 3)))
    record = desk.wanted("SMS_Message__c")
    assert set(record) == {kept}
    assert record[kept]["Status__c"] == "Delivered"
    assert desk.whom() == {kept: ("ann", "only")}
    assert {row.alias for row in desk.rows(select(message_aliases))} == {"k1", key("O")}
    assert desk.wanted("Contact", Lane.ROLL_UP)["ann"]["SMS_Sent_Count__c"] == 1


@pytest.mark.parametrize("first", ["by id", "by key"])
def test_two_messages_that_are_one_reply_leave_one_task(desk: Desk, first: str) -> None:
    """Also where the one that is lost had opened the conversation."""
    desk.mirror(person("ann", JANE))
    told = {"by id": reply("R", 1), "by key": by_key(reply("R", 1))}
    desk.process(told.pop(first))
    desk.process(*told.values())
    desk.process(linking(reply("R", 1)), reply("S", 5))
    assert desk.tasks() == {"task:k1": "ann"}
    assert [row.task_key for row in desk.rows(select(talks))] == ["task:k1"]
    assert set(desk.wanted("SMS_Message__c")) == {"k1", key("S")}
    assert desk.inbox() == 0


def test_a_task_that_a_rep_may_have_is_not_made_again_when_two_replies_are_one(
    desk: Desk,
) -> None:
    """It keeps the key that it was written with."""
    desk.mirror(person("ann", JANE))
    desk.process(reply("R", 1))
    written(desk, ("Task", f"task:{key('R')}"), ("SMS_Message__c", key("R")))
    desk.process(by_key(reply("R", 1)))
    desk.process(linking(reply("R", 1)), reply("S", 5))
    assert set(desk.tasks()) == {f"task:{key('R')}"}
    assert set(desk.wanted("SMS_Message__c")) == {key("R"), key("S")}


def answered(desk: Desk) -> dict[str, int | None]:
    """By message key: how long the person took."""
    query = select(messages.c.key, messages.c.response_seconds)
    return {row[0]: row[1] for row in desk.rows(query)}


def test_a_reply_leaves_a_message_that_is_another_s_text(desk: Desk) -> None:
    """What it seemed to answer is the text that failed."""
    desk.mirror(person("ann", JANE))
    desk.process(by_key(fact("O", 1)), fact("O", 2, status=Status.FAILED), reply("R", 5))
    assert answered(desk) == {"k1": 240, key("O"): None, key("R"): 240}
    desk.process(linking(fact("O", 3, status=Status.FAILED)))
    assert answered(desk) == {"k1": None, key("R"): None}


def test_a_reply_leaves_a_text_that_turns_out_to_be_of_another_thread(desk: Desk) -> None:
    """It was sent from another address of ours, as a later fact says."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O", 1), reply("R", 5))
    assert answered(desk) == {key("O"): 240, key("R"): 240}
    desk.process(fact("O", 6, status=Status.DELIVERED, ours="+15005550007"))
    assert answered(desk) == {key("O"): None, key("R"): None}
    assert desk.wanted("SMS_Message__c")[key("R")]["Response_Seconds__c"] is None


def test_a_key_learnt_late_does_not_change_which_of_two_texts_of_one_instant_is_the_last(
    desk: Desk,
) -> None:
    """The provider's id decides: the key that a text keeps depends on when a CRM was written."""
    desk.mirror(person("ann", JANE))
    desk.process(fact("O1", 1), fact("O2", 1), reply("R", 5))
    assert answered(desk) == {key("O1"): None, key("O2"): 240, key("R"): 240}
    desk.process(fact("O2", 1, status=Status.DELIVERED, message_key="k1"))
    assert answered(desk) == {key("O1"): None, "k1": 240, key("R"): 240}


def test_a_person_who_loses_a_text_that_was_two_is_counted_anew(desk: Desk) -> None:
    """What one of the two said was for somebody else."""
    desk.mirror(person("ann", SHARED), person("bob", SHARED))
    other = replace(meant("P", 1, "ann"), sender=parse_address("+15005550007"))
    desk.process(meant("O", 1, "ann"), other)
    desk.process(by_key(meant("O", 2, "bob")))
    desk.delivered()
    desk.process(replace(linking(meant("O", 3, "bob")), status=Status.DELIVERED))
    counts = desk.wanted("Contact", Lane.ROLL_UP)
    assert {who: row["SMS_Sent_Count__c"] for who, row in counts.items()} == {"ann": 1, "bob": 1}
