"""How matching went, as an admin reads it."""

from __future__ import annotations

from crm_sms.testing.world import CRM, World
from crm_sms.use_cases.matching_report import Group, MatchingReport, matching_report
from crm_sms.use_cases.unmatched import assign

JANE, RAUL, BERT, LINE = "+12025550123", "+12025550188", "+442079460000", "+12025550150"


def report(world: World) -> MatchingReport:
    """As of now."""
    return matching_report(world.app.ledger, CRM)


def text(world: World, *numbers: str) -> None:
    """Replies, planned."""
    for index, number in enumerate(numbers):
        world.receive(world.reply(number, f"SM{number}{index}{world.now:%s}"))
    world.process()


def by_rule(groups: tuple[Group, ...]) -> dict[str, tuple[int, int]]:
    """Texts and numbers of each rule."""
    return {group.rule: (group.texts, group.numbers) for group in groups}


def test_without_texts_there_is_nothing_to_tell(world: World) -> None:
    """Nor anything to do."""
    found = report(world)
    assert (found.texts, found.matched, found.nobody, found.unparsed) == (0, (), (), ())
    assert (found.shared.texts, found.shared.remedy, found.unparsed_remedy) == (0, "", "")


def test_every_text_is_counted_with_its_rule(world: World) -> None:
    """Those with a person, those without one, and numbers beside texts."""
    world.contact("(202) 555-0123")
    for name in ("Ada", "Bob"):
        world.contact("(202) 555-0188", LastName=name)
    world.contact("(202) 555-0150", LastName="Line")
    world.create("Lead", {"LastName": "Roe", "Company": "Acme", "Phone": "202-555-0150"})
    world.sync()
    text(world, JANE, JANE, RAUL, "+12025550199", "+12025550198", "72345", LINE)
    found = report(world)
    assert by_rule(found.matched) == {"only": (2, 1), "contact": (1, 1)}
    assert by_rule(found.nobody) == {"unknown": (2, 2), "shared": (1, 1), "no_number": (1, 0)}
    assert found.texts == 7


def test_shared_numbers_whose_texts_went_to_one_of_them_are_told_apart(world: World) -> None:
    """A rule chose: the admin may know better."""
    ids = [world.contact("(202) 555-0188", LastName=name) for name in ("Ada", "Bob")]
    world.sync()
    text(world, RAUL, RAUL)
    assert report(world).shared.texts == 0
    assign(world.app.ledger, RAUL, {CRM: ids[0]}, region="US", by="kim", now=world.now)
    world.process()
    shared = report(world).shared
    assert (shared.texts, shared.numbers, shared.examples) == (2, 1, ("+1202…88",))
    assert "crm-sms unmatched assign" in shared.remedy


def test_each_kind_comes_with_masked_examples_and_what_mends_it(world: World) -> None:
    """At most three numbers, the one with the latest text first."""
    for line in range(5):
        text(world, f"+120255501{line:02}")
        world.advance(10)
    text(world, "72345")
    groups = {group.rule: group for group in report(world).nobody}
    assert groups["unknown"].examples == ("+1202…04", "+1202…03", "+1202…02")
    assert "crm-sms unmatched create-lead" in groups["unknown"].remedy
    assert (groups["no_number"].examples, groups["no_number"].remedy) == ((), "")


def test_numbers_that_look_like_somebodys_are_counted(world: World) -> None:
    """Those that the org typed without their country, once a sync has looked them up, and those
    that have another form."""
    world.contact("020 7946 0000", LastName="Bert")
    world.contact("+52 55 1234 5678", LastName="Raul")
    world.sync()
    text(world, BERT, "+5215512345678", "+12025550199")
    world.sync()
    [unknown] = report(world).nobody
    assert (unknown.numbers, unknown.look_alike) == (3, 2)


def test_phones_that_are_no_number_are_told_with_their_field(world: World) -> None:
    """Whoever corrects them in the CRM has them gone with the next sync."""
    id = world.contact("555-0123", Phone="(202) 555-0123")
    world.sync()
    found = report(world)
    [place] = found.unparsed
    assert (place.object, place.field, place.phones) == ("Contact", "MobilePhone", 1)
    assert [(one.person_id, one.shown) for one in place.examples] == [(id, "555-••••")]
    assert "default_region" in found.unparsed_remedy
    world.advance(60)
    world.edit("Contact", id, MobilePhone="202-555-0124")
    world.sync()
    assert report(world).unparsed == ()
