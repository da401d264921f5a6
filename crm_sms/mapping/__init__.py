"""Facts become desired records, by a file that an admin edits."""
