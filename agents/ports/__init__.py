"""Ports of the team of agents: what it asks of the rest of the program, as protocols with frozen records by subject.

The gate implements `permissions`, the state database (`server.state`) everything that outlives a process: `sessions`,
`memory` and `task_queue`. No module here does anything itself.
"""
