"""Tools: what an agent may ask to have done beside answering, each with the risk that it declares.

Adding a tool is a `Tool`, wherever the agent that uses it lives; what follows from its risk is the gate's table
(`server.gate.policy`). Tools are declared in code, never by a model. Does nothing itself; start at `Tool`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Risk(IntEnum):
    """What can go wrong."""

    LOW = 0  # only reads
    MEDIUM = 1  # changes the history
    HIGH = 2  # changes code
    CRITICAL = 3  # cannot be undone, or runs code


@dataclass(frozen=True, slots=True)
class Tool:
    """One kind of request.

    Attributes:
        name: in snake_case, as the record of requests keeps it.
        risk: what can go wrong; decides whether and how a person is asked.
        edits: whether it changes files, which nothing but a proposed edit may do.
    """

    name: str
    risk: Risk
    edits: bool = False


WRITE_FILE = Tool("write_file", Risk.HIGH, edits=True)
DELETE_FILE = Tool("delete_file", Risk.CRITICAL, edits=True)
EXECUTE_COMMAND = Tool("execute_command", Risk.CRITICAL)
GIT_COMMIT = Tool("git_commit", Risk.MEDIUM)
