"""Tools: actions that an agent may request beside answering, each with a declared risk.

A new tool is one `Tool`, beside the agent that uses it; the gate's table (`server.gate.policy`) decides by its risk.
Tools are declared in code, never by a model. Does nothing itself; start at `Tool`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Risk(IntEnum):
    """The harm that a tool can do."""

    LOW = 0  # only reads
    MEDIUM = 1  # changes the history
    HIGH = 2  # changes code
    CRITICAL = 3  # cannot be undone, or runs code


@dataclass(frozen=True, slots=True)
class Tool:
    """One kind of request that an agent can make.

    Attributes:
        name: in snake_case, as the log of requests stores it.
        risk: the harm that it can do; decides whether and how a person is asked.
        edits: whether it changes files, which is done by proposed edits only.
    """

    name: str
    risk: Risk
    edits: bool = False


WRITE_FILE = Tool("write_file", Risk.HIGH, edits=True)
DELETE_FILE = Tool("delete_file", Risk.CRITICAL, edits=True)
EXECUTE_COMMAND = Tool("execute_command", Risk.CRITICAL)
DEPLOY = Tool("deploy", Risk.CRITICAL)
ROLL_BACK = Tool("roll_back", Risk.CRITICAL)
GIT_COMMIT = Tool("git_commit", Risk.MEDIUM)
