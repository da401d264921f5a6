"""Phone numbers as the field writes them, how people type them, and which may be one line."""

from crm_sms.phone.addresses import (
    Address,
    AddressKind,
    masked,
    masked_as_typed,
    parse_address,
    to_e164,
)
from crm_sms.phone.variants import candidates, digits, searched_digits, variants

__all__ = [
    "Address",
    "AddressKind",
    "candidates",
    "digits",
    "masked",
    "masked_as_typed",
    "parse_address",
    "searched_digits",
    "to_e164",
    "variants",
]
