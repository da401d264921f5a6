"""The only place where ports meet what implements them."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from crm_sms import plugins
from crm_sms.admin_files import MappingText, mapping_text, shipped_mapping
from crm_sms.clock import Clock, file_clock, machine_clock
from crm_sms.delivery.windows import Windows
from crm_sms.errors import BadMapping, BadSettings
from crm_sms.events import OptOutRules
from crm_sms.ledger import Failpoints, Ledger
from crm_sms.mapping import Mapping as CrmMapping
from crm_sms.mapping.needs import needs
from crm_sms.ports import Crm, CrmInstaller, Project, SmsProvider
from crm_sms.records import Lane
from crm_sms.routing import TaskRules
from crm_sms.settings import PREFIX, ProviderSettings, Settings, load
from crm_sms.use_cases.deliver import Delivery
from crm_sms.use_cases.forecast import Asked
from crm_sms.use_cases.mapping_in_use import mapping_in_use, problem_of
from crm_sms.use_cases.process import Planner, Processing
from crm_sms.use_cases.receive import Receiving
from crm_sms.use_cases.reconcile import Reconciling
from crm_sms.use_cases.sync_people import Syncing
from crm_sms.use_cases.verify import Verifying

T = TypeVar("T")
U = TypeVar("U")


class BuiltOnUse(Mapping[str, T], Generic[T, U]):
    """Things by name, each built from its table when it is first asked for, and kept."""

    def __init__(self, tables: Mapping[str, U], build: Callable[[str, U], T]) -> None:
        self._tables = tables
        self._build = build
        self._built: dict[str, T] = {}
        # Two threads that ask at once must not get two clients with a connection pool each.
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> T:
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(name, self._tables[name])
            return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


@dataclass(frozen=True, slots=True)
class App:
    """One installation, put together. Providers and CRMs go by their configured names; `compared`
    are those that this process has held against its ledger.

    Whoever looks one up in `providers` or `crms` may get BadSettings or MissingExtra.
    """

    folder: Path
    settings: Settings
    ledger: Ledger
    clock: Clock
    providers: Mapping[str, SmsProvider]
    crms: Mapping[str, Crm]
    compared: set[str] = field(default_factory=set)

    def close(self) -> None:
        """Close the ledger's connections."""
        self.ledger.close()


def installation(folder: Path, environ: Mapping[str, str]) -> App:
    """The installation whose settings are in `folder`, with `environ` above them.

    Opens no connection and imports no adapter. Raises BadSettings with every problem.
    """
    settings = load(folder, environ)
    clock = file_clock(settings.clock) if settings.clock else machine_clock
    ledger = Ledger(
        settings.database.get_secret_value(),
        settings.digest_key.get_secret_value().encode(),
        Failpoints(environ.get("CRM_SMS_FAILPOINTS", "")),
    )

    # A provider signs with, or calls back at, the address under which it reaches us.
    called_at = {"public_url": settings.public_url} if settings.public_url else {}
    return App(
        folder=folder.absolute(),
        settings=settings,
        ledger=ledger,
        clock=clock,
        providers=BuiltOnUse(
            settings.providers, partial(_adapter, plugins.PROVIDERS, "providers", called_at, clock)
        ),
        crms=_crms(settings, clock),
    )


def own_clients(app: App) -> App:
    """The same installation with CRM clients of its own: one serves one thread at a time."""
    return replace(app, crms=_crms(app.settings, app.clock))


def _crms(settings: Settings, clock: Clock) -> Mapping[str, Crm]:
    return BuiltOnUse(settings.crms, partial(_adapter, plugins.CRMS, "crms", {}, clock))


def _adapter(
    group: str,
    section: str,
    given: Mapping[str, Any],
    clock: Clock,
    name: str,
    table: ProviderSettings,
) -> Any:
    with _said_where(section, name):
        return plugins.adapter(group, table.adapter)({**given, **table.options}, clock)


@contextmanager
def _said_where(section: str, name: str) -> Iterator[None]:
    """An adapter knows what is wrong with its settings, not where they stand."""
    try:
        yield
    except BadSettings as error:
        variables = f"{PREFIX}{section}__{name}__".upper()
        place = f"[{section}.{name}] in crm-sms.toml, or {variables}… in .env or the environment"
        raise BadSettings(f"{place}: {error}") from error


def full_id(app: App, crm: str) -> Callable[[str], str]:
    """How an id that people give becomes the one that this CRM's API gives.

    Its library is loaded when an id is given; MissingExtra then, if it is not installed.
    """
    table = app.settings.crms[crm]
    adapter = cache(lambda: plugins.adapter(plugins.CRMS, table.adapter))
    return lambda id: str(adapter().full_id(id))


def project(app: App, name: str) -> Project:
    """What the CRM of this name needs for its mapping, to be deployed by an admin. Connects to
    nothing, so credentials may still be missing.

    Raises BadSettings, also where the adapter has no installer, or BadMapping.
    """
    table = app.settings.crms[name]
    installer = _installer(table)
    if installer is None:
        raise BadSettings(
            f"[crms.{name}]: the adapter {table.adapter} writes no project; make the objects and "
            "fields that the mapping names by hand, then run crm-sms doctor"
        )
    with _said_where("crms", name):
        built = installer(table.options)
    return built.project(needs(planner(app, name).mapping, shipped_mapping(table.adapter)))


