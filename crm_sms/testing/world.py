"""A whole installation on a sandbox: for the demo, benchmarks and tests of the way through."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_sms.bootstrap import App, delivering, installation, processing, syncing
from crm_sms.events import Direction, Event, EventKind, Status
from crm_sms.ledger import schema
from crm_sms.phone import parse_address
from crm_sms.sandbox.server import Sandbox
from crm_sms.use_cases.deliver import DeliveryReport, deliver
from crm_sms.use_cases.process import ProcessReport, process
from crm_sms.use_cases.receive import receive
from crm_sms.use_cases.sync_people import SyncReport, sync_people

CRM = "salesforce"
OUR_NUMBER = "+15005550006"
START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def install(
    folder: Path,
    url: str,
    credentials: Mapping[str, str],
    twilio: Mapping[str, str],
    *,
    public_url: str | None = None,
    clock: Path | None = None,
    database: str | None = None,
    further: str = "",
) -> None:
    """Write crm-sms.toml and .env for the sandbox at `url`, whose page shows the credentials.

    `twilio` is AccountSid → auth token; `public_url` is where the sandbox reaches us, by default
    its own address; `further` is added to crm-sms.toml.
    """
    lines = [
        f"database = {json.dumps(database)}" if database else "",
        'default_region = "US"',
        f"public_url = {json.dumps(public_url or url)}",
        f"clock = {json.dumps(str(clock))}" if clock else "",
        further,
        f"[crms.{CRM}]",
        'auth = "client_credentials"',
        f"client_id = {json.dumps(credentials['client_id'])}",
        f"login_url = {json.dumps(credentials['instance_url'])}",
        "allow_http = true",
        "[providers.twilio]",
        f"base_url = {json.dumps(url)}",
        *(f"accounts.{sid} = {{}}" for sid in twilio),
    ]
    (folder / "crm-sms.toml").write_text("\n".join(filter(None, lines)) + "\n")
    env = folder / ".env"
    env.touch(mode=0o600)
    env.write_text(
        "\n".join(
            [
                f"CRM_SMS_DIGEST_KEY={secrets.token_hex(32)}",
                f"CRM_SMS_CRMS__SALESFORCE__CLIENT_SECRET={credentials['client_secret']}",
                *(
                    f"CRM_SMS_PROVIDERS__TWILIO__ACCOUNTS__{sid}__AUTH_TOKEN={token}"
                    for sid, token in twilio.items()
                ),
            ]
        )
        + "\n"
    )


@dataclass(slots=True)
class World:
    """An installation and the sandbox it works against, on one clock that stands until advanced."""

    app: App
    box: Sandbox
    account: str

    def advance(self, seconds: float) -> datetime:
        """Let time pass."""
        return self.box.clock.advance(seconds)

    @property
    def now(self) -> datetime:
        """What time it is."""
        return self.box.clock.now()

    def create(self, object: str, *records: Mapping[str, Any]) -> list[str]:
        """Records that somebody in the org makes; their ids."""
        made = self.box.salesforce.seed(
            {"op": "create", "object": object, "records": [dict(record) for record in records]}
        )
        return list(made["results"][0])

    def contact(self, number: str = "(202) 555-0123", **fields: Any) -> str:
        """A contact with this mobile phone; its id."""
        return self.create("Contact", {"LastName": "Doe", "MobilePhone": number, **fields})[0]

    def edit(self, object: str, id: str, **fields: Any) -> None:
        """Somebody in the org edits a record."""
        self.box.salesforce.seed(
            {"op": "update", "object": object, "records": [{"Id": id, **fields}]}
        )

    def delete(self, *ids: str) -> None:
        """Somebody in the org deletes records."""
        self.box.salesforce.seed({"op": "delete", "ids": list(ids)})

    def records(self, object: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The rows of the org."""
        return self.box.salesforce.records(object, deleted=deleted)

    def record(self, object: str, id: str) -> dict[str, Any]:
        """One row of the org, deleted or not."""
        return next(row for row in self.records(object, deleted=True) if row["Id"] == id)

    def tasks(self, start: str = "task:", *, deleted: bool = False) -> list[dict[str, Any]]:
        """Our tasks for replies, or with `entry:` our timeline entries."""
        rows = self.records("Task", deleted=deleted)
        return [row for row in rows if str(row.get("SMS_Key__c", "")).startswith(start)]

    def fault(self, kind: str, **parameters: Any) -> None:
        """Switch a fault of the org on."""
        self.box.salesforce.faults.add({"kind": kind, **parameters})

    def clear_faults(self) -> None:
        """Switch all faults of the org off."""
        self.box.salesforce.faults.clear()

    def outbound(self, number: str, id: str, status: Status = Status.SENT, **fields: Any) -> Event:
        """A status of a text of ours."""
        return self._event(
            f"{id}:{status}",
            id,
            EventKind.STATUS,
            Direction.OUTBOUND,
            OUR_NUMBER,
            number,
            status=status,
            **fields,
        )

    def reply(self, number: str, id: str, body: str = "Yes please", **fields: Any) -> Event:
        """A text from a person."""
        return self._event(
            id,
            id,
            EventKind.REPLY,
            Direction.INBOUND,
            number,
            OUR_NUMBER,
            status=Status.RECEIVED,
            body=body,
            **fields,
        )

    def _event(
        self,
        key: str,
        id: str,
        kind: EventKind,
        direction: Direction,
        sender: str,
        recipient: str,
        **fields: Any,
    ) -> Event:
        return Event(
            provider="twilio",
            account=self.account,
            key=key,
            kind=kind,
            received_at=fields.pop("received_at", self.now),
            provider_message_id=id,
            direction=direction,
            sender=parse_address(sender),
            recipient=parse_address(recipient),
            **fields,
        )

    def receive(self, *events: Event) -> list[bool]:
        """Store events as a webhook would."""
        rules = processing(self.app).rules
        return receive(self.app.ledger, rules, events, self.now)

    def sync(self) -> SyncReport:
        """Pull people and pipeline."""
        return sync_people(syncing(self.app, CRM))

    def process(self) -> ProcessReport:
        """Plan what waits."""
        return process(processing(self.app))

    def deliver(self) -> DeliveryReport:
        """Write what is due."""
        return deliver(delivering(self.app, CRM))

    def settle(self, seconds: float = 61, rounds: int = 1) -> list[DeliveryReport]:
        """Process, let every window end, deliver; so many times over."""
        reports = []
        for _ in range(rounds):
            self.process()
            self.advance(seconds)
            reports.append(self.deliver())
        return reports


def build(
    folder: Path,
    box: Sandbox,
    *,
    database: str | None = None,
    further: str = "",
    environ: Mapping[str, str] | None = None,
    bodies_s: float = 0,
) -> World:
    """An installation in `folder` with an upgraded ledger; the clock stands at START. Records wait
    for the body of their text only if `bodies_s` says how long."""
    box.clock.set(START)
    with urllib.request.urlopen(f"{box.url}/_sandbox/salesforce", timeout=10) as answer:
        credentials = json.load(answer)["credentials"]
    accounts = {account.sid: account.auth_token for account in box.twilio.accounts.values()}
    install(
        folder,
        box.url,
        credentials,
        accounts,
        clock=box.clock.path,
        database=database,
        further=f"windows.bodies = {bodies_s:g}\n{further}",
    )
    app = installation(folder, environ or {})
    schema.upgrade(app.ledger)
    return World(app, box, next(iter(accounts)))
