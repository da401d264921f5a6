"""Very many people by a query job, against the sandbox: nobody is left out, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from crm_sms.errors import AccessRefused, QuotaEnded, TryLater
from crm_sms.records import Columns, MirrorPart, Page, Person, PersonKind, Pull
from crm_sms.sandbox.salesforce import paging
from crm_sms_salesforce import SalesforceCrm, bulk

Org = Any
CONTACTS = Columns(
    "Contact",
    PersonKind.CONTACT,
    ("MobilePhone", "Phone"),
    "SMS_Opt_Out__c",
    ("FirstName", "Birthdate", "CreatedDate", "MailingStreet", "SMS_Score__c"),
)
LEADS = Columns(
    "Lead",
    PersonKind.LEAD,
    ("MobilePhone",),
    "SMS_Opt_Out__c",
    ("Company", "Rating", "NumberOfEmployees", "AnnualRevenue", "description"),
)
PULL = Pull(MirrorPart.PEOPLE, columns=CONTACTS)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Few people are many, by both ways, and waiting takes no time: how long it would have been."""
    waited: list[float] = []
    monkeypatch.setattr(bulk, "_sleep", waited.append)
    monkeypatch.setattr(bulk, "FROM_ROWS", 1)
    monkeypatch.setattr(bulk, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(bulk, "_ROWS_A_PAGE", 2)
    monkeypatch.setattr(paging, "PAGE", 4)
    return waited


@pytest.fixture
def crowd(org: Org) -> list[str]:
    """Ten people, each a minute after the one before. The first four are a page by REST; from the
    fourth on they are two answers of three rows, and one row."""
    made = []
    for number in range(10):
        made += org.create("Contact", {"LastName": f"N{number}"})
        org.sandbox.clock.advance(60)
    return made


def people(*pages: Page) -> list[Any]:
    """Everybody on these pages."""
    return [row for page in pages for row in page.rows]


def ids(*pages: Page) -> set[str]:
    """Who is on these pages."""
    return {row.id for row in people(*pages)}


def by_job(org: Org, pull: Pull = PULL) -> tuple[list[Page], list[Page]]:
    """The pages of a pull: those by REST, and those of a job."""
    pages = list(org.crm().pull(pull))
    return [page for page in pages if page.in_order], [page for page in pages if not page.in_order]


def jobs(org: Org) -> list[dict[str, Any]]:
    """The org's query jobs."""
    return org._http.get(f"{org.sandbox.url}/services/data/v66.0/jobs/query").json()["records"]  # type: ignore[no-any-return]


def end(org: Org, state: str) -> None:
    """Somebody aborts the newest job, or it fails, as orgs do by themselves."""
    (*_, job) = org.sandbox.salesforce._backend._jobs.by_id.values()
    job.state = state


# ── When a job is made ───────────────────────────────────────────────────────────────────────────


def test_few_people_need_no_job(
    org: Org, crowd: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page by REST is one call, and nothing waits for anything."""
    monkeypatch.setattr(bulk, "FROM_ROWS", 11)
    ordered, gathered = by_job(org)
    assert (ids(*ordered), gathered, jobs(org)) == (set(crowd), [], [])


def test_other_parts_of_the_mirror_are_read_as_they_were(org: Org, crowd: list[str]) -> None:
    """Only people are so many."""
    assert len(list(org.crm().pull(Pull(MirrorPart.OWNERS)))) == 1
    assert jobs(org) == []


def test_what_a_million_people_cost() -> None:
    """The first page, the job, its answers, and some looks at it: far fewer than 500 pages."""
    assert 1_000_000 / 20_000 == 50
    assert sum(bulk._WAITS_S) == pytest.approx(1831), "half an hour of looks"
    assert len(bulk._WAITS_S) < 70


def test_many_people_come_by_a_job(org: Org, crowd: list[str], waits: list[float]) -> None:
    """The first page says how many there are; each look and each answer of the job is one call."""
    crm = org.crm()
    pages = list(crm.pull(PULL))
    assert ids(*pages) == set(crowd)
    assert [len(page.rows) for page in pages] == [4, 0, 2, 1, 2, 1, 1]
    assert {page.total for page in pages[2:]} == {11}, "the fourth comes by both ways"
    assert crm.calls == 1 + 1 + 1 + 2 + 3, "description, page, job, looks, answers"
    assert waits == [1]
    assert [job["operation"] for job in jobs(org)] == ["queryAll"]


def test_a_job_is_asked_for_what_changed_and_in_no_order(org: Org, crowd: list[str]) -> None:
    """From the last row that the first page brought: an order would keep an org from gathering in
    parallel."""
    ordered, gathered = by_job(org)
    assert ids(*ordered) == set(crowd[:4])
    assert ids(*gathered) == set(crowd[3:])
    assert [row.id for row in people(*gathered)] != sorted(crowd[3:])


def test_deleted_people_come_as_deleted(org: Org, crowd: list[str]) -> None:
    """From the recycle bin, as by REST."""
    org.seed("delete", ids=[crowd[3]])
    _, gathered = by_job(org)
    assert [row.id for row in people(*gathered) if row.deleted] == [crowd[3]]


def test_what_takes_the_org_too_long_as_a_page_comes_by_a_job(org: Org, crowd: list[str]) -> None:
    """Else a pull of an org of that size would never begin."""
    org.fault("slow_query", rows=5)
    ordered, gathered = by_job(org)
    assert (ordered, ids(*gathered)) == ([], set(crowd))


def test_too_slow_for_both_is_to_be_tried_later(org: Org, crowd: list[str]) -> None:
    """The org says why."""
    org.fault("slow_query", rows=5)
    org.fault("status", status=403, body="json", code="X", match={"path": "jobs"})
    with pytest.raises(TryLater, match="QUERY_TIMEOUT"):
        by_job(org)


# ── The watermark ────────────────────────────────────────────────────────────────────────────────


def test_only_the_last_page_says_until_when(org: Org, crowd: list[str]) -> None:
    """That is when the job was made, by the org's clock; each page before says where to go on."""
    made = org.sandbox.clock.now()
    _, gathered = by_job(org)
    assert [page.until for page in gathered] == [None] * (len(gathered) - 1) + [made]
    assert [page.resume is None for page in gathered] == [
        page.until is not None for page in gathered
    ]


def test_who_changes_meanwhile_is_in_the_next_pull(org: Org, crowd: list[str]) -> None:
    """The job has them as they were; what changed since it was made is not below its `until`."""
    pulling = org.crm().pull(PULL)
    before = [next(pulling), next(pulling)]
    org.sandbox.clock.advance(5)
    org.seed("update", object="Contact", records=[{"Id": crowd[7], "LastName": "Changed"}])
    pages = [*before, *pulling]
    assert "Changed" not in {row.name for row in people(*pages)}
    until = pages[-1].until
    assert until is not None
    after = people(*org.crm().pull(replace(PULL, since=until)))
    assert "Changed" in {row.name for row in after}


@pytest.mark.parametrize("kept", range(2, 7))
def test_a_pull_that_was_cut_off_goes_on_behind_the_last_page_kept(
    org: Org, crowd: list[str], kept: int
) -> None:
    """By another client, as after a kill: with the same job, and without anybody lost."""
    pulling = org.crm().pull(PULL)
    pages = [next(pulling) for _ in range(kept)]
    pulling.close()
    rest = list(org.crm().pull(replace(PULL, resume=pages[-1].resume)))
    assert ids(*pages, *rest) == set(crowd)
    assert rest[-1].until is not None
    assert len(jobs(org)) == 1


def test_going_on_brings_nothing_again(org: Org, crowd: list[str]) -> None:
    """But for the rows of one answer; and it knows how many are left."""
    (*_, page) = [page for page in by_job(org)[1] if page.resume]
    (rest,) = org.crm().pull(replace(PULL, resume=page.resume))
    assert (len(rest.rows), rest.total) == (1, 1)


# ── What may go wrong ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("state", ["Aborted", "Failed"])
def test_a_job_that_comes_to_nothing_costs_only_itself(
    org: Org, crowd: list[str], state: str
) -> None:
    """The rest comes by REST, in order, with a word in the log."""
    pulling = org.crm().pull(PULL)
    pages = [next(pulling), next(pulling)]
    end(org, state)
    with capture_logs() as logs:
        pages += pulling
    assert [len(page.rows) for page in pages] == [4, 0, 4, 2]
    assert all(page.in_order for page in pages[2:])
    assert ids(*pages) == set(crowd)
    assert [(log["log_level"], state in log["reason"]) for log in logs] == [("warning", True)]


@pytest.mark.parametrize("state", ["Aborted", "Failed"])
def test_a_job_that_came_to_nothing_meanwhile_is_begun_anew(
    org: Org, crowd: list[str], state: str
) -> None:
    """Whoever goes on with it gets everybody, by another job."""
    pulling = org.crm().pull(PULL)
    (_, page) = next(pulling), next(pulling)
    end(org, state)
    again = list(org.crm().pull(replace(PULL, resume=page.resume)))
    assert ids(*again) == set(crowd)
    assert len(jobs(org)) == 2


def test_a_job_that_expired_is_begun_anew(org: Org, crowd: list[str]) -> None:
    """The org keeps it for a week."""
    (*_, page) = [page for page in by_job(org)[1] if page.resume]
    org.sandbox.clock.advance(timedelta(days=7).total_seconds())
    by_job(org)
    again = list(org.crm().pull(replace(PULL, resume=page.resume)))
    assert ids(*again) == set(crowd)


def test_a_job_of_another_version_is_begun_anew(org: Org, crowd: list[str]) -> None:
    """Its rows are given out only with the version that made it."""
    (*_, page) = [page for page in by_job(org)[1] if page.resume]
    pull = replace(PULL, resume=page.resume)
    again = list(org.crm(api_version="65.0").pull(pull))
    assert ids(*again) == set(crowd)


@pytest.mark.parametrize(
    "refusal",
    [
        {"kind": "maintenance"},
        {"status": 403, "body": "json", "code": "INSUFFICIENT_ACCESS"},
        {"status": 403, "body": "json", "code": "API_DISABLED_FOR_ORG"},
        {"status": 400, "body": "json", "code": "API_ERROR"},
        {"status": 403, "body": "json", "code": "LIMIT_EXCEEDED"},
    ],
    ids=lambda refusal: refusal.get("code", "maintenance"),
)
def test_where_jobs_are_refused_everybody_comes_by_rest(
    org: Org, crowd: list[str], refusal: dict[str, Any]
) -> None:
    """With a word in the log: a profile or a limit that keeps jobs away stops no pull."""
    org.fault(**({"kind": "status", "match": {"path": "jobs"}} | refusal))
    with capture_logs() as logs:
        ordered, gathered = by_job(org)
    assert (ids(*ordered), gathered) == (set(crowd), [])
    assert [log["log_level"] for log in logs] == ["warning"]


def test_an_org_that_refuses_everything_is_heard(org: Org, crowd: list[str]) -> None:
    """Going on by REST does not hide that our user lost the API."""
    pulling = org.crm().pull(PULL)
    (_, page) = next(pulling), next(pulling)
    org.fault("api_off")
    with pytest.raises(AccessRefused, match="API"):
        list(org.crm().pull(replace(PULL, resume=page.resume)))


def test_the_end_of_the_quota_keeps_the_job(org: Org, crowd: list[str]) -> None:
    """Nothing else is tried with calls that are not there; later it goes on where it was."""
    pulling = org.crm().pull(PULL)
    (_, page) = next(pulling), next(pulling)
    org.fault("quota", remaining=0, times=1)
    with pytest.raises(QuotaEnded):
        next(pulling)
    org.sandbox.salesforce.faults.clear()
    again = list(org.crm().pull(replace(PULL, resume=page.resume)))
    assert ids(*again) == set(crowd[3:])
    assert len(jobs(org)) == 1


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 502}])
@pytest.mark.parametrize("path", ["jobs/query$", "jobs/query/[^/]+$", "results$"])
def test_no_answer_of_a_job_is_tried_later(
    org: Org, crowd: list[str], path: str, fault: dict[str, Any]
) -> None:
    """Whoever pulls again with what was kept loses nobody."""
    org.fault(**fault, match={"path": path}, times=1)
    pages: list[Page] = []
    with pytest.raises(TryLater):
        pages += collected(org.crm().pull(PULL), pages)
    resume = pages[-1].resume
    pages += org.crm().pull(replace(PULL, resume=resume))
    assert ids(*pages) == set(crowd)


