"""The client against the sandbox: writes and every verdict, sign-in, doctor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import requests

from crm_sms.errors import AccessRefused, MissingExtra, QuotaEnded, TryLater
from crm_sms.records import Chunk, Op, Outcome, Reason, Usage, Verdict, Write

Make = Callable[..., Chunk]
Org = Any
WRITES = {"path": "/composite$"}


def outcomes(crm: Any, *chunks: Chunk) -> list[Outcome]:
    """The fates of all rows of one write."""
    return [outcome for fates in crm.write(chunks).outcomes for outcome in fates]


def verdicts(crm: Any, *chunks: Chunk) -> list[Verdict]:
    """The verdicts of all rows of one write."""
    return [outcome.verdict for outcome in outcomes(crm, *chunks)]


def messages(org: Org) -> dict[str, str]:
    """Status by key of the message records that are in the org."""
    rows = org.rows("SELECT Message_Key__c, Status__c FROM SMS_Message__c")
    return {row["Message_Key__c"]: row["Status__c"] for row in rows}


def test_library_that_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without simple-salesforce the admin is told what to install."""
    ours = ("crm_sms_salesforce", "simple_salesforce")
    for name in [name for name in sys.modules if name.split(".")[0] in ours]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "simple_salesforce", None)
    with pytest.raises(MissingExtra, match=r"pip install 'crm-sms\[salesforce\]'"):
        import crm_sms_salesforce  # noqa: F401


def test_nothing_is_sent_before_the_first_call(org: Org) -> None:
    """Building a client needs no network."""
    crm = org.crm(login_url="http://127.0.0.1:1")
    assert (crm.calls, crm.usage) == (0, None)


def test_mixed_chunks_go_in_one_call(org: Org, upserts: Make, creates: Make, updates: Make) -> None:
    """Five Collections of three kinds cost one call, and each row is where it should be."""
    contacts = org.create("Contact", {"LastName": "Ada"}, {"LastName": "Bob"})
    crm = org.crm()
    before = org.calls
    result = crm.write(
        [
            updates(contacts[0], SMS_Opt_Out__c=True),
            creates("t1", "t2"),
            upserts("m1", "m2"),
            upserts("m3"),
            updates(contacts[1]),
        ]
    )
    assert (result.calls, org.calls - before, crm.calls) == (1, 1, 1)
    assert result.usage is not None
    assert [len(fates) for fates in result.outcomes] == [1, 2, 2, 1, 1]
    assert {o.verdict for fates in result.outcomes for o in fates} == {Verdict.DONE}
    assert [o.created for fates in result.outcomes for o in fates] == [
        False, True, True, True, True, True, False,
    ]  # fmt: skip
    found = org.rows("SELECT Id, SMS_Opt_Out__c, SMS_Sent_Count__c FROM Contact ORDER BY Name")
    assert [row["SMS_Opt_Out__c"] for row in found] == [True, False]
    assert [row["SMS_Sent_Count__c"] for row in found] == [None, 1.0]
    tasks = org.rows("SELECT Id, SMS_Key__c FROM Task ORDER BY SMS_Key__c")
    assert [row["SMS_Key__c"] for row in tasks] == ["t1", "t2"]
    assert [o.crm_id for o in result.outcomes[1]] == [row["Id"] for row in tasks]


def test_a_thousand_rows_are_one_call(org: Org, upserts: Make) -> None:
    """A full request is taken by the org."""
    chunks = [upserts(*(f"{at}-{n}" for n in range(200))) for at in range(5)]
    crm = org.crm()
    result = crm.write(chunks)
    assert result.calls == 1
    assert {o.verdict for fates in result.outcomes for o in fates} == {Verdict.DONE}
    assert len(messages(org)) == 1000


