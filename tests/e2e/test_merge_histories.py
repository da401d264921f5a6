"""People are merged, converted, deleted, restored and renumbered in any order, while texts come."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from crm_sms.ledger.tables import matches, outbox, people
from crm_sms.sandbox.server import running
from crm_sms.testing.world import World, build

NUMBERS = ["+12025550123", "+12025550188", "+12025550177"]
MOST_STEPS = 14

_who, _number = st.integers(0, 5), st.sampled_from(NUMBERS)
_joining = st.one_of(
    st.tuples(st.just("text"), _number),
    st.tuples(st.just("stop"), _number),
    st.tuples(st.just("say no by hand"), _who),
    st.tuples(st.just("merge"), _who, _who),
    st.tuples(st.just("convert"), _who),
    st.sampled_from([("pull",), ("process",), ("deliver",)]),
)
_parting = st.one_of(
    st.tuples(st.just("delete"), _who),
    st.tuples(st.just("undelete"), _who),
    st.tuples(st.just("renumber"), _who, _number),
)
_histories = st.lists(_joining, min_size=3, max_size=MOST_STEPS) | st.lists(
    _joining | _parting, min_size=3, max_size=MOST_STEPS
)


@dataclass
class Story:
    """An org in which things happen, and what must be true of it in the end."""

    world: World
    ids: list[str] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    said_no: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    parted: bool = False
    whose: dict[int, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Two contacts and two leads; one number is shared by one of each."""
        held = (("Contact", 0), ("Contact", 1), ("Lead", 1), ("Lead", 2))
        for object_name, number in held:
            fields = {"LastName": "Doe", "MobilePhone": NUMBERS[number]}
            company = {"Company": "Acme"} if object_name == "Lead" else {}
            self.ids += self.world.create(object_name, fields | company)
        self.world.advance(400)
        self.world.sync()

    def row(self, id: str) -> dict[str, Any]:
        """A person of the org, deleted or not."""
        return self.world.record(_object(id), id)

    def lives(self, id: str) -> bool:
        """Whether texts may be put on this record."""
        row = self.row(id)
        return not row.get("IsDeleted") and not row.get("IsConverted")

    def end_of(self, id: str) -> str | None:
        """The living record that this one became, as the org has it."""
        while not self.lives(id):
            row = self.row(id)
            gone = row.get("MasterRecordId") if row.get("IsDeleted") else row["ConvertedContactId"]
            if gone is None:
                return None
            id = gone
        return id

    def do(self, step: tuple[Any, ...]) -> None:
        """One step, as far as it is possible just now."""
        self.world.advance(30)
        self.parted |= step[0] in ("delete", "undelete", "renumber")
        getattr(self, "_" + step[0].replace(" ", "_"))(*step[1:])

    def _seed(self, op: str, **fields: Any) -> list[str]:
        results: list[list[str]] = self.world.box.salesforce.seed({"op": op, **fields})["results"]
        return results[0]

    def _one(self, who: int) -> str:
        return self.ids[who % len(self.ids)]

    def _text(self, number: str, body: str = "hello") -> None:
        self.texts.append(number)
        self.world.receive(self.world.reply(number, f"SM{len(self.texts) - 1}", body))

    def _stop(self, number: str) -> None:
        self.stopped.add(number)
        self._text(number, "STOP")

    def _say_no_by_hand(self, who: int) -> None:
        if self.lives(self._one(who)):
            self.world.edit(_object(self._one(who)), self._one(who), SMS_Opt_Out__c=True)
            self.said_no.add(self._one(who))

    def _merge(self, one: int, other: int) -> None:
        kept, gone = self._one(one), self._one(other)
        alike = _object(kept) == _object(gone) and kept != gone
        if alike and self.lives(kept) and self.lives(gone):
            self._seed("merge", object=_object(kept), master=kept, losers=[gone])

    def _convert(self, who: int) -> None:
        if _object(self._one(who)) == "Lead" and self.lives(self._one(who)):
            self.ids += self._seed("convert", lead=self._one(who))

    def _delete(self, who: int) -> None:
        if self.lives(self._one(who)):
            self.world.delete(self._one(who))

    def _undelete(self, who: int) -> None:
        if self.row(self._one(who)).get("IsDeleted"):
            self._seed("undelete", ids=[self._one(who)])

    def _renumber(self, who: int, number: str) -> None:
        if self.lives(self._one(who)):
            self.world.edit(_object(self._one(who)), self._one(who), MobilePhone=number)

    def _pull(self) -> None:
        self.world.sync()

    def _deliver(self) -> None:
        self.world.advance(61)
        self.world.deliver()

    def _process(self) -> None:
        self.world.process()
        now = self._matches()
        with self.world.app.ledger.read() as connection:
            query = select(people.c.id).where(people.c.deleted)
            gone = set(connection.execute(query).scalars())
        for id, before in self.whose.items():
            if before.person_id not in (None, now[id].person_id):
                back = before.origin_id is not None and now[id].origin_id is None
                assert before.person_id in gone or back, "a text went elsewhere without a cause"
        self.whose = now

    def _matches(self) -> dict[int, Any]:
        with self.world.app.ledger.read() as connection:
            return {row.message_id: row for row in connection.execute(select(matches))}

    def finish(self) -> None:
        """All that is still to be done."""
        for _ in range(4):
            self.world.advance(400)
            self.world.sync()
            self._process()
            self._deliver()

    def check(self) -> None:
        """The org has what it should have, and nothing is left."""
        living = [id for id in self.ids if self.lives(id)]
        for id in living:
            if self.row(id)["MobilePhone"] in self.stopped:
                assert self.row(id)["SMS_Opt_Out__c"] is True, "a STOP is lost"
        for id in self.said_no:
            end = self.end_of(id)
            assert end is None or self.row(end)["SMS_Opt_Out__c"] is True, "a hand's no is lost"
        found = self._matches().values()
        for id in living:
            texts = sum(match.person_id == id for match in found)
            assert (self.row(id).get("SMS_Reply_Count__c") or 0) == texts
        opened = [task["SMS_Key__c"].rpartition("SM")[2] for task in self.world.tasks(deleted=True)]
        assert len(opened) <= 4, "a second task for one person"
        if not self.parted:  # then all texts of a number are one matter
            numbers = [self.texts[int(text)] for text in opened]
            assert len(numbers) == len(set(numbers)), "a second task for one matter"
        assert all(match.person_id in (None, *living) for match in found)
        assert self._left() == []

    def _left(self) -> list[Any]:
        with self.world.app.ledger.read() as connection:
            query = select(outbox.c.object, outbox.c.key, outbox.c.state, outbox.c.reason)
            return list(connection.execute(query).all())


def _object(id: str) -> str:
    return "Lead" if id.startswith("00Q") else "Contact"


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(_histories)
def test_whatever_becomes_of_people_no_opt_out_is_lost_and_no_text_strays(
    steps: list[tuple[Any, ...]],
) -> None:
    """Nor is there a second task; what was parked on the way is written in the end."""
    with tempfile.TemporaryDirectory() as folder, running() as box:
        story = Story(build(Path(folder), box))
        try:
            story.begin()
            for step in steps:
                story.do(step)
            story.finish()
            story.check()
        finally:
            story.world.app.close()
