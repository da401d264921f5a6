"""The web service's stack without its work: reads a webhook, answers 204, keeps nothing."""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class _Answer:
    """The endpoint, an ASGI application of its own as the real one is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await Response(status_code=204)(scope, receive, send)


def main(port: int) -> None:
    """Serve until a signal ends it."""
    routes = [Route("/webhooks/{provider}/{kind}", _Answer(), methods=["POST"])]
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
    main(int(sys.argv[1]))
