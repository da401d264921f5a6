"""Phone numbers and Messaging Services as Twilio's API shows them, and what it sets of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from crm_sms.sandbox.twilio.accounts import Account, Hooks, MessagingService
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.listing import Page, read_page
from crm_sms.sandbox.twilio.parameters import is_callback_url
from crm_sms.sandbox.twilio.texts import API_VERSION

Form = Mapping[str, Sequence[str]]
Resource = dict[str, Any]

_PAIRS = {"SmsUrl": "inbound_url", "SmsFallbackUrl": "fallback_url"}
_SERVICE_PAIRS = {"InboundRequestUrl": "inbound_url", "FallbackUrl": "fallback_url"}
#: The sandbox posts and nothing else, so another method is refused rather than forgotten.
_METHODS = ("SmsMethod", "SmsFallbackMethod", "InboundMethod", "FallbackMethod")


def number_sid(account: Account, number: str) -> str:
    """The same sid for the same number each time."""
    return f"PN{hashlib.blake2b(f'{account.sid}{number}'.encode(), digest_size=16).hexdigest()}"


def number_of(account: Account, sid: str) -> str:
    """The number with this sid; else Refused(20404)."""
    found = {number_sid(account, number): number for number in account.numbers}
    if sid not in found:
        raise Refused(20404, f"{_numbers_path(account)}/{sid}.json")
    return found[sid]


def service_of(account: Account, sid: str) -> MessagingService:
    """The Messaging Service with this sid; else Refused(20404)."""
    if sid not in account.services:
        raise Refused(20404, f"/Services/{sid}")
    return account.services[sid]


#: What is the same for every number: nothing of it can be set here.
_EVERY_NUMBER: Resource = {
    **dict.fromkeys(
        (
            "address_sid",
            "bundle_sid",
            "emergency_address_sid",
            "identity_sid",
            "sms_application_sid",
            "trunk_sid",
            "voice_application_sid",
            "voice_fallback_url",
            "voice_url",
        )
    ),
    "address_requirements": "none",
    "api_version": API_VERSION,
    "beta": False,
    "emergency_address_status": "unregistered",
    "emergency_status": "Inactive",
    "origin": "twilio",
    "sms_fallback_method": "POST",
    "sms_method": "POST",
    "status": "in-use",
    "status_callback": "",
    "status_callback_method": "POST",
    "type": "local",
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_method": "POST",
    "voice_receive_mode": "voice",
}


def number_resource(account: Account, number: str) -> Resource:
    """The IncomingPhoneNumber resource as JSON."""
    sid, hooks = number_sid(account, number), account.hooks_of(number)
    created = format_datetime(account.created)
    return _EVERY_NUMBER | {
        "account_sid": account.sid,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": created,
        "date_updated": created,
        "friendly_name": number,
        "phone_number": number,
        "sid": sid,
        "sms_fallback_url": hooks.fallback_url or "",
        "sms_url": hooks.inbound_url or "",
        "uri": f"{_numbers_path(account)}/{sid}.json",
    }


def list_numbers(account: Account, query: Mapping[str, str]) -> Resource:
    """The list's JSON; PhoneNumber and FriendlyName filter it."""
    wanted = [query[name] for name in ("PhoneNumber", "FriendlyName") if query.get(name)]
    found = [one for one in account.numbers if all(one == number for number in wanted)]
    resources = [number_resource(account, number) for number in found]
    path = f"{_numbers_path(account)}.json"
    page, shown, following = _cut(resources, query)
    return {
        "incoming_phone_numbers": shown,
        "first_page_uri": f"{path}?PageSize={page.size}&Page=0",
        "next_page_uri": f"{path}?{following}" if following else None,
        "previous_page_uri": None,
        "uri": f"{path}?PageSize={page.size}&Page={page.number}",
        "page": page.number,
        "page_size": page.size,
        "start": page.number * page.size,
        "end": page.number * page.size + max(len(shown) - 1, 0),
    }


def update_number(account: Account, number: str, form: Form) -> None:
    """Sets where its replies go; Refused(20001) names a parameter that is wrong."""
    account.hooks[number] = _hooks(account.hooks_of(number), form, _PAIRS)


#: What is the same for every service.
_EVERY_SERVICE: Resource = {
    "area_code_geomatch": True,
    "fallback_method": "POST",
    "fallback_to_long_code": False,
    "friendly_name": "Sandbox",
    "inbound_method": "POST",
    "mms_converter": True,
    "scan_message_content": "inherit",
    "smart_encoding": True,
    "sticky_sender": True,
    "synchronous_validation": False,
    "us_app_to_person_registered": False,
    "usecase": "undeclared",
    "validity_period": 36_000,
}


