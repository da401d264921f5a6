"""May this person be texted now, and which facts change that."""

from crm_sms.consent.opt_out import OptOutVerdict, verdict

__all__ = ["OptOutVerdict", "verdict"]
