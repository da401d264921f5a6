"""The outcome in figures, and where to look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from crm_sms.demo.check import Judgement, Observed
from crm_sms.demo.naive import HOW, Naive
from crm_sms.demo.played import Played
from crm_sms.demo.stage import Stage
from crm_sms.demo.words import DEFAULT_PEOPLE, Deed, Meaning, Person, Script

_FEWER = 10
"""How many times fewer calls than record by record; judged at the default size and above, since
the last day's calls hardly depend on how many people there are."""

_AGREE = "calls_agree_with_the_org"
_TENTH = f"calls_at_most_one_{_FEWER}th_of_naive"


@dataclass(frozen=True, slots=True)
class Result:
    """What the command reports: `document` is what --json prints."""

    document: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(self.document["checks"].values())


def written_rows(observed: Observed) -> dict[str, list[Mapping[str, Any]]]:
    """By object, the rows of the org that we made or wrote a field of."""
    return {name: [row for row in rows if _is_written(row)] for name, rows in observed.rows.items()}


def _is_written(row: Mapping[str, Any]) -> bool:
    return any(value for name, value in row.items() if name.startswith(("SMS_", "Message_Key__c")))


def result(
    script: Script, seed: int, played: Played, judged: Judgement, alone: Naive, elapsed_s: float
) -> Result:
    """Everything counted and judged; `alone` is what the naive way costs."""
    seen = judged.observed
    rows = written_rows(seen)
    written = sum(map(len, rows.values()))
    figures = {
        "events": seen.counters.events,
        "duplicates_ignored": seen.counters.duplicates,
        "forged_refused": played.forged_refused,
        "people": len(script.people),
        "texts": len(script.sent),
        "replies": len(script.replies),
        "records_written": written,
        **_tasks(rows["Task"]),
        "opt_outs_written": _opted_out(rows),
        "api_calls": seen.calls,
        "api_calls_by": {"writes_and_look_ups": played.api_calls, "mirror": played.mirror_calls},
        "backlog": {"records": played.backlog_records, "api_calls": played.backlog_calls},
        "naive_api_calls": alone.for_all(written),
        "naive_sample": {"records": alone.records, "api_calls": alone.calls, "how": HOW},
        "parked": sum(seen.crm.parked.values()),
        "unmatched": sum(seen.crm.unmatched.values()),
        "reply_to_task_s": {
            "simulated": _percentiles(played.simulated_s),
            "real": _percentiles(played.real_s),
        },
        "seed": seed,
        "elapsed_s": round(elapsed_s, 1),
    }
    checks = judged.checks | _calls(figures, played)
    differences = [str(difference) for difference in judged.differences]
    return Result({**figures, "checks": checks, "differences": differences})


def _calls(figures: Mapping[str, Any], played: Played) -> dict[str, bool]:
    """The org's count against our own, and against the naive way."""
    calls = figures["api_calls"]
    checks = {_AGREE: calls == played.api_calls + played.mirror_calls}
    if figures["people"] >= DEFAULT_PEOPLE:
        checks[_TENTH] = calls <= figures["naive_api_calls"] / _FEWER
    return checks


def _tasks(tasks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    kinds = Counter(str(task.get("SMS_Key__c", "")).partition(":")[0] for task in tasks)
    return {"tasks_created": kinds["task"], "timeline_entries": kinds["entry"]}


def _opted_out(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    return sum(bool(row.get("SMS_Opt_Out__c")) for row in (*rows["Contact"], *rows["Lead"]))


def _percentiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    if len(seconds) < 2:
        only = round(seconds[0], 3) if seconds else None
        return {"replies": len(seconds), "p50": only, "p95": only}
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {"replies": len(seconds), "p50": round(cuts[9], 3), "p95": round(cuts[18], 3)}


@dataclass(frozen=True, slots=True)
class Sight:
    """Something worth a look."""

    what: str
    where: str


def sights(stage: Stage, script: Script) -> list[Sight]:
    """Record pages of people whose story shows something."""
    people = {person.ref: person for person in script.people}
    answers = [reply for reply in script.replies if reply.meaning is Meaning.ANSWER]
    replies = Counter(reply.person for reply in answers if reply.person)
    stopped = [r.person for r in script.replies if r.meaning is Meaning.STOP and r.person]
    done = [act.of for act in script.acts if act.deed is Deed.COMPLETE_TASK]
    worked = [reply.person for reply in script.replies if reply.ref in done and reply.person]
    late = [act.of for act in script.acts if act.deed is Deed.ADD_PERSON]
    dealers = [ref for deal in script.deals if deal.open for ref in deal.people if replies[ref]]
    stories = (
        ("who wrote most", [ref for ref, _ in replies.most_common(1)]),
        ("who answered and has a deal", dealers),
        ("who wants no more texts", stopped),
        ("whose task a rep completed, and who wrote again", worked),
        ("whose number was entered after the reply", late),
    )
    return [
        Sight(f"{people[refs[0]].name}, {what}", _page(stage, people[refs[0]]))
        for what, refs in stories
        if refs
    ]


def _page(stage: Stage, person: Person) -> str:
    return f"{stage.box.url}/lightning/r/{person.object}/{stage.ids[person.ref]}/view"


def next_steps(stage: Stage, script: Script, folder: Path) -> list[Sight]:
    """Commands for the installation that is running, and how to text a reply into it."""
    writes = next(text for text in reversed(script.sent) if text.outcome == "delivered")
    said = f'{{"from": "{writes.number}", "to": "{writes.sender}", "body": "Can you call me?"}}'
    return [
        Sight("how things stand", f"crm-sms --folder {folder} status"),
        Sight("what could not be written", f"crm-sms --folder {folder} parked list"),
        Sight("texts that nobody can be named for", f"crm-sms --folder {folder} unmatched list"),
        Sight("everything in the CRM", f"{stage.box.url}/salesforce"),
        Sight("everything at the provider", f"{stage.box.url}/twilio"),
        Sight("our web service", f"{stage.web_url}/metrics"),
        Sight(
            "text a reply; its task is there in two seconds",
            f"curl -d '{said}' {stage.box.url}/_sandbox/twilio/replies",
        ),
    ]
