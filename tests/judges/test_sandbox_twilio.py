"""Twilio's own OpenAPI judges what the sandbox answers, and every request that it accepts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from crm_sms.sandbox.server import Sandbox, running
from crm_sms.sandbox.twilio import Reply, SendText, Twilio
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, SERVICE_SID
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.listing import FILTERS, list_messages
from crm_sms.sandbox.twilio.texts import Outcome, Step

pytestmark = pytest.mark.judges

TO, FROM = "+12025550123", "+12025550100"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROOT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
PATHS = re.compile(
    r"/Accounts/\{(AccountSid|Sid)\}(/(Messages|IncomingPhoneNumbers)(/\{Sid\})?)?\.json$"
)
NUMBER = "api.v2010.account.incoming_phone_number"
SERVICE, POOLED = "messaging.v1.service", "messaging.v1.service.phone_number"
SERVICES = re.compile(r"/v1/Services(/\{Sid\}|/\{ServiceSid\}/PhoneNumbers)?$")
MESSAGE = "api.v2010.account.message"

Judge = Callable[..., None]
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def document(shared: Path) -> dict[str, Any]:
    """The OpenAPI, cut to messages and accounts, and made strict for the Message resource.

    As published it would pass an empty object; its examples have every property.
    """
    path = shared / "data/twilio/twilio_api_v2010.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    document["paths"] = {p: item for p, item in document["paths"].items() if PATHS.search(p)}
    _make_strict(document, MESSAGE, NUMBER)
    return document


def _make_strict(document: dict[str, Any], *names: str) -> None:
    for name in names:
        schema = document["components"]["schemas"][name]
        schema["additionalProperties"] = False
        schema["required"] = sorted(schema["properties"])


@pytest.fixture(scope="module")
def api(document: dict[str, Any]) -> OpenAPI:
    """The document as a judge."""
    assert len(document["paths"]) == 5
    return OpenAPI.from_dict(document)


@pytest.fixture(scope="module")
def services_api(shared: Path) -> OpenAPI:
    """The OpenAPI of Messaging Services, cut and made strict in the same way."""
    path = shared / "data/twilio/twilio_messaging_v1.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    document["paths"] = {p: item for p, item in document["paths"].items() if SERVICES.search(p)}
    assert len(document["paths"]) == 3
    _make_strict(document, SERVICE, POOLED)
    return OpenAPI.from_dict(document)


@pytest.fixture(scope="module")
def create_form(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Parameter of a send → its schema, with references resolved."""
    post = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]
    form = post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    schemas = document["components"]["schemas"]
    return {
        name: schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        for name, schema in form["properties"].items()
    }


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A running sandbox."""
    with running() as it:
        yield it


@pytest.fixture
def call(sandbox: Sandbox, api: OpenAPI) -> Iterator[Call]:
    """Calls the sandbox; fails unless the OpenAPI accepts both the request and the answer."""
    yield from _judged_calls(sandbox, api, "https://api.twilio.com")


@pytest.fixture
def call_services(sandbox: Sandbox, services_api: OpenAPI) -> Iterator[Call]:
    """The same for the host of Messaging Services."""
    yield from _judged_calls(sandbox, services_api, "https://messaging.twilio.com")


def _judged_calls(sandbox: Sandbox, api: OpenAPI, host: str) -> Iterator[Call]:
    account = sandbox.twilio.account
    with requests.Session() as session:
        session.auth = (account.sid, account.auth_token)

        def judged(method: str, path: str, **arguments: Any) -> Any:
            answer = session.request(method, sandbox.url + path, timeout=10, **arguments)
            sent = answer.request
            sent.url = host + path
            api.validate_request(RequestsOpenAPIRequest(sent))
            api.validate_response(RequestsOpenAPIRequest(sent), RequestsOpenAPIResponse(answer))
            return answer.json()

        yield judged


def _accepted_by_the_judge(api: OpenAPI, form: dict[str, list[str]]) -> bool:
    request = requests.Request(
        "POST", f"https://api.twilio.com{ROOT}/Messages.json", data=form, auth=("a", "b")
    )
    try:
        api.validate_request(RequestsOpenAPIRequest(request))
    except OpenAPIError:
        return False
    return True


def _accepted_by_the_sandbox(form: dict[str, list[str]]) -> bool:
    twilio = Twilio(lambda: NOW, random.Random(0))
    try:
        twilio.create(twilio.account, form)
    except Refused:
        return False
    return True


def test_the_judge_says_no(api: OpenAPI) -> None:
    """A request and an answer that the document forbids do not pass, so that a pass means much."""
    assert not _accepted_by_the_judge(api, {"Body": ["no recipient"]})
    request = requests.Request("GET", f"https://api.twilio.com{ROOT}/Messages/SM{'0' * 32}.json")
    answer = requests.Response()
    answer.status_code, answer._content = 200, b'{"sid": "SM1"}'
    answer.headers["Content-Type"] = "application/json"
    with pytest.raises(OpenAPIError):
        api.validate_response(RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(answer))


def test_every_call(sandbox: Sandbox, call: Call) -> None:
    """Create, fetch, list, page, redact, cancel, and the account."""
    form = {
        "To": TO,
        "From": FROM,
        "Body": "Hello 👍",
        "StatusCallback": "https://e.com/x?a=1#rc=2",
    }
    message = call("POST", f"{ROOT}/Messages.json", data=form)
    send_at = (sandbox.clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    scheduled = {"MessagingServiceSid": SERVICE_SID, "ScheduleType": "fixed", "SendAt": send_at}
    later = call("POST", f"{ROOT}/Messages.json", data={"To": TO, "Body": "Later", **scheduled})
    sandbox.twilio.reply(Reply(from_=TO, to=FROM, body="Hi", media=("https://e.com/a.jpg",)))
    assert call("POST", later["uri"], data={"Status": "canceled"})["status"] == "canceled"
    sandbox.clock.advance(60)
    assert call("GET", message["uri"])["status"] == "delivered"
    assert call("POST", message["uri"], data={"Body": ""})["body"] == ""
    page = call("GET", f"{ROOT}/Messages.json?PageSize=2")
    assert len(page["messages"]) == 2
    assert len(call("GET", page["next_page_uri"])["messages"]) == 1
    assert call("GET", f"{ROOT}.json")["sid"] == ACCOUNT_SID


def test_numbers(sandbox: Sandbox, call: Call) -> None:
    """Listed page by page, shown, and told where replies go."""
    path = f"{ROOT}/IncomingPhoneNumbers.json"
    page = call("GET", f"{path}?PageSize=2")
    assert len(page["incoming_phone_numbers"]) == 2
    assert len(call("GET", page["next_page_uri"])["incoming_phone_numbers"]) == 2
    (number,) = call("GET", f"{path}?PhoneNumber=%2B12025550100")["incoming_phone_numbers"]
    form = {"SmsUrl": "https://e.com/in#rc=3&rp=all", "SmsFallbackUrl": "https://e.com/in"}
    set_ = call("POST", number["uri"], data=form)
    assert (set_["sms_url"], set_["sms_fallback_url"]) == tuple(form.values())
    assert call("GET", number["uri"])["sms_url"] == form["SmsUrl"]


def test_services(sandbox: Sandbox, call_services: Call) -> None:
    """Listed, shown, told where replies go; and the numbers of each."""
    (service,) = call_services("GET", "/v1/Services?PageSize=1")["services"]
    path = f"/v1/Services/{service['sid']}"
    form = {"InboundRequestUrl": "https://e.com/in", "UseInboundWebhookOnNumber": "true"}
    assert call_services("POST", path, data=form)["inbound_request_url"] == "https://e.com/in"
    assert call_services("GET", path)["use_inbound_webhook_on_number"] is True
    page = call_services("GET", f"{path}/PhoneNumbers?PageSize=1")
    assert len(page["phone_numbers"]) == 1
    following = page["meta"]["next_page_url"].removeprefix(sandbox.url)
    assert len(call_services("GET", following)["phone_numbers"]) == 1


@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("sender", [{"from_": FROM}, {"service": SERVICE_SID}])
def test_a_message_at_every_moment(
    sandbox: Sandbox, call: Call, outcome: Any, sender: dict[str, str]
) -> None:
    """Whatever status it is in, its resource is one that the document describes."""
    text = sandbox.twilio.send(SendText(to=TO, body="Hello", outcome=outcome, **sender))
    seen = [text.status]
    for _ in range(14):
        message = call("GET", f"{ROOT}/Messages/{text.sid}.json")
        seen.append(message["status"])
        sandbox.clock.advance(0.5 if len(seen) < 13 else 60)
    assert seen[-1] == outcome


def test_dates_are_of_the_format_that_the_document_names(
    document: dict[str, Any], call: Call
) -> None:
    """`date-time-rfc-2822`, which no validator knows, is read by the standard library."""
    form = {"To": TO, "From": FROM, "Body": "Hello"}
    message = call("POST", f"{ROOT}/Messages.json", data=form)
    properties = document["components"]["schemas"][MESSAGE]["properties"]
    dated = [n for n, schema in properties.items() if schema.get("format") == "date-time-rfc-2822"]
    assert sorted(dated) == ["date_created", "date_sent", "date_updated"]
    for name in dated:
        value = message[name]
        assert value is None or parsedate_to_datetime(value).utcoffset() == timedelta(0)


def test_our_words_are_twilios(document: dict[str, Any]) -> None:
    """No status, direction or filter that the document does not have."""
    schemas = document["components"]["schemas"]
    statuses = set(schemas["message_enum_status"]["enum"])
    assert {*get_args(Step), "accepted", "scheduled", "canceled", "received"} <= statuses
    assert {"inbound", "outbound-api"} <= set(schemas["message_enum_direction"]["enum"])
    listing = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["get"]
    queries = {p["name"] for p in listing["parameters"] if p["in"] == "query"}
    assert queries == {*FILTERS, "PageSize", "Page", "PageToken"}


def _wrong_value(schema: dict[str, Any]) -> str | None:
    """A value that the schema forbids, if it forbids any."""
    if (
        "enum" in schema
        or "pattern" in schema
        or schema["type"] in ("boolean", "integer", "number")
    ):
        return "wrong"
    return "tomorrow" if schema.get("format") == "date-time" else None


def test_what_the_judge_refuses_the_sandbox_refuses(
    api: OpenAPI, create_form: dict[str, dict[str, Any]]
) -> None:
    """For every parameter whose values the document limits, one value outside."""
    wrong = {n: value for n, schema in create_form.items() if (value := _wrong_value(schema))}
    assert len(wrong) == 17
    for name, value in wrong.items():
        form = {"To": [TO], "From": [FROM], "Body": ["Hello"], name: [value]}
        assert not _accepted_by_the_judge(api, form), name
        assert not _accepted_by_the_sandbox(form), name


ODD_VALUES = st.sampled_from(
    [
        *(
            "",
            "true",
            "false",
            "True",
            "FALSE",
            "yes",
            "1",
            "0",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "\u0661",
            "x",
        ),
        *("fixed", "retain", "discard", "obfuscate", "free", "enable", "disable", "Fixed"),
        *("AP" + "0" * 32, "MG" + "0" * 32, "MG" + "g" * 32, SERVICE_SID, "HX" + "0" * 32),
        *("2026-03-02T12:00:00Z", "2026-03-02 12:00:00Z", "2026-03-02", "20260302T120000Z"),
        *("2026-03-02T12:00:00+00:00", "2026-03-02T12:00Z", "2026-03-02T12:00:00.5Z"),
        *("https://e.com/x", "https://e_f.com", "{}", "[]", "36000", " 5 ", "5\n", "1_000"),
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_the_sandbox_accepts_the_judge_accepts(
    api: OpenAPI, create_form: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever odd values are combined: a 201 means that the document allows the request.

    An empty value is left out first: Twilio takes it for none, the document says nothing of it.
    """
    names = sorted(create_form.keys() - {"To", "From", "Body"})
    odd = data.draw(st.dictionaries(st.sampled_from(names), ODD_VALUES, max_size=4))
    form = {"To": [TO], "From": [FROM], "Body": ["Hello"]}
    form |= {name: [value] for name, value in odd.items() if value}
    if _accepted_by_the_sandbox(form):
        assert _accepted_by_the_judge(api, form), form


