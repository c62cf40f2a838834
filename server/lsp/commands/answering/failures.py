"""What a command answers when it cannot do what was asked: what happened, a code, what to do, and what there is so far.

Start at `CommandFailed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import Mapping


class CommandFailed(JsonRpcException):
    """LSP's RequestFailed; `data` holds `code`, `next` and `partial` for programs."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "the command failed"

    def __init__(self, what: str, *, code: str, what_next: str = "", partial: Mapping[str, Any] | None = None) -> None:
        """Say what happened.

        Args:
            what: one sentence.
            code: in kebab-case ("model-failed").
            what_next: one sentence; "" where `what` says it.
            partial: what there is nevertheless.
        """
        data = {"code": code, "next": what_next, "partial": dict(partial or {})}
        super().__init__(f"{what} {what_next}".strip(), data=data)


class Withdrawn(JsonRpcException):
    """LSP's RequestCancelled: a person took the request back."""

    CODE = types.LSPErrorCodes.RequestCancelled.value
    MESSAGE = "cancelled; nothing was changed"
