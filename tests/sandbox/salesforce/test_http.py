"""HTTP around the resources: versions, methods, bodies, sizes, the limit header."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sms.sandbox.salesforce.gateway import MAX_HEAD


def refusal(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert isinstance(body, list)
    assert set(body[0]) >= {"message", "errorCode"}
    return answer.status_code, body[0]["errorCode"]


def test_the_versions_need_no_token(api: Any) -> None:
    """The list names the versions that are served, newest last."""
    answer = api("GET", "/services/data", headers={"Authorization": ""})
    versions = [entry["version"] for entry in answer.json()]
    assert answer.status_code == 200
    assert (versions[0], versions[-1]) == ("31.0", "68.0")
    assert answer.json()[0]["url"] == "/services/data/v31.0"


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("v66.0", 200),
        ("v31.0", 200),
        ("v68.0", 200),
        ("v30.0", 410),
        ("v21.0", 410),
        ("v20.0", 404),
        ("v69.0", 404),
        ("v66", 404),
        ("66.0", 404),
        ("latest", 404),
    ],
)
def test_versions(api: Any, version: str, status: int) -> None:
    """Retired versions are gone, unknown ones were never there."""
    answer = api("GET", f"/services/data/{version}/limits")
    assert answer.status_code == status
    if status != 200:
        assert refusal(answer)[1] in ("UNSUPPORTED_API_VERSION", "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nothing", 404, "NOT_FOUND"),
        ("GET", "sobjects/Nothing", 404, "NOT_FOUND"),
        ("GET", "sobjects/Nothing/describe", 404, "NOT_FOUND"),
        ("GET", "sobjects/Contact/describe/more/and/more", 404, "NOT_FOUND"),
        ("PUT", "sobjects/Contact", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "query", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "composite", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "limits", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "query", 400, "MALFORMED_QUERY"),
        ("GET", "query/01g5g0000000001AAA-2000", 400, "INVALID_QUERY_LOCATOR"),
        ("POST", "sobjects/Contact", 400, "JSON_PARSER_ERROR"),
    ],
)
def test_what_is_not_there(api: Any, method: str, path: str, status: int, code: str) -> None:
    """Unknown paths are 404, known ones by a wrong method 405; errors are lists."""
    assert refusal(api(method, path)) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"LastName": NaN}',
        b'{"LastName": Infinity}',
        b"\xff\xfe",
        b'[{"LastName": "x"}]',
        b'"text"',
        b"null",
    ],
)
def test_bodies_that_are_no_object(api: Any, body: bytes) -> None:
    """Neither broken JSON nor NaN nor anything but an object is read."""
    headers = {"Content-Type": "application/json"}
    answer = api("POST", "sobjects/Contact", data=body, headers=headers)
    assert refusal(answer) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_bodies_must_say_that_they_are_json(api: Any, kind: str) -> None:
    """Another content type is 415."""
    headers = {"Content-Type": kind}
    answer = api("POST", "sobjects/Contact", data=b'{"LastName": "x"}', headers=headers)
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_long_address_is_414(api: Any) -> None:
    """A request line of more than 16,384 bytes is refused; queries that long go by Composite."""
    soql = "SELECT Id FROM Contact WHERE LastName IN ('" + "','".join(["x" * 50] * 300) + "')"
    assert refusal(api("GET", "query", params={"q": soql})) == (414, "URI_TOO_LONG")


def test_a_long_head_is_431(api: Any) -> None:
    """Request line and headers together may have 16,384 bytes."""
    headers = {"X-Padding": "x" * (MAX_HEAD - 100)}
    assert api("GET", "limits", headers={"X-Padding": "x" * 10_000}).status_code == 200
    assert refusal(api("GET", "limits", headers=headers)) == (431, "HEADERS_TOO_LARGE")


def test_every_answer_says_how_much_was_used(api: Any) -> None:
    """Sforce-Limit-Info counts each call, refused ones as well."""
    used = []
    for path in ("limits", "sobjects", "nothing", "query"):
        header = api("GET", path).headers["Sforce-Limit-Info"]
        assert header.startswith("api-usage=")
        used.append(header.removeprefix("api-usage=").split("/")[0])
    assert used == ["1", "2", "3", "4"]


def test_calls_are_counted_by_kind(api: Any) -> None:
    """A Composite is one call, whatever is in it."""
    made = api.create("Contact", LastName="A")
    api.query("SELECT Id FROM Contact")
    api("GET", f"sobjects/Contact/{made}")
    api("GET", "sobjects/Contact/describe")
    api.collection("POST", {"type": "Contact", "LastName": "B"})
    part = {"method": "GET", "url": "/services/data/v66.0/limits"}
    parts = [part | {"referenceId": name} for name in "abc"]
    api("POST", "composite", {"compositeRequest": parts})
    stats = api.sandbox.salesforce.stats()
    assert stats["by_kind"] == {
        "collections": 1,
        "composite": 1,
        "describe": 1,
        "query": 1,
        "record": 2,
    }
    assert (stats["calls"], stats["used"]) == (6, 6)


def test_usage_is_that_of_the_last_day(api: Any) -> None:
    """A call no longer counts twenty-four hours later, by the sandbox's clock."""
    api("GET", "limits")
    api.sandbox.clock.advance(12 * 3600)
    assert api("GET", "limits").headers["Sforce-Limit-Info"].startswith("api-usage=2/")
    api.sandbox.clock.advance(12 * 3600)
    assert api("GET", "limits").headers["Sforce-Limit-Info"].startswith("api-usage=2/")


def test_the_resources_of_a_version(api: Any) -> None:
    """The root of a version names what is below it."""
    answer = api("GET", "/services/data/v66.0/").json()
    assert answer["composite"] == "/services/data/v66.0/composite"