def test_no_rows_are_no_call(org: Org, upserts: Make) -> None:
    """Nothing to write is nothing to send."""
    crm = org.crm()
    result = crm.write([upserts(), upserts()])
    assert (result.outcomes, result.calls) == (((), ()), 0)
    assert crm.write([]).outcomes == ()
    assert crm.calls == 0


def test_writing_again_changes_nothing(org: Org, upserts: Make, creates: Make) -> None:
    """An upsert finds its record; a create finds that it is there and learns its id."""
    crm = org.crm()
    first = outcomes(crm, upserts("m1"), creates("t1"))
    again = outcomes(crm, upserts("m1"), creates("t1"))
    assert [o.crm_id for o in again] == [o.crm_id for o in first]
    assert [o.created for o in again] == [False, False]
    assert len(org.rows("SELECT Id FROM Task")) == 1


def test_values_arrive_as_they_were(org: Org, upserts: Make) -> None:
    """Instants, numbers and any text, also one that Composite would take for a reference."""
    text = "Yes \U0001f44d 'quoted' \\ @{chunk0.id} <b>\n+12025550123"
    crm = org.crm()
    done = verdicts(
        crm,
        upserts("m1", Body__c=text, Occurred_At__c="2026-11-20T15:48:22.000Z", Segments__c=2),
        upserts("m2"),
    )
    assert done == [Verdict.DONE, Verdict.DONE]
    query = "SELECT Body__c, Occurred_At__c, Segments__c FROM SMS_Message__c"
    (row,) = org.rows(f"{query} WHERE Message_Key__c = 'm1'")
    assert row["Body__c"].replace("\u2060", "") == text
    assert row["Occurred_At__c"] == "2026-11-20T15:48:22.000+0000"
    assert row["Segments__c"] == 2


def test_bad_row_fails_alone(org: Org, upserts: Make) -> None:
    """A value that the org refuses holds no neighbour back; it is fitted to the field anew."""
    rows = (
        Write("good", {"Status__c": "Sent"}),
        Write("bad", {"Status__c": "Exploded"}),
        Write("long", {"Campaign__c": "x" * 81}),
    )
    chunk = Chunk("SMS_Message__c", Op.UPSERT, "Message_Key__c", rows)
    good, bad, long = outcomes(org.crm(), chunk)
    assert good.verdict is Verdict.DONE
    assert (bad.verdict, bad.reason, bad.fields) == (
        Verdict.RETRY, Reason.FIELD, ("Status__c",),
    )  # fmt: skip
    assert (long.verdict, long.reason) == (Verdict.RETRY, Reason.FIELD)
    assert "xxx" not in long.detail
    assert messages(org) == {"good": "Sent"}


def test_hidden_field_parks_only_the_rows_that_have_it(org: Org) -> None:
    """A field that our user may not see stops neither its neighbours nor other chunks."""
    org.fault("hidden", fields=["SMS_Message__c.Offer__c"])
    rows = (Write("a", {"Offer__c": "x"}), Write("b", {"Status__c": "Sent"}))
    chunk = Chunk("SMS_Message__c", Op.UPSERT, "Message_Key__c", rows)
    guilty, other = outcomes(org.crm(), chunk)
    assert (guilty.verdict, guilty.reason) == (Verdict.PARK, Reason.FIELD)
    assert guilty.fields == ("Offer__c",)
    assert other.verdict is not Verdict.PARK


def test_hidden_key_parks_as_a_field(org: Org, upserts: Make) -> None:
    """Without its key no row of that object can be written."""
    org.fault("hidden", fields=["SMS_Message__c.Message_Key__c"])
    parked = outcomes(org.crm(), upserts("a", "b"))
    assert {(o.verdict, o.reason) for o in parked} == {(Verdict.PARK, Reason.FIELD)}


