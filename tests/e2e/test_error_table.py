"""Every answer that an org is known to give, and what becomes of the records that got it.

One table: the code, how the sandbox is made to answer with it, what becomes of Jane's reply, and
what of Raul's, which travels with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crm_sms.ledger.parked import parked
from crm_sms.records import Chunk, Reason, WriteResult
from crm_sms.sandbox.server import Sandbox
from crm_sms.testing.world import CRM, World, build
from crm_sms.use_cases.causes import causes
from crm_sms.use_cases.parked import retry
from crm_sms.use_cases.status import overview
from crm_sms_salesforce import SalesforceCrm

JANE, RAUL = "+12025550123", "+12025550188"
TEXTS, TASKS, PEOPLE = "SMS_Message__c", "Task", "Contact"
WRITES = {"path": "composite$", "method": "POST"}


@dataclass
class Scene:
    """Two people whose texts the org has; the reply of each is planned and about to be written."""

    world: World
    jane: str
    raul: str
    tries: list[list[tuple[str, str]]] = field(default_factory=list)

    def key(self, id: str) -> str:
        """What a text's record goes by."""
        return f"twilio:{self.world.account}:{id}"

    def replies(self) -> set[str]:
        """Which replies the org has."""
        names = {self.key("SM3"): "jane", self.key("SM4"): "raul"}
        keys = {row["Message_Key__c"] for row in self.world.records(TEXTS)}
        return {name for key, name in names.items() if key in keys}

    def tried(self, id: str) -> int:
        """How many requests carried the record of this text."""
        return sum((TEXTS, self.key(id)) in request for request in self.tries)

    def run(self, rounds: int = 12, seconds: float = 30) -> list[Any]:
        """Deliveries, with time between them."""
        reports = []
        for _ in range(rounds):
            reports.append(self.world.deliver())
            self.world.advance(seconds)
        return reports


