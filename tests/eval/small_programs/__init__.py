"""Small programs, each right as it stands and with one slip.

A comment `# bug: ...` says what stands in that line of the version with the slip. `EXAMPLES` are calls and what they
give: all hold for the right version, at least one does not for the other. Start at `tests.eval.programs`.
"""
