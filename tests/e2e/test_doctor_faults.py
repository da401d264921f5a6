"""A healthy installation has no finding; each planted fault is found, and gone after its remedy."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import uvicorn
from typer.testing import CliRunner

from crm_sms.bootstrap import installation
from crm_sms.cli import app as cli
from crm_sms.ledger import store
from crm_sms.ledger.restored import Behind, put_behind
from crm_sms.sandbox.clock import FileClock
from crm_sms.sandbox.salesforce.org import USERNAME
from crm_sms.sandbox.server import running
from crm_sms.sandbox.twilio import Configure, SendText
from crm_sms.sandbox.twilio import Fault as TwilioFault
from crm_sms.sandbox.twilio.accounts import ACCOUNT_SID, SENDERS, SERVICE_SID
from crm_sms.sandbox.twilio.senders import update_number, update_service
from crm_sms.testing.world import CRM, START, World, build
from crm_sms.web import build as build_web

NUMBER = "+12025550123"
TOML, ENV, DATABASE = "crm-sms.toml", ".env", "crm-sms.db"


@dataclass
class Front:
    """What stands before our service, as a proxy does: it may be down, or change what it gets."""

    asgi: Any = None
    change: Callable[[Any], Any] = lambda scope: scope

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.asgi is None and scope["type"] == "http":
            await send({"type": "http.response.start", "status": 502, "headers": []})
            await send({"type": "http.response.body", "body": b"Bad Gateway"})
        elif scope["type"] == "http":
            await self.asgi(self.change(scope), receive, send)
        else:
            await self.asgi(scope, receive, send)


@dataclass
class Site:
    """An installation, the world around it, and what a test has changed of either."""

    world: World
    front: Front
    owner: str
    hanging: ExitStack
    patch: pytest.MonkeyPatch
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.world.app.folder

    def run(self, *args: str) -> Any:
        """A command of ours."""
        environ = {"COLUMNS": "200", **self.environ}
        result = CliRunner().invoke(cli, ["--folder", str(self.folder), *args], env=environ)
        structlog.reset_defaults()
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def sick(self) -> tuple[dict[str, list[dict[str, str]]], int]:
        """What doctor finds that is not ok, by subject, and what it ends with."""
        answer = self.run("doctor", "--callback", "--json")
        document = json.loads(answer.stdout)
        found: dict[str, list[dict[str, str]]] = {}
        for one in document["findings"]:
            if one["verdict"] != "ok":
                found.setdefault(one["subject"], []).append(one)
        return found, answer.exit_code

    def edit(self, file: str, pattern: str, to: str) -> None:
        """An admin edits a file."""
        path = self.folder / file
        text, hits = re.subn(pattern, to, path.read_text(), flags=re.MULTILINE)
        assert hits, pattern
        path.write_text(text)

    def append(self, file: str, line: str) -> None:
        """An admin adds a line; to crm-sms.toml at its top, before all tables."""
        path = self.folder / file
        path.write_text(f"{line}\n{path.read_text()}")

    def set_number(self, **form: str) -> None:
        """An admin sets what a number calls, in Twilio's console."""
        account = self.world.box.twilio.account
        update_number(account, SENDERS[1], {name: [value] for name, value in form.items()})

    def set_service(self, **form: str) -> None:
        """The same of the Messaging Service."""
        account = self.world.box.twilio.account
        given = {name: [value] for name, value in form.items()}
        update_service(account, account.services[SERVICE_SID], given)

    def waiting(self) -> None:
        """A text that makes records."""
        self.world.receive(self.world.outbound(NUMBER, "SM1"))

    def lock(self) -> None:
        """A process hangs in a commit, until `hanging` is closed."""
        self.patch.setattr(store, "_PATIENCE_S", 0.0)
        self.hanging.enter_context(self.world.app.ledger.write("meta"))

    @property
    def inbound(self) -> str:
        """Where replies are to go."""
        return f"{self.world.app.settings.public_url}/webhooks/twilio/inbound#rc=3&rp=all"


