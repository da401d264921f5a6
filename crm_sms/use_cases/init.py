"""Makes the files of a new installation, and leaves alone what is there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crm_sms.admin_files import shipped
from crm_sms.errors import BadSettings
from crm_sms.settings import FILE, SECRETS_FILE


@dataclass(frozen=True, slots=True)
class Made:
    """A file of the installation; one that was there is left as it was."""

    file: Path
    new: bool


def write_files(folder: Path) -> list[Made]:
    """The settings with every default, and .env (mode 0600) with a new digest key.

    Never overwrites. Raises BadSettings if the folder cannot be written.
    """
    key = secrets.token_hex(32)
    env = (shipped() / "secrets.env").read_text(encoding="utf-8").replace("{digest_key}", key)
    settings = (shipped() / "settings.toml").read_text(encoding="utf-8")
    return [_write(folder / FILE, settings, 0o644), _write(folder / SECRETS_FILE, env, 0o600)]


def copy_mappings(folder: Path, names: Iterable[str]) -> list[Made]:
    """The admin's own copies of shipped mappings, to be edited; names of files of the admin's are
    passed over."""
    found = {name: shipped() / f"{name}.toml" for name in names}
    return [
        _write(folder / f"{name}.toml", file.read_text(encoding="utf-8"), 0o644)
        for name, file in found.items()
        if file.is_file()
    ]


def _write(path: Path, text: str, mode: int) -> Made:
    """The mode is there from the first byte on: nobody can open a secret in between."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return Made(path, False)
    except OSError as error:
        raise BadSettings(
            f"{path} cannot be written ({error.strerror}); run crm-sms init as the user that runs "
            "crm-sms, in a folder of its own"
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Made(path, True)
