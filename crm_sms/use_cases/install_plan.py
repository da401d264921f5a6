"""The project that an admin deploys for the mapping in use, written where it harms nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from crm_sms.errors import BadSettings
from crm_sms.ports import Finding, Project

MARKER = "crm-sms-plan.json"
"""Says in the folder which files are ours, and what we wrote into them."""

_SHOWN = 5

Digests = Mapping[str, str]
"""What stands in files, by path within the folder."""


@dataclass(frozen=True, slots=True)
class Written:
    """Files that were made or changed, those that were right already, and those of an earlier time
    that are not wanted any more and were removed; `findings` are those of the project."""

    folder: Path
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def left_out(self) -> tuple[Finding, ...]:
        """What the mapping names and the project lacks."""
        return tuple(finding for finding in self.findings if finding.ok is False)


def write_project(project: Project, folder: Path, *, force: bool = False) -> Written:
    """Bring the folder to what the project holds; files of others in it stay.

    A file that we did not write, or that somebody changed since, is never overwritten or removed
    without `force`: BadSettings then names it, and nothing has been done. Safe to repeat after a
    kill.
    """
    wanted = {path: _digest(text.encode()) for path, text in project.files.items()}
    try:
        known = _known(folder)
        foreign = () if force else tuple(_foreign(folder, known, wanted))
        if foreign:
            raise BadSettings(_refusal(folder, foreign))
        changed = [path for path in wanted if _found(folder / path) != wanted[path]]
        for path in changed:
            _write(folder / path, project.files[path])
        removed = [path for path in known if path not in wanted and _remove(folder, path)]
        _write(folder / MARKER, json.dumps({"files": wanted}, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        place = error.filename or folder
        raise BadSettings(f"{place}: {error.strerror}; name a folder that can be written") from None
    unchanged = tuple(path for path in wanted if path not in changed)
    return Written(folder, tuple(changed), unchanged, tuple(removed), project.findings)


def _refusal(folder: Path, foreign: tuple[str, ...]) -> str:
    more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
    named = ", ".join(foreign[:_SHOWN])
    return (
        f"{folder} holds files that crm-sms did not write, or that were changed since: "
        f"{named}{more}; name an empty folder, or have files of the same names overwritten with "
        "--force"
    )


def _foreign(folder: Path, known: Digests, wanted: Digests) -> Iterator[str]:
    """Where we have written before, only our own files matter; elsewhere every file does."""
    ours = {**known, **wanted}
    places = sorted(ours) if known else sorted(_files(folder))
    for path in places:
        found = _found(folder / path)
        if found is not None and found not in (known.get(path), wanted.get(path)):
            yield path


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir() and path != folder / MARKER:
            yield path.relative_to(folder).as_posix()


def _known(folder: Path) -> dict[str, str]:
    """What we wrote the last time; nothing if that cannot be told."""
    try:
        files = json.loads((folder / MARKER).read_text(encoding="utf-8"))["files"]
        return {str(path): str(digest) for path, digest in files.items() if _is_inside(path)}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_inside(path: str) -> bool:
    """Nobody who edits the marker has us touch what is elsewhere."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _found(file: Path) -> str | None:
    try:
        return _digest(file.read_bytes())
    except FileNotFoundError:
        return None


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())  # the same bytes on every system


def _remove(folder: Path, path: str) -> bool:
    file = folder / path
    if not file.exists():
        return False
    file.unlink()
    for parent in file.parents:
        if parent == folder or any(parent.iterdir()):
            break
        parent.rmdir()
    return True