def test_missing_object_parks_as_set_up(org: Org, upserts: Make) -> None:
    """An object that the org does not have is for the installer; other chunks go on."""
    chunk = Chunk("Nowhere__c", Op.UPSERT, "Key__c", (Write("a", {}),))
    crm = org.crm()
    missing, fine = outcomes(crm, chunk, upserts("m1"))
    assert (missing.verdict, missing.reason) == (Verdict.PARK, Reason.SETUP)
    assert fine.verdict is Verdict.DONE


def test_deleted_and_converted_records_park(org: Org, updates: Make) -> None:
    """A record that has gone is for the mirror to retarget."""
    contact, lead = (
        org.create("Contact", {"LastName": "Ada"})[0],
        org.create("Lead", {"LastName": "Bob", "Company": "B"})[0],
    )
    org.seed("delete", ids=[contact])
    org.seed("convert", lead=lead, contact=None, account=None)
    gone = updates(contact)
    converted = Chunk("Lead", Op.UPDATE, None, (Write(lead, {"SMS_Sent_Count__c": 1}),))
    reasons = [o.reason for o in outcomes(org.crm(), gone, converted)]
    assert reasons == [Reason.DELETED, Reason.CONVERTED]


def test_inactive_owner_parks(org: Org, creates: Make) -> None:
    """A task for somebody who left is for the fallback owner."""
    user = {"LastName": "Gone", "Username": "g@x.example", "Email": "g@x.example"}
    (owner,) = org.create("User", user | {"IsActive": False})
    (outcome,) = outcomes(org.crm(), creates("t1", OwnerId=owner))
    assert (outcome.verdict, outcome.reason) == (Verdict.PARK, Reason.OWNER)


def test_locked_row_is_retried_alone(org: Org, updates: Make) -> None:
    """A lock of one parent concerns one row; the next write of it succeeds."""
    one, two = org.create("Contact", {"LastName": "Ada"}, {"LastName": "Bob"})
    org.fault("lock", parents=[one], times=1)
    crm = org.crm()
    locked, free = outcomes(crm, updates(one, two))
    assert (locked.verdict, locked.reason) == (Verdict.RETRY, Reason.LOCKED)
    assert free.verdict is Verdict.DONE
    assert verdicts(crm, updates(one)) == [Verdict.DONE]


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Verdict.RETRY, Reason.AUTOMATION),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Verdict.PARK, Reason.VALIDATION),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Verdict.PARK, Reason.ACCESS),
        ("DUPLICATES_DETECTED", Verdict.PARK, Reason.DUPLICATE),
        ("UNKNOWN_EXCEPTION", Verdict.RETRY, Reason.UNAVAILABLE),
        ("NEVER_HEARD_OF", Verdict.PARK, Reason.UNKNOWN),
    ],
)
def test_row_errors(org: Org, upserts: Make, code: str, verdict: Verdict, reason: Reason) -> None:
    """A row that the org refuses has its verdict; its neighbour is written."""
    org.fault("row_error", code=code, message="made to fail", keys=["bad"])
    bad, good = outcomes(org.crm(), upserts("bad", "good"))
    assert (bad.verdict, bad.reason) == (verdict, reason)
    assert good.verdict is Verdict.DONE
    assert list(messages(org)) == ["good"]


def test_request_that_runs_too_long_asks_for_less(org: Org, upserts: Make) -> None:
    """Half of the rows pass where all were too many."""
    org.fault("too_long", rows=2)
    crm = org.crm()
    stopped = outcomes(crm, upserts("a", "b", "c", "d"))
    assert {(o.verdict, o.reason, o.shrink) for o in stopped} == {
        (Verdict.RETRY, Reason.TOO_LARGE, True)
    }
    assert messages(org) == {}
    assert verdicts(crm, upserts("a", "b")) == [Verdict.DONE] * 2


