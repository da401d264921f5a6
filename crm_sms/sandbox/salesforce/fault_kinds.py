"""The kinds of rules that can be on: what goes wrong, and what an admin has set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KINDS: Mapping[str, Mapping[str, Any]] = {
    "latency": {"ms": 0, "ms_per_row": 0},
    "drop": {"when": "after_commit"},
    "timeout": {"commit_after_s": None, "chunks": None, "hold": False},
    "status": {"status": 503, "body": "html", "code": "SERVER_UNAVAILABLE", "message": "busy"},
    "api_off": {"code": "API_DISABLED_FOR_ORG"},
    "maintenance": {},
    "too_long": {"rows": 0, "code": "REQUEST_RUNNING_TOO_LONG", "status": 503},
    "row_error": {
        "code": "UNKNOWN_EXCEPTION",
        "message": "made to fail",
        "fields": [],
        "keys": None,
        "share": None,
        "seed": 0,
        "times_per_key": None,
        "above_rows": None,
    },
    "lock": {"parents": []},
    "quota": {"limit": 15_000, "remaining": 0},
    "expired_token": {"body": "list", "for_good": False},
    "scopes": {"scope": ""},
    "validation": {"when": {}, "message": "not valid", "fields": []},
    "trigger": {
        "when": {},
        "above_rows": None,
        "code": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "message": "SmsGuard: System.LimitException: Apex CPU time limit exceeded",
    },
    "duplicates": {"fields": [], "action": "block"},
    "permissions": {"fields": []},
    "hidden": {"fields": []},
    "read_only": {"fields": []},
    "required": {"fields": []},
    "length": {"field": "", "length": 0},
    "picklist": {"field": "", "values": [], "restricted": True},
    "object_access": {"objects": [], "access": "none"},
    "record_access": {"ids": [], "access": "read"},
    "slow_query": {"rows": 0},
}
"""Every kind with its parameters and what they are if not given. README.md tells what each does.

Every rule may have `times` (calls that it strikes, rows for those that refuse rows, rows per
parent for lock) and `match` (a pattern for the path, a method, an object). The token endpoint is
struck only by rules whose `match` names a path.
"""

OPTIONAL: Mapping[str, type | tuple[type, ...]] = {
    "commit_after_s": (int, float),
    "chunks": list,
    "keys": list,
    "share": (int, float),
    "times_per_key": int,
    "above_rows": int,
}
"""Parameters that may be null, with what they are otherwise."""

CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("drop", "when"): ("after_commit", "before_commit"),
    ("status", "body"): ("html", "json"),
    ("expired_token", "body"): ("list", "object"),
    ("api_off", "code"): (
        "API_DISABLED_FOR_ORG",
        "API_CURRENTLY_DISABLED",
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
    ),
    ("trigger", "code"): (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "APEX_ERROR",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
    ),
    ("duplicates", "action"): ("block", "alert"),
    ("object_access", "access"): ("none", "read"),
    ("record_access", "access"): ("none", "read"),
}
"""Parameters of a kind that take one of a few words."""
