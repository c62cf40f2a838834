"""Whole tasks for the team of agents on real packages: workspace, request, checker and a scripted oracle.

An attempt runs through the real loop, tools and gate, with a scripted person who says yes (`attempts`). The oracle
(`oracle`) makes the right calls, so that a task that it fails is a fault of the harness. Start at `task.Task`.
"""
