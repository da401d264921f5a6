"""Whether somebody runs the jobs: the worker, or cron."""

from __future__ import annotations

from datetime import datetime, timedelta

from crm_sms.ports import Finding
from crm_sms.use_cases.doctor.words import LATE, Patient, shown
from crm_sms.use_cases.status import Overview

_REMEDY = "start crm-sms worker, or have cron call crm-sms sync all; its log says what fails"


def at_work(patient: Patient, found: Overview) -> list[Finding]:
    """Every job leaves a trace; nothing is said where there is nothing to do."""
    if not (patient.crms or patient.providers):
        return []
    traces = _traces(found)
    if not traces:
        return [Finding("worker", None, "no job has run yet", _REMEDY)]
    worker = patient.settings.worker
    late = max(LATE, timedelta(seconds=3 * max(worker.sync_s, worker.history_s)))
    text = f"the last job that got anywhere ran {shown(max(traces))}"
    if found.at - max(traces) > late:
        return [Finding("worker", None, text, _REMEDY)]
    return [Finding("worker", True, text)]


def _traces(found: Overview) -> list[datetime]:
    pulls = (at for crm in found.crms.values() for at in crm.mirror.values())
    requests = (one.started_at for crm in found.crms.values() if (one := crm.last_request))
    listings = (one.at for one in found.listed.values() if one.at)
    return [*pulls, *requests, *listings]
