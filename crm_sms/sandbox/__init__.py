"""Salesforce and Twilio to run against on this machine; shares no code with what it judges."""