@pytest.fixture
def scene(world: World, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """What the org says of its fields was asked for just now: from here on it changes unseen."""
    found = Scene(world, world.contact(), world.contact("(202) 555-0188", LastName="Roe"))
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1", "Hello"), world.outbound(RAUL, "SM2"))
    world.settle(rounds=2)
    world.advance(90000)
    world.sync()
    world.receive(world.outbound(RAUL, "SM5"))
    world.settle(rounds=2)
    world.receive(world.reply(JANE, "SM3"), world.reply(RAUL, "SM4"))
    world.process()
    world.advance(61)
    real = SalesforceCrm.write

    def write(self: SalesforceCrm, chunks: list[Chunk]) -> WriteResult:
        found.tries.append([(one.object, row.key) for one in chunks for row in one.rows])
        return real(self, chunks)

    monkeypatch.setattr(SalesforceCrm, "write", write)
    return found


Act = Callable[[Scene], object]


def rule(kind: str, **parameters: Any) -> Act:
    """A rule of the org, or something that goes wrong."""
    return lambda scene: scene.world.fault(kind, **parameters)


def refused(code: str, message: str = "refused", object: str = TEXTS, **further: Any) -> Act:
    """A record of Jane's is refused with a code that no rule of the sandbox gives."""

    def act(scene: Scene) -> None:
        keys = [scene.key("SM3")] if object == TEXTS else [scene.jane]
        match = {"object": object}
        scene.world.fault(
            "row_error", code=code, message=message, keys=keys, match=match, **further
        )

    return act


def on_janes_text(kind: str, **parameters: Any) -> Act:
    """A rule that only her reply breaks."""
    when = {"From__c": JANE}
    return rule(kind, match={"object": TEXTS}, when=when, **parameters)


def answers(status: int, code: str = "", message: str = "no", times: int | None = None) -> Act:
    """Every write is answered like this, without any work; HTML if there is no code."""
    given: dict[str, Any] = {"status": status, "body": "json" if code else "html"}
    given |= {"code": code, "message": message} if code else {}
    given |= {"times": times} if times else {}
    return rule("status", match=WRITES, **given)


def without_access(access: str) -> Act:
    """Sharing gives our user less of Jane than it had."""
    return lambda scene: scene.world.fault("record_access", ids=[scene.jane], access=access)


@dataclass(frozen=True)
class Done:
    """It is written by itself, in so many tries, and nothing parks."""

    tries: int | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parked:
    """Her records of these objects are parked with the reason after so many tries; the admin reads
    the words. A retry writes them once the cause is gone."""

    reason: Reason
    words: str
    tries: int = 1
    objects: tuple[str, ...] = (TEXTS,)


@dataclass(frozen=True)
class Waits:
    """Nothing at all is written, nothing parks, and the admin reads the words; when it is over all
    is written by itself."""

    words: str = ""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    code: str
    act: Act
    fate: Done | Parked | Waits
    raul: bool = True


AUTOMATION = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
APEX = "List has more than 1 row for assignment"
RACE = "duplicate value found: Message_Key__c duplicates value on record with id: a015g0000000009"
OTHER = "duplicate value found: Other__c duplicates value on record with id: a015g0000000009"
LIMIT = "REQUEST_LIMIT_EXCEEDED"
MAINTENANCE = "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE"

TABLE = (
    Case("UNABLE_TO_LOCK_ROW", refused("UNABLE_TO_LOCK_ROW", times=3), Done(4)),
    Case("UNABLE_TO_LOCK_ROW", answers(400, "UNABLE_TO_LOCK_ROW", times=2), Done(3)),
    Case("INVALID_SESSION_ID", rule("expired_token", times=1), Done(1)),
    Case("INVALID_SESSION_ID", rule("expired_token", for_good=True), Waits("the run-as user")),
    Case(LIMIT, rule("quota", limit=1000, remaining=0), Waits("TotalRequests")),
    Case(LIMIT, answers(403, LIMIT, "TotalRequests Limit exceeded."), Waits("quota")),
    Case(LIMIT, answers(403, LIMIT, "ConcurrentRequests Limit exceeded.", times=1), Done(2)),
    Case("SERVER_UNAVAILABLE", answers(503, "SERVER_UNAVAILABLE"), Waits("SERVER_UNAVAILABLE")),
    Case("UNKNOWN_EXCEPTION", answers(500, "UNKNOWN_EXCEPTION"), Waits("UNKNOWN_EXCEPTION")),
    Case("SERVER_UNAVAILABLE", answers(503, "SERVER_UNAVAILABLE", times=1), Done()),
    Case(MAINTENANCE, rule("maintenance"), Waits("unavailable")),
    Case("QUERY_TIMEOUT", rule("too_long", rows=1, code="QUERY_TIMEOUT", status=400), Done()),
    Case("REQUEST_RUNNING_TOO_LONG", rule("too_long", rows=1), Done()),
    Case(
        "EXCEEDED_ID_LIMIT", rule("too_long", rows=1, code="EXCEEDED_ID_LIMIT", status=400), Done()
    ),
    Case(
        "APEX_ERROR",
        on_janes_text("trigger", code="APEX_ERROR", message="NullPointer"),
        Parked(Reason.AUTOMATION, "NullPointer", 3),
    ),
    Case(
        "APEX_ERROR",
        rule("trigger", match={"object": TEXTS}, code="APEX_ERROR", message=APEX, above_rows=1),
        Done(3),
    ),
    Case(
        AUTOMATION,
        on_janes_text("trigger", message="SmsGuard: no"),
        Parked(Reason.AUTOMATION, "SmsGuard", 3),
    ),
    Case(AUTOMATION, rule("trigger", match={"object": TEXTS}, message=APEX, above_rows=1), Done(3)),
    Case(AUTOMATION, rule("trigger", match={"object": TEXTS}, above_rows=1), Done()),
    Case(
        AUTOMATION,
        rule("object_access", objects=[TEXTS], access="read"),
        Parked(Reason.ACCESS, "entity type cannot be inserted"),
        raul=False,
    ),
    Case(
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        on_janes_text("trigger", code="CANNOT_EXECUTE_FLOW_TRIGGER", message="Welcome_Flow"),
        Parked(Reason.AUTOMATION, "Welcome_Flow", 3),
    ),
    Case("DUPLICATE_VALUE", refused("DUPLICATE_VALUE", RACE, times=1), Done(2)),
    Case("DUPLICATE_VALUE", refused("DUPLICATE_VALUE", OTHER), Parked(Reason.DUPLICATE, "Other")),
    Case(
        "DUPLICATES_DETECTED",
        rule("duplicates", match={"object": TEXTS}, fields=["From__c", "To__c"], action="alert"),
        Done(1),
    ),
    Case(
        "DUPLICATES_DETECTED",
        rule("duplicates", match={"object": TEXTS}, fields=["From__c", "To__c"]),
        Parked(Reason.DUPLICATE, "Use one of these records?"),
    ),
    Case(
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        on_janes_text("validation", message="Not her", fields=["From__c"]),
        Parked(Reason.VALIDATION, "Not her"),
    ),
    Case(
        "REQUIRED_FIELD_MISSING",
        rule("required", fields=[f"{TEXTS}.Campaign__c"]),
        Parked(Reason.VALIDATION, "[Campaign__c]"),
        raul=False,
    ),
    Case("STRING_TOO_LONG", rule("length", field=f"{TEXTS}.From__c", length=5), Done(2)),
    Case(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        rule("picklist", field=f"{TEXTS}.Direction__c", values=["Outbound"]),
        Done(2, without=("Direction__c",)),
    ),
    Case("INVALID_FIELD", rule("hidden", fields=[f"{TEXTS}.To__c"]), Done(2, without=("To__c",))),
    Case(
        "INVALID_FIELD",
        rule("hidden", fields=[f"{TEXTS}.Message_Key__c"]),
        Parked(Reason.FIELD, "not accessible: Message_Key__c"),
        raul=False,
    ),
    Case(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        rule("read_only", fields=[f"{TEXTS}.To__c"]),
        Done(2, without=("To__c",)),
    ),
    Case(
        "INVALID_TYPE",
        rule("object_access", objects=[TEXTS]),
        Parked(Reason.SETUP, TEXTS),
        raul=False,
    ),
    Case(
        "INSUFFICIENT_ACCESS",
        refused("INSUFFICIENT_ACCESS"),
        Parked(Reason.ACCESS, "INSUFFICIENT_ACCESS"),
    ),
    Case(
        "INSUFFICIENT_ACCESS_OR_READONLY",
        without_access("read"),
        Parked(Reason.ACCESS, "insufficient access", objects=(PEOPLE,)),
    ),
    Case(
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        without_access("none"),
        Parked(Reason.ACCESS, "cross-reference id", objects=(TEXTS, TASKS, PEOPLE)),
    ),
    Case("MALFORMED_ID", refused("MALFORMED_ID"), Parked(Reason.DATA, "MALFORMED_ID")),
    Case("MALFORMED_QUERY", refused("MALFORMED_QUERY"), Parked(Reason.DATA, "MALFORMED_QUERY")),
    Case("JSON_PARSER_ERROR", refused("JSON_PARSER_ERROR"), Parked(Reason.DATA, "JSON_PARSER")),
    Case(
        "INVALID_CROSS_REFERENCE_KEY",
        refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        Parked(Reason.REFERENCE, "invalid cross reference id"),
    ),
    Case("BAD_OWNER", refused("BAD_OWNER"), Parked(Reason.OWNER, "BAD_OWNER")),
    Case(
        "INACTIVE_OWNER_OR_USER",
        refused("INACTIVE_OWNER_OR_USER", "operation performed with inactive user"),
        Parked(Reason.OWNER, "inactive user"),
    ),
    Case(
        "OP_WITH_INVALID_USER_TYPE_EXCEPTION",
        refused("OP_WITH_INVALID_USER_TYPE_EXCEPTION"),
        Parked(Reason.OWNER, "OP_WITH_INVALID_USER_TYPE_EXCEPTION"),
    ),
    Case(
        "CANNOT_UPDATE_CONVERTED_LEAD",
        refused("CANNOT_UPDATE_CONVERTED_LEAD", object=PEOPLE),
        Parked(Reason.CONVERTED, "CANNOT_UPDATE_CONVERTED_LEAD", objects=(PEOPLE,)),
    ),
    Case(
        "ENTITY_IS_DELETED",
        refused("ENTITY_IS_DELETED", object=PEOPLE),
        Parked(Reason.DELETED, "ENTITY_IS_DELETED", objects=(PEOPLE,)),
    ),
    Case("API_DISABLED_FOR_ORG", rule("api_off"), Waits("API Enabled")),
    Case(
        "API_CURRENTLY_DISABLED",
        rule("api_off", code="API_CURRENTLY_DISABLED"),
        Waits("ask Salesforce Support"),
    ),
    Case(
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        rule("api_off", code="INVALID_OPERATION_WITH_EXPIRED_PASSWORD"),
        Waits("Password Never Expires"),
    ),
    Case(
        "DUPLICATE_EXTERNAL_ID",
        refused("DUPLICATE_EXTERNAL_ID"),
        Parked(Reason.DUPLICATE, "DUPLICATE_EXTERNAL_ID"),
    ),
    Case("SOMETHING_NEW", refused("SOMETHING_NEW"), Parked(Reason.UNKNOWN, "SOMETHING_NEW")),
    *(
        Case(f"HTTP {status}", answers(status), Waits())
        for status in (300, 400, 401, 403, 405, 409, 412, 415, 420, 428, 500, 502, 503, 504)
    ),
    Case("HTTP 404", answers(404), Waits("My Domain")),
    Case("HTTP 410", answers(410), Waits("api_version")),
    *(Case(f"HTTP {status}", answers(status, times=1), Done(2)) for status in (413, 414, 431)),
)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: f"{case.code}-{type(case.fate).__name__}")
def test_what_becomes_of_it(scene: Scene, case: Case) -> None:
    """Her record, the others that travel with it, and what the admin is told."""
    case.act(scene)
    reports = scene.run()
    CHECKS[type(case.fate)](scene, case, reports)


