"""How many signed callbacks a second become durable, and how quickly while others are at work."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from crm_sms.clock import machine_clock
from crm_sms.sandbox.server import spawned
from crm_sms.testing.world import install
from figures import load, process

RATIO = 0.25
_SCRIPTS = Path(__file__).parents[1]
_SCRIPT = _SCRIPTS / "receive.lua"
_PUBLIC_URL = "https://sms.example.com"
_PATH = "/webhooks/twilio/status"
_CONNECTIONS = 256
_STEADY = 50
_STEADY_REST_MS = 95
"""So many connections, each resting so long before a request: about 500 requests a second."""
_MOST_A_SECOND = 10_000
"""Callbacks made for each second; a server that took more would be sent duplicates."""
_STEADY_A_SECOND = 600


def measure(folder: Path, quick: bool) -> Mapping[str, Any]:
    """See docs/figures.md."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: sudo apt-get install -y wrk")
    rounds, seconds = (1, 2) if quick else (3, 5)
    backlog = 20_000 if quick else 60_000
    full = _at_full_speed(folder, rounds, seconds)
    return {**full, **_while_others_work(folder, 2 * seconds, backlog, load.PEOPLE)}


@dataclass(frozen=True, slots=True)
class _Round:
    """Requests a second of three servers, measured one after the other."""

    ours: float
    same: float
    bare: float
    good: bool

    @property
    def ratio(self) -> float:
        return self.ours / self.same