@pytest.mark.parametrize("name", ["ScheduleType", "SendAt"])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ODD_VALUES)
def test_schedules_that_the_sandbox_accepts(api: OpenAPI, name: str, value: str) -> None:
    """Through a Messaging Service, where a schedule is allowed at all."""
    form = {
        "To": [TO],
        "Body": ["Hello"],
        "MessagingServiceSid": [SERVICE_SID],
        "ScheduleType": ["fixed"],
        "SendAt": ["2026-03-02T12:00:00Z"],
        name: [value],
    }
    if _accepted_by_the_sandbox(form):
        assert _accepted_by_the_judge(api, form), form


@pytest.mark.parametrize(
    "query", ["PageSize=0", "PageSize=1001", "PageSize=x", "Page=-1", "DateSent=x"]
)
def test_lists_that_the_judge_refuses(sandbox: Sandbox, api: OpenAPI, query: str) -> None:
    """Pages out of range and dates that are none; a bare date passes, as its examples have it."""
    path = f"{ROOT}/Messages.json?{query}"
    request = requests.Request("GET", f"https://api.twilio.com{path}", auth=("a", "b"))
    with pytest.raises(OpenAPIError):
        api.validate_request(RequestsOpenAPIRequest(request))
    account = sandbox.twilio.account
    auth = (account.sid, account.auth_token)
    assert requests.get(sandbox.url + path, auth=auth, timeout=5).status_code == 400


