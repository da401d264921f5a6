"""A REST call and its answer, free of HTTP: what the handlers, Composite and late commits share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from crm_sms.sandbox.salesforce.refusals import RequestRefused, not_found

PREFIX = "/services/data"
TOKEN_PATH = "/services/oauth2/token"
OLDEST = 31
"""The oldest API version that is not retired (21 to 30 went in Summer '25)."""
NEWEST = 68
"""Winter '27."""


@dataclass(frozen=True, slots=True)
class Call:
    """`path` is what follows the version, decoded; `headers` have lower-case names."""

    method: str
    version: str
    path: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def base(self) -> str:
        """The versioned path, as in record URLs."""
        return f"{PREFIX}/{self.version}"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON data, text (sent as HTML) or None for an empty one."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def split_url(url: str) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """Version, path and parameters of a URL below /services/data; raises RequestRefused.

    A retired version is 410, an unknown one 404.
    """
    parts = urlsplit(url)
    segments = [unquote(part) for part in parts.path.removeprefix(PREFIX).split("/") if part]
    if not parts.path.startswith(f"{PREFIX}/") or not segments:
        raise not_found()
    version, *path = segments
    _check_version(version)
    return version, tuple(path), dict(parse_qsl(parts.query, keep_blank_values=True))


def _check_version(version: str) -> None:
    number = version.removeprefix("v").removesuffix(".0")
    if version != f"v{number}.0" or not number.isdigit() or not 20 < int(number) <= NEWEST:
        raise not_found()
    if int(number) < OLDEST:
        raise RequestRefused(
            "UNSUPPORTED_API_VERSION",
            "The requested resource is no longer available: this API version is retired.",
            status=410,
        )


def subrequests(body: Any) -> list[Any]:
    """The parts of a Composite body, as far as they can be told."""
    parts = body.get("compositeRequest") if isinstance(body, dict) else None
    return parts if isinstance(parts, list) else []


@dataclass(frozen=True, slots=True)
class Touch:
    """What one part of a call does: to which objects, how many rows, and whether it writes."""

    objects: frozenset[str]
    rows: int
    writes: bool


def touches(call: Call) -> Iterator[Touch]:
    """One Touch for a plain call, one per subrequest for a Composite."""
    if call.path != ("composite",):
        yield _touch(call)
        return
    for part in subrequests(call.body):
        try:
            version, path, params = split_url(str(part["url"]))
        except (RequestRefused, KeyError, TypeError):
            continue
        method = str(part.get("method"))
        yield _touch(Call(method, version, path, params, {}, part.get("body")))


def _touch(call: Call) -> Touch:
    match call.path:
        case ("composite", "sobjects", name, *_):
            return Touch(frozenset({name}), len(_records(call)), call.method == "PATCH")
        case ("composite", "sobjects"):
            records = _records(call)
            kinds = (r["attributes"]["type"] for r in records if _typed(r))
            rows = len(records) or len(call.params.get("ids", "").split(","))
            return Touch(frozenset(map(str, kinds)), rows, True)
        case ("sobjects", name, *rest):
            return Touch(frozenset({name}), 1, call.method != "GET" and rest != ["describe"])
    return Touch(frozenset(), 1, False)


def _records(call: Call) -> list[Any]:
    records = call.body.get("records") if isinstance(call.body, dict) else None
    return records if isinstance(records, list) else []


def _typed(record: Any) -> bool:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    return isinstance(attributes, dict) and "type" in attributes
