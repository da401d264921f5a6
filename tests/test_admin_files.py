"""The one reader of the files that an admin edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_sms.admin_files import read_mapping, shipped
from crm_sms.errors import BadMapping


def test_the_shipped_files_are_found() -> None:
    """In a checkout as in an installed package."""
    assert (shipped() / "salesforce.toml").is_file()


def test_without_a_copy_the_shipped_mapping_is_read(tmp_path: Path) -> None:
    """Its name in messages is its path."""
    mapping = read_mapping("salesforce", tmp_path)
    assert mapping.name == str(shipped() / "salesforce.toml")
    assert read_mapping("salesforce", tmp_path).message.object == "SMS_Message__c"


@pytest.mark.parametrize("name", ["salesforce", "salesforce.toml"])
def test_the_admins_own_copy_comes_first(tmp_path: Path, name: str) -> None:
    """By name or by path."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    own = text.replace("SMS_Message__c", "Text__c")
    (tmp_path / "salesforce.toml").write_text(own, encoding="utf-8")
    assert read_mapping(name, tmp_path).message.object == "Text__c"


def test_an_absolute_path_is_read(tmp_path: Path) -> None:
    """Wherever the admin keeps the file."""
    text = (shipped() / "salesforce.toml").read_text(encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    assert read_mapping(str(file), None).name == str(file)


@pytest.mark.parametrize("name", ["nosuch", "nosuch.toml"])
def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path, name: str) -> None:
    """And which setting names it."""
    with pytest.raises(BadMapping, match="correct `mapping` in the settings") as caught:
        read_mapping(name, tmp_path)
    assert str(tmp_path / "nosuch.toml") in str(caught.value)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    """Editors of another age get a clear word."""
    (tmp_path / "own.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(BadMapping, match="byte 5 is not UTF-8"):
        read_mapping("own", tmp_path)


def test_a_file_with_mistakes_is_named(tmp_path: Path) -> None:
    """Every line of the error starts with the file."""
    (tmp_path / "own.toml").write_text("[message]\n", encoding="utf-8")
    with pytest.raises(BadMapping) as caught:
        read_mapping("own", tmp_path)
    assert all(line.startswith(str(tmp_path)) for line in str(caught.value).splitlines())


def test_a_folder_is_not_a_mapping(tmp_path: Path) -> None:
    """Only files are read."""
    (tmp_path / "own.toml").mkdir()
    with pytest.raises(BadMapping, match="there is no"):
        read_mapping("own", tmp_path)