def _at_full_speed(folder: Path, rounds: int, seconds: int) -> dict[str, Any]:
    """The round of the median ratio; what else the machine does changes from round to round."""
    taken = sorted((_round(folder, seconds) for _ in range(rounds)), key=lambda one: one.ratio)
    middle = taken[len(taken) // 2]
    return {
        "per_s": round(middle.ours),
        "per_s_aim": 3000,
        "yardstick_per_s": round(middle.same),
        "ratio": round(middle.ratio, 3),
        "ratio_least": RATIO,
        "ratios": [round(one.ratio, 3) for one in taken],
        "binding_met": middle.ratio >= RATIO and all(one.good for one in taken),
        "every_answer_is_an_event": all(one.good for one in taken),
        "bare_stack_per_s": round(middle.bare),
        "ratio_to_bare_stack": round(middle.ours / middle.bare, 3),
        "connections": _CONNECTIONS,
    }


def _round(folder: Path, seconds: int) -> _Round:
    place = folder / "full"
    place.mkdir()
    requests = place / "requests"
    _write_requests(requests, seconds * _MOST_A_SECOND)
    process.prepare(place, events=0, people=0, public_url=_PUBLIC_URL)
    with _served(place) as url:
        ours = _wrk(url, requests, seconds, _CONNECTIONS)
    yardsticks = []
    for kind in ("same", "bare"):
        with _yardstick(kind) as url:
            one = _wrk(url, requests, seconds, _CONNECTIONS)
            yardsticks.append(one["requests"] / one["seconds"])
    with closing(sqlite3.connect(place / "crm-sms.db")) as database:
        stored = database.execute("SELECT count(*) FROM events").fetchone()[0]
    shutil.rmtree(place)
    good = ours["not_2xx"] == ours["broken"] == 0 and stored >= ours["requests"]
    return _Round(ours["requests"] / ours["seconds"], *yardsticks, good=good)


def _while_others_work(folder: Path, seconds: int, backlog: int, people: int) -> dict[str, Any]:
    """500 a second while one process drains a backlog and another pulls everybody."""
    place = folder / "busy"
    place.mkdir()
    requests = place / "requests"
    _write_requests(requests, seconds * _STEADY_A_SECOND)
    with ExitStack() as stack:
        box = stack.enter_context(spawned())
        box.clock.set(machine_clock())
        seed(box.url, people)
        process.prepare(place, backlog, people, public_url=_PUBLIC_URL)
        aim_at(place, box.url)
        url = stack.enter_context(_served(place))
        others = [stack.enter_context(_running(place, *words)) for words in _OTHERS]
        time.sleep(1)  # until they are at work
        taken = _wrk(url, requests, seconds, _STEADY, _STEADY_REST_MS)
        working = [" ".join(w) for w, other in zip(_OTHERS, others, strict=True) if _lives(other)]
    return {
        "busy_per_s": round(taken["requests"] / taken["seconds"]),
        "busy_p50_ms": round(taken["p50_ms"], 1),
        "busy_p99_ms": round(taken["p99_ms"], 1),
        "busy_p99_ms_goal": 100,
        "busy_max_ms": round(taken["max_ms"], 1),
        "busy_failed": taken["not_2xx"] + taken["broken"],
        "busy_beside": [" ".join(words) for words in _OTHERS],
        "busy_still_at_work_at_the_end": working,
    }


_OTHERS = (("process",), ("sync", "people"))


def _write_requests(file: Path, count: int) -> None:
    """Whole HTTP requests of unique callbacks, each followed by a NUL."""
    with file.open("wb") as out:
        for number in range(count):
            out.write(_request(f"SM{number:032x}") + b"\0")


def _request(sid: str) -> bytes:
    form = {
        "AccountSid": load.ACCOUNT,
        "ApiVersion": "2010-04-01",
        "From": load.OUR_NUMBER,
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "SmsSid": sid,
        "SmsStatus": "delivered",
        "To": load.number_of(int(sid[2:], 16) % load.PEOPLE),
    }
    body = urlencode(form)
    lines = (
        f"POST {_PATH} HTTP/1.1",
        "Host: sms.example.com",
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
        f"X-Twilio-Signature: {_signature(form)}",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _signature(form: Mapping[str, str]) -> str:
    """As Twilio documents it: the URL, then every name and value in the names' order."""
    signed = _PUBLIC_URL + _PATH + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.digest(load.TOKEN.encode(), signed.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()


def _wrk(
    url: str, requests: Path, seconds: int, connections: int, rest_ms: int = 0
) -> dict[str, float]:
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        str(_SCRIPTS / "receive.lua"),
        url + _PATH,
    ]
    command += ["--", str(requests), *([str(rest_ms)] if rest_ms else [])]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(printed.splitlines()[-1]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(command: Sequence[str], cwd: Path, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)


@contextmanager
def _answering(command: Sequence[str], cwd: Path, port: int, **environ: str) -> Iterator[str]:
    with _started(command, cwd, **environ) as child:
        deadline = time.monotonic() + 20
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not listen")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _yardstick(kind: str) -> Iterator[str]:
    port = _free_port()
    with _answering(["-m", "figures.yardstick", kind, str(port)], _SCRIPTS, port) as url:
        yield url


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    port = _free_port()
    command = ["-m", "crm_sms", "--folder", str(folder), "serve"]
    with _answering(command, folder, port, CRM_SMS_WEB__PORT=str(port)) as url:
        yield url


@contextmanager
def _running(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with _started(["-m", "crm_sms", "--folder", str(folder), *words], folder) as child:
        yield child


def _lives(child: subprocess.Popen[str]) -> bool:
    return child.poll() is None


def seed(url: str, people: int, between: Callable[[], Any] = lambda: None) -> None:
    """Makes contacts in the org, as many as the mirror has, a twentieth of them at a time."""
    portion = -(-people // 20)
    for start in range(0, people, portion):
        records = [
            {"LastName": f"Person {person}", "MobilePhone": load.number_of(person)}
            for person in range(start, min(people, start + portion))
        ]
        order = {"op": "create", "object": "Contact", "records": records}
        _post(f"{url}/_sandbox/salesforce/records", order)
        between()


def _post(url: str, value: Any) -> None:
    request = urllib.request.Request(
        url, json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=60).close()


def aim_at(folder: Path, url: str) -> None:
    """Point a prepared installation at the sandbox; its webhooks keep their public URL."""
    with urllib.request.urlopen(f"{url}/_sandbox/salesforce", timeout=10) as answer:
        credentials = json.load(answer)["credentials"]
    install(folder, _PUBLIC_URL, credentials, {load.ACCOUNT: load.TOKEN})
