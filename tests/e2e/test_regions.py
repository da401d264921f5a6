"""Two orgs of two countries in one installation: each reads its phones as its people type them."""

from __future__ import annotations

from crm_sms.bootstrap import installation
from crm_sms.testing.world import CRM, World

LONDON = "+442079460018"
BRITISH = {"CRM_SMS_CRMS__SALESFORCE__DEFAULT_REGION": "GB"}


def test_an_org_may_have_a_country_of_its_own(world: World) -> None:
    """Once it has, everybody is pulled again, and the text finds its person."""
    contact = world.contact("020 7946 0018")
    world.advance(600)
    world.sync()
    world.receive(world.reply(LONDON, "SM1"))
    world.settle(rounds=2)
    assert world.records("SMS_Message__c") == []
    british = World(installation(world.app.folder, BRITISH), world.box, world.account)
    assert british.app.settings.region_of(CRM) == "GB"
    assert british.app.settings.default_region == "US"
    british.advance(600)
    british.sync()
    british.settle(rounds=2)
    [text] = british.records("SMS_Message__c")
    assert text["Contact__c"] == contact
    british.app.close()