def _done(scene: Scene, case: Case, _reports: list[Any]) -> None:
    assert isinstance(case.fate, Done)
    assert _parked(scene) == []
    assert scene.replies() == {"jane", "raul"}
    if case.fate.tries:
        assert scene.tried("SM3") == case.fate.tries
    [row] = [one for one in scene.world.records(TEXTS) if one["Message_Key__c"] == scene.key("SM3")]
    assert [row.get(name) for name in case.fate.without] == [None] * len(case.fate.without)
    assert len(scene.world.tasks()) == 3


def _parks(scene: Scene, case: Case, _reports: list[Any]) -> None:
    fate = case.fate
    assert isinstance(fate, Parked)
    rows = _parked(scene)
    assert {(row.object, row.reason) for row in rows} >= {
        (one, fate.reason) for one in fate.objects
    }
    assert {row.reason for row in rows} == {fate.reason}
    if TEXTS in fate.objects:
        assert scene.tried("SM3") == (fate.tries if scene.tried("SM3") else 0)
    found = [cause for cause in causes(rows) if cause.object == fate.objects[0]]
    assert any(fate.words in cause.detail for cause in found), [one.detail for one in found]
    assert all(cause.remedy for cause in found)
    assert ("raul" in scene.replies()) is case.raul
    assert scene.raul in {task.get("WhoId") for task in scene.world.tasks()}
    scene.world.clear_faults()
    retry(scene.world.app.ledger, [row.id for row in rows], scene.world.now)
    scene.world.process()
    scene.run()
    assert _parked(scene) == []
    assert scene.replies() == {"jane", "raul"}


