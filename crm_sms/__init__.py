"""Text messages on the records of your CRM: signed events in, fields, timeline and tasks out."""
