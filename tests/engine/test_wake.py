"""Waking whoever works on a ledger, in this process and in another one."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from crm_sms.engine.wake import FileWake, Wake, wake_of
from crm_sms.ledger import Ledger

LONG_S = 30.0
"""So long that a test which sits it out has failed."""

OTHER_PROCESS = """
import sys
from crm_sms.engine.wake import wake_of
from crm_sms.ledger import Ledger
ledger = Ledger(sys.argv[1], b"")
wake = wake_of(ledger)
if sys.argv[2] == "notify":
    wake.notify()
else:
    print("ready", flush=True)
    print(wake.wait(30), flush=True)
wake.close()
ledger.close()
"""


@pytest.fixture
def wake(ledger: Ledger) -> Iterator[Wake]:
    """The waiting end."""
    wake = wake_of(ledger)
    yield wake
    wake.close()


@pytest.fixture
def notifier(ledger: Ledger) -> Iterator[Wake]:
    """Another end of the same ledger."""
    wake = wake_of(ledger)
    yield wake
    wake.close()


def other(url: str, act: str) -> subprocess.Popen[str]:
    """The same module in a process of its own."""
    command = [sys.executable, "-c", OTHER_PROCESS, url, act]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_without_a_notice_the_time_runs_out(wake: Wake) -> None:
    """Whoever waits goes on by itself, and says that nobody called."""
    assert wake.wait(0.01) is False


def test_a_notice_ends_the_wait(wake: Wake, notifier: Wake) -> None:
    """A wait that is under way returns at once."""
    later = threading.Timer(0.1, notifier.notify)
    later.start()
    assert wake.wait(LONG_S) is True
    later.join()


def test_a_notice_while_nobody_waits_is_kept(wake: Wake, notifier: Wake) -> None:
    """What comes in while the worker works ends its next wait, and several are one wake-up."""
    notifier.notify()
    notifier.notify()
    time.sleep(0.5)  # PostgreSQL passes them on by itself: until then the second may be under way
    assert wake.wait(LONG_S) is True
    assert wake.wait(0.01) is False


def test_every_notice_after_a_wait_counts(wake: Wake, notifier: Wake) -> None:
    """Notices in quick succession are told apart."""
    for _ in range(50):
        notifier.notify()
        assert wake.wait(LONG_S) is True


def test_everyone_who_waits_is_woken(ledger: Ledger, wake: Wake, notifier: Wake) -> None:
    """Two workers on one ledger both look."""
    second = wake_of(ledger)
    notifier.notify()
    assert [wake.wait(LONG_S), second.wait(LONG_S)] == [True, True]
    second.close()


def test_another_process_wakes_us(ledger_url: str, wake: Wake) -> None:
    """The web server and the worker need not be one process."""
    with other(ledger_url, "notify") as notifier:
        assert notifier.wait(LONG_S) == 0
    assert wake.wait(LONG_S) is True


def test_we_wake_another_process(ledger_url: str, notifier: Wake) -> None:
    """And the other way round, while it waits."""
    with other(ledger_url, "wait") as waiter:
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "ready\n"
        notifier.notify()
        assert waiter.stdout.readline() == "True\n"
        assert waiter.wait(LONG_S) == 0


def test_a_notice_that_cannot_be_given_is_no_error(tmp_path: Path) -> None:
    """A commit that happened is answered, whatever becomes of its wake-up."""
    nowhere = FileWake(tmp_path / "no" / "such" / "folder")
    nowhere.notify()
    assert nowhere.wait(0.01) is False


def test_a_lost_server_only_delays(postgres: Any, postgres_url: str) -> None:
    """Without its connection a wait takes its time; once it is back, the worker looks at once."""
    ledger = Ledger(postgres_url, b"")
    wake = wake_of(ledger)
    name = make_url(postgres_url).database
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", end)
    wake.notify()
    assert [wake.wait(0.01), wake.wait(0.01)] == [False, False]
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert wake.wait(LONG_S) is True
    wake.notify()
    assert wake.wait(LONG_S) is True
    wake.close()
    ledger.close()


def test_a_worker_that_starts_while_the_server_is_away(postgres: Any, postgres_url: str) -> None:
    """It waits for its turn instead of stopping, and looks when the server is there."""
    name = make_url(postgres_url).database
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    ledger = Ledger(postgres_url, b"")
    wake = wake_of(ledger)
    assert wake.wait(0.01) is False
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert wake.wait(LONG_S) is True
    wake.close()
    ledger.close()
