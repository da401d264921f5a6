"""The server that composes the sandbox's parts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests

from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.server import NotLoopback, Sandbox, listen, running, serve, spawned
from crm_sms.sandbox.twilio import SendText

Http = Callable[..., requests.Response]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.com", "::", "", "8.8.8.8"])
def test_a_host_that_others_can_reach_is_refused(host: str) -> None:
    """Only loopback is listened on, and the error says what to use."""
    with pytest.raises(NotLoopback, match=r"use 127\.0\.0\.1"):
        serve(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8"])
def test_loopback_hosts_are_taken(host: str) -> None:
    """Names and addresses of this machine work."""
    with listen(host, 0) as listener:
        assert listener.getsockname()[0].startswith("127.")


def test_each_sandbox_has_a_port_and_a_state_of_its_own(sandbox: Sandbox) -> None:
    """Two at once do not see each other's texts."""
    with running() as other:
        assert other.url != sandbox.url
        other.twilio.send(SendText(to="+12025550123", from_="+12025550100", body="hi"))
        assert other.twilio.texts
        assert not sandbox.twilio.texts


def test_answers_have_the_date_of_the_clock(sandbox: Sandbox) -> None:
    """Of every part, as a vendor's answers have its own; a clock that holds no time gives none."""
    sandbox.clock.set(datetime(2027, 2, 3, 4, 5, 6, tzinfo=UTC))
    for path in ("/", "/services/data/", "/2010-04-01/Accounts/AC1.json", "/nowhere"):
        dates = requests.get(sandbox.url + path, timeout=5).raw.headers.getlist("Date")
        assert dates == ["Wed, 03 Feb 2027 04:05:06 GMT"]
    assert sandbox.clock.path is not None
    sandbox.clock.path.write_text("noon")
    assert "Date" not in requests.get(f"{sandbox.url}/_sandbox/nowhere", timeout=5).headers


def test_the_port_is_free_again_afterwards() -> None:
    """When the block ends, nothing answers, and the thread is gone."""
    with running() as it:
        url = it.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=1)
    assert "sandbox" not in {thread.name for thread in threading.enumerate()}


def test_a_port_can_be_named() -> None:
    """It is that one or an error: a link that somebody wrote down must lead here."""
    with running() as other:
        port = int(other.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), running(port=port):
            pass
    with running(port=port) as again:
        assert again.url == other.url


def test_it_stops_also_before_it_has_started() -> None:
    """A block that ends at once, twenty times over, neither hangs nor leaks a thread."""
    for _ in range(20):
        with running():
            pass
    assert "sandbox" not in {thread.name for thread in threading.enumerate()}


def test_an_error_in_the_block_stops_it_too() -> None:
    """The test's own error comes through."""
    with pytest.raises(ZeroDivisionError), running():
        _ = 1 / 0
    assert "sandbox" not in {thread.name for thread in threading.enumerate()}


def test_it_stops_while_a_client_holds_a_connection() -> None:
    """An idle keep-alive connection does not keep the server."""
    with requests.Session() as session:
        with running() as it:
            session.get(f"{it.url}/_sandbox/stats", timeout=5)
            started = monotonic()
        assert monotonic() - started < 5


