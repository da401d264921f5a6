"""The routes: the org's own, and the switches of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from crm_sms.sandbox.salesforce import pages
from crm_sms.sandbox.salesforce.backend import Backend
from crm_sms.sandbox.salesforce.calls import TOKEN_PATH
from crm_sms.sandbox.salesforce.gateway import Gateway
from crm_sms.sandbox.salesforce.refusals import Refused

SANDBOX = "/_sandbox/salesforce"
_NO_SCRIPTS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
}


def routes(backend: Backend) -> list[BaseRoute]:
    """Everything that the sandbox org answers."""
    gateway = Gateway(backend)
    return [
        Route(TOKEN_PATH, gateway),
        Route("/services/data", gateway),
        Route("/services/data/{rest:path}", gateway),
        Route("/salesforce", partial(_index, backend)),
        Route("/lightning/r/{object}/{id}/view", partial(_record, backend)),
        Route(SANDBOX, partial(_about, backend)),
        Route(f"{SANDBOX}/private_key", partial(_private_key, backend)),
        Route(f"{SANDBOX}/records", partial(_records, backend), methods=["POST"]),
        Route(f"{SANDBOX}/faults", partial(_faults, backend), methods=["GET", "POST", "DELETE"]),
    ]


async def _index(backend: Backend, request: Request) -> Response:
    credentials = backend.credentials(_base_url(request))

    def page() -> str:
        with backend.alone() as org:
            return pages.index_page(org, request.query_params.get("q", ""), credentials)

    return HTMLResponse(await run_in_threadpool(page), headers=_NO_SCRIPTS)


async def _record(backend: Backend, request: Request) -> Response:
    asked = request.path_params

    def page() -> str | None:
        with backend.alone() as org:
            return pages.record_page(org, asked["object"], asked["id"])

    html = await run_in_threadpool(page)
    if html is None:
        return PlainTextResponse("There is no such record.", 404)
    return HTMLResponse(html, headers=_NO_SCRIPTS)


def _base_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


async def _about(backend: Backend, request: Request) -> Response:
    def about() -> dict[str, Any]:
        return {"credentials": backend.credentials(_base_url(request)), "stats": backend.stats()}

    return JSONResponse(await run_in_threadpool(about))


async def _private_key(backend: Backend, request: Request) -> Response:
    def key() -> str:
        with backend.alone():
            return backend.tokens.private_key()

    return PlainTextResponse(await run_in_threadpool(key))


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
                number = request.query_params.get("id")
                backend.faults.clear(None if number is None else int(number))
            return [rule.as_json() for rule in backend.faults.rules]

    return await _answer(change)


async def _answer(do: Callable[[], Any]) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(do))
    except Refused as refused:
        return JSONResponse(refused.as_top_level(), 400)
    except ValueError as error:
        return JSONResponse([{"errorCode": "JSON_PARSER_ERROR", "message": str(error)}], 400)
