"""The org's HTTP side: one ASGI application for tokens and REST, with its faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from crm_sms.sandbox.salesforce.backend import Backend
from crm_sms.sandbox.salesforce.calls import PREFIX, TOKEN_PATH, Answer, Call, split_url
from crm_sms.sandbox.salesforce.fault_deeds import Plan
from crm_sms.sandbox.salesforce.records import versions
from crm_sms.sandbox.salesforce.refusals import RequestRefused

MAX_HEAD = 16_384
"""Bytes of request line and headers together."""


class ConnectionDropped(Exception):
    """Raised where there is no transport to close (in tests without a server)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came; `path` is still encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def authorization(self) -> str:
        """The Authorization header."""
        return self.headers.get("authorization", "")


class Gateway:
    """Answers everything below /services."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, with whatever is to go wrong with it."""
        request = Request(scope, receive)
        incoming = await _incoming(request)
        try:
            _check_head(incoming)
            answer = await self._answer(incoming, receive)
        except RequestRefused as refused:
            answer = Answer(refused.status, refused.as_top_level())
        if answer is not None:
            response = await run_in_threadpool(self._response, answer)
            await response(scope, receive, send)

    async def _answer(self, incoming: Incoming, receive: Receive) -> Answer | None:
        if incoming.path.rstrip("/") == PREFIX:
            return Answer(body=versions())
        call = await run_in_threadpool(_call, incoming)
        plan, refusal = await run_in_threadpool(self._admit, incoming, call)
        return refusal or await self._carry_out(incoming, call, plan, receive)

    def _admit(self, incoming: Incoming, call: Call) -> tuple[Plan, Answer | None]:
        if incoming.path == TOKEN_PATH:
            return self.backend.plan(call, incoming.path), None
        admission = self.backend.admit(call, incoming.path, incoming.authorization)
        return admission.plan, admission.refusal

    async def _carry_out(
        self, incoming: Incoming, call: Call, plan: Plan, receive: Receive
    ) -> Answer | None:
        """The answer; None where the client gets none."""
        if plan.sleep_s:
            await asyncio.sleep(plan.sleep_s)
        if plan.instead is not None:
            return plan.instead
        if plan.late is not None:
            await run_in_threadpool(self.backend.postpone, call, incoming.path, plan.late)
            await (_wait_for_client(receive) if plan.late.hold else _drop(receive))
            return None
        if plan.drop == "before_commit":
            await _drop(receive)
            return None
        answer = await run_in_threadpool(self._perform, incoming, call)
        if plan.drop is not None:
            await _drop(receive)
            return None
        return answer

    def _perform(self, incoming: Incoming, call: Call) -> Answer:
        if incoming.path != TOKEN_PATH:
            return self.backend.perform(call, incoming.path)
        form = dict(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self.backend.token(form, incoming.authorization, incoming.base_url)

    def _response(self, answer: Answer) -> Response:
        used, most = self.backend.allowance()
        headers = {"Sforce-Limit-Info": f"api-usage={used}/{most}", **answer.headers}
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        if isinstance(answer.body, str):
            return Response(answer.body, answer.status, headers, "text/html")
        content = json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False)
        return Response(content, answer.status, headers, "application/json;charset=UTF-8")


async def _incoming(request: Request) -> Incoming:
    raw = request.scope.get("raw_path") or request.url.path.encode()
    return Incoming(
        method=request.method,
        path=raw.decode("latin-1").partition("?")[0],
        query=request.scope["query_string"].decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        base_url=f"{request.url.scheme}://{request.url.netloc}",
    )


def _check_head(incoming: Incoming) -> None:
    line = len(incoming.method) + len(incoming.path) + len(incoming.query) + len(" ? HTTP/1.1\r\n")
    if line > MAX_HEAD:
        raise RequestRefused("URI_TOO_LONG", "The request URI is too long", status=414)
    headers = sum(len(name) + len(value) + 4 for name, value in incoming.headers.items())
    if line + headers > MAX_HEAD:
        raise RequestRefused("HEADERS_TOO_LARGE", "URI and headers are too long", status=431)


def _call(incoming: Incoming) -> Call:
    if incoming.path == TOKEN_PATH:
        if incoming.method != "POST":
            raise RequestRefused("METHOD_NOT_ALLOWED", "use POST", status=405)
        return Call("POST", "", ("oauth2", "token"))
    version, path, params = split_url(f"{incoming.path}?{incoming.query}")
    return Call(incoming.method, version, path, params, incoming.headers, _json(incoming))


def _json(incoming: Incoming) -> Any:
    if not incoming.body or incoming.method in ("GET", "HEAD", "DELETE"):
        return None
    kind = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestRefused(
            "UNSUPPORTED_MEDIA_TYPE", f"Content type {kind!r} is not supported", status=415
        )
    try:
        return json.loads(incoming.body, parse_constant=_no_such_number)
    except ValueError as error:
        raise RequestRefused("JSON_PARSER_ERROR", f"Unexpected character: {error}") from None


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


async def _wait_for_client(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drop(receive: Receive) -> None:
    """Closes the connection without an answer.

    ASGI has no word for it, so this reaches for uvicorn's transport, which `receive` belongs to.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionDropped
    transport.abort()
    await _wait_for_client(receive)
