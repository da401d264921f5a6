"""`crm-sms demo`: the main job played through on this machine."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_sms.cli.screen import FAILED, AsJson, answer, bars, many, table
from crm_sms.demo.words import DEFAULT_PEOPLE, DEFAULT_SEED, LEAST_PEOPLE

if TYPE_CHECKING:
    from crm_sms.demo.result import Sight
    from crm_sms.demo.run import Performance

SANDBOX_PORT, WEB_PORT = 8010, 8090
FOLDER = Path(".demo")
_MOST_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Adds this group's commands."""
    app.command()(demo)


def demo(
    as_json: AsJson = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help=f"Keep all of it running in {FOLDER}/ until Ctrl-C."),
    ] = False,
    people: Annotated[
        int, typer.Option(min=LEAST_PEOPLE, help="How many people the CRM has.")
    ] = DEFAULT_PEOPLE,
    seed: Annotated[int, typer.Option(help="Another number, another fortnight.")] = DEFAULT_SEED,
) -> None:
    """Play a fortnight of texts for a few hundred people, and check the result.

    Needs no account and no network: CRM and provider are sandboxes on this machine. For thirteen
    days the CRM is down; then it returns, the backlog drains, and the last day is live. Ends with
    1 if the CRM does not hold what it must.
    """
    from crm_sms.errors import MissingExtra

    try:
        from crm_sms.demo.run import living, performed
        from crm_sms.demo.stage import Ports
    except ImportError as error:
        raise MissingExtra("all", "The demo") from error
    ports = Ports(SANDBOX_PORT, WEB_PORT) if serve else Ports()
    with _folder(serve) as folder, ExitStack() as stack:
        with bars() as tell:
            playing = performed(folder, people, seed, datetime.now(UTC), tell, ports)
            played = stack.enter_context(playing)
        answer(played.result.document, as_json, lambda: _shown(played, serve))
        if serve:
            stack.enter_context(living(played.stage))
            with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
                threading.Event().wait()
    if not played.result.ok:
        raise typer.Exit(FAILED)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """One that is there to be looked at afterwards, or one that goes away."""
    if keep:
        yield FOLDER
        return
    with tempfile.TemporaryDirectory(prefix="crm-sms-demo-") as name:
        yield Path(name)


def _shown(played: Performance, serve: bool) -> Iterator[object]:
    from crm_sms.demo.result import next_steps, sights

    document = played.result.document
    yield table("a fortnight of texts", "", rows=_figures(document))
    yield table("check", "", rows=[(n, _word(ok)) for n, ok in document["checks"].items()])
    yield from _wrong(document["differences"])
    if not serve:
        yield "To click through the records and text a reply: crm-sms demo --serve"
        return
    yield from _looked_at("Records as a rep sees them:", sights(played.stage, played.script))
    yield from _looked_at("Next:", next_steps(played.stage, played.script, FOLDER))
    yield "It goes on in real time until Ctrl-C."


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if isinstance(value, Mapping) and name != "checks":
            yield from _parts(_words(name), value)
        elif isinstance(value, int | float):
            yield _words(name), value


def _parts(what: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """One line for all figures, and one for each part that is made of several again."""
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    if plain:
        yield what, "; ".join(f"{_words(name)}: {value}" for name, value in plain.items())
    for name, value in values.items():
        if name not in plain:
            yield from _parts(f"{what}, {_words(name)}", value)


def _words(name: str) -> str:
    """`tasks_created` as people read it; seconds are put in parentheses."""
    seconds = name.endswith("_s")
    return name.removesuffix("_s").replace("_", " ") + (" (s)" if seconds else "")


def _word(ok: bool) -> str:
    return "ok" if ok else "FAILED"


def _wrong(differences: Sequence[str]) -> Iterator[str]:
    if differences:
        wrong = "thing is not as it must be", "things are not as they must be"
        yield f"{many(len(differences), *wrong)}:"
    yield from differences[:_MOST_SHOWN]
    if len(differences) > _MOST_SHOWN:
        yield f"and {len(differences) - _MOST_SHOWN} more; all of them with --json"


def _looked_at(title: str, sights: Iterable[Sight]) -> Iterator[str]:
    yield title
    for sight in sights:
        yield f"  {sight.what}:\n    {sight.where}"
