"""Text messages on the records of your CRM: signed events in, fields, timeline and tasks out.

    from pathlib import Path
    from crm_sms import deliver, delivering, installation, process, processing

    app = installation(Path("."), {})
    print(process(processing(app)))
    print(deliver(delivering(app, "salesforce")))

Names are imported when they are first used: `import crm_sms` by itself loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm_sms.bootstrap import (
        App,
        delivering,
        installation,
        processing,
        receiving,
        reconciling,
        syncing,
    )
    from crm_sms.errors import CrmSmsError, FixSetup, RefusedInput, TryLater, Unclear
    from crm_sms.events import Event
    from crm_sms.messages import Message
    from crm_sms.ports import WebhookRequest
    from crm_sms.use_cases.deliver import DeliveryReport, deliver
    from crm_sms.use_cases.import_texts import ImportReport, import_texts
    from crm_sms.use_cases.person_texts import person_texts
    from crm_sms.use_cases.process import ProcessReport, process
    from crm_sms.use_cases.receive import receive_webhook
    from crm_sms.use_cases.reconcile import ReconcileReport, reconcile
    from crm_sms.use_cases.sync_people import SyncReport, sync_people

__all__ = [
    "App",
    "CrmSmsError",
    "DeliveryReport",
    "Event",
    "FixSetup",
    "ImportReport",
    "Message",
    "ProcessReport",
    "ReconcileReport",
    "RefusedInput",
    "SyncReport",
    "TryLater",
    "Unclear",
    "WebhookRequest",
    "deliver",
    "delivering",
    "import_texts",
    "installation",
    "person_texts",
    "process",
    "processing",
    "receive_webhook",
    "receiving",
    "reconcile",
    "reconciling",
    "sync_people",
    "syncing",
]

_HOMES = {
    "crm_sms.bootstrap": (
        "App",
        "delivering",
        "installation",
        "processing",
        "receiving",
        "reconciling",
        "syncing",
    ),
    "crm_sms.errors": ("CrmSmsError", "FixSetup", "RefusedInput", "TryLater", "Unclear"),
    "crm_sms.events": ("Event",),
    "crm_sms.messages": ("Message",),
    "crm_sms.ports": ("WebhookRequest",),
    "crm_sms.use_cases.deliver": ("DeliveryReport", "deliver"),
    "crm_sms.use_cases.import_texts": ("ImportReport", "import_texts"),
    "crm_sms.use_cases.person_texts": ("person_texts",),
    "crm_sms.use_cases.process": ("ProcessReport", "process"),
    "crm_sms.use_cases.receive": ("receive_webhook",),
    "crm_sms.use_cases.reconcile": ("ReconcileReport", "reconcile"),
    "crm_sms.use_cases.sync_people": ("SyncReport", "sync_people"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from where it lives."""
    if name not in _HOME:
        raise AttributeError(f"module 'crm_sms' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
