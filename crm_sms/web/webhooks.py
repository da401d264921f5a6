"""One webhook from its first byte to its answer, which never has a body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from starlette.types import Message, Receive, Scope, Send

from crm_sms.errors import Forged, StoreUnavailable, Unreadable
from crm_sms.events import Event
from crm_sms.logs import where
from crm_sms.ports import SmsProvider, WebhookRequest
from crm_sms.web.group_commit import GroupCommit
from crm_sms.web.metrics import Metrics

_log = structlog.get_logger("crm_sms.web")

STATUS: Mapping[str, HTTPStatus] = {
    "stored": HTTPStatus.NO_CONTENT,
    "unverified": HTTPStatus.NO_CONTENT,  # kept and flagged: the signature is only reported on
    "duplicate": HTTPStatus.NO_CONTENT,
    "empty": HTTPStatus.NO_CONTENT,  # authentic, and tells of nothing: a test callback
    "forged": HTTPStatus.FORBIDDEN,
    "unreadable": HTTPStatus.BAD_REQUEST,
    "unknown_provider": HTTPStatus.NOT_FOUND,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "unstorable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "broken": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The answer to a request by what became of it."""


def _answer(outcome: str, status: HTTPStatus) -> Message:
    headers = [] if status is HTTPStatus.NO_CONTENT else [(b"content-length", b"0")]
    if outcome == "too_large":  # what is left of the body must not be read to be thrown away
        headers.append((b"connection", b"close"))
    return {"type": "http.response.start", "status": status.value, "headers": headers}


_ANSWERS = {outcome: _answer(outcome, status) for outcome, status in STATUS.items()}


class TooLarge(Exception):
    """The body is over the limit; the rest of it was not read."""


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Webhooks:
    """The ASGI endpoint of `/webhooks/{provider}` and `/webhooks/{provider}/{kind}`.

    A 2xx is sent only after the commit that holds every event of the request.
    """

    def __init__(
        self,
        providers: Mapping[str, SmsProvider],
        writer: GroupCommit,
        max_body: int,
        metrics: Metrics,
    ) -> None:
        self._providers = providers
        self._writer = writer
        self._max_body = max_body
        self._metrics = metrics
        self._too_large = (
            f"its body is over {max_body // 1024} KB; if the provider sends such, raise "
            "web.max_body_kb"
        )
        # The name that was called stands for nobody, so it may hold anything: it is not repeated.
        self._no_provider = (
            "no provider of the settings has this address; have the callback URL end in "
            f"{' or '.join(f'/webhooks/{name}' for name in providers) or 'one of [providers.…]'}"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing that happens in it is left to the server to report."""
        name = scope["path_params"]["provider"]
        kind = scope["path_params"].get("kind")
        known = name in self._providers
        try:
            request = await _read(scope, receive, self._max_body)
            outcome, authentic = await self._outcome(name, kind, request)
        except TooLarge:
            _log.warning(
                "webhook too large", provider=name if known else "", reason=self._too_large
            )
            outcome, authentic = "too_large", False
        except Disconnected:
            return
        self._metrics.requests.labels(
            name if known else "", (kind or "") if authentic else "", outcome
        ).inc()
        await send(_ANSWERS[outcome])
        await send({"type": "http.response.body", "body": b""})

    async def _outcome(
        self, name: str, kind: str | None, request: WebhookRequest
    ) -> tuple[str, bool]:
        if name not in self._providers:
            _log.warning("webhook for no provider", reason=self._no_provider)
            return "unknown_provider", False
        try:
            events = self._providers[name].receive(request, kind)
        except (Forged, Unreadable) as error:
            outcome = "forged" if isinstance(error, Forged) else "unreadable"
            _log.warning(f"webhook {outcome}", provider=name, reason=str(error))
            return outcome, False
        except Exception as error:  # noqa: BLE001  # its message may quote what was sent
            _log.error("webhook broke its adapter", provider=name, error=where(error))
            return "broken", False
        return (await self._stored(name, events) if events else "empty"), True

    async def _stored(self, name: str, events: Sequence[Event]) -> str:
        try:
            fresh = await self._writer.store(events)
        except StoreUnavailable as error:
            _log.error("ledger unavailable", provider=name, reason=str(error))
            return "unavailable"
        except Exception as error:  # noqa: BLE001  # its message may quote what was sent
            keys = [event.key for event in events]
            _log.error("webhook cannot be stored", provider=name, keys=keys, error=where(error))
            return "unstorable"
        return self._counted(name, events, fresh)

    def _counted(self, name: str, events: Sequence[Event], fresh: Sequence[bool]) -> str:
        for event, is_new in zip(events, fresh, strict=True):
            if is_new:
                self._metrics.events.labels(name, event.kind.value).inc()
            else:
                self._metrics.duplicates.labels(name).inc()
        if not all(event.verified for event in events):
            return "unverified"
        return "stored" if any(fresh) else "duplicate"


async def _read(scope: Scope, receive: Receive, max_body: int) -> WebhookRequest:
    # The first of two alike counts, as everywhere in Starlette.
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in reversed(scope["headers"])
    }
    if _announced(headers) > max_body:
        raise TooLarge
    return WebhookRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=await _body(receive, max_body),
    )


def _announced(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


async def _body(receive: Receive, max_body: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > max_body:
            raise TooLarge
        if not message.get("more_body"):
            return bytes(body)
