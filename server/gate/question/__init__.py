"""The question to a person: its wording, its diff, the documents that show it, and the wait for an answer."""