def service_resource(account: Account, service: MessagingService, base_url: str) -> Resource:
    """The Service resource as JSON."""
    hooks, url = account.hooks_of_service(service), f"{base_url}v1/Services/{service.sid}"
    created = account.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _EVERY_SERVICE | {
        "account_sid": account.sid,
        "date_created": created,
        "date_updated": created,
        "fallback_url": hooks.fallback_url,
        "inbound_request_url": hooks.inbound_url,
        "links": {"phone_numbers": f"{url}/PhoneNumbers"},
        "sid": service.sid,
        "status_callback": service.status_callback,
        "url": url,
        "use_inbound_webhook_on_number": service.defers,
    }


def list_services(account: Account, base_url: str, query: Mapping[str, str]) -> Resource:
    """The list's JSON."""
    found = [service_resource(account, one, base_url) for one in account.services.values()]
    return _list("services", found, f"{base_url}v1/Services", query)


def update_service(account: Account, service: MessagingService, form: Form) -> None:
    """Sets where its replies and statuses go; Refused(20001) names a parameter that is wrong."""
    service.hooks = _hooks(account.hooks_of_service(service), form, _SERVICE_PAIRS)
    if "StatusCallback" in form:
        service.status_callback = _url(form, "StatusCallback")
    if "UseInboundWebhookOnNumber" in form:
        service.defers = _boolean(form, "UseInboundWebhookOnNumber")


def list_pool(
    account: Account, service: MessagingService, base_url: str, query: Mapping[str, str]
) -> Resource:
    """The phone numbers of a service."""
    path = f"{base_url}v1/Services/{service.sid}/PhoneNumbers"
    created = account.created.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = [
        {
            "account_sid": account.sid,
            "capabilities": ["SMS", "MMS"],
            "country_code": "US",
            "date_created": created,
            "date_updated": created,
            "phone_number": number,
            "service_sid": service.sid,
            "sid": number_sid(account, number),
            "url": f"{path}/{number_sid(account, number)}",
        }
        for number in service.senders
        if number in account.numbers
    ]
    return _list("phone_numbers", found, path, query)


def _list(key: str, found: Sequence[Resource], path: str, query: Mapping[str, str]) -> Resource:
    page, shown, following = _cut(found, query)
    meta = {
        "first_page_url": f"{path}?PageSize={page.size}&Page=0",
        "key": key,
        "next_page_url": f"{path}?{following}" if following else None,
        "page": page.number,
        "page_size": page.size,
        "previous_page_url": None,
        "url": f"{path}?PageSize={page.size}&Page={page.number}",
    }
    return {key: shown, "meta": meta}


def _cut(
    found: Sequence[Resource], query: Mapping[str, str]
) -> tuple[Page, Sequence[Resource], str]:
    """The page that is asked for, what is on it, and the query of the next one."""
    page = read_page(query)
    sids = [one["sid"] for one in found]
    if page.after is not None and page.after not in sids:
        raise Refused(20001, "PageToken")
    start = sids.index(page.after) + 1 if page.after else 0
    shown = found[start : start + page.size]
    more = len(found) > start + len(shown)
    token = f"PA{shown[-1]['sid']}" if more else ""
    return (
        page,
        shown,
        f"PageSize={page.size}&Page={page.number + 1}&PageToken={token}" if more else "",
    )


def _hooks(before: Hooks, form: Form, pairs: Mapping[str, str]) -> Hooks:
    for name in _METHODS:
        if form.get(name, ["POST"])[-1] != "POST":
            raise Refused(20001, name)
    given = {field: _url(form, name) for name, field in pairs.items() if name in form}
    return Hooks(
        given.get("inbound_url", before.inbound_url), given.get("fallback_url", before.fallback_url)
    )


def _url(form: Form, name: str) -> str | None:
    """An empty value takes the URL away."""
    return _checked(form, name, is_callback_url) or None


def _boolean(form: Form, name: str) -> bool:
    return _checked(form, name, lambda value: value.lower() in ("true", "false")).lower() == "true"


def _checked(form: Form, name: str, is_right: Callable[[str], bool]) -> str:
    value = form[name][-1]
    if value and not is_right(value):
        raise Refused(20001, name)
    return value


def _numbers_path(account: Account) -> str:
    return f"/{API_VERSION}/Accounts/{account.sid}/IncomingPhoneNumbers"
