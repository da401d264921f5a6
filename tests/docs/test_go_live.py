"""Going live, followed word by word as a new admin would, against the sandbox."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import typer

from crm_sms.cli import app

pytestmark = [pytest.mark.checkout, pytest.mark.manuals]
ACCOUNT = "AC00000000000000000000000000000001"
ADA, ROE, BOB, THEM = "+12025550123", "+12025550124", "+12025550125", "+12025550100"
PIP = """
pip() { echo "pip $*"; }
python3() {
  if [ "$2" != venv ]; then "$PYTHON" "$@"; return; fi
  mkdir -p .venv/bin && touch .venv/bin/activate
}
"""
"""Stands for what a registry would bring: the program is installed already."""


@pytest.fixture
def manual(page: Any) -> Any:
    """The page."""
    return page("go-live.md")


@pytest.fixture
def order(box: str, fetch: Any) -> Any:
    """Somebody else's deeds in the org and at Twilio."""

    def give(path: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{box}/_sandbox/{path}", json.dumps(body).encode())
        return json.loads(fetch(request))

    return give


def filled_in(settings: str, told: str) -> str:
    """The settings file after somebody took away the # of these lines and filled them in."""
    table = ""
    for line in told.splitlines():
        if line.startswith("["):
            table = line
        elif line:
            before, mark, after = (
                settings.partition(f"\n{table}\n") if table else ("", "", settings)
            )
            key = line.partition(" = ")[0]
            end = line.replace("\\", r"\\")
            after, found = re.subn(rf"^(# )?{key} = .*$", end, after, count=1, flags=re.M)
            assert found, line
            settings = before + mark + after
    return settings


def fill_in(folder: Path, told: str, values: dict[str, str]) -> None:
    """Write what the page says into crm-sms.toml, with the values of this org."""
    file = folder / "crm-sms.toml"
    text = filled_in(file.read_text(), told)
    for example, value in values.items():
        text = text.replace(example, value)
    file.write_text(text)


def narrow(folder: Path, told: str) -> None:
    """Write what the page says into the mapping, with the id of this org's owner."""
    file = folder / "salesforce.toml"
    text = file.read_text()
    for table, line in re.findall(r"^(\[.*\])\n(.*)$", told, re.M):
        assert text.count(f"{table}\n") == 1
        text = text.replace(f"{table}\n", f"{table}\n{line}\n")
    file.write_text(text.replace("0055g00000Abc12AAA", "0055g0000000001AAA"))


def fill_in_secrets(folder: Path, told: str, values: dict[str, str]) -> None:
    """Write what the page says into .env, in place of a line that is empty yet."""
    file = folder / ".env"
    text = file.read_text()
    for line in told.splitlines():
        name = line.replace("AC0123456789abcdef0123456789abcdef", ACCOUNT).partition("=")[0]
        text = re.sub(rf"^{name}=\n", "", text, flags=re.M) + f"{name}={values[name]}\n"
    file.write_text(text)


def wait_for(look: Any) -> Any:
    """What `look` finds, as soon as it finds something."""
    for _ in range(400):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


@pytest.fixture
def people(order: Any) -> str:
    """Who is in the org, and what Twilio knows of them; the id of the owner."""
    contact = {"FirstName": "Ada", "LastName": "Doe", "MobilePhone": ADA}
    [[ada]] = order("salesforce/records", op="create", object="Contact", records=[contact])[
        "results"
    ]
    rep = {"LastName": "Rep", "Username": "rep@x.example", "Email": "rep@x.example"}
    [[other]] = order("salesforce/records", op="create", object="User", records=[rep])["results"]
    bob = {"LastName": "Bobson", "MobilePhone": BOB, "OwnerId": other}
    order("salesforce/records", op="create", object="Contact", records=[bob])
    order("twilio/replies", **{"from": BOB, "to": THEM, "body": "Call me"})
    lead = {
        "OwnerId": other,
        "LastName": "Roe",
        "Company": "Roe Ltd",
        "MobilePhone": "(202) 555-0124",
    }
    order("salesforce/records", op="create", object="Lead", records=[lead])
    order("twilio/texts", **{"from": THEM, "to": ADA, "body": "May we call you?"})
    order("twilio/replies", **{"from": ADA, "to": THEM, "body": "Yes please"})
    order("twilio/replies", **{"from": ROE, "to": THEM, "body": "STOP"})
    order("twilio/replies", **{"from": "+12025550199", "to": THEM, "body": "Who is this?"})
    assert ada
    return "0055g0000000001AAA"


@pytest.fixture
def installed(
    manual: Any, paste: Any, fetch: Any, box: str, web: str, people: str, tmp_path: Path
) -> Path:
    """The installation after the first two steps."""
    told = paste(tmp_path, PIP, *manual.blocks("1. Install"), HOME=str(tmp_path))
    folder = tmp_path / "crm-sms"
    assert f"written: {folder}/crm-sms.toml" in told
    assert f"written: {folder}/.env" in told
    signs_in = json.loads(fetch(f"{box}/_sandbox/salesforce"))["credentials"]
    [settings] = manual.blocks("2. Settings", kind="toml")
    values = {
        "https://sms.example.com": web,
        "3MVG9…": signs_in["client_id"],
        'login_url = "https://acme.my.salesforce.com"': f'login_url = "{box}"\nallow_http = true',
        "0055g000001AbCd": people,
        'signature = "report"': f'signature = "report"\nbase_url = "{box}"',
    }
    fill_in(folder, settings, values)
    [secrets] = manual.blocks("2. Settings", kind="ini")
    tokens = fetch(f"{box}/_sandbox/env")
    fill_in_secrets(folder, secrets, dict(line.split("=") for line in tokens.splitlines()))
    return folder


def is_untouched(stats: str) -> bool:
    """Whether no call has written to the org."""
    return "composite" not in json.loads(stats)["salesforce"]["by_kind"]


def test_an_admin_gets_from_nothing_to_production(
    manual: Any,
    installed: Path,
    paste: Any,
    order: Any,
    serve: Any,
    record_page: Any,
    fetch: Any,
    box: str,
    web: str,
) -> None:
    """Each step, with what the page says that they see; until step 8 the org is left alone."""
    assert "files" in paste(installed, *manual.blocks("3. Prepare the org"))
    assert (installed / "salesforce-project" / "README.md").exists()

    told = paste(installed, *manual.blocks("4. Look it over"))
    assert "failed" not in told
    warnings = set(re.findall(r"^ *warning +(.*?)  ", told, re.M))
    assert {"mirror salesforce", "twilio signature"} <= warnings

    assert "it fits\n" in paste(installed, *manual.blocks("5. What it will cost"))
    copied, pulled = manual.blocks("6. One owner's people")
    paste(installed, copied)
    narrow(installed, *manual.blocks("6. One owner's people", kind="toml"))
    told = paste(installed, pulled)
    assert not re.search(r"^ *failed ", told, re.M)
    assert re.search(r"mirror: .*people:Contact \d s ago", told)

    told = paste(installed, *manual.blocks("7. Dry run"))
    assert re.search(r"Task +task +1 ", told)
    assert re.search(r"Lead +opt_out +0 +1 +0 +0", told)
    assert "+1202…99" in told
    assert "    Subject = SMS reply from Ada Doe: Yes please" in told
    assert is_untouched(fetch(f"{box}/_sandbox/stats"))

    told = paste(installed, *manual.blocks("8. Write"))
    assert "deliver salesforce: nothing to do" not in told
    assert not is_untouched(fetch(f"{box}/_sandbox/stats"))
    assert "parked: none" in told
    paste(installed, "crm-sms sync all")  # a minute later
    assert "SMS reply from Ada Doe: Yes please" in record_page("Ada Doe")
    assert "SMS Opt Out Yes" in record_page("Roe")  # of another owner's
    assert "Call me" not in record_page("Bobson")

    service = serve(installed, "--with-worker")
    told = paste(installed, *manual.blocks("9. Callbacks"))
    assert re.search(r"^ *ok +test callback AC\d+ ", told, re.M)
    assert "unverified:" not in told
    for kind in ("inbound", "status", "click"):
        assert f"{web}/webhooks/twilio/{kind}#rc=3&rp=all" in told
    order("twilio/config", inbound_url=f"{web}/webhooks/twilio/inbound")
    order("twilio/replies", **{"from": ADA, "to": THEM, "body": "At noon?"})
    wait_for(lambda: "At noon?" in record_page("Ada Doe"))
    assert "unverified:" not in paste(installed, manual.blocks("9. Callbacks")[1])

    forged = {"MessageSid": "SM" + "f" * 32, "AccountSid": ACCOUNT, "Body": "Buy", "From": ADA}
    callback = urllib.request.Request(
        f"{web}/webhooks/twilio/inbound",
        urlencode({**forged, "To": THEM, "SmsStatus": "received"}).encode(),
        {"X-Twilio-Signature": "forged"},
    )
    fetch(callback)
    assert "unverified: 1 callback of the last day" in paste(installed, "crm-sms status")

    assert "Call me" not in record_page("Bobson")

    service.terminate()
    service.wait()
    [enforced] = manual.blocks("9. Callbacks", kind="toml")
    fill_in(installed, enforced, {})
    service = serve(installed, "--with-worker")
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(callback)
    refused.value.close()
    assert refused.value.code == 403
    assert record_page("Ada Doe").count("SMS reply from Ada Doe") == 1

    service.terminate()
    service.wait()
    mapping = installed / "salesforce.toml"
    mapping.write_text(re.sub(r"^where = .*\n", "", mapping.read_text(), flags=re.M))
    told = paste(installed, *manual.blocks("10. Everybody"))
    assert not re.search(r"^ Task +task +[1-9]", told, re.M)
    paste(installed, "crm-sms sync all")  # a minute later
    assert "Call me" in record_page("Bobson")
    assert "SMS reply from" not in record_page("Bobson")

    monitor, verified = manual.blocks("12. Watch")
    paste(installed, monitor)
    assert json.loads((installed / "doctor.json").read_text())["failed"] == 0
    assert "salesforce agrees with the ledger" in paste(installed, verified)


def test_whoever_wants_no_tasks_of_old_replies_begins_anew(
    manual: Any, installed: Path, paste: Any
) -> None:
    """As the page says: the setting, another ledger, the same digest key."""
    assert "`max_age_days = 0` under `[tasks]`" in manual.text
    fill_in(installed, "[tasks]\nmax_age_days = 0\n", {})
    again = ("rm crm-sms.db", "crm-sms init", "crm-sms sync people")
    assert all(f"`{line}`" in manual.text for line in again)
    told = paste(installed, *again, *manual.blocks("7. Dry run"))
    assert not re.search(r"^ Task +task ", told, re.M)
    assert re.search(r"^ Lead +opt_out ", told, re.M)


def test_the_service_runs_a_command_that_exists(manual: Any) -> None:
    """With options that it has."""
    [unit] = manual.blocks("11. As a service", kind="ini")
    (line,) = re.findall(r"^ExecStart=\S+/crm-sms (.*)$", unit, re.M)
    name, *options = line.split()
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(options) <= known
