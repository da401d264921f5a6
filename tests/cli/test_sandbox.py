"""`crm-sms sandbox` as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest


def opened(child: Any, *args: object) -> tuple[Any, str]:
    """A running sandbox and its address, which is its first line."""
    process = child("sandbox", "--port", 0, *args)
    return process, process.stdout.readline().strip()


def get(url: Any) -> Any:
    """What the sandbox answers."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_it_serves_until_it_is_interrupted(child: Any) -> None:
    """On loopback, a CRM and a provider."""
    process, url = opened(child)
    assert url.startswith("http://127.0.0.1:")
    assert "settings to paste" in process.stderr.readline()
    assert set(get(f"{url}/_sandbox/stats")) == {"salesforce", "twilio"}
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("bare", [True, False])
def test_a_bare_org_has_no_fields_of_ours(child: Any, bare: bool) -> None:
    """As a real one before the mapping's fields were made."""
    process, url = opened(child, *(["--bare"] if bare else []))
    credentials = get(f"{url}/_sandbox/salesforce")["credentials"]
    form = f"grant_type=client_credentials&client_id={credentials['client_id']}"
    form += f"&client_secret={credentials['client_secret']}"
    token = get(urllib.request.Request(credentials["token_url"], form.encode()))
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    describe = f"{url}/services/data/v66.0/sobjects/Contact/describe"
    fields = get(urllib.request.Request(describe, headers=headers))["fields"]
    assert ("SMS_Opt_Out__c" in {field["name"] for field in fields}) is not bare
    process.kill()


def test_its_clock_is_the_file(child: Any, tmp_path: Path) -> None:
    """Whoever writes the file sets the time."""
    file = tmp_path / "now"
    file.write_text(datetime(2026, 1, 31, 9, tzinfo=UTC).isoformat())
    process, url = opened(child, "--clock", file)
    assert get(f"{url}/_sandbox/clock") == {"now": "2026-01-31T09:00:00+00:00", "real": False}
    process.kill()


def test_a_port_that_is_taken_is_a_clear_failure(anywhere: Any) -> None:
    """With the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = anywhere("sandbox", "--port", taken.getsockname()[1])
    assert answer.code == 1
    assert "(Address already in use);" in answer.err
    assert "give another --port" in answer.err


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_wrong_usage(anywhere: Any, port: int) -> None:
    """Not a stack trace."""
    assert anywhere("sandbox", "--port", port).code == 2
