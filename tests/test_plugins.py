"""Adapters by entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crm_sms import plugins
from crm_sms.errors import BadSettings, MissingExtra

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one provider called `acme` on the path."""

    def put(module: str, source: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[crm_sms.sms]\nacme = {module}:Acme\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(sys.modules, module, None)  # so that it is forgotten after the test
        del sys.modules[module]

    return put


def test_an_installed_adapter_is_found(install: Install) -> None:
    """Any distribution that declares the entry point counts, without a list in the core."""
    install("acme_found", "class Acme: pass\n")
    found = plugins.adapter(plugins.PROVIDERS, "acme")
    assert (found.__module__, found.__name__) == ("acme_found", "Acme")


def test_an_unknown_name_lists_what_is_installed(install: Install) -> None:
    """The refusal names the adapters one may choose from, and imports none of them."""
    install("acme_unused", "raise RuntimeError\n")
    with pytest.raises(BadSettings, match=r"'acne'.*installed are: .*acme.*twilio"):
        plugins.adapter(plugins.PROVIDERS, "acne")
    assert "acme_unused" not in sys.modules


def test_a_group_without_adapters_says_so() -> None:
    """An empty list is a word, not a blank."""
    with pytest.raises(BadSettings, match="installed are: none"):
        plugins.adapter("crm_sms.nothing", "x")


def test_a_missing_extra_comes_through(install: Install) -> None:
    """The adapter's own message, with the pip command, reaches the user."""
    install(
        "acme_bare",
        "from crm_sms.errors import MissingExtra\nraise MissingExtra('acme', 'The Acme adapter')\n",
    )
    with pytest.raises(MissingExtra, match=r"pip install 'crm-sms\[acme\]'"):
        plugins.adapter(plugins.PROVIDERS, "acme")