def _waits(scene: Scene, case: Case, reports: list[Any]) -> None:
    assert isinstance(case.fate, Waits)
    assert scene.replies() == set()
    assert _parked(scene) == []
    found = overview(scene.world.app.ledger, [CRM], scene.world.now).crms[CRM]
    told = " ".join(
        [*(report.failed for report in reports), found.pause.why if found.pause else ""]
    )
    assert case.fate.words in told
    assert any(report.paused_until for report in reports)
    scene.world.clear_faults()
    scene.world.advance(1000)
    scene.run()
    assert scene.replies() == {"jane", "raul"}
    assert len(scene.world.tasks()) == 3


CHECKS: dict[type, Callable[[Scene, Case, list[Any]], None]] = {
    Done: _done,
    Parked: _parks,
    Waits: _waits,
}


def _parked(scene: Scene) -> list[Any]:
    with scene.world.app.ledger.read() as connection:
        return parked(connection)


@pytest.mark.parametrize("bulk", [1, 5, 19, 60])
def test_automation_that_fails_in_bulk_writes_each_record_in_the_end(
    world: World, bulk: int
) -> None:
    """All that were saved together fall, one is at fault for good: it alone parks."""
    many = [f"+1202556{number:04}" for number in range(100)]
    people = ({"LastName": number, "MobilePhone": number} for number in many)
    world.create("Contact", *people)
    world.advance(600)
    world.sync()
    world.fault("trigger", match={"object": TEXTS}, message=APEX, above_rows=bulk)
    when = {"To__c": many[37]}
    world.fault("trigger", match={"object": TEXTS}, message="SmsGuard: never", when=when)
    world.receive(*(world.outbound(number, f"SM{number}") for number in many))
    world.process()
    for _ in range(20):
        world.advance(60)
        world.deliver()
    assert {row["To__c"] for row in world.records(TEXTS)} == {*many} - {many[37]}
    with world.app.ledger.read() as connection:
        [row] = parked(connection)
    assert (row.reason, "SmsGuard: never" in row.detail) == (Reason.AUTOMATION, True)


