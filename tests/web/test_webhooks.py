"""What becomes of a webhook, and what its sender is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crm_sms.bootstrap import App, installation
from crm_sms.ledger import Ledger
from crm_sms.ledger.tables import event_data, suppressions
from crm_sms.web.webhooks import STATUS

PATH = "/webhooks/acme"
DELIVERED = {"id": "m1", "status": "delivered", "to": "+12025550123", "from": "55511"}
STOP = {"id": "m2", "text": " stop ", "from": "+12025550123", "to": "+12025550999"}

Play = Callable[..., Any]
Stored = Callable[[Ledger], dict[str, bool]]


def test_an_authentic_callback_is_stored_with_its_inbox_row(
    app: App, play: Play, stored: Stored
) -> None:
    """204, nothing in the body, and the event is there to be processed."""
    answer = play(app, lambda service: service.post(DELIVERED))
    assert (answer.status, answer.body) == (204, b"")
    assert stored(app.ledger) == {"m1:delivered": True}


def test_the_bytes_received_are_kept(app: App, play: Play) -> None:
    """Body, content type and query are there to be verified and parsed again."""
    path = f"{PATH}?campaign=a%20b"
    play(app, lambda service: service.post(DELIVERED, path))
    with app.ledger.read() as connection:
        columns = event_data.c.raw, event_data.c.raw_type, event_data.c.raw_query
        row = connection.execute(select(*columns)).one()
    assert b'"delivered"' in row.raw
    assert row[1:] == ("application/json", "campaign=a%20b")


def test_a_kind_in_the_path_reaches_the_adapter(app: App, play: Play, stored: Stored) -> None:
    """Vendors that do not say in the body what it is say it in the address."""
    answer = play(app, lambda service: service.post(STOP, f"{PATH}/reply"))
    assert answer.status == 204
    assert stored(app.ledger) == {"m2:in": True}


def test_what_tells_of_nothing_is_taken_and_nothing_is_committed(
    app: App, play: Play, stored: Stored
) -> None:
    """As a test callback of our own: the ledger is not written, and nobody is woken."""
    commits: list[None] = []

    async def scenario(service: Any) -> Any:
        answer = await service.post([])
        return answer.status, await service.metric("crm_sms_webhook_requests_total")

    assert play(app, scenario, committed=lambda: commits.append(None)) == (204, 1)
    assert stored(app.ledger) == {}
    assert commits == []


def test_an_opt_out_suppresses_in_the_same_commit(any_app: App, play: Play) -> None:
    """Before the provider has its answer, the number can no longer be texted."""
    play(any_app, lambda service: service.post(STOP))
    with any_app.ledger.read() as connection:
        row = connection.execute(select(suppressions)).one()
    assert row.number_digest == any_app.ledger.digest("+12025550123")


def test_a_repeated_callback_is_stored_once(any_app: App, play: Play, stored: Stored) -> None:
    """Providers repeat themselves, also within one request; each time the answer is 204."""

    async def scenario(service: Any) -> list[int]:
        contents = [DELIVERED, DELIVERED, [DELIVERED, DELIVERED], [DELIVERED, STOP]]
        answers = [await service.post(content) for content in contents]
        assert await service.metric("crm_sms_events_total") == 2
        assert await service.metric("crm_sms_duplicates_total") == 4
        return [answer.status for answer in answers]

    assert play(any_app, scenario) == [204] * 4
    assert sorted(stored(any_app.ledger)) == ["m1:delivered", "m2:in"]


def test_parallel_callbacks_share_commits(any_app: App, play: Play, stored: Stored) -> None:
    """Two hundred at once, half of them duplicates: all 204, each stored once, few commits."""

    async def scenario(service: Any) -> Any:
        contents = [{**DELIVERED, "id": f"m{number % 100}"} for number in range(200)]
        answers = await asyncio.gather(*map(service.post, contents))
        commits = await service.metric("crm_sms_commit_seconds_count")
        return {answer.status for answer in answers}, commits

    statuses, commits = play(any_app, scenario)
    assert statuses == {204}
    assert len(stored(any_app.ledger)) == 100
    assert all(stored(any_app.ledger).values())
    assert commits <= 20


def test_a_forged_callback_leaves_nothing(app: App, play: Play, stored: Stored) -> None:
    """403, and neither its content nor its sender is kept."""

    async def scenario(service: Any) -> Any:
        wrong = {"x-acme-signature": "0" * 64}
        answers = [
            await service.post(DELIVERED, **wrong),
            await service.request("POST", PATH, (b"{}",)),
        ]
        return [(answer.status, answer.body) for answer in answers]

    assert play(app, scenario) == [(403, b"")] * 2
    assert stored(app.ledger) == {}


def test_report_mode_keeps_and_flags_what_is_not_verified(
    folder: Path, play: Play, stored: Stored
) -> None:
    """While a set-up is being mended nothing is lost, and the metric shows it."""
    with (folder / "crm-sms.toml").open("a") as settings:
        settings.write('signature = "report"\n')
    app = installation(folder, {})

    async def scenario(service: Any) -> Any:
        answer = await service.post(DELIVERED, **{"x-acme-signature": "0"})
        text = (await service.request("GET", "/metrics")).body.decode()
        return answer.status, 'outcome="unverified",provider="acme"} 1.0' in text

    assert play(app, scenario) == (204, True)
    assert stored(app.ledger) == {"m1:delivered": True}
    app.close()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b'"text"', b'{"id": "m1"}', b"[1]"])
def test_what_cannot_be_read_is_400(app: App, play: Play, stored: Stored, content: bytes) -> None:
    """Truncated, wrongly encoded or not this vendor's: refused, nothing kept."""
    answer = play(app, lambda service: service.post(content))
    assert (answer.status, answer.body) == (400, b"")
    assert stored(app.ledger) == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/webhooks/nobody", 404),
        ("POST", "/webhooks/nobody/reply", 404),
        ("POST", "/webhooks", 404),
        ("POST", "/webhooks/acme/reply/more", 404),
        ("POST", "/", 404),
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("POST", "/healthz", 405),
    ],
)
def test_other_addresses_are_answered_without_a_body(
    app: App, play: Play, method: str, path: str, status: int
) -> None:
    """Whatever is asked, there is no text that could reach a person."""
    answer = play(app, lambda service: service.request(method, path))
    assert (answer.status, answer.body) == (status, b"")


