"""Phone numbers and Messaging Services through Twilio's own client: shown, set, and obeyed."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from crm_sms.sandbox.server import Sandbox
from crm_sms.sandbox.twilio import Configure, Reply
from crm_sms.sandbox.twilio.accounts import SENDERS, SERVICE_SENDERS, SERVICE_SID

PERSON, NUMBER, POOLED = "+12025550123", SENDERS[1], SERVICE_SENDERS[0]


@pytest.fixture
def everything(client: Client, sandbox: Sandbox) -> Client:
    """The client, with the host of Messaging Services too."""
    client.messaging.base_url = sandbox.url
    return client


def number_of(client: Client, number: str) -> Any:
    """The one IncomingPhoneNumber of this number."""
    (found,) = client.incoming_phone_numbers.list(phone_number=number)
    return found


def hits_of(sandbox: Sandbox, customer: Any, to: str) -> list[str]:
    """The paths that a reply to this sender is posted to."""
    before = len(customer.hits)
    sandbox.twilio.reply(Reply(from_=PERSON, to=to, body="Yes"))
    sandbox.twilio.deliver()
    return [hit.path for hit in customer.hits[before:]]


def test_every_phone_number_is_listed(everything: Client, sandbox: Sandbox) -> None:
    """Those of services too; a short code is none."""
    sandbox.twilio.configure(
        Configure(inbound_url="https://e.com/in", fallback_url="https://f.com")
    )
    found = {one.phone_number: one for one in everything.incoming_phone_numbers.list()}
    assert sorted(found) == sorted({*SENDERS, *SERVICE_SENDERS} - {"72345"})
    assert {one.sms_url for one in found.values()} == {"https://e.com/in"}
    assert {one.sms_fallback_url for one in found.values()} == {"https://f.com"}
    assert found[NUMBER].capabilities["sms"] is True


@pytest.mark.parametrize("size", [1, 2, 4, 5, 1000])
def test_pages_leave_nothing_out(everything: Client, size: int) -> None:
    """Whatever their size, nobody comes twice."""
    found = [one.sid for one in everything.incoming_phone_numbers.list(page_size=size)]
    assert len(found) == len(set(found)) == 5
    pool = everything.messaging.v1.services(SERVICE_SID).phone_numbers.list(page_size=size)
    assert [one.phone_number for one in pool] == list(SERVICE_SENDERS)
    assert [one.sid for one in everything.messaging.v1.services.list(page_size=size)] == [
        SERVICE_SID
    ]


def test_a_number_calls_where_it_is_told(
    everything: Client, sandbox: Sandbox, customer: Any
) -> None:
    """That one and no other; an empty address takes it away."""
    sandbox.twilio.configure(Configure(inbound_url=f"{customer.url}/all"))
    number = number_of(everything, NUMBER)
    assert number.update(sms_url=f"{customer.url}/own").sms_url == f"{customer.url}/own"
    assert hits_of(sandbox, customer, NUMBER) == ["/own"]
    assert hits_of(sandbox, customer, SENDERS[2]) == ["/all"]
    assert number.update(sms_url="").sms_url == ""
    assert hits_of(sandbox, customer, NUMBER) == []


def test_a_service_decides_for_its_numbers(
    everything: Client, sandbox: Sandbox, customer: Any
) -> None:
    """Unless it leaves it to them."""
    service = everything.messaging.v1.services(SERVICE_SID)
    number_of(everything, POOLED).update(sms_url=f"{customer.url}/number")
    assert hits_of(sandbox, customer, POOLED) == []
    service.update(inbound_request_url=f"{customer.url}/service")
    assert hits_of(sandbox, customer, POOLED) == ["/service"]
    assert service.update(use_inbound_webhook_on_number=True).use_inbound_webhook_on_number is True
    assert hits_of(sandbox, customer, POOLED) == ["/number"]


def test_each_falls_back_to_its_own(everything: Client, sandbox: Sandbox, customer: Any) -> None:
    """The fallback URL of the sender that was texted is called."""
    customer.answer = lambda hit: (204 if hit.path == "/second" else 500, "", "")
    url = customer.url
    number_of(everything, NUMBER).update(sms_url=f"{url}/first", sms_fallback_url=f"{url}/second")
    assert hits_of(sandbox, customer, NUMBER) == ["/first", "/second"]


def test_a_status_callback_of_a_service_is_set(everything: Client) -> None:
    """And shown."""
    service = everything.messaging.v1.services(SERVICE_SID)
    service.update(status_callback="https://e.com/status")
    assert service.fetch().status_callback == "https://e.com/status"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_url": "hooks.example.com"},
        {"sms_fallback_url": "https://a_b.com"},
        {"sms_method": "GET"},
    ],
)
def test_what_is_wrong_of_a_number_is_refused(everything: Client, wrong: dict[str, str]) -> None:
    """Nothing of it is kept."""
    number = number_of(everything, NUMBER)
    with pytest.raises(TwilioRestException, match="Invalid parameter"):
        number.update(**wrong)
    assert number_of(everything, NUMBER).sms_url == ""


@pytest.mark.parametrize(
    "wrong", [{"inbound_request_url": "x"}, {"status_callback": "x"}, {"inbound_method": "GET"}]
)
def test_what_is_wrong_of_a_service_is_refused(everything: Client, wrong: dict[str, str]) -> None:
    """Nothing of it is kept."""
    service = everything.messaging.v1.services(SERVICE_SID)
    with pytest.raises(TwilioRestException, match="Invalid parameter"):
        service.update(**wrong)
    assert service.fetch().inbound_request_url is None


def test_what_is_not_there_is_not_found(everything: Client) -> None:
    """Neither a number nor a service."""
    for context in (
        everything.incoming_phone_numbers("PN" + "0" * 32),
        everything.messaging.v1.services("MG" + "9" * 32),
    ):
        with pytest.raises(TwilioRestException) as caught:
            context.fetch()
        assert caught.value.status == 404
