"""The exception by which a tool says that it could not do what was asked. Start at `ToolFailed`."""

from __future__ import annotations


class ToolFailed(Exception):  # noqa: N818 (an answer to the model, not an error of the program)
    """The tool could not do what was asked; the message tells the model what happened and what to do next."""
