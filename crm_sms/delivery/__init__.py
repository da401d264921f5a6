"""What a request to a CRM should carry: write rules, batches, windows. No I/O."""
