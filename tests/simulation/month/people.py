"""What happens to people, accounts and deals in the org."""

from __future__ import annotations

from month.stage import REPS, Month, Somebody

TYPED = ("{}", "({0[2]}{0[3]}{0[4]}) {0[5]}{0[6]}{0[7]}-{1}", "1-{2}", "{2}")
"""Ways to type a number."""


def typed(month: Month, number: str) -> str:
    """The number as somebody types it."""
    return month.dice.choice(TYPED).format(number, number[8:], number[2:])


def new_number(month: Month) -> str:
    """One that nobody had."""
    number = f"+1312777{len(month.numbers):04}"
    month.numbers.append(number)
    return number


def come(month: Month) -> None:
    """A contact or lead, with a number of their own, somebody else's, or none."""
    object = month.dice.choice(("Contact", "Contact", "Lead"))
    number = month.dice.choices((new_number(month), month.one(month.numbers), None), (6, 2, 1))[0]
    rep = month.stage.ids[month.dice.choice(REPS).ref]
    fields = {"LastName": f"P{len(month.people)}", "OwnerId": rep}
    if number:
        phone = month.dice.choice(("MobilePhone", "Phone"))
        fields[phone] = typed(month, number)
    account = month.one(month.accounts) if object == "Contact" else None
    if account:
        fields["AccountId"] = account
    if object == "Lead":
        fields["Company"] = "Acme"
    [id] = month.world.create(object, fields)
    month.people[id] = Somebody(id, object, number, account)
    month.note(f"{id} comes with {number}")


def found(month: Month) -> None:
    """A company."""
    month.accounts += month.world.create("Account", {"Name": f"Company {len(month.accounts)}"})


def change_number(month: Month) -> None:
    """Another number, somebody else's, or none any more."""
    if person := month.one(month.people):
        choices = (new_number(month), month.one(month.numbers), None)
        person.number = month.dice.choices(choices, (5, 3, 1))[0]
        phones = {"MobilePhone": None, "Phone": None}
        if person.number:
            phones[month.dice.choice(("MobilePhone", "Phone"))] = typed(month, person.number)
        month.world.edit(person.object, person.id, **phones)
        month.note(f"{person.id} changes to {person.number}")


def leave(month: Month) -> None:
    """Somebody deletes a person."""
    if person := month.one(month.people):
        month.world.delete(person.id)
        month.gone[person.id] = month.people.pop(person.id)
        month.note(f"{person.id} is deleted")


def come_back(month: Month) -> None:
    """Out of the recycle bin."""
    if person := month.one(month.gone):
        month.seed(op="undelete", ids=[person.id])
        month.people[person.id] = month.gone.pop(person.id)
        month.note(f"{person.id} comes back")


def merge(month: Month) -> None:
    """Two records turn out to be one person."""
    object = month.dice.choice(("Contact", "Lead"))
    some = [one for one in month.people.values() if one.object == object]
    if len(some) < 2:
        return
    master, loser = month.dice.sample(some, 2)
    month.seed(op="merge", object=object, master=master.id, losers=[loser.id])
    del month.people[loser.id]
    _take_over(month, loser.id, master.id)
    month.note(f"{loser.id} is merged into {master.id}")


def _take_over(month: Month, gone: str, left: str) -> None:
    """A no that somebody set by hand concerns the person, so whoever is left has it."""
    if gone in month.no_by_hand:
        month.no_by_hand.discard(gone)
        month.no_by_hand.add(left)


def convert(month: Month) -> None:
    """A lead becomes a contact: a new one, or one that is there; with a deal, or without."""
    leads = [one for one in month.people.values() if one.object == "Lead"]
    contacts = [one for one in month.people.values() if one.object == "Contact"]
    lead = month.one(leads)
    if lead is None:
        return
    into = month.one(contacts) if month.dice.random() < 0.4 else None
    deal = {"Name": "Of a lead"} if month.dice.random() < 0.5 else None
    given = {"contact": into.id} if into else {}
    [id] = month.seed(op="convert", lead=lead.id, opportunity=deal, **given)
    del month.people[lead.id]
    _take_over(month, lead.id, id)
    if into is None:
        month.people[id] = Somebody(id, "Contact", lead.number)
    month.note(f"{lead.id} is converted to {id}{' with a deal' if deal else ''}")


def change_owner(month: Month) -> None:
    """Another rep takes over."""
    if person := month.one(month.people):
        rep = month.stage.ids[month.dice.choice(REPS).ref]
        month.world.edit(person.object, person.id, OwnerId=rep)
        month.note(f"{person.id} goes to {rep}")


def change_account(month: Month) -> None:
    """A contact works elsewhere."""
    person, account = month.one(month.people), month.one(month.accounts)
    if person and account and person.object == "Contact":
        person.account = account
        month.world.edit("Contact", person.id, AccountId=account)
        month.note(f"{person.id} works for {account}")


def say_no_by_hand(month: Month) -> None:
    """A rep hears it on the phone; a box that is checked already stays the STOP's."""
    person = month.one(month.people)
    if person and not month.world.record(person.object, person.id)["SMS_Opt_Out__c"]:
        month.world.edit(person.object, person.id, SMS_Opt_Out__c=True)
        month.no_by_hand.add(person.id)
        month.note(f"{person.id} says no on the phone")


def uncheck(month: Month) -> None:
    """Somebody clears an opt-out, whoever said it."""
    if person := month.one(month.people):
        month.world.edit(person.object, person.id, SMS_Opt_Out__c=False)
        month.no_by_hand.discard(person.id)
        month.note(f"{person.id} is unchecked")


def deal(month: Month) -> None:
    """An opportunity, with one or two people in it."""
    contacts = [one for one in month.people.values() if one.object == "Contact"]
    if not contacts:
        return
    fields = {"Name": f"Deal {len(month.deals)}", "StageName": "Prospecting"}
    [id] = month.world.create("Opportunity", {**fields, "CloseDate": "2026-12-31"})
    month.deals.append(id)
    some = month.dice.sample(contacts, min(len(contacts), month.dice.choice((1, 2))))
    for place, person in enumerate(some):
        role = {"OpportunityId": id, "ContactId": person.id, "IsPrimary": place == 0}
        month.world.create("OpportunityContactRole", role)
    month.note(f"{id} with {[one.id for one in some]}")


def move_deal(month: Month) -> None:
    """Won, lost, or open again."""
    if id := month.one(month.deals):
        stage = month.dice.choice(("Closed Won", "Closed Lost", "Prospecting"))
        month.world.edit("Opportunity", id, StageName=stage)
        month.note(f"{id} is {stage}")


def delete_deal(month: Month) -> None:
    """A deal that never was."""
    if id := month.one(month.deals):
        month.deals.remove(id)
        month.world.delete(id)
        month.lost_deals.append(id)
        month.note(f"{id} is deleted")


def restore_deal(month: Month) -> None:
    """It was one after all."""
    if id := month.one(month.lost_deals):
        month.lost_deals.remove(id)
        month.seed(op="undelete", ids=[id])
        month.deals.append(id)
        month.note(f"{id} comes back")


EVENTS = (
    (4, come),
    (1, found),
    (4, change_number),
    (2, leave),
    (2, come_back),
    (3, change_owner),
    (2, change_account),
    (1, say_no_by_hand),
    (2, uncheck),
    (2, deal),
    (2, move_deal),
    (1, delete_deal),
    (1, restore_deal),
    (1, merge),
    (1, convert),
)
"""How often each, and what."""
