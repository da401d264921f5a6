"""The shape of a mapping file."""

from __future__ import annotations

import pytest

from crm_sms.errors import BadMapping
from crm_sms.mapping import Mapping


def refused(text: str) -> list[str]:
    with pytest.raises(BadMapping) as caught:
        Mapping.load(text, "own.toml")
    return str(caught.value).splitlines()


def test_the_smallest_file_is_complete(minimal: str) -> None:
    """People, message, task and opt-out; everything else may be left away."""
    mapping = Mapping.load(minimal, "own.toml")
    assert mapping.objects() == {"Contact", "Text__c", "Task"}


def test_all_problems_come_at_once_with_file_and_key(minimal: str) -> None:
    """A file with mistakes in every section is answered once, line by line."""
    text = minimal.replace("[message.fields]", '[message.fields]\nA__c = { value = "message.x" }')
    text = text.replace("[task.fields]", '[task.fields]\nB = { txt = "x" }\nC = { value = 3 }')
    text = text.replace('object = "Text__c"\n', "")
    assert refused(text) == [
        "own.toml: message.object: is missing; add it",
        "own.toml: message.fields.A__c: message has no x; there is: account, body, click_count, "
        "conflict, delivered_at, direction, error_class, error_code, first_clicked_at, key, "
        "last_clicked_at, media_count, metadata, number, occurred_at, our_address, person_address, "
        "price, provider, provider_message_id, provider_status, received_at, recipient, "
        "replied_at, response_seconds, segments, sender, sent_at, status, verified",
        "own.toml: task.fields.B.txt: unknown key; did you mean text?",
        'own.toml: task.fields.C.value: must stand in quotes, as in value = "true"',
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[task]", "[task", "not TOML: "),
        ("[task]", "[tasks]", "own.toml: task.object: is missing; add it"),
        ("[task]", "[tasks]", "own.toml: tasks: unknown key; did you mean task?"),
        ("[task]", "[zzz]", "own.toml: zzz: unknown key; remove it"),
        ("people.contact", "people.company", "people.company: Input should be 'contact' or 'lead'"),
        ('phones = ["Phone"]', "phones = []", "people.contact.phones: "),
        ('"Text__c"', '"Text c"', "message.object: is not an API name"),
        ('opt_out = "Out__c"', 'opt_out = "No__c"', "people.contact.opt_out names No__c"),
        (
            ", required = true",
            "",
            "people.contact.opt_out names Out__c: write it in opt_out.fields",
        ),
        ("[task.fields]", '[task.fields]\nKey__c = { text = "x" }', "the key is written by itself"),
        ("[task.fields]", "[task.fields]\nA = {}", "task.fields.A: give exactly one of value"),
        (
            "[task.fields]",
            '[task.fields]\nA = { value = "task.key", text = "x" }',
            "task.fields.A: give exactly one of value, text and record",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { text = "x", values = { a = "b" } }',
            "task.fields.A: values and otherwise translate a value",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { value = "task.key", otherwise = "b" }',
            "task.fields.A: otherwise is what values lacks",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { text = "x", rule = "always" }',
            "task.fields.A: rule always cannot be kept here; use once",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { text = "x", rule = "often" }',
            "task.fields.A.rule: Input should be 'always', 'once', 'if_empty' or 'until_edited'",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { record = "deal" }',
            "task.fields.A.record: Input should be 'person', 'contact', 'lead'",
        ),
        (
            "[task.fields]",
            '[task.fields]\nA = { value = "person" }',
            "task.fields.A: person is a whole record; name one of its parts",
        ),
        (
            "[message.fields]",
            '[message.fields]\nA = { value = "message.direction", values = { inbound = "In" } }',
            "message.fields.A: values lacks outbound; add them, or otherwise",
        ),
        (
            "[message.fields]",
            '[message.fields]\nA = { text = "{{ message_url }}" }',
            "message.fields.A: there is no message_url",
        ),
        (
            "[opt_out.fields]",
            '[opt_out.fields]\nA = { value = "true", rule = "once" }',
            "opt_out.fields.A: rule once cannot be kept here",
        ),
        (
            "[opt_out.fields]",
            '[opt_out.fields]\nA = { record = "person" }',
            "opt_out.fields.A: record is known of texts only",
        ),
        (
            "[task.fields]",
            '[task.fields]\n[timeline_entry]\nobject = "Task"\nkey = "K"\nwhen = "message.body"\n'
            "[timeline_entry.fields]",
            "timeline_entry.when: gives a text, not true or false",
        ),
        (
            "[task.fields]",
            '[task.fields]\n[person_roll_up.fields]\nA = { value = "message.body" }',
            "person_roll_up.fields.A: there is no message",
        ),
        (
            "[task.fields]",
            '[task.fields]\n[opportunity_roll_up]\nobject = "Deal"\n[opportunity_roll_up.fields]\n'
            'A = { value = "person.name" }',
            "opportunity_roll_up.fields.A: there is no person",
        ),
    ],
)
def test_each_mistake_is_named_with_its_remedy(minimal: str, old: str, new: str, said: str) -> None:
    """File, key, what is wrong, what to do."""
    lines = refused(minimal.replace(old, new))
    assert any(said in line for line in lines), lines
    assert all(line.startswith("own.toml: ") for line in lines)


def test_otherwise_completes_a_table_of_values(minimal: str) -> None:
    """With a choice for the rest, not every word of an enumeration must be named."""
    field = 'A = { value = "message.direction", values = { inbound = "In" }, otherwise = "Out" }'
    mapping = Mapping.load(minimal.replace("[message.fields]", f"[message.fields]\n{field}"), "x")
    assert mapping.message.fields[0].choices == ("In", "Out")


def test_what_expressions_read_of_a_person_is_pulled(minimal: str) -> None:
    """Every column named anywhere, once, sorted, on top of phones and opt-out."""
    text = minimal.replace(
        "[task.fields]",
        '[task.fields]\nA = { text = "{{ person.fields.Rating }} {{ person.fields.Area }}" }\n'
        '[timeline_entry]\nobject = "Task"\nkey = "K"\nwhen = "person.fields.Vip == true"\n'
        '[timeline_entry.fields]\nB = { value = "person.fields.Rating" }',
    )
    columns = Mapping.load(text, "x").columns()
    assert [(c.object, c.phones, c.opt_out, c.further) for c in columns] == [
        ("Contact", ("Phone",), "Out__c", ("Area", "Rating", "Vip"))
    ]
