"""The agents: generator, reviewer and, around them, the team. They return records and never write a file.

Never sees an LSP type. Start at `agents.suggestions`, `agents.findings` and `agents.edits`.
"""
