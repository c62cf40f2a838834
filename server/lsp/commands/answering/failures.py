"""Errors of commands, with a code, a hint what to do, and partial results. Start at `CommandFailed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import Mapping


class CommandFailed(JsonRpcException):
    """A command failed (LSP's error RequestFailed); `data` holds `code`, `next` and `partial` for programs."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "the command failed"

    def __init__(self, what: str, *, code: str, what_next: str = "", partial: Mapping[str, Any] | None = None) -> None:
        """Describe the failure.

        Args:
            what: what happened, one sentence.
            code: a code in kebab-case ("model-failed").
            what_next: what to do, one sentence; "" if `what` says so.
            partial: results that were obtained before the failure.
        """
        data = {"code": code, "next": what_next, "partial": dict(partial or {})}
        super().__init__(f"{what} {what_next}".strip(), data=data)


class Withdrawn(JsonRpcException):
    """A person cancelled the command (LSP's error RequestCancelled)."""

    CODE = types.LSPErrorCodes.RequestCancelled.value
    MESSAGE = "cancelled; nothing was changed"