def test_time_out_with_late_commit_is_maybe(org: Org, upserts: Make, creates: Make) -> None:
    """The client gives up, the server commits half a minute later: nothing may be guessed."""
    org.fault("timeout", match=WRITES, commit_after_s=30, hold=True, times=1)
    result = org.crm(write_timeout_s=0.2).write([upserts("m1"), creates("t1")])
    assert {o.verdict for fates in result.outcomes for o in fates} == {Verdict.MAYBE}
    assert result.calls == 1
    assert messages(org) == {}
    org.sandbox.clock.advance(31)
    assert messages(org) == {"m1": "Sent"}
    assert verdicts(org.crm(), upserts("m1"), creates("t1")) == [Verdict.DONE, Verdict.DONE]
    assert len(org.rows("SELECT Id FROM Task")) == 1


def test_time_out_after_part_of_the_chunks(org: Org, upserts: Make) -> None:
    """Without an answer every row is unclear, also those that were committed at once."""
    org.fault("timeout", match=WRITES, commit_after_s=None, chunks=[1], hold=True, times=1)
    crm = org.crm(write_timeout_s=0.2)
    assert verdicts(crm, upserts("m1"), upserts("m2")) == [Verdict.MAYBE, Verdict.MAYBE]
    assert messages(org) == {"m1": "Sent"}


@pytest.mark.parametrize(("when", "written"), [("after_commit", 1), ("before_commit", 0)])
def test_dropped_connection_is_maybe(org: Org, upserts: Make, when: str, written: int) -> None:
    """A connection that ends without an answer tells nothing about the commit."""
    org.fault("drop", match=WRITES, when=when, times=1)
    crm = org.crm()
    assert verdicts(crm, upserts("m1")) == [Verdict.MAYBE]
    assert len(messages(org)) == written
    assert verdicts(crm, upserts("m1")) == [Verdict.DONE]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["html", "json"])
def test_broken_answers_are_maybe(org: Org, upserts: Make, status: int, body: str) -> None:
    """A 5xx may come after a commit."""
    org.fault("status", match=WRITES, status=status, body=body)
    assert verdicts(org.crm(), upserts("m1")) == [Verdict.MAYBE]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.MAYBE), (302, Verdict.RETRY), (403, Verdict.RETRY), (407, Verdict.RETRY)],
)
def test_pages_of_a_proxy_park_nothing(
    org: Org, upserts: Make, status: int, verdict: Verdict
) -> None:
    """What stands between us and Salesforce says nothing about rows; a 200 may follow a commit."""
    org.fault("status", match=WRITES, status=status, body="html")
    assert verdicts(org.crm(), upserts("m1")) == [verdict]


def test_reading_a_page_of_a_proxy_fails_as_try_later(org: Org) -> None:
    """HTML instead of JSON changed nothing."""
    for status in (200, 302, 403, 502):
        org.fault("status", times=1, match={"path": "/services/data/"}, status=status, body="html")
        with pytest.raises(TryLater):
            org.crm().describe(["Contact"])


def test_org_that_cannot_be_reached_is_retried(org: Org, upserts: Make) -> None:
    """A refused connection wrote nothing and is no call."""
    crm = org.crm(login_url="http://127.0.0.1:1")
    result = crm.write([upserts("m1")])
    ((outcome,),) = result.outcomes
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, Reason.UNAVAILABLE)
    assert outcome.wait_s > 0
    assert (result.calls, crm.calls) == (0, 0)


def test_token_host_that_fails_is_retried(org: Org, upserts: Make) -> None:
    """Without a token the rows never left."""
    org.fault("status", status=503, match={"path": "oauth2/token"})
    assert [o.reason for o in outcomes(org.crm(), upserts("m1"))] == [Reason.UNAVAILABLE]


def test_ended_quota_is_retried_later(org: Org, upserts: Make) -> None:
    """Nothing was written, and the wait is long; usage is known."""
    org.fault("quota", limit=1000, remaining=0)
    crm = org.crm()
    (outcome,) = outcomes(crm, upserts("m1"))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, Reason.QUOTA)
    assert outcome.wait_s >= 60
    assert crm.usage == Usage(1000, 1000)
    with pytest.raises(QuotaEnded) as caught:
        crm.read("Contact", None, ["003"], ["Name"])
    assert caught.value.wait_s >= 60


