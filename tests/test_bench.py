"""The figures are taken: a smoke run of scripts/bench.py at tiny sizes."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crm_sms.clock import machine_clock
from crm_sms.events import EventKind
from crm_sms.ports import WebhookRequest
from crm_sms_twilio import Twilio

pytestmark = pytest.mark.checkout

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the figures, as bench.py does."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name: importlib.import_module(f"figures.{name}")


def test_a_backlog_is_processed_and_compared_with_plain_inserts(
    figures: Any, tmp_path: Path
) -> None:
    """Every event of the mix is taken up; the yardstick inserts the very rows that were left."""
    taken = figures("process").of_backlog(tmp_path, events=300, people=40)
    assert taken["messages"] >= 60
    assert taken["records"] > taken["messages"] / 2
    assert taken["rows_written"] > 3 * 60
    assert taken["transactions"] >= 1
    assert taken["memory_mb_most"] < 500


def test_everybody_is_pulled_by_both_ways_and_compared_with_plain_inserts(
    figures: Any, tmp_path: Path
) -> None:
    """By pages and by a query job; the calls of a million are those of the people times so many."""
    taken = figures("people").of_people(tmp_path, people=300)
    for way in ("rest", "bulk"):
        assert taken[f"{way}_people_per_s"] > 0
        assert taken[f"{way}_yardstick_rows_per_s"] > 0
        assert 0 < taken[f"{way}_memory_mb_at_the_end"] < 500
    assert taken["rest_calls_for_a_million"] == taken["rest_calls"] - 1 + round(1_000_000 / 300)
    assert taken["bulk_calls"] > taken["rest_calls"], "a page, a job, looks at it, an answer"


def test_the_mix_has_five_events_a_text_and_one_reply_in_twenty(figures: Any) -> None:
    """What is measured is what docs/figures.md says."""
    load = figures("load")
    source = load.traffic(load.ACCOUNT, machine_clock(), 0.5, 100)
    events = [next(source) for _ in range(4200)]
    replies = [event for event in events if event.kind is EventKind.REPLY]
    texts = {event.provider_message_id for event in events} - {
        event.provider_message_id for event in replies
    }
    assert len(replies) / len(events) == pytest.approx(1 / 21, rel=0.2)
    assert (len(events) - len(replies)) / len(texts) == pytest.approx(5, rel=0.1)
    assert len({event.key for event in events}) == len(events)
    received = [event.received_at for event in events]
    assert received == sorted(received)


def test_calls_of_a_backlog_are_few_and_stand_beside_those_of_single_rows(
    figures: Any, tmp_path: Path
) -> None:
    """Every reply leaves a logged text, an updated person and a task, in few calls."""
    taken = figures("calls").of_replies(tmp_path, events=8, sample=3)
    assert (taken["texts_logged"], taken["people_updated"], taken["tasks_made"]) == (8, 8, 8)
    assert taken["binding_met"]
    assert taken["yardstick_calls"] == 3 * 8


def test_a_played_day_counts_calls_and_waits(figures: Any, tmp_path: Path) -> None:
    """Replies become tasks within seconds of simulated time, in fewer calls than records."""
    taken = figures("day").of_seconds(tmp_path, seconds=240, people=30)
    assert taken["events"] == pytest.approx(240, rel=0.5)
    assert taken["replies"] >= taken["tasks"] >= 1
    assert 1.0 <= taken["reply_to_task_p50_s"] < 60
    assert 0 < taken["calls"] < taken["yardstick_calls_of_one_a_record"]


def test_the_requests_of_the_load_are_signed(figures: Any) -> None:
    """The adapter takes what wrk will send for authentic, or only refusals would be measured."""
    load, receive = figures("load"), figures("receive")
    provider = Twilio(
        {
            "public_url": receive._PUBLIC_URL,
            "accounts": {load.ACCOUNT: {"auth_token": load.TOKEN}},
        },
        machine_clock,
    )
    head, _, body = receive._request("SM" + "7" * 32).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(re.split(": ", line, maxsplit=1) for line in lines)
    request = WebhookRequest(
        method="POST",
        path=first.split()[1],
        query="",
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )
    [event] = provider.receive(request, "status")
    assert (event.verified, event.key) == (True, f"SM{'7' * 32}:delivered")


def test_without_wrk_it_says_what_to_install(
    figures: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one tool that is not ours is named with the line that brings it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="apt-get install -y wrk"):
        figures("receive").measure(tmp_path, True)


def test_the_command_prints_json_with_the_machine() -> None:
    """`bench.py import --quick --json` is one document that names the machine it was taken on."""
    command = [sys.executable, str(SCRIPTS / "bench.py"), "import", "--quick", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    taken = json.loads(done.stdout)
    assert {"cores", "python", "sqlite", "kernel"} <= taken["machine"].keys()
    assert 0 < taken["import"]["yardstick_python_s"] <= taken["import"]["help_s"]
