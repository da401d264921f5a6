"""`python -m crm_sms` is the crm-sms command."""

from crm_sms.cli import main

main()
