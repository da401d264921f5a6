"""The project that an admin deploys, against what others know of Salesforce's metadata.

One judge holds each file against 839 metadata types; the other is the library behind the Salesforce
CLI, which must find in the folders what the manifest names, and nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crm_sms.admin_files import shipped, shipped_mapping
from crm_sms.mapping import Mapping
from crm_sms.mapping.needs import needs
from crm_sms.use_cases.install_plan import write_project
from crm_sms_salesforce.metadata import SalesforceInstaller
from crm_sms_salesforce.metadata.table import table

pytestmark = pytest.mark.judges

NODE = Path(__file__).resolve().parent / "node"
TEXT = (shipped() / "salesforce.toml").read_text(encoding="utf-8")

EVERY = "".join(
    f'{name} = {{ value = "message.body" }}\n'
    for name in table().fields["message"]
    if f"\n{name} = " not in TEXT and f"fields.{name}]" not in TEXT and name != "Message_Key__c"
)
MAPPINGS = {
    "as shipped": TEXT,
    "every field": TEXT.replace("[message.fields]", f"[message.fields]\n{EVERY}"),
    "renamed": TEXT.replace("SMS_Message__c", "Text__c").replace("Body__c = ", "Words__c = "),
    "derived": TEXT.replace(
        "[message.fields]",
        "[message.fields]\n"
        'Sent__c = { value = "message.sent_at is not none" }\n'
        'Day__c = { value = "message.occurred_at | date" }\n'
        'Sort__c = { value = "message.direction", values = { inbound = "<In & out>" }, '
        'otherwise = "x" }\n'
        'Rep__c = { record = "owner" }',
    ),
    "on a standard object": TEXT.replace('object = "SMS_Message__c"', 'object = "Case"'),
}


@pytest.fixture(params=MAPPINGS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project on disk, for the mapping of this name."""
    mapping = Mapping.load(MAPPINGS[request.param], request.param)
    wanted = SalesforceInstaller({}).project(needs(mapping, shipped_mapping("salesforce")))
    write_project(wanted, tmp_path / "project")
    return tmp_path / "project"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """A program of Node, where its packages are."""
    if not (NODE / "node_modules" / "@salesforce").is_dir():
        pytest.fail(f"the judges are missing: run npm install --no-package-lock in {NODE}")
    return subprocess.run(
        ["node", *map(str, command)], cwd=NODE, capture_output=True, text=True, check=False
    )


def assert_known(shared: Path, files: list[Path]) -> None:
    """Every file is one of a known type, with the elements of its type and no others."""
    said = run(shared / "judges" / "sf_metadata.mjs", *files)
    lines = said.stdout.splitlines()
    assert [line for line in lines if not line.endswith(" ok")] == []
    assert (said.returncode, said.stderr, len(lines)) == (0, "", len(files))


def test_every_file_is_metadata(shared: Path, project: Path) -> None:
    """By itself, as it stands in the project."""
    files = sorted(project.rglob("*.xml"))
    assert len(files) > 40
    assert_known(shared, files)


def test_the_judge_sees_what_is_wrong(shared: Path, tmp_path: Path) -> None:
    """An unknown element, one that is missing, and what is no XML."""
    wrong = {
        "a": "<CustomTab><customObject>true</customObject><colour>red</colour></CustomTab>",
        "b": "<ListView><fullName>All</fullName></ListView>",
        "c": "<CustomField>",
    }
    for name, text in wrong.items():
        file = tmp_path / f"{name}.xml"
        file.write_text(text)
        assert run(shared / "judges" / "sf_metadata.mjs", file).returncode == 1


def test_the_command_line_tool_finds_what_the_manifest_names(
    shared: Path, project: Path, tmp_path: Path
) -> None:
    """No file is overlooked and none is too many; converted, it is metadata still."""
    out = tmp_path / "converted"
    said = run(NODE / "source_project.mjs", project, out)
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    own = {name for name in found["source"] if name.startswith("CustomObject ")}
    standard = own - set(found["manifest"])
    assert set(found["source"]) - standard == set(found["manifest"])
    assert standard <= {
        f"CustomObject {name}" for name in ("Activity", "Case", "Contact", "Lead", "Opportunity")
    }
    assert_known(shared, [path for path in out.rglob("*") if path.is_file()])


def test_grants_are_those_that_an_org_can_give(shared: Path) -> None:
    """Field-level security covers each standard field that we grant, in the recorded describes."""
    for name in ("Contact", "Lead", "Account"):
        file = shared / "data" / "salesforce" / "describe" / f"{name}.json"
        real = {field["name"]: field for field in json.loads(file.read_text())["fields"]}
        granted = table().grantable[name]
        assert {field for field in granted if not real[field]["permissionable"]} == set()
        assert {field for field in granted if not real[field]["updateable"]} == set()


def test_the_names_are_those_that_were_agreed(shared: Path) -> None:
    """They cannot be renamed once records exist: none is missing, and none is made up."""
    page = (shared / "design" / "crm-fields.md").read_text(encoding="utf-8")
    agreed = set(re.findall(r"\b[A-Z]\w*?__c\b", page.split("## HubSpot")[0]))
    ours = {name for fields in table().fields.values() for name in fields}
    assert agreed == ours | {"SMS_Message__c"}
