"""The steps that bring an older ledger to the shape of tables.py."""
