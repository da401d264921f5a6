"""The web service without its work, to hold it against: `same`, or the `bare` stack below it.

`same` is our endpoint as it is, routes, limits, metrics and answer, with an adapter that verifies
and reads nothing and a writer that stores nothing. `bare` is an endpoint that only takes the body.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from crm_sms.web.metrics import Metrics
from crm_sms.web.webhooks import Webhooks


class _Adapter:
    def receive(self, request: Any, kind: str | None) -> Sequence[Any]:
        return ()


class _Writer:
    async def store(self, events: Sequence[Any]) -> list[bool]:
        return []


class _Bare:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await Response(status_code=204)(scope, receive, send)


def _same() -> ASGIApp:
    nothing: Any = {"twilio": _Adapter()}
    writer: Any = _Writer()
    return Webhooks(nothing, writer, 1024 * 1024, Metrics())


_ENDPOINTS: Mapping[str, Any] = {"same": _same, "bare": _Bare}


def main(kind: str, port: int) -> None:
    """Serve until a signal ends it, with the settings of uvicorn that `crm-sms serve` has."""
    endpoint = _ENDPOINTS[kind]()
    routes = [
        Route("/webhooks/{provider}", endpoint, methods=["POST"]),
        Route("/webhooks/{provider}/{kind}", endpoint, methods=["POST"]),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
