"""Health, readiness, metrics, and a service that says what is wrong before it starts."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crm_sms.bootstrap import App, installation
from crm_sms.errors import BadSettings, WrongSchema
from crm_sms.ledger import store
from crm_sms.web import build, serve
from crm_sms.web import readiness as readiness_module

DELIVERED = {"id": "m1", "status": "delivered", "to": "+12025550123"}
Play = Callable[..., Any]
Start = Callable[..., Any]


def status_of(path: str) -> Callable[[Any], Any]:
    """A scenario that asks for one address."""

    async def ask(service: Any) -> Any:
        answer = await service.request("GET", path)
        return answer.status, answer.body

    return ask


def test_alive_and_ready(any_app: App, play: Play) -> None:
    """Both are 200 and empty on a ledger of our schema."""
    assert play(any_app, status_of("/healthz")) == (200, b"")
    assert play(any_app, status_of("/readyz")) == (200, b"")


def test_a_ledger_of_another_schema_is_not_ready(tmp_path: Path, folder: Path, play: Play) -> None:
    """The process is alive, but must get no callbacks."""
    app = installation(folder, {"CRM_SMS_DATABASE": f"sqlite:///{tmp_path}/empty.db"})
    assert play(app, status_of("/readyz")) == (503, b"")
    assert play(app, status_of("/healthz")) == (200, b"")
    app.close()


def test_many_askers_share_one_look(app: App, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is a commit, so a flood of probes must not be a flood of commits."""
    looks: list[int] = []
    look = readiness_module.Readiness._look

    def counted(self: Any) -> bool:
        looks.append(1)
        return look(self)

    monkeypatch.setattr(readiness_module.Readiness, "_look", counted)
    monkeypatch.setattr(readiness_module, "_FRESH_S", 1000.0)

    async def scenario(service: Any) -> list[int]:
        return [(await service.request("GET", "/readyz")).status for _ in range(20)]

    assert play(app, scenario) == [200] * 20
    assert looks == [1]


def test_metrics_tell_outcomes_apart(app: App, play: Play) -> None:
    """Requests by provider, kind and outcome; commits by size and time."""

    async def scenario(service: Any) -> str:
        await service.post(DELIVERED, "/webhooks/acme/status")
        await service.post(DELIVERED)
        await service.post(DELIVERED, "/webhooks/acme/made-up", **{"x-acme-signature": ""})
        await service.request("POST", "/webhooks/made-up")
        answer = await service.request("GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        return str(answer.body.decode())

    text = play(app, scenario)
    requests = "crm_sms_webhook_requests_total"
    assert f'{requests}{{kind="status",outcome="stored",provider="acme"}} 1.0' in text
    assert f'{requests}{{kind="",outcome="duplicate",provider="acme"}} 1.0' in text
    assert f'{requests}{{kind="",outcome="forged",provider="acme"}} 1.0' in text
    assert f'{requests}{{kind="",outcome="unknown_provider",provider=""}} 1.0' in text
    assert 'crm_sms_events_total{kind="status",provider="acme"} 1.0' in text
    assert "crm_sms_commit_events_count 2.0" in text
    assert "crm_sms_webhooks_waiting 0.0" in text
    assert "made-up" not in text


def test_a_commit_wakes_the_worker(app: App, play: Play) -> None:
    """The hook is called for a commit, and not for what leaves nothing to do."""
    told: list[bool] = []

    async def scenario(service: Any) -> None:
        await service.post(DELIVERED, **{"x-acme-signature": ""})
        assert told == []
        await service.post(DELIVERED)

    play(app, scenario, committed=lambda: told.append(True))
    assert told == [True]


def test_a_provider_without_its_secret_stops_the_start(folder: Path) -> None:
    """The admin reads where to set it, before a single callback is refused."""
    (folder / ".env").write_text("CRM_SMS_DIGEST_KEY=" + "k" * 40)
    app = installation(folder, {})
    with pytest.raises(BadSettings, match=r"CRM_SMS_PROVIDERS__ACME__….*secret: missing"):
        build(app)
    app.close()


def test_serve_refuses_a_ledger_of_another_schema(folder: Path, tmp_path: Path) -> None:
    """With the command that mends it."""
    app = installation(folder, {"CRM_SMS_DATABASE": f"sqlite:///{tmp_path}/empty.db"})
    with pytest.raises(WrongSchema, match="crm-sms db upgrade"):
        serve(app)
    app.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_is_taken_is_named(folder: Path, host: str) -> None:
    """Who starts a second one by mistake learns which setting is meant."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = str(taken.getsockname()[1])
        app = installation(folder, {"CRM_SMS_WEB__PORT": port, "CRM_SMS_WEB__HOST": host})
        with pytest.raises(BadSettings, match=f"web.host, web.port: {host}:{port} cannot be taken"):
            serve(app)
        app.close()


def test_a_served_installation_stores_and_stops(start: Start, app: App, stored: Any) -> None:
    """On a real socket: a callback is stored, a signal ends it, and standard error is quiet."""
    server = start(app.folder)
    assert server.post(DELIVERED) == 204
    log = server.end()
    assert server.process.returncode == -signal.SIGTERM
    assert log == ""
    assert stored(app.ledger) == {"m1:delivered": True}


def test_a_large_body_is_refused_on_the_wire(start: Start, folder: Path) -> None:
    """The answer comes while most of the body is still unsent, and the connection is closed."""
    server = start(folder, CRM_SMS_WEB__MAX_BODY_KB="1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
        wire.sendall(b"POST /webhooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        answer = b""
        while chunk := wire.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"\r\n\r\n")


def test_a_ledger_that_comes_and_goes_is_503_then_ready(
    folder: Path, tmp_path: Path, play: Play, monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    """Readiness follows the ledger without a restart."""
    monkeypatch.setattr(readiness_module, "_FRESH_S", -1.0)
    monkeypatch.setattr(store, "_PATIENCE_S", 0.05)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    app = installation(folder, {"CRM_SMS_DATABASE": sqlite_url})

    async def scenario(service: Any) -> list[int]:
        ask = status_of("/readyz")
        before = await ask(service)
        shutil.copy(path, tmp_path / "aside.db")
        path.write_bytes(b"not a database" * 1000)
        app.ledger.close()
        broken = await ask(service)
        path.unlink()
        shutil.copy(tmp_path / "aside.db", path)
        app.ledger.close()
        return [before[0], broken[0], (await ask(service))[0]]

    assert play(app, scenario) == [200, 503, 200]
    app.close()


@pytest.mark.parametrize("module", ["starlette", "uvicorn", "prometheus_client"])
def test_a_missing_library_names_its_extra(module: str) -> None:
    """The base install is without the web service, and says how to get it."""
    script = (
        f"import sys; sys.modules['{module}'] = None\n"
        "from crm_sms.errors import MissingExtra\n"
        "try:\n    import crm_sms.web\n"
        "except MissingExtra as error:\n    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "The web service needs an extra: pip install 'crm-sms[web]'\n"
