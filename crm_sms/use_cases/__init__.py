"""What crm-sms does, one module for each thing: decide with the pure rooms, then do."""
