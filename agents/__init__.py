"""The agents: completion, tasks and reviewer, and the workflow that combines them.

They return records and never write a file. Never sees an LSP type. Start at `agents.workflow`, or with the records in
`agents.suggestions`, `agents.findings` and `agents.edits`.
"""
