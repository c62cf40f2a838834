"""Plans that wait for the person's yes: the question, the lines that a person edits, and the calls that wait."""
