"""The generator agent: completions at the cursor. Start at `agents.generator.generator`."""
