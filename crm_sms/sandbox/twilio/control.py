"""The sandbox's own HTTP: what people and carriers do, faults, delivery, the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from crm_sms.sandbox.twilio import orders
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, Account
from crm_sms.sandbox.twilio.errors import Refused
from crm_sms.sandbox.twilio.export import console_csv, messages_list
from crm_sms.sandbox.twilio.postman import Attempt
from crm_sms.sandbox.twilio.state import Twilio
from crm_sms.sandbox.twilio.texts import resource

AnyOrder = TypeVar("AnyOrder", bound=orders.Order)
ROOT = "/_sandbox/twilio"


def routes(twilio: Twilio) -> list[BaseRoute]:
    """One `POST` per order, its JSON being the order's fields; and what there is to read."""
    return [
        _order_route(twilio, "texts", orders.SendText, _send),
        _order_route(twilio, "replies", orders.Reply, _reply),
        _order_route(twilio, "clicks", orders.Visit, _visit),
        _order_route(twilio, "config", orders.Configure, _configure),
        _order_route(twilio, "accounts", orders.AddAccount, _add_account),
        _order_route(twilio, "faults", orders.Fault, _add_fault),
        _order_route(twilio, "deliver", orders.Deliver, _deliver),
        Route(f"{ROOT}/faults", _clear_faults(twilio), methods=["DELETE"]),
        Route(f"{ROOT}/callbacks", _callbacks(twilio)),
        Route(f"{ROOT}/export", _export(twilio)),
    ]


def _send(twilio: Twilio, order: orders.SendText) -> Any:
    return resource(twilio.send(order))


def _reply(twilio: Twilio, order: orders.Reply) -> Any:
    return resource(twilio.reply(order))


def _visit(twilio: Twilio, order: orders.Visit) -> Any:
    twilio.visit(order)
    return {}


def _configure(twilio: Twilio, order: orders.Configure) -> Any:
    twilio.configure(order)
    return {}


def _add_account(twilio: Twilio, order: orders.AddAccount) -> Any:
    twilio.add_account(Account(order.sid, order.auth_token, twilio.now(), senders=order.senders))
    return {"sid": order.sid}


def _add_fault(twilio: Twilio, order: orders.Fault) -> Any:
    twilio.add_fault(order)
    return {"faults": len(twilio.rules.rules)}


def _deliver(twilio: Twilio, order: orders.Deliver) -> Any:
    by_outcome = twilio.deliver(order)
    return {"by_status": by_outcome, "waiting": len(twilio.postman.waiting)}


def _order_route(
    twilio: Twilio,
    name: str,
    model: type[AnyOrder],
    carry_out: Callable[[Twilio, AnyOrder], Any],
) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            order = model.model_validate_json(await request.body() or b"{}")
            return JSONResponse(await run_in_threadpool(carry_out, twilio, order))
        except ValidationError as error:
            return JSONResponse({"error": _explain(error)}, 400)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    return Route(f"{ROOT}/{name}", endpoint, methods=["POST"])


def _explain(error: ValidationError) -> str:
    problems = (f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['msg']}" for p in error.errors())
    return "; ".join(problems)


def _clear_faults(twilio: Twilio) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        twilio.clear_faults()
        return JSONResponse({"faults": 0})

    return endpoint


def _callbacks(twilio: Twilio) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        waiting = [
            {"kind": c.kind, "status": c.status, "sid": c.sid, "due": c.due.isoformat()}
            for c in twilio.postman.waiting
        ]
        attempts = [attempt_as_json(a) for a in twilio.postman.attempts]
        return JSONResponse({"waiting": waiting, "attempts": attempts})

    return endpoint


def attempt_as_json(attempt: Attempt) -> dict[str, Any]:
    """An attempt as `GET /_sandbox/twilio/callbacks` shows it."""
    callback = attempt.callback
    return {
        "kind": callback.kind,
        "status": callback.status,
        "sid": callback.sid,
        "url": callback.url,
        "at": attempt.at.isoformat(),
        "outcome": attempt.outcome,
        "retry": attempt.retry,
        "would_text": attempt.would_text,
    }


def _export(twilio: Twilio) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        texts = twilio.texts_of(request.query_params.get("account", ACCOUNT_SID))
        match request.query_params.get("format", "json"):
            case "json":
                return JSONResponse(messages_list(texts))
            case "csv":
                return PlainTextResponse(console_csv(texts), media_type="text/csv")
            case _:
                return JSONResponse({"error": "format must be json or csv"}, 400)

    return endpoint
