"""Who may do what: the permission set of the user that crm-sms acts as, and that of people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from crm_sms.records import NeededField
from crm_sms_salesforce.metadata.definitions import Field, is_custom
from crm_sms_salesforce.metadata.table import ACTIVITIES, table
from crm_sms_salesforce.metadata.xml import Node, document

INTEGRATION, READER = "SMS_Integration", "SMS_Reader"

_CREATE, _READ, _EDIT = "allowCreate", "allowRead", "allowEdit"
_VERBS = (_CREATE, "allowDelete", _EDIT, "modifyAllRecords", _READ, "viewAllRecords")
_READS = frozenset({_READ, "viewAllRecords"})


@dataclass(frozen=True, slots=True)
class Access:
    """Fields that are seen, and those of them that may be edited, as `Object.Field`."""

    seen: frozenset[str]
    edited: frozenset[str]
    elsewhere: frozenset[str] = frozenset()
    """Fields that are used too, and that come with their object or are granted by hand."""


def integration_access(needs: Collection[NeededField], made: Collection[Field]) -> Access:
    """What our user must see and edit, and nothing else."""
    known = {f"{field.object}.{field.name}" for field in made}
    used = [(need.object, need.name, need.written) for need in needs]
    objects = {*table().always, *(need.object for need in needs)}
    used += [(object, name, False) for object in objects for name in table().read.get(object, ())]
    seen: set[str] = set()
    edited: set[str] = set()
    elsewhere: set[str] = set()
    for object, name, written in used:
        place = f"{object}.{name}"
        if not _grantable(object, name, known, written):
            elsewhere.add(place)
            continue
        seen.add(place)
        if written:
            edited.add(place)
    return Access(frozenset(seen), frozenset(edited), frozenset(elsewhere - seen))


def _grantable(object: str, name: str, made: Collection[str], written: bool) -> bool:
    """A custom field that is written must be in the project: another may not exist, and a grant of
    what does not exist fails the whole deployment."""
    if not is_custom(name):
        return name in table().grantable.get(object, ())
    place = f"Activity.{name}" if object in ACTIVITIES else f"{object}.{name}"
    return not written or place in made


def reader_access(needs: Collection[NeededField], made: Collection[Field]) -> Access:
    """What people see of us. They may check the box that stops all texts to a person, if they may
    edit the person."""
    ours = {(field.object, field.name) for field in made}
    mapped = [need for need in needs if (need.object, need.name) in ours]
    return Access(
        frozenset(f"{need.object}.{need.name}" for need in mapped),
        frozenset(f"{need.object}.{need.name}" for need in mapped if need.flag),
    )


def integration_set(needs: Collection[NeededField], own: str | None, access: Access) -> str:
    """The set of the user that crm-sms acts as. `own` is the object of texts, if it is of the
    project: its records belong to other people, so only *modify all* lets us update them."""
    objects = {need.object for need in needs}
    made = {need.object for need in needs if need.key}
    granted = {
        name: _READS | ({_EDIT} if _is_written(name, access) else set()) | _making(name in made)
        for name in {*objects, *table().always} - ACTIVITIES
    }
    if own:
        granted[own] = frozenset(_VERBS)
    users: list[Node] = [
        {"enabled": True, "name": name} for name in ("ApiEnabled", *_activities(objects))
    ]
    description = "What crm-sms needs: assign it to the user that it acts as, and to nobody else."
    return _document("SMS: integration", description, granted, own, access, users)


def _making(is_made: bool) -> frozenset[str]:
    """Whoever makes records of an object fills fields that no permission set covers, too."""
    return frozenset({_CREATE, _EDIT}) if is_made else frozenset()


def reader_set(own: str | None, access: Access) -> str:
    """The set of people who work with texts."""
    description = "See texts: assign it to everybody who owns contacts, leads or opportunities."
    granted = {own: frozenset({_READ})} if own else {}
    return _document("SMS: read texts", description, granted, own, access, [])


def _activities(objects: Collection[str]) -> tuple[str, ...]:
    return ("EditTask",) if ACTIVITIES & set(objects) else ()


def _is_written(object: str, access: Access) -> bool:
    return any(place.partition(".")[0] == object for place in access.edited)


def _document(
    label: str,
    description: str,
    granted: Mapping[str, frozenset[str]],
    own: str | None,
    access: Access,
    users: list[Node],
) -> str:
    content: dict[str, Node] = {
        "description": description,
        "fieldPermissions": [
            {"editable": place in access.edited, "field": place, "readable": True}
            for place in sorted(access.seen)
        ],
        "hasActivationRequired": False,
        "label": label,
        "objectPermissions": [
            {"object": name, **{verb: verb in granted[name] for verb in _VERBS}}
            for name in sorted(granted)
        ],
        "tabSettings": [{"tab": own, "visibility": "Visible"}] if own else [],
        "userPermissions": users,
    }
    return document("PermissionSet", content)
