"""What an admin sets: crm-sms.toml and .env of one folder, with the environment above both."""

from __future__ import annotations

import difflib
import io
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from dotenv.parser import Binding, parse_stream
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import ValidationError as Invalid
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from crm_sms.errors import BadSettings

FILE = "crm-sms.toml"
SECRETS_FILE = ".env"
PREFIX = "CRM_SMS_"
NOT_SETTINGS = frozenset({"CRM_SMS_FAILPOINTS", "CRM_SMS_JUDGES"})
"""Variables with our prefix that only tests set."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SQLITE = "sqlite:///"
_PLAIN = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "it must be a table"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "it must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "it must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "it must be true or false"),
    **dict.fromkeys(("string_type", "url_type"), "it must be a text"),
    "path_type": "it must be the path of a file",
    "too_short": "it must have at least {min_length} characters",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than": "it must be less than {lt:g}",
    "less_than_equal": "it must be at most {le:g}",
}
"""What is wrong with a value, by the type of the error that pydantic finds."""


def _tables(value: Any) -> Any:
    """Adapter tables as {name: table}; `adapter` is the table's name where it is left out."""
    if not isinstance(value, dict):
        return value
    bad = [name for name in value if not _NAME.fullmatch(name)]
    if bad:
        raise ValueError(f"{', '.join(bad)}: use lower-case letters, digits and single underscores")
    return {
        name: {"adapter": name, **table} if isinstance(table, dict) else table
        for name, table in value.items()
    }


def _region(value: str) -> str:
    import phonenumbers

    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("use a country code of ISO 3166 in capitals, such as US or GB")
    return value


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s?#]+", value):
        raise ValueError("use the address that providers call, such as https://sms.example.com")
    return value.rstrip("/")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ProviderSettings(_Table):
    """One provider. `adapter` is an entry point; what else the table holds is the adapter's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    adapter: str

    @property
    def options(self) -> dict[str, Any]:
        """The adapter's own keys as they were given: from the environment they are texts."""
        return dict(self.model_extra or {})

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Leaves out the adapter's own keys, as some are secrets."""
        return ((name, getattr(self, name)) for name in type(self).model_fields)


class CrmSettings(ProviderSettings):
    """One CRM. `mapping` is a file in mappings/ or a path; None: named like the adapter.

    With `account_fallback` a text of somebody without a role in an open opportunity belongs to the
    only open one of their account. `default_region` is that of this CRM's phones, where another one
    than the installation's.
    """

    mapping: str | None = None
    default_region: Annotated[str, AfterValidator(_region)] | None = None
    account_fallback: bool = False


class TaskSettings(_Table):
    """Tasks for replies. Texts older than `max_age_days` when they come in make none."""

    max_age_days: float = Field(default=2, ge=0)
    due_days: int = Field(default=1, ge=0)
    fallback_owner: str | None = None


class WindowSettings(_Table):
    """How many seconds desired records wait for company, by lane, and what opt-outs keep free.

    `bodies` is how long records of a text wait for its body, which only a listing tells.
    `opt_out_quota` is the share of a CRM's calls that no other lane may use.
    """

    opt_outs: float = Field(default=0, ge=0)
    tasks: float = Field(default=1, ge=0)
    timeline: float = Field(default=15, ge=0)
    roll_ups: float = Field(default=60, ge=0)
    bodies: float = Field(default=120, ge=0)
    opt_out_quota: float = Field(default=0.05, ge=0, lt=1)


class HistorySettings(_Table):
    """How far listings of a provider's texts look back now and then, in hours."""

    overlap_h: float = Field(default=24, ge=0)


class WebSettings(_Table):
    """Where `serve` listens and what it takes. `max_waiting` callbacks wait for a commit."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    max_body_kb: int = Field(default=1024, ge=1)
    max_waiting: int = Field(default=5000, ge=1)


class WorkerSettings(_Table):
    """How long the worker rests, in seconds: between pulls of the CRM, without a wake-up, and
    between listings of the provider's texts."""

    sync_s: float = Field(default=300, gt=0)
    poll_s: float = Field(default=5, gt=0)
    history_s: float = Field(default=60, gt=0)


class Settings(BaseSettings):
    """Every setting. Paths and the SQLite file are absolute."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database: SecretStr = SecretStr(_SQLITE + "crm-sms.db")
    digest_key: SecretStr = Field(min_length=32)
    public_url: Annotated[str, AfterValidator(_web_address)] | None = None
    default_region: Annotated[str, AfterValidator(_region)] | None = None
    clock: Path | None = None
    providers: Annotated[dict[str, ProviderSettings], BeforeValidator(_tables)] = {}
    crms: Annotated[dict[str, CrmSettings], BeforeValidator(_tables)] = {}
    tasks: TaskSettings = TaskSettings()
    windows: WindowSettings = WindowSettings()
    history: HistorySettings = HistorySettings()
    web: WebSettings = WebSettings()
    worker: WorkerSettings = WorkerSettings()

    def region_of(self, crm: str) -> str | None:
        """The country of this CRM's phones without a country code."""
        return self.crms[crm].default_region or self.default_region


class _Variables(PydanticBaseSettingsSource):
    """CRM_SMS_TASKS__DUE_DAYS and its like as tables; texts stay texts unless they are JSON."""

    def __init__(self, cls: type[BaseSettings], variables: Mapping[str, str | None]) -> None:
        super().__init__(cls)
        self._variables = variables

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all keys are read at once, so that unknown ones are seen."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in sorted(self._variables.items()):
            if value and name.startswith(PREFIX) and name not in NOT_SETTINGS:
                path = map(_spelt, name.removeprefix(PREFIX).split("__"))
                _plant(tree, list(path), _decoded(value))
        return tree


