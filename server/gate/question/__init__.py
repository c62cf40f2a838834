"""The question to a person: its words, its diff, and the wait for an answer."""