@pytest.mark.parametrize("body", ["list", "object"])
def test_expired_token_is_refreshed_once(org: Org, upserts: Make, body: str) -> None:
    """A refused token costs neither the rows nor a counted call, whatever shape the 401 has."""
    crm = org.crm()
    crm.describe(["Contact"])
    org.fault("expired_token", body=body, times=1)
    before = org.calls
    result = crm.write([upserts("m1")])
    assert result.outcomes[0][0].verdict is Verdict.DONE
    assert (result.calls, org.calls - before) == (1, 1)


def test_token_refused_for_good_is_for_the_admin(
    org: Org, upserts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked access raises, with nothing written and few requests made."""
    crm = org.crm()
    crm.describe(["Contact"])
    org.fault("expired_token", for_good=True)
    sent = watch(monkeypatch)
    with pytest.raises(AccessRefused, match="refuses our credentials: invalid_grant"):
        crm.write([upserts("m1")])
    assert len(sent) == 2


def test_every_new_token_refused_is_bounded(
    org: Org, upserts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New tokens that do not work either are not fetched without end."""
    crm = org.crm()
    org.fault("expired_token")
    sent = watch(monkeypatch)
    with pytest.raises(AccessRefused, match="refuses a token it has just given"):
        crm.write([upserts("m1")])
    assert len(sent) == 4
    assert crm.calls == 0


def test_a_401_with_a_code_of_its_own_has_its_own_remedy(org: Org) -> None:
    """An expired password is no matter of session policies."""
    org.fault("api_off", code="INVALID_OPERATION_WITH_EXPIRED_PASSWORD")
    with pytest.raises(AccessRefused, match="set `Password Never Expires` for the run-as user"):
        org.crm().describe(["Contact"])


def watch(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every request that leaves from now on, with its time-out."""
    sent: list[Any] = []
    plain = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: Any, **how: Any) -> Any:
        if "/_sandbox/" not in request.url:
            sent.append((request.method, request.url, how["timeout"]))
        return plain(self, request, **how)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return sent


def test_no_request_leaves_without_a_time_out(
    org: Org, upserts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call of the port, tokens and refreshes included, is bounded in time."""
    from crm_sms.records import MirrorPart, Pull

    org.create("Contact", *({"LastName": f"P{n}"} for n in range(3)))
    crm = org.crm(connect_timeout_s=3, read_timeout_s=7, write_timeout_s=11)
    sent = watch(monkeypatch)
    crm.check()
    crm.describe(["Contact", "Nowhere"])
    crm.write([upserts("m1")])
    crm.read("Contact", None, ["003000000000000AAA"], ["Name"])
    list(crm.pull(Pull(MirrorPart.OWNERS)))
    org.fault("expired_token", times=1)
    crm.write([upserts("m1")])
    assert len(sent) >= 10
    assert {timeout for _, _, timeout in sent} == {(3, 7), (3, 11), (3, 20)}
    posts = {timeout for method, url, timeout in sent if url.endswith("/composite")}
    assert posts == {(3, 11)}


def test_calls_are_those_that_the_org_counts(org: Org, upserts: Make) -> None:
    """Tokens, refused tokens and the list of versions are free; everything else counts once."""
    from crm_sms.records import MirrorPart, Pull

    crm = org.crm()
    before = org.calls
    crm.check()
    crm.describe(["Contact", "Task"])
    crm.read("Contact", None, ["003000000000000AAA"], ["Name"])
    org.fault("expired_token", times=1)
    list(crm.pull(Pull(MirrorPart.OPPORTUNITIES)))
    crm.write([upserts("m1")])
    org.fault("drop", when="after_commit", times=1, match=WRITES)
    crm.write([upserts("m1")])
    assert crm.calls == org.calls - before
    assert crm.calls == 9


@pytest.mark.parametrize("auth", ["client_credentials", "jwt", "refresh_token"])
def test_each_way_of_signing_in_is_accepted(org: Org, upserts: Make, auth: str) -> None:
    """The token host verifies what we send, the JWT's signature included."""
    crm = org.crm(
        auth=auth,
        username=org.credentials["username"],
        private_key=org.private_key,
        refresh_token=org.credentials["refresh_token"],
    )
    assert verdicts(crm, upserts("m1")) == [Verdict.DONE]
    assert crm.check()[0].ok is True


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": "wrong"}, "check client_id"),
        ({"client_secret": "wrong"}, "check client_id and client_secret"),
        ({"auth": "refresh_token", "refresh_token": "wrong"}, "or the refresh token"),
        ({"auth": "jwt", "username": "nobody@x.example"}, "pre-authorisation"),
    ],
)
def test_wrong_credentials_name_the_remedy(
    org: Org, upserts: Make, changes: dict[str, str], words: str
) -> None:
    """Writing raises and doctor says the same; no secret is in either."""
    key = {"private_key": org.private_key} if changes.get("auth") == "jwt" else {}
    crm = org.crm(**(changes | key))
    with pytest.raises(AccessRefused, match=words) as caught:
        crm.write([upserts("m1")])
    (finding,) = crm.check()
    assert finding.ok is False
    assert words in finding.text
    assert org.credentials["client_secret"] not in str(caught.value) + finding.text


