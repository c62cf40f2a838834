"""The decision which calls of tools are denied, asked about or allowed: by mode, the person's rules and the risk.

Pure decisions; the question itself is the gate's. Start at `decision.decide`.
"""
