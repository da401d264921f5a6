"""What reps and admins do with our records and commands."""

from __future__ import annotations

from typing import Any

from crm_sms.ledger import mirror
from crm_sms.use_cases import parked
from crm_sms.use_cases.unmatched import assign
from month.stage import REPS, TASK, TEXT, Month


def _one_of(month: Month, object: str, **like: str) -> dict[str, Any] | None:
    rows = [
        row
        for row in month.world.records(object)
        if all(str(row.get(name) or "").startswith(start) for name, start in like.items())
    ]
    return month.one(rows[-40:])


def complete_task(month: Month) -> None:
    """A rep is done with it."""
    if task := _one_of(month, TASK, SMS_Key__c="task:"):
        month.world.edit(TASK, task["Id"], Status="Completed")
        month.note(f"{task['SMS_Key__c'][-6:]} is completed")


def edit_task(month: Month) -> None:
    """A rep makes it their own."""
    if task := _one_of(month, TASK, SMS_Key__c=month.dice.choice(("task:", "entry:"))):
        rep = month.stage.ids[month.dice.choice(REPS).ref]
        month.world.edit(TASK, task["Id"], Subject="Mine", OwnerId=rep)
        month.note(f"{task['SMS_Key__c'][-6:]} is edited")


def delete_task(month: Month) -> None:
    """A rep throws it away."""
    if task := _one_of(month, TASK, SMS_Key__c=month.dice.choice(("task:", "entry:"))):
        month.world.delete(task["Id"])
        month.deleted.append(task["Id"])
        month.note(f"{task['SMS_Key__c'][-6:]} is deleted")


def edit_text(month: Month) -> None:
    """A rep changes what is theirs to change."""
    if text := _one_of(month, TEXT):
        rep = month.stage.ids[month.dice.choice(REPS).ref]
        changes = month.dice.choice(
            ({"OwnerId": rep}, {"Body__c": "censored"}, {"Body__c": None}, {"Campaign__c": "mine"})
        )
        month.world.edit(TEXT, text["Id"], **changes)
        month.note(f"{text['Message_Key__c'][-6:]} gets {changes}")


def delete_text(month: Month) -> None:
    """An admin deletes a text's record."""
    if text := _one_of(month, TEXT):
        month.world.delete(text["Id"])
        month.note(f"{text['Message_Key__c'][-6:]} is deleted")


def undelete(month: Month) -> None:
    """A task comes out of the recycle bin."""
    if id := month.one(month.deleted):
        month.deleted.remove(id)
        month.seed(op="undelete", ids=[id])
        month.note(f"{id} comes back")


def assign_number(month: Month) -> None:
    """Somebody says whose number it is."""
    number, person = month.one(month.numbers), month.one(month.people)
    if not number or not person:
        return
    month.run("sync people")
    app = month.stage.app
    with app.ledger.read() as connection:
        if person.id not in mirror.people_by_id(connection, month.crm, [person.id]):
            return
    ids = {month.crm: person.id}
    assign(app.ledger, number, ids, region="US", by="an admin", now=month.now)
    month.note(f"{number} is {person.id}'s")


def retry(month: Month) -> None:
    """An admin has corrected what parked, or thinks so."""
    ledger = month.stage.app.ledger
    done = parked.retry(ledger, [row.id for row in parked.parked(ledger)], month.now)
    if done.rows:
        month.note(f"{done.rows} parked rows are retried")


EVENTS = (
    (3, complete_task),
    (2, edit_task),
    (2, delete_task),
    (3, edit_text),
    (1, delete_text),
    (1, undelete),
    (1, assign_number),
    (2, retry),
)
"""How often each, and what."""