def test_foreign_key_is_refused(org: Org, upserts: Make, private_key: str) -> None:
    """An assertion signed by another key is not accepted."""
    crm = org.crm(auth="jwt", username=org.credentials["username"], private_key=private_key)
    with pytest.raises(AccessRefused, match="the key's certificate"):
        crm.write([upserts("m1")])


def test_doctor_of_a_healthy_org(org: Org) -> None:
    """Credentials, scopes, version, limits, permissions: a line for each, in two calls."""
    crm = org.crm()
    findings = crm.check()
    assert [finding.subject for finding in findings] == [
        "salesforce credentials",
        "salesforce scopes",
        "salesforce api_version",
        "salesforce DailyApiRequests",
        "salesforce DataStorageMB",
        "salesforce permissions",
    ]
    assert all(finding.ok for finding in findings)
    assert crm.calls == 2
    assert crm.answered_at == org.sandbox.clock.now()


def test_doctor_of_a_token_that_is_not_for_the_api(org: Org) -> None:
    """Nothing further is asked: every call would be refused."""
    org.fault("scopes", scope="refresh_token")
    crm = org.crm()
    credentials, scopes = crm.check()
    assert (credentials.ok, scopes.ok, crm.calls) == (True, False, 0)


def test_doctor_of_an_administrator(org: Org) -> None:
    """An app that runs as one works, and is said."""
    org.fault("permissions", fields=["PermissionsModifyAllData", "PermissionsAuthorApex"])
    (*_, permissions) = org.crm().check()
    assert (permissions.subject, permissions.ok) == ("salesforce permissions", None)
    assert permissions.text.endswith("Modify All Data, Author Apex")


@pytest.mark.parametrize("hidden", ["object", "field"])
def test_doctor_of_an_org_that_tells_no_permissions(org: Org, hidden: str) -> None:
    """Nothing is said of them."""
    if hidden == "object":
        org.fault("object_access", objects=["UserPermissionAccess"], access="none")
    else:
        org.fault("hidden", fields=["UserPermissionAccess.PermissionsManageUsers"])
    findings = org.crm().check()
    assert "salesforce permissions" not in {finding.subject for finding in findings}
    assert all(finding.ok for finding in findings)


