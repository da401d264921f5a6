"""Query jobs and allowances, as requests and as the real client meets them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import SalesforceMalformedRequest
from simple_salesforce.exceptions import SalesforceOperationError

QUERY = "SELECT Id, LastName FROM Contact ORDER BY Id"


def make(api: Any, query: str = QUERY, **more: str) -> requests.Response:
    return api("POST", "jobs/query", {"operation": "query", "query": query, **more})


def finished(api: Any, query: str = QUERY, **more: str) -> str:
    """A job that has been looked at until it was done."""
    answer = make(api, query, **more)
    assert answer.status_code == 200, answer.text
    path = f"jobs/query/{answer.json()['id']}"
    states = [answer.json()["state"]] + [api("GET", path).json()["state"] for _ in range(3)]
    assert states == ["UploadComplete", "InProgress", "JobComplete", "JobComplete"]
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


class TestJobs:
    """The resource."""

    def test_a_job_tells_about_itself(self, api: Any) -> None:
        """What was asked, by whom and when, how far it is and how many rows it has."""
        api.people("Contact", {"LastName": "A"}, {"LastName": "B"})
        about = api("GET", finished(api)).json()
        assert (about["operation"], about["object"], about["jobType"]) == (
            "query",
            "Contact",
            "V2Query",
        )
        assert (about["apiVersion"], about["numberRecordsProcessed"]) == (66.0, 2)
        assert about["createdById"] == api.credentials["user_id"]
        listed = api("GET", "jobs/query").json()
        assert [job["id"] for job in listed["records"]] == [about["id"]]

    def test_rows_come_in_sets(self, api: Any) -> None:
        """Each with a header line; Sforce-Locator leads on and is the word null at the end."""
        people = api.people("Contact", *({"LastName": f"N{n}"} for n in range(5)))
        path, got, locator = finished(api), [], None
        for size in (2, 2, 1):
            params = {"maxRecords": "2"} | ({} if locator is None else {"locator": locator})
            answer = api("GET", f"{path}/results", params=params)
            assert answer.headers["Content-Type"].startswith("text/csv")
            assert answer.headers["Sforce-NumberOfRecords"] == str(size)
            got += [row["Id"] for row in rows(answer.text)]
            again = api("GET", f"{path}/results", params=params)
            assert again.text == answer.text
            locator = answer.headers["Sforce-Locator"]
        assert (got, locator) == (people, "null")

    def test_no_order_that_was_not_asked_for(self, api: Any) -> None:
        """Everybody is there, but not as they were made."""
        people = api.people("Contact", *({"LastName": f"N{n}"} for n in range(5)))
        path = finished(api, "SELECT Id FROM Contact")
        got = [row["Id"] for row in rows(api("GET", f"{path}/results").text)]
        assert got != people
        assert sorted(got) == people

    def test_values_as_text(self, api: Any) -> None:
        """All in quotes; empty ones empty, booleans small, datetimes with Z, parents by path."""
        api.people("Contact", {"LastName": 'Do"e', "Title": "a,\nb", "SMS_Score__c": 1.5})
        names = ["LastName", "Title", "Phone", "SMS_Opt_Out__c", "SMS_Score__c"]
        names += ["CreatedDate", "Owner.Name"]
        path = finished(api, f"SELECT {', '.join(names)} FROM Contact")
        text = api("GET", f"{path}/results").text
        assert text.splitlines()[0] == ",".join(f'"{name}"' for name in names)
        now = api.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert list(rows(text)[0].values()) == [
            *('Do"e', "a,\nb", "", "false", "1.5"),
            *(now, "Integration"),
        ]

    def test_the_rows_are_those_of_its_making(self, api: Any) -> None:
        """A change after that is for the next job."""
        (one,) = api.people("Contact", {"LastName": "A"})
        path = f"jobs/query/{make(api).json()['id']}"
        api("PATCH", f"sobjects/Contact/{one}", {"LastName": "B"})
        api("GET", path)
        api("GET", path)
        assert [row["LastName"] for row in rows(api("GET", f"{path}/results").text)] == ["A"]

    def test_with_the_recycle_bin(self, api: Any) -> None:
        """By the operation queryAll; lines may end as on Windows; no row is a header alone."""
        (gone,) = api.people("Contact", {"LastName": "A"})
        api.seed({"op": "delete", "ids": [gone]})
        assert api("GET", f"{finished(api)}/results").text == '"Id","LastName"\n'
        path = finished(api, operation="queryAll", lineEnding="CRLF")
        assert api("GET", f"{path}/results").text == f'"Id","LastName"\r\n"{gone}","A"\r\n'

    @pytest.mark.parametrize(
        ("query", "more"),
        [
            ("SELECT COUNT() FROM Contact", {}),
            ("SELECT Id FROM Contact LIMIT 5 OFFSET 5", {}),
            ("SELECT Nope FROM Contact", {}),
            ("SELECT Id FROM Nope", {}),
            ("SELECT", {}),
            (QUERY, {"operation": "insert"}),
            (QUERY, {"columnDelimiter": "PIPE"}),
            (QUERY, {"lineEnding": "CR"}),
        ],
    )
    def test_what_is_no_job(self, api: Any, query: str, more: dict[str, str]) -> None:
        """400 API_ERROR, whatever the code is elsewhere."""
        assert code(make(api, query, **more)) == (400, "API_ERROR")
        assert api("GET", "jobs/query").json()["records"] == []

    def test_states_that_do_not_fit(self, api: Any) -> None:
        """No rows before it is done, no abortion after, no deletion under way."""
        path = f"jobs/query/{make(api).json()['id']}"
        wrong = (400, "INVALIDJOBSTATE")
        assert code(api("GET", f"{path}/results")) == wrong
        api("GET", path)
        assert code(api("DELETE", path)) == wrong
        api("GET", path)
        assert code(api("PATCH", path, {"state": "Aborted"})) == wrong
        assert code(api("PATCH", path, {"state": "Open"})) == (400, "API_ERROR")
        assert api("DELETE", path).status_code == 204
        assert api("GET", path).status_code == 404

    def test_an_aborted_job_stays_so(self, api: Any) -> None:
        """It has no rows."""
        path = f"jobs/query/{make(api).json()['id']}"
        assert api("PATCH", path, {"state": "Aborted"}).json()["state"] == "Aborted"
        assert api("GET", path).json()["state"] == "Aborted"
        assert code(api("GET", f"{path}/results")) == (400, "INVALIDJOBSTATE")

    def test_another_version_is_a_conflict(self, api: Any) -> None:
        """Rows are read with the version that made the job."""
        path = finished(api)
        answer = api("GET", f"/services/data/v65.0/{path}/results")
        assert answer.status_code == 409

    @pytest.mark.parametrize(
        "params", [{"locator": "x"}, {"locator": "LTE"}, {"maxRecords": "0"}, {"maxRecords": "x"}]
    )
    def test_wrong_parameters(self, api: Any, params: dict[str, str]) -> None:
        """Said, not a crash."""
        answer = api("GET", f"{finished(api)}/results", params=params)
        assert code(answer) == (400, "API_ERROR")

    def test_maintenance_takes_no_jobs(self, api: Any) -> None:
        """Bulk reads are off in read-only mode, other reads are not."""
        api.fault("maintenance")
        assert make(api).status_code == 503
        assert api.rows(QUERY) == []

    def test_a_job_has_the_time_that_a_query_has_not(self, api: Any) -> None:
        """What is a QUERY_TIMEOUT by REST comes as a job."""
        api.people("Contact", *({"LastName": "A"} for _ in range(3)))
        api.fault("slow_query", rows=2)
        slow = "SELECT Id FROM Contact WHERE LastName = 'A'"
        assert api.refused(slow)[0] == "QUERY_TIMEOUT"
        assert len(rows(api("GET", f"{finished(api, slow)}/results").text)) == 3

    def test_a_week_later_it_is_gone(self, api: Any) -> None:
        """With its rows, when the next one is made."""
        path = finished(api)
        api.sandbox.clock.advance(timedelta(days=7).total_seconds())
        finished(api)
        assert api("GET", path).status_code == 404


class TestLimits:
    """GET /limits."""

    def left(self, api: Any, name: str) -> int:
        entry = api("GET", "limits").json()[name]
        assert set(entry) == {"Max", "Remaining"}
        return entry["Remaining"]

    def test_jobs_are_counted_for_a_day(self, api: Any) -> None:
        """Deleted ones too."""
        path = finished(api)
        api("DELETE", path)
        assert self.left(api, "DailyBulkV2QueryJobs") == 9_999
        api.sandbox.clock.advance(timedelta(days=1).total_seconds())
        assert self.left(api, "DailyBulkV2QueryJobs") == 10_000

    def test_records_take_two_kilobytes(self, api: Any) -> None:
        """Those that are not deleted, of objects that count."""
        people = api.people("Contact", *({"LastName": "A"} for _ in range(1_024)))
        assert self.left(api, "DataStorageMB") == 10_240 - 2
        api.seed({"op": "delete", "ids": people[:512]})
        assert self.left(api, "DataStorageMB") == 10_240 - 1

    def test_jobs_are_calls(self, api: Any) -> None:
        """Each request of one."""
        finished(api)
        assert api.sandbox.salesforce.stats()["by_kind"] == {"bulk": 4}


class TestClient:
    """simple_salesforce.bulk2."""

    @pytest.fixture
    def contacts(self, client: Any) -> Any:
        return client.bulk2.Contact

    def test_query_walks_the_locators(self, contacts: Any, api: Any) -> None:
        """Three sets, all rows."""
        people = api.people("Contact", *({"LastName": f"N{n}"} for n in range(5)))
        sets = list(contacts.query(QUERY, max_records=2, wait=0))
        assert [len(rows(one)) for one in sets] == [2, 2, 1]
        assert [row["Id"] for one in sets for row in rows(one)] == people

    def test_query_all_has_deleted_rows(self, contacts: Any, api: Any) -> None:
        """With IsDeleted."""
        (gone,) = api.people("Contact", {"LastName": "A"})
        api.seed({"op": "delete", "ids": [gone]})
        (only,) = contacts.query_all("SELECT Id, IsDeleted FROM Contact", wait=0)
        assert rows(only) == [{"Id": gone, "IsDeleted": "true"}]

    def test_download_writes_files(self, contacts: Any, api: Any, tmp_path: Path) -> None:
        """One for each set."""
        api.people("Contact", *({"LastName": f"N{n}"} for n in range(3)))
        files = contacts.download(QUERY, str(tmp_path), max_records=2, wait=0)
        assert [one["number_of_records"] for one in files] == [2, 1]
        found = [row for one in files for row in rows(Path(one["file"]).read_text())]
        assert [row["LastName"] for row in found] == ["N0", "N1", "N2"]

    def test_a_wrong_query_is_malformed(self, contacts: Any) -> None:
        """With the list as content."""
        with pytest.raises(SalesforceMalformedRequest) as caught:
            list(contacts.query("SELECT Nope FROM Contact", wait=0))
        assert caught.value.content[0]["errorCode"] == "API_ERROR"

    def test_an_aborted_job_is_told(self, contacts: Any, api: Any) -> None:
        """Waiting for it ends with an error."""
        client = contacts._client
        job = client.create_job("query", QUERY)
        assert client.abort_job(job["id"], True)["state"] == "Aborted"
        with pytest.raises(SalesforceOperationError):
            client.wait_for_job(job["id"], True, wait=0)
