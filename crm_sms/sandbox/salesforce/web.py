"""The routes: the org's own, and the switches of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from crm_sms.sandbox.salesforce.backend import Backend
from crm_sms.sandbox.salesforce.gateway import Gateway
from crm_sms.sandbox.salesforce.refusals import Refused

SANDBOX = "/_sandbox/salesforce"


def routes(backend: Backend) -> list[BaseRoute]:
    """Everything that the sandbox org answers."""
    gateway = Gateway(backend)
    return [
        Route("/services/oauth2/token", gateway),
        Route("/services/data", gateway),
        Route("/services/data/{rest:path}", gateway),
        Route(SANDBOX, partial(_about, backend)),
        Route(f"{SANDBOX}/records", partial(_records, backend), methods=["POST"]),
        Route(f"{SANDBOX}/faults", partial(_faults, backend), methods=["GET", "POST", "DELETE"]),
    ]


async def _about(backend: Backend, request: Request) -> Response:
    base_url = f"{request.url.scheme}://{request.url.netloc}"

    def about() -> dict[str, Any]:
        return {"credentials": backend.credentials(base_url), "stats": backend.stats()}

    return JSONResponse(await run_in_threadpool(about))


async def _records(backend: Backend, request: Request) -> Response:
    body = await request.body()
    return await _answer(lambda: backend.seed(json.loads(body)))


async def _faults(backend: Backend, request: Request) -> Response:
    body = await request.body()

    def change() -> Any:
        with backend.alone():
            if request.method == "POST":
                return [rule.as_json() for rule in backend.faults.add(json.loads(body))]
            if request.method == "DELETE":
                backend.faults.clear()
            return [rule.as_json() for rule in backend.faults.rules]

    return await _answer(change)


async def _answer(do: Callable[[], Any]) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(do))
    except Refused as refused:
        return JSONResponse(refused.as_top_level(), 400)
    except ValueError as error:
        return JSONResponse([{"errorCode": "JSON_PARSER_ERROR", "message": str(error)}], 400)
