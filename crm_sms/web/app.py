"""The service put together: routes, the writer's life, health, and how it is served."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_sms.bootstrap import App, opt_out_rules
from crm_sms.errors import BadSettings, reason
from crm_sms.ledger import schema
from crm_sms.settings import WebSettings
from crm_sms.use_cases.receive import receive
from crm_sms.web.group_commit import GroupCommit, Store
from crm_sms.web.metrics import Metrics
from crm_sms.web.readiness import Readiness
from crm_sms.web.webhooks import Webhooks

_log = structlog.get_logger("crm_sms.web")


def build(app: App, committed: Callable[[], object] = lambda: None) -> Starlette:
    """The ASGI application of an installation.

    `committed` is called after every commit, in the writer's thread: that is where a worker is
    woken. Raises BadSettings or MissingExtra if an adapter of a provider cannot be built.
    """
    metrics = Metrics()
    providers = dict(app.providers.items())
    writer = GroupCommit(_store(app), committed, app.settings.web.max_waiting, metrics)
    webhooks = Webhooks(providers, writer, app.settings.web.max_body_kb * 1024, metrics)
    readiness = Readiness(app.ledger, app.clock)

    async def exposition(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def ready(_: Request) -> Response:
        return Response(status_code=200 if await readiness.holds() else 503)

    return Starlette(
        routes=[
            Route("/webhooks/{provider}", webhooks, methods=["POST"]),
            Route("/webhooks/{provider}/{kind}", webhooks, methods=["POST"]),
            Route("/healthz", _alive),
            Route("/readyz", ready),
            Route("/metrics", exposition),
        ],
        exception_handlers={HTTPException: _empty, Exception: _empty},
        lifespan=lambda _: _writing(writer),
    )


def _store(app: App) -> Store:
    rules = opt_out_rules(app)
    return lambda events: receive(app.ledger, rules, events, app.clock())


@contextlib.asynccontextmanager
async def _writing(writer: GroupCommit) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    running = asyncio.create_task(writer.run(stopping))
    yield
    stopping.set()
    await running


async def _alive(_: Request) -> Response:
    return Response()


async def _empty(_: Request, error: Exception) -> Response:
    """No text, as a provider might text it to a person."""
    if isinstance(error, HTTPException):
        return Response(status_code=error.status_code, headers=error.headers)
    return Response(status_code=500)


def serve(app: App, committed: Callable[[], object] = lambda: None) -> None:
    """Serve until a signal ends it; webhooks that wait by then are still stored and answered.

    Raises WrongSchema if the ledger is not of this program's schema, BadSettings if the address
    cannot be taken.
    """
    schema.require(app.ledger)
    server = uvicorn.Server(_config(build(app, committed)))
    with _listening(app.settings.web) as listening:
        host, port = listening.getsockname()[:2]
        _log.info("serving", host=host, port=port)
        server.run(sockets=[listening])


def _listening(web: WebSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=2048)
    except OSError as error:
        raise BadSettings(
            f"web.host, web.port: {web.host}:{web.port} cannot be taken ({reason(error)}); "
            "stop what listens there, or set another one"
        ) from error


def _config(asgi: Starlette) -> uvicorn.Config:
    """No access log, since addresses hold what others passed in them."""
    return uvicorn.Config(
        asgi,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
