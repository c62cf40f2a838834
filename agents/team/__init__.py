"""The team: agents that read, ask, plan and change code with tools, under a person's eye.

`turn/` is one turn of an agent; `tools/` holds one module for each tool, `permissions/` decides which calls need a
person. Never writes a file or runs a command itself: both go through the ports in `agents.ports`.
"""