def test_an_announced_body_over_the_limit_is_not_read(app: App, play: Play, stored: Stored) -> None:
    """413 from its header alone, and the connection ends so that the rest is not sent either."""

    async def scenario(service: Any) -> Any:
        limit = app.settings.web.max_body_kb * 1024
        answer = await service.post(DELIVERED, **{"content-length": str(limit + 1)})
        return answer.status, answer.body, answer.headers["connection"], service.reads

    assert play(app, scenario) == (413, b"", "close", 0)
    assert stored(app.ledger) == {}


@pytest.mark.parametrize("announced", [{}, {"content-length": "5"}])
def test_a_streamed_body_is_read_up_to_the_limit(
    app: App, play: Play, stored: Stored, announced: dict[str, str]
) -> None:
    """Chunks count, whatever the header says; what follows the limit is left unread."""

    async def scenario(service: Any) -> Any:
        chunk = b" " * (app.settings.web.max_body_kb * 1024 // 4)
        answer = await service.request("POST", PATH, (chunk,) * 20, announced)
        return answer.status, service.reads

    assert play(app, scenario) == (413, 5)
    assert stored(app.ledger) == {}


def test_a_body_at_the_limit_is_taken(app: App, play: Play, stored: Stored) -> None:
    """The limit itself is allowed."""
    padded = b'{"id": "m1", "status": "sent"}'.ljust(app.settings.web.max_body_kb * 1024)
    assert play(app, lambda service: service.post(padded)).status == 204
    assert len(stored(app.ledger)) == 1


def test_a_client_that_leaves_is_forgotten(app: App, play: Play, stored: Stored) -> None:
    """Half a body is no callback, and there is nobody to answer."""
    body = b'{"id": "m1"'
    answer = play(app, lambda service: service.request("POST", PATH, (body,), leave=True))
    assert answer.status == 0
    assert stored(app.ledger) == {}


def test_text_that_a_database_refuses_is_stored(any_app: App, play: Play, stored: Stored) -> None:
    """NUL, a lone surrogate and a very long id come in beside an ordinary callback."""
    odd = [
        {**STOP, "text": "a\0b\ud800"},
        {**STOP, "id": "x" * 9_000},
        {**DELIVERED, "segments": 2**40},
        {**STOP, "id": "\0", "from": "\0\ud800"},
    ]

    async def scenario(service: Any) -> Any:
        answers = await asyncio.gather(*map(service.post, [*odd, {**DELIVERED, "id": "m9"}]))
        return [answer.status for answer in answers]

    assert play(any_app, scenario) == [204] * 5
    assert len(stored(any_app.ledger)) == 5


def test_what_cannot_be_stored_fails_alone(
    any_app: App, play: Play, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should one callback still break the store, its neighbours in the commit are kept."""
    from crm_sms.ledger.facts import append as honest

    def append(ledger: Any, connection: Any, new: Any, now: Any) -> Any:
        fresh = honest(ledger, connection, new, now)
        if any(event.key.startswith("m13") for event in new):
            raise ValueError("this one again")
        return fresh

    monkeypatch.setattr("crm_sms.use_cases.receive.append", append)

    async def scenario(service: Any) -> Any:
        contents = [{**DELIVERED, "id": f"m{number}"} for number in range(10, 30)]
        answers = await asyncio.gather(*map(service.post, contents))
        return [(answer.status, answer.body) for answer in answers]

    answers = play(any_app, scenario)
    assert answers.pop(3) == (500, b"")
    assert answers == [(204, b"")] * 19
    assert len(stored(any_app.ledger)) == 19


def test_an_adapter_that_breaks_is_500(
    app: App, play: Play, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fault is neither the sender's nor the server's to print."""
    monkeypatch.setattr(app.providers["acme"], "receive", lambda request, kind: 1 / 0)
    answer = play(app, lambda service: service.post(DELIVERED))
    assert (answer.status, answer.body) == (500, b"")
    assert stored(app.ledger) == {}


def test_too_many_waiting_are_503(folder: Path, play: Play, stored: Stored) -> None:
    """Whoever does not fit into the queue is told to come again, and nothing of it is kept."""
    app = installation(folder, {"CRM_SMS_WEB__MAX_WAITING": "10"})

    async def scenario(service: Any) -> list[int]:
        contents = [{**DELIVERED, "id": f"m{number}"} for number in range(40)]
        answers = await asyncio.gather(*map(service.post, contents))
        return [answer.status for answer in answers]

    statuses = play(app, scenario)
    assert set(statuses) == {204, 503}
    assert len(stored(app.ledger)) == statuses.count(204)
    app.close()


def test_every_outcome_has_an_answer_of_its_kind() -> None:
    """Only what is durable is answered 2xx; only what may pass later is answered 5xx."""
    accepted = {outcome for outcome, status in STATUS.items() if status < 300}
    assert accepted == {"stored", "unverified", "duplicate", "empty"}
    refused = {outcome for outcome, status in STATUS.items() if 400 <= status < 500}
    assert refused == {"forged", "unreadable", "unknown_provider", "too_large"}
