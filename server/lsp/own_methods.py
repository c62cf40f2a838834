"""Methods that LSP lacks and clients may send: their names, and the types of their parameters.

Starling's own begin with `starling/`. The others are sent by editor plugins that show next edits, under the names
that these plugins use. Sends nothing and handles nothing. Start at `METHODS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import attrs
from lsprotocol import types  # noqa: TC002 (attrs reads the annotations when messages are parsed)

COPILOT_INLINE_EDIT = "textDocument/copilotInlineEdit"
DID_SHOW_INLINE_EDIT = "textDocument/didShowInlineEdit"
DID_FOCUS = "textDocument/didFocus"
NEXT_EDIT = "starling/nextEdit"
DID_SHOW_NEXT_EDIT = "starling/didShowNextEdit"
DID_END_NEXT_EDIT = "starling/didEndNextEdit"


CAPABILITIES = {"starling": {"nextEdit": True}}
"""What the server declares in `experimental`."""


@attrs.frozen
class NextEditParams:
    """The document, at its version if the client names one, and the cursor."""

    text_document: types.OptionalVersionedTextDocumentIdentifier
    position: types.Position


@attrs.frozen
class ShownInlineEditParams:
    """The edit that became visible, as it was sent: only its command is used."""

    item: Any = None


@attrs.frozen
class FocusParams:
    """The document that a person has turned to, None for anything else."""

    text_document: Any = None


@attrs.frozen
class ShownNextEditParams:
    """The id of the edit that became visible."""

    id: str


@attrs.frozen
class EndedNextEditParams:
    """The id of the edit, and whether the person accepted or rejected it."""

    id: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class OwnMethod:
    """One method.

    Attributes:
        params: type of its parameters.
        is_request: whether it is answered.
    """

    params: type
    is_request: bool = False


METHODS = {
    COPILOT_INLINE_EDIT: OwnMethod(NextEditParams, is_request=True),
    DID_SHOW_INLINE_EDIT: OwnMethod(ShownInlineEditParams),
    DID_FOCUS: OwnMethod(FocusParams),
    NEXT_EDIT: OwnMethod(NextEditParams, is_request=True),
    DID_SHOW_NEXT_EDIT: OwnMethod(ShownNextEditParams),
    DID_END_NEXT_EDIT: OwnMethod(EndedNextEditParams),
}
