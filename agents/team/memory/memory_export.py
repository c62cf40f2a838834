"""The team's memory as JSON, for the command line and editors. Start at `export_memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.ports.memory import Activity, Decision, Memory, Remembered

MOST_EXPORTED = 50_000
"""Most records of each kind."""


def export_memory(memory: Memory, workspace: str) -> dict[str, Any]:
    """Return the memories, activities and decisions of a workspace, up to `MOST_EXPORTED` of each; raises StateError.

    Includes the memories for all workspaces.
    """
    return {
        "memories": [describe_memory(one) for one in memory.list_memories(workspace, MOST_EXPORTED)],
        "activities": [_describe_activity(one) for one in memory.list_activities(workspace, MOST_EXPORTED)],
        "decisions": [describe_decision(one) for one in memory.list_decisions(workspace, MOST_EXPORTED)],
    }


def describe_memory(memory: Remembered) -> dict[str, Any]:
    """Return a memory as a JSON object."""
    return {
        "key": memory.key, "text": memory.text, "agent": memory.agent, "workspace": memory.workspace,
        "source": memory.source.value, "origin": memory.origin, "created": memory.created, "changed": memory.changed,
    }  # fmt: skip


def _describe_activity(activity: Activity) -> dict[str, Any]:
    """Return an activity as a JSON object."""
    return {
        "agent": activity.agent, "activity": activity.activity, "details": activity.details, "at": activity.at,
    }  # fmt: skip


def describe_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision as a JSON object."""
    return {
        "agent": decision.agent, "kind": decision.kind, "question": decision.question, "verdict": decision.verdict,
        "details": decision.details, "at": decision.at, "id": decision.id,
    }  # fmt: skip
