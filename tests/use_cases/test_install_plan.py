"""A project is written where it harms nothing else, and again as often as one likes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sms.errors import BadSettings
from crm_sms.ports import Finding, Project
from crm_sms.use_cases.install_plan import MARKER, Written, write_project

ONE = Project({"README.md": "read me\n", "force-app/a.xml": "<a/>\n", "force-app/b.xml": "<b/>\n"})
LESS = Project({"README.md": "read me\n", "force-app/a.xml": "<a>2</a>\n"})


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_folder_is_made_with_every_file(tmp_path: Path) -> None:
    """With its parents, and the marker that says whose it is."""
    out = tmp_path / "deep" / "project"
    done = write_project(ONE, out)
    assert set(done.written) == set(ONE.files)
    assert (done.unchanged, done.removed) == ((), ())
    assert tree(out).keys() == ONE.files.keys() | {MARKER}
    assert (out / "force-app" / "a.xml").read_bytes() == b"<a/>\n"


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    """The tree is the same, and says so."""
    write_project(ONE, tmp_path)
    before = tree(tmp_path)
    done = write_project(ONE, tmp_path)
    assert tree(tmp_path) == before
    assert (done.written, done.removed) == ((), ())
    assert set(done.unchanged) == set(ONE.files)


def test_what_is_not_wanted_any_more_goes(tmp_path: Path) -> None:
    """A field that stayed in the folder would be deployed again."""
    write_project(Project({**ONE.files, "old/deep/c.xml": "<c/>"}), tmp_path)
    done = write_project(LESS, tmp_path)
    assert set(done.removed) == {"force-app/b.xml", "old/deep/c.xml"}
    assert done.written == ("force-app/a.xml",)
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "force-app").is_dir()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Their project may have files of the same names; nothing is done."""
    (tmp_path / "sfdx-project.json").write_text("{}")
    with pytest.raises(BadSettings, match=r"sfdx-project\.json.*--force"):
        write_project(ONE, tmp_path)
    assert tree(tmp_path) == {"sfdx-project.json": b"{}"}


def test_files_of_others_beside_ours_stay(tmp_path: Path) -> None:
    """Once the folder is ours, what we never wrote is none of our business."""
    write_project(ONE, tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("main")
    (tmp_path / "force-app" / "theirs.xml").write_text("theirs")
    write_project(LESS, tmp_path)
    assert tree(tmp_path)["force-app/theirs.xml"] == b"theirs"
    assert tree(tmp_path)[".git/HEAD"] == b"main"


@pytest.mark.parametrize("project", [ONE, LESS], ids=["wanted still", "not wanted any more"])
def test_a_file_that_somebody_changed_is_not_touched(tmp_path: Path, project: Project) -> None:
    """Whether it would be overwritten or removed."""
    write_project(ONE, tmp_path)
    (tmp_path / "force-app" / "b.xml").write_text("edited")
    before = tree(tmp_path)
    with pytest.raises(BadSettings, match=r"force-app/b\.xml"):
        write_project(project, tmp_path)
    assert tree(tmp_path) == before


def test_force_takes_the_folder_as_it_is(tmp_path: Path) -> None:
    """Files of our names are overwritten; the others stay even then."""
    (tmp_path / "README.md").write_text("theirs")
    (tmp_path / "notes.txt").write_text("theirs")
    write_project(ONE, tmp_path, force=True)
    assert (tmp_path / "README.md").read_text() == "read me\n"
    assert (tmp_path / "notes.txt").read_text() == "theirs"


@given(kept=st.sets(st.sampled_from(sorted(ONE.files))))
def test_a_run_that_was_cut_off_is_finished_by_the_next(
    tmp_path_factory: pytest.TempPathFactory, kept: set[str]
) -> None:
    """Some files there, the marker not yet."""
    folder = tmp_path_factory.mktemp("cut")
    for path in kept:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(ONE.files[path])
    done = write_project(ONE, folder)
    assert set(done.unchanged) == kept
    assert tree(folder).keys() == ONE.files.keys() | {MARKER}


def _without_marker(folder: Path) -> None:
    (folder / MARKER).write_text("not json")


def _of_a_list(folder: Path) -> None:
    (folder / MARKER).write_text("[]")


@pytest.mark.parametrize("spoil", [_without_marker, _of_a_list], ids=["no JSON", "a list"])
def test_a_marker_that_cannot_be_read_says_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Then the folder is taken for somebody else's, unless it is exactly as wanted."""
    write_project(ONE, tmp_path)
    spoil(tmp_path)
    write_project(ONE, tmp_path)
    spoil(tmp_path)
    with pytest.raises(BadSettings):
        write_project(LESS, tmp_path)


@pytest.mark.parametrize("path", ["../victim", "/victim"], ids=["above", "absolute"])
def test_a_marker_reaches_nothing_outside_its_folder(tmp_path: Path, path: str) -> None:
    """Whoever edits it cannot have us remove what is elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("here")
    out = tmp_path / "out"
    write_project(ONE, out)
    marker = json.loads((out / MARKER).read_text())
    absolute = path.replace("/victim", str(victim)) if path.startswith("/") else path
    marker["files"][absolute] = "0" * 64
    (out / MARKER).write_text(json.dumps(marker))
    write_project(LESS, out)
    assert victim.read_text() == "here"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings, match="name a folder that can be written"):
        write_project(ONE, tmp_path / "file")


def test_findings_come_along(tmp_path: Path) -> None:
    """Those that are left out apart."""
    out, warning = Finding("A.b__c", False, "is left out"), Finding("A.c__c", None, "is guessed")
    done = write_project(Project({}, (out, warning)), tmp_path)
    assert isinstance(done, Written)
    assert done.left_out == (out,)


def test_files_are_readable_by_those_who_deploy_them(tmp_path: Path) -> None:
    """There is no secret in them; the umask of whoever runs it decides."""
    write_project(ONE, tmp_path / "out")
    mode = stat.S_IMODE((tmp_path / "out" / "README.md").stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    assert mode == 0o666 & ~mask
