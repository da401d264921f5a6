"""Twilio's own HTTP API, as far as crm-sms uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope
from starlette.types import Send as AsgiSend

from crm_sms.sandbox.twilio import senders
from crm_sms.sandbox.twilio.accounts import Account, authenticate
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.faults import OF_THE_API
from crm_sms.sandbox.twilio.listing import list_messages
from crm_sms.sandbox.twilio.state import Twilio
from crm_sms.sandbox.twilio.texts import resource

Answer = tuple[int, Any]
Handler = Callable[[Twilio, Account, Request], Awaitable[Answer]]
AFTER_THE_FACT = ("server_error", "dropped")


class Dropped(Response):
    """An answer that breaks off: the server closes the connection before its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: AsgiSend) -> None:
        """Announces a body and sends none of it."""
        head = [(b"content-type", b"application/json"), (b"content-length", b"1")]
        await send({"type": "http.response.start", "status": 201, "headers": head})


async def _create(twilio: Twilio, account: Account, request: Request) -> Answer:
    return 201, resource(twilio.create(account, await _form(request)))


async def _list(twilio: Twilio, account: Account, request: Request) -> Answer:
    texts = twilio.texts_of(account.sid)
    shifted = twilio.rules.shifts()
    return 200, list_messages(account.sid, texts, request.query_params, shifted=shifted)


async def _fetch(twilio: Twilio, account: Account, request: Request) -> Answer:
    return 200, resource(twilio.text(request.path_params["sid"], account.sid))


async def _update(twilio: Twilio, account: Account, request: Request) -> Answer:
    form = await _form(request)
    sid = twilio.text(request.path_params["sid"], account.sid).sid
    if form.get("Status", ["canceled"]) != ["canceled"]:
        raise Refused(20001, "Status")
    if form.get("Body", [""]) != [""]:
        raise Refused(20001, "Body")
    if "Status" in form:
        return 200, resource(twilio.cancel(sid))
    if "Body" in form:
        return 200, resource(twilio.redact(sid))
    return 200, resource(twilio.text(sid))


async def _account(_twilio: Twilio, account: Account, _request: Request) -> Answer:
    return 200, account.resource()


async def _add_secondary(twilio: Twilio, account: Account, _request: Request) -> Answer:
    account.secondary_token = twilio.new_token()
    return 201, _token_resource(twilio, account, "secondary_auth_token", account.secondary_token)


async def _drop_secondary(_twilio: Twilio, account: Account, _request: Request) -> Answer:
    account.secondary_token = None
    return 204, None


async def _promote(twilio: Twilio, account: Account, _request: Request) -> Answer:
    account.promote()
    return 200, _token_resource(twilio, account, "auth_token", account.auth_token)


def _token_resource(twilio: Twilio, account: Account, name: str, token: str) -> dict[str, Any]:
    now = twilio.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    common = {"account_sid": account.sid, "date_created": now, "date_updated": now}
    return common | {name: token, "url": "https://accounts.twilio.com/v1/AuthTokens"}


async def _list_numbers(_twilio: Twilio, account: Account, request: Request) -> Answer:
    return 200, senders.list_numbers(account, request.query_params)


async def _number(_twilio: Twilio, account: Account, request: Request) -> Answer:
    number = senders.number_of(account, request.path_params["sid"])
    return 200, senders.number_resource(account, number)


async def _update_number(_twilio: Twilio, account: Account, request: Request) -> Answer:
    number = senders.number_of(account, request.path_params["sid"])
    senders.update_number(account, number, await _form(request))
    return 200, senders.number_resource(account, number)


async def _list_services(_twilio: Twilio, account: Account, request: Request) -> Answer:
    return 200, senders.list_services(account, str(request.base_url), request.query_params)


async def _service(_twilio: Twilio, account: Account, request: Request) -> Answer:
    service = senders.service_of(account, request.path_params["sid"])
    return 200, senders.service_resource(account, service, str(request.base_url))


async def _update_service(_twilio: Twilio, account: Account, request: Request) -> Answer:
    service = senders.service_of(account, request.path_params["sid"])
    senders.update_service(account, service, await _form(request))
    return 200, senders.service_resource(account, service, str(request.base_url))


async def _list_pool(_twilio: Twilio, account: Account, request: Request) -> Answer:
    service = senders.service_of(account, request.path_params["sid"])
    return 200, senders.list_pool(account, service, str(request.base_url), request.query_params)


#: (method, path) → what answers it.
API: dict[tuple[str, str], Handler] = {
    ("GET", "/2010-04-01/Accounts/{account_sid}/Messages.json"): _list,
    ("POST", "/2010-04-01/Accounts/{account_sid}/Messages.json"): _create,
    ("GET", "/2010-04-01/Accounts/{account_sid}/Messages/{sid}.json"): _fetch,
    ("POST", "/2010-04-01/Accounts/{account_sid}/Messages/{sid}.json"): _update,
    ("GET", "/2010-04-01/Accounts/{account_sid}.json"): _account,
    ("GET", "/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers.json"): _list_numbers,
    ("GET", "/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{sid}.json"): _number,
    ("POST", "/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{sid}.json"): _update_number,
    ("GET", "/v1/Services"): _list_services,
    ("GET", "/v1/Services/{sid}"): _service,
    ("POST", "/v1/Services/{sid}"): _update_service,
    ("GET", "/v1/Services/{sid}/PhoneNumbers"): _list_pool,
    ("POST", "/v1/AuthTokens/Secondary"): _add_secondary,
    ("DELETE", "/v1/AuthTokens/Secondary"): _drop_secondary,
    ("POST", "/v1/AuthTokens/Promote"): _promote,
}


def routes(twilio: Twilio) -> list[BaseRoute]:
    """The API's routes; whatever else is under its root is answered 404 in Twilio's form."""
    known = [
        Route(path, _endpoint(twilio, handler), methods=[method])
        for (method, path), handler in API.items()
    ]
    return [*known, Route("/2010-04-01/{rest:path}", _not_found)]


def _endpoint(twilio: Twilio, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await _answer(twilio, handler, request)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)

    return endpoint


async def _answer(twilio: Twilio, handler: Handler, request: Request) -> Response:
    account = authenticate(twilio.accounts, request.headers.get("authorization", ""))
    if request.path_params.get("account_sid", account.sid) != account.sid:
        raise Refused(20003)
    fault = twilio.rules.api_fault(request.method)
    if fault and fault not in AFTER_THE_FACT:
        raise Refused(OF_THE_API[fault])
    status, body = await handler(twilio, account, request)
    if fault == "dropped":
        return Dropped()
    if fault:
        raise Refused(OF_THE_API[fault])
    return Response(status_code=status) if body is None else JSONResponse(body, status)


async def _not_found(request: Request) -> Response:
    refused = Refused(20404, request.url.path)
    return JSONResponse(refused.body, refused.status)


async def _form(request: Request) -> dict[str, list[str]]:
    """The form's values by name. Bytes that are not UTF-8 become replacement characters."""
    return parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
