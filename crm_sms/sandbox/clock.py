"""The sandbox's time: the machine's, or an instant in a file that other processes set and read."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class RealTime(RuntimeError):
    """The clock has no file, so its time cannot be set."""


class FileClock:
    """Reads the instant in `path`; while there is no such file, the machine's time.

    The file holds one ISO 8601 instant with its offset from UTC and nothing else. Time stands
    still between two settings. Every process that reads the file sees the same instant.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    @property
    def is_real(self) -> bool:
        """Whether the time is the machine's at this moment."""
        return self.path is None or not self.path.exists()

    def now(self) -> datetime:
        """The instant, in UTC. Raises ValueError if the file holds anything else."""
        if self.path is None:
            return datetime.now(UTC)
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return datetime.now(UTC)
        return parse_instant(text.strip(), f"the clock file {self.path}")

    def set(self, instant: datetime) -> None:
        """Makes `instant` the time for every reader at once. Raises RealTime without a file."""
        if self.path is None:
            raise RealTime("the sandbox runs on real time: start it with --clock FILE to set it")
        # Readers must never see half an instant: the new file replaces the old one whole.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(instant.astimezone(UTC).isoformat())
        Path(name).replace(self.path)

    def advance(self, seconds: float) -> datetime:
        """Moves time on and returns the new instant."""
        instant = self.now() + timedelta(seconds=seconds)
        self.set(instant)
        return instant


def parse_instant(text: str, where: str) -> datetime:
    """An ISO 8601 instant with a zone, in UTC; ValueError names `where` it was found."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(
            f"{where} must hold one ISO 8601 instant with a zone, such as "
            f"2026-01-31T09:00:00+00:00, not {text[:60]!r}"
        )
    return instant.astimezone(UTC)


def routes(clock: FileClock) -> list[Route]:
    """`GET /_sandbox/clock`, and `POST` with `now` (ISO 8601) or `advance_s`."""

    async def clock_endpoint(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"now": clock.now().isoformat(), "real": clock.is_real})
        try:
            change_clock(clock, await request.json())
        except RealTime as error:
            return JSONResponse({"error": str(error)}, 409)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"now": clock.now().isoformat()})

    return [Route("/_sandbox/clock", clock_endpoint, methods=["GET", "POST"])]


def change_clock(clock: FileClock, order: object) -> None:
    """Carries out `{"now": iso}` or `{"advance_s": n}`; ValueError for anything else."""
    match order:
        case {"now": str(text), **rest} if not rest:
            clock.set(parse_instant(text, "now"))
        case {"advance_s": int() | float() as seconds, **rest} if not rest and seconds >= 0:
            clock.advance(seconds)
        case _:
            raise ValueError('send {"now": "<ISO 8601>"} or {"advance_s": <seconds, not negative>}')