def _spelt(part: str) -> str:
    """In lower case, unless it has lower-case letters: then case matters to its adapter."""
    return part.lower() if part.isupper() else part


def _plant(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            return  # a text where a table belongs, which the validation names
    tree[path[-1]] = value


def _decoded(value: str) -> Any:
    if not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def load(folder: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of a folder. Raises BadSettings with every problem, each with its remedy."""
    folder = folder.absolute()
    problems: list[str] = []
    settings = None
    try:
        _text(folder / FILE)
        settings = _anchored(_read(folder, environ), folder)
    except BadSettings as bad:
        problems.append(str(bad))
    except Invalid as invalid:
        problems += [_problem(error, folder) for error in invalid.errors(include_input=False)]
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{folder / FILE} is not TOML: {error}; correct it there")
    database = sqlite_file(settings) if settings else None
    problems += filter(None, map(_exposed, [folder / SECRETS_FILE, database]))
    if problems or settings is None:
        raise BadSettings("\n".join(problems))
    return settings


def _text(path: Path) -> str:
    """What a file says, nothing if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        text = f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8"
        raise BadSettings(text) from None
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror}") from None


def _secrets(path: Path) -> dict[str, str | None]:
    """The variables of .env. A line that is none is refused: it may hold one that seems set."""
    lines = list(parse_stream(io.StringIO(_text(path))))
    bad = [f"{path}: line {_line(one)} is not NAME=value" for one in lines if one.error]
    if bad:
        raise BadSettings("\n".join(f"{problem}; correct it or put # before it" for problem in bad))
    return {one.key: one.value for one in lines if one.key}


def _line(statement: Binding) -> int:
    """Where it begins, after the blank lines that the parser counts in."""
    blank = statement.original.string.partition(statement.original.string.lstrip())[0]
    return statement.original.line + blank.count("\n")


def _read(folder: Path, environ: Mapping[str, str]) -> Settings:
    secrets = _secrets(folder / SECRETS_FILE)

    class FromFolder(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                _Variables(settings_cls, environ),
                _Variables(settings_cls, secrets),
                TomlConfigSettingsSource(settings_cls, toml_file=folder / FILE),
            )

    return FromFolder()  # type: ignore[call-arg]  # what is missing is for the sources to say


def _anchored(settings: Settings, folder: Path) -> Settings:
    """With relative paths taken from the folder, wherever cron starts us."""
    changed: dict[str, Any] = {}
    if path := _sqlite_path(settings):
        changed["database"] = SecretStr(f"{_SQLITE}{folder / path}")
    if settings.clock:
        changed["clock"] = folder / settings.clock
    return settings.model_copy(update=changed)


def sqlite_file(settings: Settings) -> Path | None:
    """The ledger's file; None for PostgreSQL or memory."""
    path = _sqlite_path(settings)
    return Path(path.partition("?")[0]) if path else None


def _sqlite_path(settings: Settings) -> str | None:
    url = settings.database.get_secret_value()
    path = url.removeprefix(_SQLITE)
    return None if path in (url, "", ":memory:") or path.startswith("file:") else path


def _exposed(path: Path | None) -> str | None:
    """Our files are 0600, as the architecture has it; where there are no modes all is well."""
    if path is None or os.name != "posix" or not path.is_file() or not path.stat().st_mode & 0o077:
        return None
    return f"{path} can be read by other users of this machine; run: chmod 600 {path}"


def _problem(error: Any, folder: Path) -> str:
    loc = [str(part) for part in error["loc"]]
    key, variable = ".".join(loc), PREFIX + "__".join(loc).upper()
    if error["type"] == "missing":
        return f"{key} is missing: {_no_digest_key(folder / SECRETS_FILE)}"
    if error["type"] == "extra_forbidden":
        return f"{key} ({variable}) is not a setting: {_suggestion(loc)}remove it"
    plain = _PLAIN.get(error["type"])
    message = plain.format(**error.get("ctx", {})) if plain else error["msg"]
    return f"{key} ({variable}) is wrong: {message.removeprefix('Value error, ')}"


def _no_digest_key(secrets: Path) -> str:
    """What to do without the only setting that has no default; init makes no key for a file that
    is there."""
    if not secrets.exists():
        return f"run crm-sms init for a new installation, or restore {secrets} from your backup"
    return (
        f"add the line {PREFIX}DIGEST_KEY=… to {secrets}, as it stands in your backup; for a new "
        "installation let this make one: python3 -c 'import secrets; print(secrets.token_hex(32))'"
    )


def _suggestion(loc: list[str]) -> str:
    close = difflib.get_close_matches(".".join(loc), keys(), n=1)
    return f"did you mean {close[0]}? Rename or " if close else ""


def keys() -> list[str]:
    """Every key with its tables, as `tasks.due_days`; `NAME` stands for a name of the admin's."""
    return [key for name, field in Settings.model_fields.items() for key in _keys(name, field)]


def _keys(name: str, field: Any) -> Iterator[str]:
    tables = {"providers": ProviderSettings, "crms": CrmSettings}
    model = tables.get(name, field.annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        yield name
        return
    stem = f"{name}.NAME" if name in tables else name
    yield from (f"{stem}.{key}" for key in model.model_fields)
