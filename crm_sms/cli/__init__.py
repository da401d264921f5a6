"""The crm-sms command: one module per group; what a command needs is imported when it runs."""

from crm_sms.cli.commands import app, main

__all__ = ["app", "main"]
