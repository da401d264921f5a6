"""The one reader of the files that an admin edits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from crm_sms.errors import BadMapping
from crm_sms.mapping import Mapping


def shipped() -> Traversable:
    """The files that we ship: in the package once installed, beside it in a checkout."""
    installed = resources.files("crm_sms") / "mappings"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "mappings"


@dataclass(frozen=True, slots=True)
class MappingText:
    """A mapping as an admin wrote it, and the file it stands in."""

    file: str
    text: str

    def mapping(self) -> Mapping:
        """Raises BadMapping with every problem."""
        return _compiled(self.text, self.file)


def read_mapping(name: str, directory: Path | None) -> Mapping:
    """The mapping in the file that `mapping_text` finds. Raises BadMapping with every problem."""
    return mapping_text(name, directory).mapping()


def mapping_text(name: str, directory: Path | None) -> MappingText:
    """The mapping called `name` (`salesforce`), or the one in the file that `name` is a path of.

    The admin's own copy, `<name>.toml` in `directory` (None: where the program runs), comes before
    the one that we ship; paths are relative to `directory` too. Raises BadMapping naming where the
    file was looked for, or why it cannot be read.
    """
    file = _find(name, directory)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadMapping(
            f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise BadMapping(f"{file}: cannot be read: {error.strerror}; correct that") from None
    return MappingText(str(file), text)


def shipped_mapping(name: str) -> Mapping | None:
    """The mapping that we ship under this name, whatever the admin's own one says; None if none."""
    file = shipped() / f"{name}.toml"
    return _compiled(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


@lru_cache(maxsize=16)
def _compiled(text: str, name: str) -> Mapping:
    """A worker reads its mapping before every run; only a changed text is compiled."""
    return Mapping.load(text, name)


def _find(name: str, directory: Path | None) -> Traversable:
    own = directory or Path()
    ours = shipped() / f"{name}.toml"
    places = (own / name,) if name.endswith(".toml") else (own / f"{name}.toml", ours)
    for place in places:
        if place.is_file():
            return place
    looked = " or ".join(str(place) for place in places)
    raise BadMapping(f"mapping {name}: there is no {looked}; correct `mapping` in the settings")
