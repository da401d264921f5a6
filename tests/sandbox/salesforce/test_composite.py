"""Composite: several calls as one, its limits, its references and its transaction."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

BASE = "/services/data/v66.0"


def part(reference: str, method: str = "GET", path: str = "limits", body: Any = None) -> Any:
    given = {"method": method, "url": f"{BASE}/{path}", "referenceId": reference}
    return given if body is None else given | {"body": body}


def contacts(reference: str, *records: dict[str, Any], **more: Any) -> Any:
    rows = [{"attributes": {"type": "Contact"}, **record} for record in records]
    return part(reference, "POST", "composite/sobjects", {"records": rows, **more})


def query(reference: str, soql: str) -> Any:
    return part(reference, path=f"query?q={quote(soql)}")


def send(api: Any, *parts: Any, **more: Any) -> Any:
    return api("POST", "composite", {"compositeRequest": list(parts), **more})


def statuses(answer: Any) -> list[tuple[str | None, int]]:
    assert answer.status_code == 200, answer.text
    parts = answer.json()["compositeResponse"]
    return [(one["referenceId"], one["httpStatusCode"]) for one in parts]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def test_parts_have_answers_of_their_own(api: Any) -> None:
    """200 for the whole, whatever the parts say, in their order."""
    answer = send(
        api,
        contacts("made", {"LastName": "A"}, {}),
        query("found", "SELECT Id FROM Contact"),
        query("bad", "SELECT Nope FROM Contact"),
        part("lost", path="nothing"),
        part("single", "POST", "sobjects/Contact", {"LastName": "B"}),
    )
    assert statuses(answer) == [
        ("made", 200),
        ("found", 200),
        ("bad", 400),
        ("lost", 404),
        ("single", 201),
    ]
    made, found, bad, _, single = (one["body"] for one in answer.json()["compositeResponse"])
    assert [row["success"] for row in made] == [True, False]
    assert found["totalSize"] == 1
    assert bad[0]["errorCode"] == "INVALID_FIELD"
    headers = answer.json()["compositeResponse"][4]["httpHeaders"]
    assert headers["Location"].endswith(single["id"])


def test_a_long_query_fits_into_a_part(api: Any) -> None:
    """What no address could hold goes as a subrequest."""
    api.people("Contact", {"LastName": "A", "MobilePhone": "+15550005000"})
    numbers = ",".join(f"'+1555000{n:04}'" for n in range(5500))
    answer = send(api, query("q", f"SELECT Id FROM Contact WHERE MobilePhone IN ({numbers})"))
    assert answer.json()["compositeResponse"][0]["body"]["totalSize"] == 1


@pytest.mark.parametrize(
    ("count", "accepted"), [(25, True), (26, False)], ids=["the most", "one more"]
)
def test_twenty_five_parts_at_most(api: Any, count: int, accepted: bool) -> None:
    """The twenty-sixth refuses the whole, in one part without a reference."""
    answer = send(api, *(part(f"r{n}") for n in range(count)))
    expected = [(f"r{n}", 200) for n in range(count)] if accepted else [(None, 400)]
    assert statuses(answer) == expected


def test_five_heavy_parts_at_most(api: Any) -> None:
    """Collections and queries count together; nothing of a sixth is done."""
    heavy = [contacts(f"c{n}", {"LastName": "A"}) for n in range(3)]
    heavy += [query(f"q{n}", "SELECT Id FROM Contact") for n in range(2)]
    assert len(statuses(send(api, *heavy, part("light")))) == 6
    sixth = part("q9", path="queryAll?q=" + quote("SELECT Id FROM Contact"))
    answer = send(api, *heavy, sixth)
    assert statuses(answer) == [(None, 400)]
    assert answer.json()["compositeResponse"][0]["body"][0]["errorCode"] == "LIMIT_EXCEEDED"
    assert len(api.rows("SELECT Id FROM Contact")) == 3


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([], 400, "REQUIRED_FIELD_MISSING"),
        ([{"method": "GET", "url": f"{BASE}/limits"}], 400, "REQUIRED_FIELD_MISSING"),
        ([{"method": "GET", "referenceId": "a"}], 400, "REQUIRED_FIELD_MISSING"),
        ([{"url": f"{BASE}/limits", "referenceId": "a"}], 400, "REQUIRED_FIELD_MISSING"),
        (["text"], 400, "REQUIRED_FIELD_MISSING"),
        ([part("a"), part("a")], 400, "JSON_PARSER_ERROR"),
        ([part("a b")], 400, "JSON_PARSER_ERROR"),
        ([part("a-b")], 400, "JSON_PARSER_ERROR"),
        ([part("a", "FETCH")], 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_parts_that_are_none(api: Any, parts: Any, status: int, code: str) -> None:
    """Method, address and a reference of its own are required of every part."""
    assert refusal(send(api, *parts)) == (status, code)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("limits", 404),
        ("/services/oauth2/token", 404),
        ("/services/data/v30.0/limits", 410),
        (f"{BASE}/composite", 400),
    ],
)
def test_addresses_of_parts(api: Any, url: str, status: int) -> None:
    """A part must lie below a served version, and a Composite holds no Composite."""
    answer = send(api, {"method": "POST", "url": url, "referenceId": "a", "body": {}})
    assert statuses(answer) == [("a", status)]


def test_all_or_none_rolls_back_what_came_before(api: Any) -> None:
    """The bad part says why, all others that they were halted, also those not yet done."""
    answer = send(
        api,
        part("one", "POST", "sobjects/Contact", {"LastName": "A"}),
        part("two", "POST", "sobjects/Contact", {}),
        part("three", "POST", "sobjects/Contact", {"LastName": "C"}),
        allOrNone=True,
    )
    assert statuses(answer) == [("one", 400), ("two", 400), ("three", 400)]
    codes = [one["body"][0]["errorCode"] for one in answer.json()["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert api.rows("SELECT Id FROM Contact", deleted=True) == []


def test_without_all_or_none_every_part_stands_alone(api: Any) -> None:
    """The bad part changes nothing for the others."""
    answer = send(
        api,
        part("one", "POST", "sobjects/Contact", {"LastName": "A"}),
        part("two", "POST", "sobjects/Contact", {}),
        part("three", "POST", "sobjects/Contact", {"LastName": "C"}),
    )
    assert statuses(answer) == [("one", 201), ("two", 400), ("three", 201)]


def test_failed_rows_of_a_collection_roll_nothing_back(api: Any) -> None:
    """A collection with bad rows is a 200, so allOrNone of the Composite does not meet it."""
    answer = send(api, contacts("a", {"LastName": "A"}, {}), allOrNone=True)
    assert statuses(answer) == [("a", 200)]
    assert len(api.rows("SELECT Id FROM Contact")) == 1


class TestReferences:
    """`@{reference.field}` takes what an earlier part answered."""

    def test_an_id_for_a_later_part(self, api: Any) -> None:
        """In a body and in an address."""
        answer = send(
            api,
            part("acc", "POST", "sobjects/Account", {"Name": "Acme"}),
            part("con", "POST", "sobjects/Contact", {"LastName": "A", "AccountId": "@{acc.id}"}),
            part("got", path="sobjects/Contact/@{con.id}"),
        )
        made = answer.json()["compositeResponse"]
        assert made[2]["body"]["AccountId"] == made[0]["body"]["id"]

    def test_a_row_of_a_collection(self, api: Any) -> None:
        """Lists are indexed."""
        answer = send(
            api,
            contacts("made", {"LastName": "A"}, {"LastName": "B"}),
            part("got", path="sobjects/Contact/@{made[1].id}"),
        )
        assert answer.json()["compositeResponse"][1]["body"]["LastName"] == "B"

    @pytest.mark.parametrize("reference", ["@{later.id}", "@{bad.id}", "@{good.nope}", "@{good}"])
    def test_what_leads_nowhere(self, api: Any, reference: str) -> None:
        """An unknown, failed or later part, or a field it has not, halts the part."""
        answer = send(
            api,
            part("good", "POST", "sobjects/Account", {"Name": "Acme"}),
            part("bad", "POST", "sobjects/Account", {}),
            part("here", path=f"sobjects/Account/{reference}"),
            part("later"),
        )
        halted = answer.json()["compositeResponse"][2]
        assert halted["httpStatusCode"] == 400
        assert halted["body"][0]["errorCode"] == "PROCESSING_HALTED"
