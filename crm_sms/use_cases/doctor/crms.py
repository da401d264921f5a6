"""CRMs: what their adapters look at, and whether the mapping fits what they show us."""

from __future__ import annotations

from collections.abc import Iterator

from crm_sms.errors import BadMapping
from crm_sms.mapping import check
from crm_sms.ports import Crm, Finding
from crm_sms.use_cases.doctor.clocks import agreement, timed
from crm_sms.use_cases.doctor.words import REREAD, Patient, guarded
from crm_sms.use_cases.mapping_in_use import what_follows
from crm_sms.use_cases.process import Planner


def crm(patient: Patient, name: str, readable: bool | None) -> list[Finding]:
    """A mapping that cannot be read and credentials that fail are told of both at once."""
    clock: list[Finding] = []

    def ask() -> Iterator[Finding]:
        adapter = patient.crms[name]
        looked = timed(patient.clock, adapter.check)
        clock.extend(agreement(f"clock {name}", looked, adapter.answered_at))
        yield from looked.findings

    found = guarded(name, ask)
    planner: list[Planner] = []

    def read() -> Iterator[Finding]:
        try:
            planner.append(patient.planner(name))
        except BadMapping as error:
            follows = f"; {what_follows(patient.ledger, name)}" if readable else ""
            yield Finding(f"mapping {name}", False, str(error), f"{REREAD}{follows}")

    found += guarded(f"mapping {name}", read)
    if planner and not any(finding.ok is False for finding in found):
        found += guarded(f"mapping {name}", lambda: _mapping(patient.crms[name], planner[0]))
    return [*found, *clock]


def _mapping(crm: Crm, planner: Planner) -> Iterator[Finding]:
    subject, mapping = f"mapping {planner.crm}", planner.mapping
    problems = check(mapping, crm.describe(sorted(mapping.objects())))
    for problem in problems:
        text = f"{problem.file}: {problem.key}: {problem.text}"
        yield Finding(subject, False if problem.fatal else None, text, problem.remedy)
    if not problems:
        yield Finding(subject, True, f"{mapping.name} fits the CRM")
