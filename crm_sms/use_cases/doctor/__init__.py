"""Looks an installation over: what is well, what is not, and the remedy for each thing."""

from crm_sms.use_cases.doctor.run import doctor, unreadable
from crm_sms.use_cases.doctor.words import Diagnosis, Patient

__all__ = ["Diagnosis", "Patient", "doctor", "unreadable"]