@contextmanager
def serving(front: Front, listening: socket.socket) -> Iterator[None]:
    """The web service behind what stands before it, in a thread."""
    config = uvicorn.Config(front, log_level="critical", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Healthy: set up as the manual has it, its service running, its jobs done a moment ago."""
    clock = FileClock(tmp_path / "now")
    clock.set(START)  # before the org begins, or its first user is of a later time
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listening:
        sandbox = stack.enter_context(running(clock))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        world = build(tmp_path, sandbox)
        world.app.close()
        user = {"LastName": "Kim", "Username": "k@x.com", "Email": "k@x.com", "Alias": "kim"}
        [owner] = world.create("User", user)
        world.contact(NUMBER)
        front = Front()
        site = Site(world, front, owner, stack.enter_context(ExitStack()), monkeypatch)
        site.edit(TOML, "^public_url.*", f'public_url = "{url}"\ntasks.fallback_owner = "{owner}"')
        sandbox.twilio.configure(
            Configure(
                inbound_url=f"{url}/webhooks/twilio/inbound#rc=3&rp=all",
                fallback_url=f"{url}/webhooks/twilio/inbound",
                service_status_callback=f"{url}/webhooks/twilio/status#rc=3&rp=all",
            )
        )
        app = installation(tmp_path, {})
        stack.callback(app.close)
        site.world = replace(world, app=app)
        front.asgi = build_web(app)
        stack.enter_context(serving(front, listening))
        for command in (("db", "upgrade"), ("sync", "all")):
            assert site.run(*command).exit_code == 0
        yield site


def test_a_healthy_installation_has_no_finding(site: Site) -> None:
    """Nor does it leave anything behind of what doctor does."""
    events = len(site.world.box.twilio.texts)
    assert site.sick() == ({}, 0)
    assert len(site.world.box.twilio.texts) == events
    with closing(sqlite3.connect(site.folder / DATABASE)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


@dataclass(frozen=True)
class Planted:
    """A fault, how it is planted, what doctor must say of it, and how it is put right if that is in
    anybody's hands. `undone`: it leaves something parked or missed."""

    name: str
    plant: Callable[[Site], object]
    subject: str
    verdict: str
    remedy: str
    cure: Callable[[Site], object] | None = None
    undone: bool = False

    @property
    def code(self) -> int:
        """What doctor ends with; nothing else may be wrong that weighs more."""
        return 1 if self.verdict == "failed" else 3 if self.undone else 0


def environ(name: str, value: str) -> Callable[[Site], object]:
    """A variable that somebody set."""
    return lambda site: site.environ.__setitem__(name, value)


def unset(site: Site) -> None:
    """And took back."""
    site.environ.clear()


def org(kind: str, **params: Any) -> Callable[[Site], object]:
    """What is so in the org."""
    return lambda site: site.world.fault(kind, **params)


def org_well(site: Site) -> None:
    """An admin of the org puts it right."""
    site.world.clear_faults()


def later(*commands: tuple[str, ...]) -> Callable[[Site], object]:
    """An hour goes by in which only these run."""

    def pass_by(site: Site) -> None:
        site.world.advance(3600)
        for command in commands:
            assert site.run(*command).exit_code == 0

    return pass_by


def command(*args: str, code: int = 0) -> Callable[[Site], object]:
    """Somebody runs this."""

    def run(site: Site) -> None:
        assert site.run(*args).exit_code == code

    return run


def both(*deeds: Callable[[Site], object]) -> Callable[[Site], object]:
    """One after the other."""
    return lambda site: [deed(site) for deed in deeds]


def clock_of(seconds: float) -> Callable[[Site], object]:
    """This machine's clock is off, those of the others are not."""

    def set_clock(site: Site) -> None:
        file = site.folder / "off"
        file.write_text((site.world.now + timedelta(seconds=seconds)).isoformat())
        site.environ["CRM_SMS_CLOCK"] = str(file)

    return set_clock


def sign_in_by_jwt(site: Site) -> None:
    """The installation has a key in place of a secret."""
    file, prefix = site.folder / "key.pem", "CRM_SMS_CRMS__SALESFORCE__"
    url = f"{site.world.box.url}/_sandbox/salesforce/private_key"
    with urllib.request.urlopen(url, timeout=10) as answer:
        file.write_bytes(answer.read())
    given = {"AUTH": "jwt", "USERNAME": USERNAME, "PRIVATE_KEY_FILE": str(file)}
    site.environ |= {f"{prefix}{name}": value for name, value in given.items()}
    assert site.sick() == ({}, 0)


def disk(free_mb: int) -> Callable[[Site], object]:
    """So much is left of it."""
    usage = SimpleNamespace(free=free_mb * 2**20)
    place = "crm_sms.ledger.health.shutil.disk_usage"
    return lambda site: site.patch.setattr(place, lambda _: usage)


def journal(site: Site) -> None:
    """A disk on which SQLite cannot have a write-ahead log."""
    site.world.app.close()
    with closing(sqlite3.connect(site.folder / DATABASE)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    site.patch.setattr(
        store, "_PRAGMAS", [one for one in store._PRAGMAS if "wal" not in one.lower()]
    )


def unpatched(site: Site) -> None:
    """What was so is not so any more."""
    site.patch.undo()


def works(active: bool) -> Callable[[Site], object]:
    """The fallback owner leaves, or comes back, and people are pulled."""

    def change(site: Site) -> None:
        site.world.advance(10)
        site.world.edit("User", site.owner, IsActive=active)
        assert site.run("sync", "people").exit_code == 0

    return change


def lost_callback(site: Site) -> None:
    """A reply comes in, a text goes out, and nobody hears what becomes of it."""
    site.world.receive(site.world.reply(NUMBER, "SM0"))
    site.world.box.twilio.send(SendText(to=NUMBER, from_=SENDERS[1], body="Hi"))
    site.world.advance(600)
    site.run("sync", "provider")


def unverified(site: Site) -> None:
    """A callback was kept although nobody proved who sent it."""
    site.world.receive(
        replace(site.world.reply(NUMBER, "SM9"), key="unverified:SM9", verified=False)
    )


def restored(site: Site) -> None:
    """Delivery found in the org what this ledger never wrote."""
    found = Behind(site.world.now, None)
    with site.world.app.ledger.write("restored") as connection:
        put_behind(site.world.app.ledger, connection, CRM, found)


def park(site: Site) -> None:
    """A record that the org refuses."""
    site.world.fault("row_error", code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    site.waiting()
    site.world.settle()


def unpark(site: Site) -> None:
    """The rule is taken out, and what was parked is written."""
    org_well(site)
    command("parked", "retry", "--all")(site)
    site.world.advance(120)
    command("deliver")(site)


def secondary_token(site: Site) -> None:
    """Somebody copied the token that logs in and does not sign."""
    account = site.world.box.twilio.account
    account.secondary_token = "5ec0" * 8
    site.edit(ENV, "AUTH_TOKEN=.*", f"AUTH_TOKEN={account.secondary_token}")


def primary_token(site: Site) -> None:
    """And then the right one."""
    site.edit(ENV, "AUTH_TOKEN=.*", f"AUTH_TOKEN={site.world.box.twilio.account.auth_token}")


def proxy(**changes: Any) -> Callable[[Site], object]:
    """What stands before our service changes what it passes on."""
    return lambda site: setattr(site.front, "change", lambda scope: scope | changes)


def honest(site: Site) -> None:
    """It passes on what it gets."""
    site.front.change = lambda scope: scope


def down(site: Site) -> None:
    """The proxy is up, and our service is not."""
    site.front.asgi = None


def up(site: Site) -> None:
    """Started again, with the settings of now."""
    site.front.asgi = build_web(site.world.app)


FAULTS = (
    Planted("others can read the secrets", lambda site: (site.folder / ENV).chmod(0o644),
            "settings", "failed", "chmod 600", lambda site: (site.folder / ENV).chmod(0o600)),
    Planted("others can read the database", lambda site: (site.folder / DATABASE).chmod(0o640),
            "settings", "failed", "chmod 600", lambda site: (site.folder / DATABASE).chmod(0o600)),
    Planted("a setting is misspelt", lambda site: site.append(TOML, "defualt_region = 'US'"),
            "settings", "failed", "did you mean default_region?",
            lambda site: site.edit(TOML, "^defualt.*", "")),
    Planted("the ledger has no schema", lambda site: environ(
                "CRM_SMS_DATABASE", f"sqlite:///{site.folder}/new.db")(site),
            "ledger", "failed", "run: crm-sms db upgrade", command("db", "upgrade")),
    Planted("a process hangs in a commit", Site.lock,
            "database", "failed", "check the disk", lambda site: site.hanging.close()),
    Planted("the database is on a network disk", journal,
            "database journal", "warning", "to a disk of this machine", unpatched),
    Planted("the disk gets full", disk(900), "disk", "warning", "free some", unpatched),
    Planted("the disk is full", disk(20), "disk", "failed", "free some", unpatched),
    Planted("another digest key", environ("CRM_SMS_DIGEST_KEY", "x" * 64),
            "digest_key", "failed", "restore CRM_SMS_DIGEST_KEY", unset),
    Planted("no worker runs", later(),
            "worker", "warning", "crm-sms worker", command("sync", "all")),
    Planted("nobody processes", both(Site.waiting, later()),
            "inbox", "warning", "crm-sms worker", command("process")),
    Planted("nobody delivers", both(Site.waiting, command("process"), later()),
            "outbox salesforce", "warning", "crm-sms worker", command("deliver")),
    Planted("records are parked", park,
            "parked salesforce", "warning", "crm-sms parked list", unpark, undone=True),
    Planted("a backup was restored", restored,
            "backup salesforce", "failed", "crm-sms db restored", command("db", "restored")),
    Planted("people are not pulled", later(("sync", "provider")),
            "mirror salesforce", "warning", "crm-sms sync people", command("sync", "people")),
    Planted("texts are not listed", later(("sync", "people")),
            f"listing twilio {ACCOUNT_SID}", "warning", "crm-sms sync provider",
            command("sync", "provider")),
    Planted("callbacks never came", lost_callback,
            f"callbacks twilio {ACCOUNT_SID}", "warning", "status callback", undone=True),
    Planted("unsigned callbacks were kept", unverified, "signatures", "warning", "crm-sms serve"),
    Planted("nobody gets tasks without an owner", lambda site: site.edit(TOML, "^tasks.*", ""),
            "fallback owner salesforce", "warning", "set tasks.fallback_owner",
            lambda site: site.append(TOML, f'tasks.fallback_owner = "{site.owner}"')),
    Planted("the fallback owner left", works(False),
            "fallback owner salesforce", "failed", "an active user", works(True)),
    Planted("the clock is a minute off", clock_of(60),
            "clock salesforce", "warning", "timedatectl", clock_of(0)),
    Planted("the clock is ten minutes off", clock_of(-600),
            "clock twilio", "failed", "timedatectl", clock_of(0)),
    Planted("signed sign-ins come too late", both(sign_in_by_jwt, clock_of(-600)),
            "clock salesforce", "failed", "timedatectl", clock_of(0)),
    Planted("a signed sign-in is refused for it", both(sign_in_by_jwt, clock_of(-600)),
            "salesforce credentials", "failed", "this machine's clock", clock_of(0)),
    Planted("the client secret is wrong", environ("CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET", "x"),
            "salesforce credentials", "failed", "correct it", unset),
    Planted("the org cannot be reached", environ("CRM_SMS_CRMS__SALESFORCE__LOGIN_URL",
                                                "http://127.0.0.1:1"),
            "salesforce credentials", "failed", "login_url and the network", unset),
    Planted("the token is not for the API", org("scopes", scope="refresh_token"),
            "salesforce scopes", "failed", 'add the scope "Manage user data via APIs (api)"',
            org_well),
    Planted("the token is for everything", org("scopes", scope="full"),
            "salesforce scopes", "warning", 'replace "Full access (full)"', org_well),
    Planted("the app runs as an administrator",
            org("permissions", fields=["PermissionsModifyAllData"]),
            "salesforce permissions", "warning", "an integration user of its own", org_well),
    Planted("the API version grows old", environ("CRM_SMS_CRMS__SALESFORCE__API_VERSION", "60.0"),
            "salesforce api_version", "warning", 'set api_version = "', unset),
    Planted("the API version is unknown", environ("CRM_SMS_CRMS__SALESFORCE__API_VERSION", "99.0"),
            "salesforce api_version", "failed", "set api_version to ", unset),
    Planted("few calls are left", org("quota", limit=5000, remaining=500),
            "salesforce DailyApiRequests", "warning", "buy API calls", org_well),
    Planted("no calls are left", org("quota", limit=5000, remaining=0),
            "salesforce DailyApiRequests", "failed", "buy API calls", org_well),
    Planted("the storage gets full", lambda site: site.patch.setattr(
                "crm_sms.sandbox.salesforce.limits._stored_mb", lambda _: 9_000),
            "salesforce DataStorageMB", "warning", "free storage", unpatched),
    Planted("opt-outs are hidden", org("hidden", fields=["Contact.SMS_Opt_Out__c"]),
            "mapping salesforce", "failed", "permission set", org_well),
    Planted("opt-outs may not be written", org("read_only", fields=["Lead.SMS_Opt_Out__c"]),
            "mapping salesforce", "failed", "edit", org_well),
    Planted("a field is hidden", org("hidden", fields=["SMS_Message__c.Price__c"]),
            "mapping salesforce", "warning", "permission set", org_well),
    Planted("an object is hidden", org("object_access", objects=["SMS_Message__c"], access="none"),
            "mapping salesforce", "failed", "permission set", org_well),
    Planted("a choice is missing",
            org("picklist", field="SMS_Message__c.Status__c", values=["Sent"], restricted=True),
            "mapping salesforce", "warning", "Delivered", org_well),
    Planted("the mapping cannot be read",
            lambda site: (site.folder / "salesforce.toml").write_text("colour = 1\n"),
            "mapping salesforce", "failed", "correct it",
            lambda site: (site.folder / "salesforce.toml").unlink()),
    Planted("Twilio refuses the token",
            lambda site: site.edit(ENV, "AUTH_TOKEN=.*", "AUTH_TOKEN=x"),
            f"twilio account {ACCOUNT_SID}", "failed", "auth_token to the primary token",
            primary_token),
    Planted("Twilio is down", lambda site: site.world.box.twilio.add_fault(
                TwilioFault(fault="unavailable")),
            f"twilio account {ACCOUNT_SID}", "failed", "run this again",
            lambda site: site.world.box.twilio.clear_faults()),
    Planted("the token does not sign", secondary_token,
            f"twilio token {ACCOUNT_SID}", "failed", "auth_token to the primary token",
            primary_token),
    Planted("a number calls elsewhere", lambda site: site.set_number(SmsUrl="https://old.example.com"),
            f"twilio replies {ACCOUNT_SID}", "warning", "/webhooks/twilio/inbound#rc=3&rp=all",
            lambda site: site.set_number(SmsUrl=site.inbound)),
    Planted("a number repeats nothing",
            lambda site: site.set_number(SmsUrl=site.inbound.partition("#")[0]),
            f"twilio replies {ACCOUNT_SID}", "warning", "#rc=3&rp=all",
            lambda site: site.set_number(SmsUrl=site.inbound)),
    Planted("a service drops replies", lambda site: site.set_service(InboundRequestUrl=""),
            f"twilio replies {ACCOUNT_SID}", "warning", "/webhooks/twilio/inbound#rc=3&rp=all",
            lambda site: site.set_service(InboundRequestUrl=site.inbound)),
    Planted("a number has no fallback", lambda site: site.set_number(SmsFallbackUrl=""),
            f"twilio fallback {ACCOUNT_SID}", "warning", "primary handler fails",
            lambda site: site.set_number(SmsFallbackUrl=site.inbound)),
    Planted("a service tells no statuses", lambda site: site.set_service(StatusCallback=""),
            f"twilio status {ACCOUNT_SID}", "warning", "/webhooks/twilio/status#rc=3&rp=all",
            lambda site: site.set_service(StatusCallback=site.inbound)),
    Planted("signatures are only reported on",
            lambda site: site.edit(TOML, "^base_url", 'signature = "report"\nbase_url'),
            "twilio signature", "warning", 'set signature = "enforce"',
            lambda site: site.edit(TOML, "^signature.*", "")),
    Planted("the service does not run", down,
            f"test callback {ACCOUNT_SID}", "failed", "start crm-sms serve", up),
    Planted("the proxy drops the query", proxy(query_string=b""),
            f"test callback {ACCOUNT_SID}", "failed", "proxy_pass", honest),
    Planted("the proxy passes another path on", proxy(path="/nowhere", raw_path=b"/nowhere"),
            f"test callback {ACCOUNT_SID}", "failed", "pass /webhooks/ to crm-sms serve",
            honest),
    Planted("the service has another public_url",
            lambda site: site.edit(TOML, "^(public_url = .http://)127.0.0.1", r"\1localhost"),
            f"test callback {ACCOUNT_SID}", "failed", "restart crm-sms serve",
            lambda site: site.edit(TOML, "^(public_url = .http://)localhost", r"\g<1>127.0.0.1")),
    Planted("nothing is at public_url", lambda site: site.edit(
                TOML, "^public_url.*", 'public_url = "http://127.0.0.1:1"'),
            "test callback", "failed", "correct public_url"),
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_planted_fault_is_found_and_gone_after_its_remedy(site: Site, fault: Planted) -> None:
    """With what it is about, how bad it is, and words that name the cure."""
    fault.plant(site)
    sick, code = site.sick()
    found = sick.get(fault.subject, [])
    assert fault.verdict in [one["verdict"] for one in found]
    said = [f"{one['text']} → {one['remedy']}" for one in found if one["verdict"] == fault.verdict]
    assert any(fault.remedy in line for line in said), said
    assert all(one["remedy"] for one in found)
    assert code == fault.code
    if fault.cure is not None:
        fault.cure(site)
        assert fault.subject not in site.sick()[0]


def test_at_least_twenty_faults_are_planted() -> None:
    """Each of its own name."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