def test_an_owner_who_left_unseen_is_followed_by_the_fallback(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Until a pull has seen it the records park; a retry after it gives them to somebody else."""
    [kim, ann] = sandbox.salesforce.seed(
        {
            "op": "create",
            "object": "User",
            "records": [
                {"LastName": name, "Username": f"{name}@x.example", "Email": f"{name}@x.example"}
                for name in ("kim", "ann")
            ],
        }
    )["results"][0]
    world = build(tmp_path, sandbox, further=f'[tasks]\nfallback_owner = "{ann}"')
    for user in world.records("User"):  # else those of the org's making are younger than our clock
        world.edit("User", user["Id"], LastName=user["LastName"])
    world.contact(OwnerId=kim)
    world.advance(600)
    world.sync()
    world.receive(world.reply(JANE, "SM1"))
    world.process()
    world.edit("User", kim, IsActive=False)
    for _ in range(3):
        world.advance(61)
        world.deliver()
    with world.app.ledger.read() as connection:
        rows = parked(connection)
    assert {(row.object, row.reason) for row in rows} >= {
        (TEXTS, Reason.OWNER),
        (TASKS, Reason.OWNER),
    }
    assert all("tasks.fallback_owner" in cause.remedy for cause in causes(rows))
    world.sync()
    retry(world.app.ledger, [row.id for row in rows], world.now)
    world.settle(rounds=2)
    assert [row["OwnerId"] for row in world.records(TEXTS)] == [ann]
    assert [row["OwnerId"] for row in world.tasks()] == [ann]
    world.app.close()


def test_an_org_that_is_read_only_for_a_day_parks_nothing(scene: Scene) -> None:
    """Whatever comes in meanwhile waits as well, and all of it is written when the org is back."""
    scene.world.fault("maintenance")
    for number in range(12):
        scene.world.receive(scene.world.outbound(JANE, f"SX{number}"))
        scene.world.process()
        scene.run(rounds=4, seconds=1800)
    assert _parked(scene) == []
    assert scene.replies() == set()
    scene.world.clear_faults()
    scene.world.advance(1000)
    scene.run()
    assert scene.replies() == {"jane", "raul"}
    assert len(scene.world.records(TEXTS)) == 5 + 12


def test_the_table_leaves_no_known_code_out(shared: Path) -> None:
    """Those that the reference tells of, and the HTTP statuses under it."""
    text = (shared / "reference" / "crm-apis.md").read_text(encoding="utf-8")
    table = text.partition("### 3.2 ")[2].partition("### 3.3 ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    told = {code for row in rows for code in re.findall(r"[A-Z]+(?:_[A-Z]+)+", row.split("|")[1])}
    statuses = re.search(r"^HTTP: (.*)$", table, re.M)
    assert statuses
    told |= {f"HTTP {status}" for status in re.findall(r"\b[345]\d\d\b", statuses[1])}
    assert len(told) > 45
    assert told - {case.code for case in TABLE} == set()