def test_it_stops_while_a_request_is_under_way(caplog) -> None:
    """The client's connection breaks, the block ends, and nothing is logged as an error."""
    broken: list[Exception] = []
    asked = threading.Event()

    def ask(url: str) -> None:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
            client.sendall(b"POST /_sandbox/clock HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
            asked.set()
            try:
                assert client.recv(100) == b""
            except OSError as error:
                broken.append(error)

    with running() as it:
        thread = threading.Thread(target=ask, args=(it.url,))
        thread.start()
        asked.wait(5)
        requests.get(f"{it.url}/_sandbox/clock", timeout=5)
    thread.join(5)
    assert not thread.is_alive()
    assert [type(error) for error in broken] in ([], [ConnectionResetError])
    assert caplog.records == []


def test_time_stands_and_is_set_over_http(sandbox: Sandbox, http: Http) -> None:
    """GET tells it, POST sets or advances it, and both sides see the same."""
    before = sandbox.clock.now()
    assert http("GET", "/_sandbox/clock").json() == {"now": before.isoformat(), "real": False}
    moved = http("POST", "/_sandbox/clock", json={"advance_s": 60})
    assert moved.json() == {"now": (before + timedelta(seconds=60)).isoformat()}
    http("POST", "/_sandbox/clock", json={"now": "2026-03-02T09:00:00Z"})
    assert sandbox.clock.now() == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("body", ['{"now": "soon"}', "{}", "not json", '{"advance_s": -4}'])
def test_a_wrong_order_to_the_clock_is_explained(http: Http, body: str) -> None:
    """400 with what to send."""
    answer = http("POST", "/_sandbox/clock", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_on_real_time_the_clock_cannot_be_set() -> None:
    """409 names the option that makes it possible."""
    with running(FileClock()) as it:
        answer = requests.post(f"{it.url}/_sandbox/clock", json={"advance_s": 1}, timeout=5)
        assert answer.status_code == 409
        assert "--clock" in answer.json()["error"]
        assert requests.get(f"{it.url}/_sandbox/clock", timeout=5).json()["real"] is True


def test_the_index_names_what_is_here(sandbox: Sandbox, http: Http) -> None:
    """Links to both parts, and the credentials to use."""
    page = http("GET", "/").text
    account = sandbox.twilio.account
    for expected in ('href="/salesforce"', 'href="/twilio"', account.sid, account.auth_token):
        assert expected in page


def test_stats_come_from_both_parts(http: Http) -> None:
    """One document with a key per vendor."""
    stats = http("GET", "/_sandbox/stats").json()
    assert set(stats) == {"salesforce", "twilio"}
    assert stats["twilio"] == {"texts": {}, "callbacks": {}, "waiting": 0, "opted_out": 0}


def test_on_real_time_callbacks_go_out_by_themselves(customer) -> None:
    """Nobody tells it to deliver, and the customer is called."""
    with running(FileClock()) as it:
        order = SendText(
            to="+12025550123",
            from_="+12025550100",
            body="hi",
            status_callback=customer.url,
            delays={"sending": 0, "sent": 0, "delivered": 0},
        )
        it.twilio.send(order)
        deadline = monotonic() + 10
        while len(customer.hits) < 3 and monotonic() < deadline:
            sleep(0.01)
    assert customer.statuses == ["sending", "sent", "delivered"]


def test_with_a_clock_file_nothing_goes_out_untold(sandbox: Sandbox, customer) -> None:
    """Callbacks that are due wait for the order to deliver."""
    sandbox.twilio.send(
        SendText(to="+12025550123", from_="+12025550100", body="hi", status_callback=customer.url)
    )
    sandbox.clock.advance(60)
    assert sandbox.twilio.stats()["waiting"] == 3
    sleep(0.15)
    assert customer.hits == []
    assert sandbox.twilio.deliver() == {"204": 3}


def test_a_child_process_serves_on_the_shared_clock() -> None:
    """It answers at its URL, follows the clock file, and ends with the block."""
    with spawned() as child:
        child.clock.set(datetime(2026, 3, 2, 9, tzinfo=UTC))
        now = requests.get(f"{child.url}/_sandbox/clock", timeout=5).json()
        assert now == {"now": "2026-03-02T09:00:00+00:00", "real": False}
        assert child.pid != os.getpid()
    with pytest.raises(requests.ConnectionError):
        requests.get(child.url, timeout=1)


def test_a_killed_child_is_gone_without_a_hang() -> None:
    """A test may kill it as the operating system would."""
    with spawned() as child:
        os.kill(child.pid, signal.SIGKILL)


def _module(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crm_sms.sandbox", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_module_refuses_a_foreign_host() -> None:
    """Exit 2, the reason on standard error, nothing on standard output."""
    done = _module("--host", "0.0.0.0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "127.0.0.1" in done.stderr


def test_the_module_says_when_the_port_is_taken() -> None:
    """Exit 2 without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _module("--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_interrupting_the_module_is_a_clean_end(tmp_path: Path) -> None:
    """It prints its address as one line of JSON; Ctrl-C leaves no traceback."""
    command = [sys.executable, "-m", "crm_sms.sandbox", "--port", "0"]
    command += ["--clock", str(tmp_path / "now")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        url = json.loads(child.stdout.readline())["url"]
        requests.get(f"{url}/_sandbox/stats", timeout=5)
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=20)
    assert rest == ""
    assert "Traceback" not in errors