def test_doctor_of_an_org_whose_calls_are_used_up(org: Org) -> None:
    """Said once, with what to do, though the list of limits is itself a call."""
    org.fault("quota", limit=5000, remaining=0)
    failed = [finding for finding in org.crm().check() if not finding.ok]
    assert [(one.subject, one.ok) for one in failed] == [("salesforce DailyApiRequests", False)]
    assert "buy API calls" in failed[0].remedy


def test_the_time_of_an_org_that_refuses_us_is_known(org: Org) -> None:
    """A clock that is wrong may be why."""
    crm = org.crm(client_secret="wrong")
    crm.check()
    assert crm.answered_at == org.sandbox.clock.now()


def test_an_org_that_cannot_be_reached_tells_no_time(org: Org) -> None:
    """Nor does one that was never asked."""
    crm = org.crm(login_url="http://127.0.0.1:1")
    assert crm.answered_at is None
    crm.check()
    assert crm.answered_at is None


def test_doctor_of_a_version_that_the_org_does_not_serve(org: Org) -> None:
    """A version beyond the org's newest is a failure with the newest as remedy."""
    crm = org.crm(api_version="99.0")
    (version,) = [f for f in crm.check() if f.subject == "salesforce api_version"]
    assert version.ok is False
    assert version.remedy.startswith("set api_version to ")


def test_doctor_of_limits_that_we_may_not_see(org: Org) -> None:
    """What the user may not ask is a warning, not a failure."""
    no = {"status": 403, "body": "json", "code": "INSUFFICIENT_ACCESS", "message": "no"}
    org.fault("status", match={"path": "/limits"}, **no)
    (limits,) = [finding for finding in org.crm().check() if not finding.ok]
    assert (limits.subject, limits.ok) == ("salesforce limits", None)
    assert "INSUFFICIENT_ACCESS" in limits.text


def test_version_that_the_org_does_not_serve_parks_nothing(org: Org, upserts: Make) -> None:
    """The admin is asked; the rows stay as they are."""
    with pytest.raises(AccessRefused, match="check api_version"):
        org.crm(api_version="99.0").write([upserts("m1")])


def test_doctor_of_an_org_that_cannot_be_reached(org: Org) -> None:
    """A wrong address or network is said, with what to check."""
    (finding,) = org.crm(login_url="http://127.0.0.1:1").check()
    assert (finding.ok, finding.remedy) == (False, "check login_url and the network")


def test_describe_leaves_out_what_we_do_not_see(org: Org) -> None:
    """A missing object and a hidden field are absent; the rest is as the org says."""
    org.fault("hidden", fields=["Contact.MobilePhone"])
    found = org.crm().describe(["Contact", "Nowhere__c", "SMS_Message__c"])
    assert set(found) == {"Contact", "SMS_Message__c"}
    assert "MobilePhone" not in found["Contact"].fields
    assert found["SMS_Message__c"].fields["Message_Key__c"].unique_key is True
    assert found["Contact"].fields["SMS_Phone_E164__c"].unique_key is False
    assert "Delivered" in found["SMS_Message__c"].fields["Status__c"].choices
    assert found["SMS_Message__c"].fields["Status__c"].restricted is True


def test_reading_fails_as_try_later(org: Org) -> None:
    """What only reads changed nothing, so a lost answer is simply asked for again."""
    crm = org.crm()
    for kind, params in (("status", {"status": 503}), ("drop", {"when": "after_commit"})):
        org.fault(kind, times=1, match={"path": "/services/data/"}, **params)
        with pytest.raises(TryLater):
            crm.describe(["Contact"])
    assert "Contact" in crm.describe(["Contact"])


def test_record_pages(org: Org) -> None:
    """A rep opens a record at the org's own address, found without a call."""
    crm = org.crm(login_url="https://acme.my.salesforce.com")
    url = crm.url("Contact", "003000000000001AAA")
    assert url == ("https://acme.my.salesforce.com/lightning/r/Contact/003000000000001AAA/view")
    assert crm.calls == 0