def collected(pulling: Iterator[Page], pages: list[Page]) -> list[Page]:
    """Appends page by page, so that those before an error are kept."""
    for page in pulling:
        pages.append(page)
    return []


def test_a_job_that_takes_long_is_left_to_the_next_pull(
    org: Org, crowd: list[str], monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    """Half an hour of looks, further and further apart; then others may have their turn."""
    monkeypatch.setattr(bulk, "_WAITS_S", (1,))
    pages: list[Page] = []
    with pytest.raises(TryLater, match="still gathers"):
        collected(org.crm().pull(PULL), pages)
    assert waits == [1]
    pages += org.crm().pull(replace(PULL, resume=pages[-1].resume))
    assert ids(*pages) == set(crowd)


# ── Values ───────────────────────────────────────────────────────────────────────────────────────

WORDS = st.text(
    st.one_of(
        st.sampled_from(",\"\n\r\t'; +-0123456789éß漢🙂\u2028\u00a0=@{"),
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
    ),
    max_size=20,
)
PHONES = st.one_of(
    WORDS, st.sampled_from(["+12025550123", "0012025550123", "(202) 555-0123", "1e5", "NaN"])
)


def both_ways(org: Org, columns: Columns) -> tuple[dict[str, Person], dict[str, Person]]:
    """People by REST and by a job, by id; everybody, where all have one instant."""
    pull = replace(PULL, columns=columns)
    _, gathered = by_job(org, pull)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "FROM_ROWS", 10**9)
        ordered, _ = by_job(org, pull)
    job = {one.id: one for one in people(*gathered)}
    return {one.id: one for one in people(*ordered) if one.id in job}, job


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    records=st.lists(
        st.fixed_dictionaries(
            {"LastName": st.just("x")},
            optional={
                "FirstName": WORDS,
                "MobilePhone": PHONES,
                "Phone": PHONES,
                "MailingStreet": WORDS,
                "SMS_Opt_Out__c": st.booleans(),
                "Birthdate": st.dates(date(1700, 1, 1), date(4000, 12, 31)).map(str),
                "SMS_Score__c": st.none() | st.integers(-999, 999) | st.sampled_from([0.5, -1.25]),
            },
        ),
        min_size=1,
        max_size=4,
    )
)
def test_contacts_are_the_same_by_both_ways(org: Org, records: list[dict[str, Any]]) -> None:
    """Commas, quotes, line breaks, leading zeros, emptiness, flags, numbers and dates."""
    made = org.create("Contact", *records)
    rest, job = both_ways(org, CONTACTS)
    assert job.keys() >= set(made)
    assert job == rest