DATES = (
    *("", "2026-03-02", "2026-03-02T09:00:00Z", "2026-03-02T09:00:00+00:00"),
    *("2026-03-02T09:00:00", "2026-03-02 09:00:00Z", "20260302", "20260302T090000Z"),
    *("2026-W10-1", "2026-03-02T09", "2026-03-02T09:00Z", "2026-03-02T09:00:00.5Z"),
    *("Mon, 02 Mar 2026 09:00:00 -0000", "2026-02-30", "2026-03-02T24:00:00Z", "now"),
)
LIST_VALUES = {
    "PageSize": ("", "1", "1000", "1001", "0", "+5", " 5", "5.0", "\u0665"),
    "Page": ("", "0", "1", "-0", "+1", "01"),
    "PageToken": ("", "PA", "SM" + "0" * 32),
    "To": (TO, "nobody", ""),
    "From": (FROM, ""),
    **dict.fromkeys(("DateSent", "DateSent<", "DateSent>"), DATES),
}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lists_that_the_sandbox_accepts(api: OpenAPI, data: st.DataObject) -> None:
    """Whatever filters and pages are combined: a 200 means that the document allows the question.

    A bare date passes, as its examples have it, though its schema asks for an instant.
    """
    names = data.draw(st.sets(st.sampled_from(sorted(LIST_VALUES)), max_size=4))
    query = {name: data.draw(st.sampled_from(LIST_VALUES[name])) for name in sorted(names)}
    asked = {name: value for name, value in query.items() if value}
    try:
        list_messages(ACCOUNT_SID, [], query)
    except Refused:
        return
    for name in asked:
        if name.startswith("DateSent") and re.fullmatch(r"\d{4}-\d\d-\d\d", asked[name]):
            asked[name] += "T00:00:00Z"
    url = f"https://api.twilio.com{ROOT}/Messages.json"
    request = requests.Request("GET", url, params=asked, auth=("a", "b"))
    api.validate_request(RequestsOpenAPIRequest(request))
