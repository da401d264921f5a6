"""Promise 11: secrets, bodies and whole numbers stay out of logs and metrics."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from crm_sms import logs
from crm_sms.bootstrap import App
from crm_sms.errors import StoreUnavailable

PATH = "/webhooks/acme"
NUMBER = "+12025550147"
TEXT = "meet me at the harbour"
QUERY = "campaign=harbour-secret"
SIGNATURE = "f0" * 32
UNTOLD = [NUMBER, NUMBER[1:], TEXT, "harbour", "acme-s3cret", "k" * 40, SIGNATURE, "campaign"]
REPLY = {"id": "m1", "text": TEXT, "from": NUMBER, "to": "+12025550999"}

Play = Callable[..., Any]
Start = Callable[..., Any]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged in this process."""
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    structlog.reset_defaults()


async def every_outcome(service: Any, app: App, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """One request for each way a webhook can go."""
    path = f"{PATH}?{QUERY}"
    answers = [
        await service.post(REPLY, path),
        await service.post(REPLY, path),
        await service.post(REPLY, path, **{"x-acme-signature": SIGNATURE}),
        await service.post(json.dumps({"x": TEXT, "from": NUMBER}).encode(), path),
        await service.post(REPLY, path, **{"content-length": "99999999"}),
        await service.post(REPLY, f"/webhooks/{NUMBER}"),
        await service.post(REPLY, f"{PATH}/{NUMBER}", **{"x-acme-signature": SIGNATURE}),
    ]
    for fault in (ValueError(f"{NUMBER}: {TEXT}"), StoreUnavailable("the ledger is away")):
        with monkeypatch.context() as patch:
            patch.setattr("crm_sms.use_cases.receive.append", _raising(fault))
            answers.append(await service.post({**REPLY, "id": "m2"}, path))
    with monkeypatch.context() as patch:
        patch.setattr(app.providers["acme"], "receive", _raising(ValueError(f"{NUMBER}: {TEXT}")))
        answers.append(await service.post(REPLY, path))
    return {answer.status for answer in answers}


def _raising(fault: Exception) -> Callable[..., None]:
    def fail(*_: Any) -> None:
        raise fault

    return fail


def test_no_outcome_tells_what_was_sent(
    app: App, play: Play, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """Whatever becomes of a webhook, the log says so without its content, and so do metrics."""

    async def scenario(service: Any) -> tuple[set[int], str]:
        statuses = await every_outcome(service, app, monkeypatch)
        return statuses, (await service.request("GET", "/metrics")).body.decode()

    statuses, metrics = play(app, scenario)
    assert statuses == {204, 400, 403, 404, 413, 500, 503}
    printed = capfd.readouterr()
    told = log.getvalue() + metrics + printed.out + printed.err
    assert [secret for secret in UNTOLD if secret in told] == []
    for event in ("webhook forged", "webhook unreadable", "broke its adapter", "cannot be stored"):
        assert event in log.getvalue()
    assert "ledger unavailable" in log.getvalue()


def test_the_real_server_prints_nothing_either(start: Start, folder: Path) -> None:
    """Neither uvicorn nor an exception on its way out adds what we leave away."""
    server = start(folder, CRM_SMS_PROVIDERS__ACME__SIGNATURE="enforce")
    statuses = [
        server.post(REPLY),
        server.post({**REPLY, "id": "\0" * 5_000}),
        server.post({"x": TEXT, "from": NUMBER}),
        server.post(TEXT.encode()),
    ]
    assert statuses == [204, 204, 400, 400]
    log = server.end()
    assert log.count("webhook unreadable") == 2
    assert [secret for secret in UNTOLD if secret in log] == []


def test_a_database_error_does_not_quote_its_row(
    any_app: App, play: Play, log: io.StringIO
) -> None:
    """What the database says of a statement holds no values: a table is missing, say."""
    with any_app.ledger.write("meta") as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    answer = play(any_app, lambda service: service.post(REPLY))
    assert answer.status in (500, 503)
    assert log.getvalue()
    assert [secret for secret in UNTOLD if secret in log.getvalue()] == []


def test_an_exception_is_told_by_its_type_and_place() -> None:
    """Enough to find the fault, nothing of what it was about."""
    try:
        raise ValueError(TEXT)
    except ValueError as error:
        told = logs.where(error)
    assert told.startswith("ValueError at test_an_exception_is_told_by_its_type_and_place:")
    assert logs.where(ValueError(TEXT)) == "ValueError"