def test_leads_are_the_same_by_both_ways(org: Org) -> None:
    """Whole numbers, money, picklists, long texts, and a column that the admin spelt small."""
    full = {
        "Rating": "Hot",
        "NumberOfEmployees": 0,
        "AnnualRevenue": 12345678,
        "Description": "a\r\nb\rc\nd",
    }
    org.create(
        "Lead", {"LastName": "x", "Company": "007", **full}, {"LastName": "y", "Company": "z"}
    )
    rest, job = both_ways(org, LEADS)
    assert len(job) == 2
    assert [repr(job[id].fields) for id in rest] == [repr(one.fields) for one in rest.values()]
    assert job == rest


def test_a_hidden_flag_is_not_known(org: Org, crowd: list[str]) -> None:
    """Neither by REST nor by a job is it a no."""
    org.fault("hidden", fields=["Contact.SMS_Opt_Out__c", "Contact.Phone"])
    rest, job = both_ways(org, CONTACTS)
    assert job == rest
    assert {one.opted_out for one in job.values()} == {None}


def test_the_client_waits_no_longer_than_for_any_read(org: Org, crowd: list[str]) -> None:
    """An answer of a job that never comes ends with the time-out for reading."""
    org.fault("timeout", hold=True, match={"path": "results$"})
    crm: SalesforceCrm = org.crm(read_timeout_s=0.2)
    with pytest.raises(TryLater, match="no answer"):
        list(crm.pull(PULL))