def _installer(table: ProviderSettings) -> type[CrmInstaller] | None:
    found: type[CrmInstaller] | None
    found = getattr(plugins.adapter(plugins.CRMS, table.adapter), "installer", None)
    return found


def forecasting(app: App, name: str, texts_a_day: float) -> Asked:
    """What a forecast for the CRM of this name needs; connects to nothing yet."""
    installer = _installer(app.settings.crms[name])
    return Asked(
        name=name,
        texts_a_day=texts_a_day,
        mapping=planner(app, name).mapping,
        windows=_windows(app.settings),
        sync_s=app.settings.worker.sync_s,
        record_kb=installer.record_kb if installer else None,
        crm=partial(app.crms.__getitem__, name),
        ledger=app.ledger,
        clock=app.clock,
    )


def planner(app: App, name: str) -> Planner:
    """How texts become records in the CRM of this name. Needs no connection to it.

    Raises BadMapping with every problem of its mapping file.
    """
    return _planner(app, name, _mapping_text(app, name).mapping())


def planner_in_use(app: App, name: str) -> tuple[Planner, str]:
    """The same by the mapping that is in use, and what is wrong with its file: while that cannot be
    read, the last one that could be stays in use. Raises BadMapping if there was none."""
    mapping, problem = mapping_in_use(app.ledger, name, partial(_mapping_text, app, name))
    return _planner(app, name, mapping), problem


def mapping_problems(app: App) -> dict[str, str]:
    """By CRM, what is wrong with its mapping file and what follows; those in order left out."""
    crms = app.settings.crms
    found = {name: problem_of(app.ledger, name, partial(_mapping_text, app, name)) for name in crms}
    return {name: problem for name, problem in found.items() if problem}


def _mapping_text(app: App, name: str) -> MappingText:
    table = app.settings.crms[name]
    return mapping_text(table.mapping or table.adapter, app.folder)


def _planner(app: App, name: str, mapping: CrmMapping) -> Planner:
    settings = app.settings
    owner = settings.tasks.fallback_owner
    windows = _windows(settings)
    return Planner(
        crm=name,
        mapping=mapping,
        tasks=TaskRules(
            max_age=timedelta(days=settings.tasks.max_age_days),
            due_days=settings.tasks.due_days,
            fallback_owner=full_id(app, name)(owner) if owner else None,
        ),
        windows={lane: windows.of(lane) for lane in Lane},
        full_id=full_id(app, name),
        account_fallback=settings.crms[name].account_fallback,
    )


def _windows(settings: Settings) -> Windows:
    given = settings.windows
    lanes = (given.opt_outs, given.tasks, given.timeline, given.roll_ups)
    return Windows(*lanes, given.opt_out_quota, given.bodies)


def opt_out_rules(app: App) -> dict[str, OptOutRules]:
    """The opt-out words of every configured provider, by the name that its events carry."""
    found = (plugins.adapter(plugins.PROVIDERS, t.adapter) for t in app.settings.providers.values())
    return {adapter.name: adapter.opt_out_rules for adapter in found}


def receiving(app: App, name: str) -> Receiving:
    """What the callbacks of the provider of this name need, in a web application of your own."""
    return Receiving(app.ledger, app.providers[name], opt_out_rules(app), app.clock)


def processing(app: App) -> Processing:
    """What `process` needs, for every configured CRM, with its mapping as the file says now.

    A mapping that cannot be read is among the problems, and stops no other CRM.
    """
    wait = timedelta(seconds=app.settings.windows.bodies)
    planners, problems = [], {}
    for name in app.settings.crms:
        try:
            found, problem = planner_in_use(app, name)
        except BadMapping as error:
            problems[name] = str(error)
            continue
        planners.append(found)
        if problem:
            problems[name] = problem
    every = tuple(planners)
    return Processing(app.ledger, every, opt_out_rules(app), app.clock, wait, problems=problems)


def delivering(app: App, name: str) -> Delivery:
    """What `deliver` needs for the CRM of this name; connects to nothing yet."""
    return Delivery(
        ledger=app.ledger,
        name=name,
        crm=app.crms[name],
        windows=_windows(app.settings),
        clock=app.clock,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        jitter=random.random,
        texts=partial(_texts, app, name),
        compared=app.compared,
    )


def _texts(app: App, name: str) -> tuple[str, str]:
    message = planner_in_use(app, name)[0].mapping.message
    return message.object, message.key_field or ""


def syncing(app: App, name: str) -> Syncing:
    """What `sync_people` needs for the CRM of this name; connects to nothing yet.

    Raises BadMapping if there is no mapping in use.
    """
    region = app.settings.region_of(name)
    used, _ = planner_in_use(app, name)
    reserve = app.settings.windows.opt_out_quota
    return Syncing(app.ledger, used, app.crms[name], app.clock, region, reserve)


def verifying(app: App, name: str) -> Verifying:
    """What `verify` needs for the CRM of this name; connects to nothing yet. Raises BadMapping if
    there is no mapping in use."""
    used, _ = planner_in_use(app, name)
    return Verifying(app.ledger, used, app.crms[name], app.settings.windows.opt_out_quota)


def reconciling(app: App, name: str) -> Reconciling:
    """What `reconcile` needs for the provider of this name; connects to nothing yet."""
    overlap = timedelta(hours=app.settings.history.overlap_h)
    return Reconciling(app.ledger, app.providers[name], app.clock, overlap)
