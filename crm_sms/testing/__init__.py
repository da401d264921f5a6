"""Fixtures and contract suites for people who test against crm-sms."""
