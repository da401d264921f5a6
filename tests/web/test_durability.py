"""Promise 1: what was answered 2xx is in the ledger, however the process ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from crm_sms.bootstrap import App

Start = Callable[..., Any]
CLIENTS = 8
EACH = 15


def storm(server: Any) -> dict[str, int | None]:
    """Parallel callbacks until the server is gone, with the answer to each."""
    answers: dict[str, int | None] = {}

    def send(client: int) -> None:
        for number in range(EACH):
            name = f"m{client}-{number}"
            answers[f"{name}:sent"] = server.post({"id": name, "status": "sent"})

    clients = [threading.Thread(target=send, args=(client,)) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return answers


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("side", ["before", "after"])
def test_what_was_answered_survives_a_kill(
    start: Start, any_app: App, stored: Any, side: str, count: int
) -> None:
    """Killed around its nth commit under load: every 2xx is there, with its inbox row."""
    server = start(any_app.folder, CRM_SMS_FAILPOINTS=f"receive:{side}={count}")
    answers = storm(server)
    assert server.process.wait(20) == -signal.SIGKILL
    kept = stored(any_app.ledger)
    answered = {key for key, status in answers.items() if status == 204}
    assert set(answers.values()) <= {204, None}
    assert answered <= set(kept)
    assert all(kept.values())
    if side == "after":  # those of the last commit are kept, though nobody could be told
        assert set(kept) > answered
    elif count == 1:  # later on, a commit may stand whose answers were still on their way
        assert kept == {}


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_provider_that_repeats_itself_loses_and_doubles_nothing(
    start: Start, any_app: App, stored: Any, side: str
) -> None:
    """Whatever had no answer is sent again to the next process: then all is there, once."""
    first = start(any_app.folder, CRM_SMS_FAILPOINTS=f"receive:{side}=2")
    answers = storm(first)
    first.process.wait(20)
    second = start(any_app.folder)
    unanswered = [key.removesuffix(":sent") for key, status in answers.items() if status is None]
    assert unanswered
    again = [second.post({"id": name, "status": "sent"}) for name in unanswered]
    assert set(again) == {204}
    assert sorted(stored(any_app.ledger)) == sorted(answers)
    assert all(stored(any_app.ledger).values())


def test_a_stop_while_callbacks_come_in_answers_whom_it_took(
    start: Start, any_app: App, stored: Any
) -> None:
    """A restart under load: everyone who was answered is stored, and nobody else."""
    server = start(any_app.folder)
    assert server.post({"id": "warm", "status": "sent"}) == 204
    stopper = threading.Timer(0.1, server.process.terminate)
    stopper.start()
    answers = storm(server)
    stopper.join()
    assert server.process.wait(20) == -signal.SIGTERM
    answered = {key for key, status in answers.items() if status == 204}
    assert set(stored(any_app.ledger)) == answered | {"warm:sent"}
